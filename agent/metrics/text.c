#include "agent/metrics/text.h"

#include "agent/metrics/facts.h"
#include "base/clock.h"
#include "base/text.h"

#include <inttypes.h>

/* ---- labels ---- */

enum hf_status hf_metrics_label(struct hf_buf *out, const char *text, struct hf_error *err)
{
    while (*text) {
        size_t len = hf_text_utf8(text, NULL);

        if (*text == '\n')
            HF_TRY(hf_buf_append_str(out, "\\n", err));
        else if (*text == '\\' || *text == '"')
            HF_TRY(hf_buf_printf(out, err, "\\%c", *text));
        else if (len == 0)
            HF_TRY(hf_buf_append_str(out, "?", err));
        else
            HF_TRY(hf_buf_append(out, text, len, err));
        text += len ? len : 1;
    }
    return HF_OK;
}

/* name="value", with a comma before it where it is not the first. */
static enum hf_status add_label(struct hf_buf *out, const char *name, const char *value, bool first,
                                struct hf_error *err)
{
    HF_TRY(hf_buf_printf(out, err, "%s%s=\"", first ? "" : ",", name));
    HF_TRY(hf_metrics_label(out, value, err));
    return hf_buf_append_str(out, "\"", err);
}

static enum hf_status add_family(struct hf_buf *out, const char *name, const char *type,
                                 const char *help, struct hf_error *err)
{
    return hf_buf_printf(out, err, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static enum hf_status add_seconds(struct hf_buf *out, int64_t ns, struct hf_error *err)
{
    return hf_buf_printf(out, err, "%" PRId64 ".%03d\n", ns / HF_NS_PER_S,
                         (int)(ns % HF_NS_PER_S / 1000000));
}

/* ---- how things last went ---- */

enum unit { SECONDS, COUNT };

/* What a family says of each row; negative: nothing. */
struct measure {
    const char *name, *help;
    enum unit unit;
    int64_t (*value)(const struct hf_history_last *last);
};

static int64_t start_of(const struct hf_history_last *last)
{
    return last->start;
}

static int64_t end_of(const struct hf_history_last *last)
{
    return last->end;
}

static int64_t duration_of(const struct hf_history_last *last)
{
    return last->end > last->start ? last->end - last->start : 0;
}

static int64_t success_of(const struct hf_history_last *last)
{
    return last->success > 0 ? last->success : -1;
}

static int64_t read_of(const struct hf_history_last *last)
{
    return (int64_t)last->read_bytes;
}

static int64_t stored_of(const struct hf_history_last *last)
{
    return (int64_t)last->stored_bytes;
}

static int64_t recovery_of(const struct hf_history_last *last)
{
    return last->recovery > 0 ? last->recovery : -1;
}

static const struct measure measures[] = {
    {"last_start_timestamp_seconds", "When the last one began.", SECONDS, start_of},
    {"last_end_timestamp_seconds", "When the last one ended.", SECONDS, end_of},
    {"last_duration_seconds", "How long the last one took.", SECONDS, duration_of},
    {"last_success_timestamp_seconds", "When one last ended well.", SECONDS, success_of},
    {"last_read_bytes", "Bytes that the last one read.", COUNT, read_of},
    {"last_stored_bytes", "Bytes that the last one stored.", COUNT, stored_of},
    {"recovery_seconds", "How long the last drill took to restore.", SECONDS, recovery_of},
};

/* Runs as a whole (holdfast_run_), and what they did to sources and repositories (holdfast_part_):
 * families of their own, so that sums count nothing twice. */
struct level {
    const char *prefix;
    bool whole;
};

static const struct level levels[] = {{"holdfast_run_", true}, {"holdfast_part_", false}};

static bool is_of(const struct level *level, const struct hf_history_last *last)
{
    return level->whole == (!*last->source && !*last->repository);
}

static enum hf_status add_last_labels(struct hf_buf *out, const struct level *level,
                                      const struct hf_history_last *last, struct hf_error *err)
{
    HF_TRY(add_label(out, level->whole ? "command" : "action", last->action, true, err));
    HF_TRY(add_label(out, "job", last->job, false, err));
    if (level->whole)
        return HF_OK;
    HF_TRY(add_label(out, "source", last->source, false, err));
    return add_label(out, "repository", last->repository, false, err);
}

static enum hf_status add_measure(struct hf_buf *out, const struct level *level,
                                  const struct measure *measure, const struct hf_facts *facts,
                                  struct hf_error *err)
{
    bool begun = false;

    for (size_t i = 0; i < facts->last_count; i++) {
        const struct hf_history_last *last = &facts->lasts[i];
        int64_t value = measure->value(last);
        char name[96];

        if (!is_of(level, last) || value < 0)
            continue;
        (void)snprintf(name, sizeof name, "%s%s", level->prefix, measure->name);
        if (!begun)
            HF_TRY(add_family(out, name, "gauge", measure->help, err));
        begun = true;
        HF_TRY(hf_buf_printf(out, err, "%s{", name));
        HF_TRY(add_last_labels(out, level, last, err));
        HF_TRY(hf_buf_append_str(out, "} ", err));
        if (measure->unit == SECONDS)
            HF_TRY(add_seconds(out, value, err));
        else
            HF_TRY(hf_buf_printf(out, err, "%" PRId64 "\n", value));
    }
    return HF_OK;
}

/* One sample for each outcome there is. */
static enum hf_status add_outcomes(struct hf_buf *out, const struct level *level, const char *name,
                                   const char *type, const char *help, bool counts,
                                   const struct hf_facts *facts, struct hf_error *err)
{
    char full[96];

    (void)snprintf(full, sizeof full, "%s%s", level->prefix, name);
    HF_TRY(add_family(out, full, type, help, err));
    for (size_t i = 0; i < facts->last_count; i++) {
        const struct hf_history_last *last = &facts->lasts[i];

        for (int k = HF_HISTORY_DONE; k < HF_HISTORY_OUTCOMES && is_of(level, last); k++) {
            HF_TRY(hf_buf_printf(out, err, "%s{", full));
            HF_TRY(add_last_labels(out, level, last, err));
            HF_TRY(add_label(out, "outcome", hf_history_outcome_name((enum hf_history_outcome)k),
                             false, err));
            HF_TRY(hf_buf_printf(out, err, "} %" PRIu64 "\n",
                                 counts ? last->counts[k] : (uint64_t)((int)last->outcome == k)));
        }
    }
    return HF_OK;
}

static enum hf_status add_lasts(struct hf_buf *out, const struct hf_facts *facts,
                                struct hf_error *err)
{
    for (size_t l = 0; l < sizeof levels / sizeof *levels; l++) {
        for (size_t i = 0; i < sizeof measures / sizeof *measures; i++)
            HF_TRY(add_measure(out, &levels[l], &measures[i], facts, err));
        HF_TRY(add_outcomes(out, &levels[l], "last_outcome", "gauge",
                            "1 for how the last one ended.", false, facts, err));
        HF_TRY(add_outcomes(out, &levels[l], "ended_total", "counter",
                            "How many ended so since the history was begun.", true, facts, err));
    }
    return HF_OK;
}

/* ---- repositories ---- */

struct holding_measure {
    const char *name, *help;
    size_t offset; /* of a time in struct hf_history_holding */
};

static const struct holding_measure holding_measures[] = {
    {"holdfast_newest_snapshot_timestamp_seconds", "Moment of the newest snapshot.",
     offsetof(struct hf_history_holding, newest)},
    {"holdfast_checked_timestamp_seconds", "When a snapshot was last checked.",
     offsetof(struct hf_history_holding, checked)},
    {"holdfast_proven_timestamp_seconds", "When a snapshot was last proven by restoring it.",
     offsetof(struct hf_history_holding, proven)},
    {"holdfast_listed_timestamp_seconds", "When the repository was last listed as a whole.",
     offsetof(struct hf_history_holding, seen)},
};

static enum hf_status add_holding_labels(struct hf_buf *out, const char *name,
                                         const struct hf_history_holding *holding,
                                         struct hf_error *err)
{
    HF_TRY(hf_buf_printf(out, err, "%s{", name));
    HF_TRY(add_label(out, "source", holding->source, true, err));
    HF_TRY(add_label(out, "repository", holding->repository, false, err));
    return hf_buf_append_str(out, "} ", err);
}

static enum hf_status add_holdings(struct hf_buf *out, const struct hf_facts *facts,
                                   struct hf_error *err)
{
    HF_TRY(add_family(out, "holdfast_snapshots", "gauge", "Snapshots in the repository.", err));
    for (size_t i = 0; i < facts->holding_count; i++) {
        HF_TRY(add_holding_labels(out, "holdfast_snapshots", &facts->holdings[i], err));
        HF_TRY(hf_buf_printf(out, err, "%" PRIu64 "\n", facts->holdings[i].snapshots));
    }
    for (size_t m = 0; m < sizeof holding_measures / sizeof *holding_measures; m++) {
        const struct holding_measure *measure = &holding_measures[m];

        HF_TRY(add_family(out, measure->name, "gauge", measure->help, err));
        for (size_t i = 0; i < facts->holding_count; i++) {
            const struct hf_history_holding *holding = &facts->holdings[i];
            int64_t time = *(const int64_t *)((const char *)holding + measure->offset);

            if (time <= 0)
                continue;
            HF_TRY(add_holding_labels(out, measure->name, holding, err));
            HF_TRY(add_seconds(out, time, err));
        }
    }
    return HF_OK;
}

/* ---- jobs ---- */

static enum hf_status add_alarms(struct hf_buf *out, const struct hf_facts *facts,
                                 struct hf_error *err)
{
    static const char *const names[] = {"holdfast_alarm", "holdfast_proven_within_seconds"};
    static const char *const helps[] = {"1 when the source was not proven for too long.",
                                        "How old a proof of the source may be."};

    for (size_t n = 0; n < 2; n++) {
        HF_TRY(add_family(out, names[n], "gauge", helps[n], err));
        for (size_t i = 0; i < facts->alarms.count; i++) {
            const struct hf_alarm *alarm = &facts->alarms.items[i];

            HF_TRY(hf_buf_printf(out, err, "%s{", names[n]));
            HF_TRY(add_label(out, "job", alarm->job, true, err));
            HF_TRY(add_label(out, "source", alarm->source, false, err));
            HF_TRY(hf_buf_append_str(out, "} ", err));
            if (n == 1)
                HF_TRY(add_seconds(out, alarm->within, err));
            else
                HF_TRY(hf_buf_printf(out, err, "%d\n", alarm->on));
        }
    }
    return HF_OK;
}

static enum hf_status add_next_runs(struct hf_buf *out, const struct hf_metrics *metrics,
                                    struct hf_error *err)
{
    const struct hf_config *config = metrics->config;

    if (!metrics->next)
        return HF_OK;
    HF_TRY(add_family(out, "holdfast_next_run_timestamp_seconds", "gauge",
                      "When the job is due next.", err));
    for (size_t i = 0; i < config->job_count; i++) {
        int64_t next = metrics->next(metrics->next_ctx, config->jobs[i].name);

        if (next <= 0)
            continue;
        HF_TRY(hf_buf_append_str(out, "holdfast_next_run_timestamp_seconds{", err));
        HF_TRY(add_label(out, "job", config->jobs[i].name, true, err));
        HF_TRY(hf_buf_append_str(out, "} ", err));
        HF_TRY(add_seconds(out, next, err));
    }
    return HF_OK;
}

static enum hf_status add_facts(struct hf_buf *out, const struct hf_facts *facts,
                                struct hf_error *err)
{
    HF_TRY(
        add_family(out, "holdfast_runs_active", "gauge", "Runs under way on this machine.", err));
    HF_TRY(hf_buf_printf(out, err, "holdfast_runs_active %" PRIu64 "\n", facts->running));
    HF_TRY(add_lasts(out, facts, err));
    HF_TRY(add_holdings(out, facts, err));
    return add_alarms(out, facts, err);
}

enum hf_status hf_metrics_text(const struct hf_metrics *metrics, struct hf_buf *out,
                               struct hf_error *err)
{
    __attribute__((cleanup(hf_facts_auto))) struct hf_facts facts = {.last_count = 0};
    struct hf_error why = HF_ERROR_INIT;
    bool known = metrics->history && hf_facts_load(metrics->history, metrics->config, metrics->now,
                                                   &facts, &why) == HF_OK;

    HF_TRY(add_family(out, "holdfast_info", "gauge", "The agent.", err));
    HF_TRY(hf_buf_append_str(out, "holdfast_info{version=\"" HF_VERSION "\"} 1\n", err));
    HF_TRY(add_family(out, "holdfast_start_time_seconds", "gauge", "When the agent began.", err));
    HF_TRY(hf_buf_append_str(out, "holdfast_start_time_seconds ", err));
    HF_TRY(add_seconds(out, metrics->started, err));
    HF_TRY(add_family(out, "holdfast_history_up", "gauge", "1 when the history can be read.", err));
    HF_TRY(hf_buf_printf(out, err, "holdfast_history_up %d\n", known));
    HF_TRY(add_next_runs(out, metrics, err));
    return known ? add_facts(out, &facts, err) : HF_OK;
}
