/* The status page: one document without scripts, fonts or pictures (text.h). */
#include "agent/config/duration.h"
#include "agent/metrics/facts.h"
#include "agent/metrics/text.h"
#include "base/clock.h"
#include "base/text.h"

#include <inttypes.h>
#include <string.h>

static const char head[] =
    "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">"
    "<meta name=\"viewport\" content=\"width=device-width\"><meta http-equiv=\"refresh\" "
    "content=\"60\"><title>holdfast</title><style>"
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;"
    "color:#222;background:#fff}table{border-collapse:collapse;width:100%;margin:0 0 2rem}"
    "th,td{text-align:left;padding:.3rem .8rem .3rem 0;border-bottom:1px solid #ddd;"
    "vertical-align:top}th{color:#666;font-weight:500}.bad{color:#b00020;font-weight:600}"
    ".good{color:#186a3b}small{color:#666}@media(prefers-color-scheme:dark){body{color:#ddd;"
    "background:#16181c}th,td{border-color:#333}.bad{color:#ff6b6b}.good{color:#7bd88f}}"
    "</style></head><body><h1>holdfast</h1>";

enum hf_status hf_metrics_html(struct hf_buf *out, const char *text, struct hf_error *err)
{
    while (*text) {
        size_t len = hf_text_utf8(text, NULL);
        const char *plain = *text == '<'   ? "&lt;"
                            : *text == '>' ? "&gt;"
                            : *text == '&' ? "&amp;"
                            : *text == '"' ? "&quot;"
                            : len == 0     ? "?"
                                           : NULL;

        if (plain)
            HF_TRY(hf_buf_append_str(out, plain, err));
        else
            HF_TRY(hf_buf_append(out, text, len, err));
        text += len ? len : 1;
    }
    return HF_OK;
}

static enum hf_status add_cell(struct hf_buf *out, const char *mark, const char *text,
                               struct hf_error *err)
{
    HF_TRY(hf_buf_printf(out, err, *mark ? "<td class=\"%s\">" : "<td>%s", mark));
    HF_TRY(hf_metrics_html(out, text, err));
    return hf_buf_append_str(out, "</td>", err);
}

static enum hf_status add_age(struct hf_buf *out, const char *mark, int64_t now, int64_t time,
                              struct hf_error *err)
{
    char age[HF_DURATION_TEXT] = "never";

    if (time > 0)
        hf_age_format(age, now - time);
    return add_cell(out, mark, age, err);
}

/* ---- sources ---- */

static const struct hf_alarm *alarm_of(const struct hf_facts *facts, const char *source)
{
    for (size_t i = 0; i < facts->alarms.count; i++)
        if (facts->alarms.items[i].on && strcmp(facts->alarms.items[i].source, source) == 0)
            return &facts->alarms.items[i];
    return NULL;
}

static enum hf_status add_sources(struct hf_buf *out, const struct hf_facts *facts, int64_t now,
                                  struct hf_error *err)
{
    HF_TRY(hf_buf_append_str(out,
                             "<h2>Sources</h2><table><tr><th>source<th>repository<th>snapshots"
                             "<th>newest<th>checked<th>proven<th></tr>",
                             err));
    for (size_t i = 0; i < facts->holding_count; i++) {
        const struct hf_history_holding *holding = &facts->holdings[i];
        const struct hf_alarm *alarm = alarm_of(facts, holding->source);
        char text[HF_ALARM_TEXT] = "", count[24];

        if (alarm)
            hf_alarm_text(alarm, now, text);
        (void)snprintf(count, sizeof count, "%" PRIu64, holding->snapshots);
        HF_TRY(hf_buf_append_str(out, "<tr>", err));
        HF_TRY(add_cell(out, "", holding->source, err));
        HF_TRY(add_cell(out, "", holding->repository, err));
        HF_TRY(add_cell(out, "", count, err));
        HF_TRY(add_age(out, "", now, holding->newest, err));
        HF_TRY(add_age(out, "", now, holding->checked, err));
        HF_TRY(add_age(out, alarm ? "bad" : "", now, holding->proven, err));
        HF_TRY(add_cell(out, "bad", text, err));
        HF_TRY(hf_buf_append_str(out, "</tr>", err));
    }
    return hf_buf_append_str(out, "</table>", err);
}

/* ---- jobs ---- */

static const struct hf_history_last *last_backup(const struct hf_facts *facts, const char *job)
{
    for (size_t i = 0; i < facts->last_count; i++) {
        const struct hf_history_last *last = &facts->lasts[i];

        if (!*last->source && !*last->repository && strcmp(last->job, job) == 0 &&
            strcmp(last->action, "backup") == 0)
            return last;
    }
    return NULL;
}

static enum hf_status add_job(struct hf_buf *out, const struct hf_metrics *metrics,
                              const struct hf_facts *facts, const char *job, struct hf_error *err)
{
    const struct hf_history_last *last = last_backup(facts, job);
    int64_t next = metrics->next ? metrics->next(metrics->next_ctx, job) : 0;
    char when[HF_TIME_TEXT] = "";
    bool well = last && last->outcome == HF_HISTORY_DONE;

    if (next > 0)
        hf_time_format(when, next);
    HF_TRY(hf_buf_append_str(out, "<tr>", err));
    HF_TRY(add_cell(out, "", job, err));
    HF_TRY(add_cell(out,
                    well   ? "good"
                    : last ? "bad"
                           : "",
                    last ? hf_history_outcome_name(last->outcome) : "never ran", err));
    HF_TRY(add_age(out, "", metrics->now, last ? last->start : 0, err));
    HF_TRY(add_age(out, "", metrics->now, last ? last->success : 0, err));
    HF_TRY(add_cell(out, "", when, err));
    return hf_buf_append_str(out, "</tr>", err);
}

static enum hf_status add_jobs(struct hf_buf *out, const struct hf_metrics *metrics,
                               const struct hf_facts *facts, struct hf_error *err)
{
    HF_TRY(hf_buf_append_str(out,
                             "<h2>Jobs</h2><table><tr><th>job<th>last backup<th>begun<th>last "
                             "success<th>next</tr>",
                             err));
    for (size_t i = 0; i < metrics->config->job_count; i++)
        HF_TRY(add_job(out, metrics, facts, metrics->config->jobs[i].name, err));
    return hf_buf_append_str(out, "</table>", err);
}

/* ---- runs ---- */

static enum hf_status add_run(void *ctx, const struct hf_history_run *run, struct hf_error *err)
{
    struct hf_buf *out = ctx;
    char begun[HF_TIME_TEXT], took[HF_DURATION_TEXT] = "";
    const char *mark = run->outcome == HF_HISTORY_DONE      ? "good"
                       : run->outcome == HF_HISTORY_RUNNING ? ""
                                                            : "bad";

    hf_time_format(begun, run->start);
    if (run->end > run->start)
        hf_duration_format(took, run->end - run->start);
    HF_TRY(hf_buf_append_str(out, "<tr>", err));
    HF_TRY(hf_buf_printf(out, err, "<td>%.8s</td>", run->id));
    HF_TRY(add_cell(out, "", begun, err));
    HF_TRY(add_cell(out, "", run->command, err));
    HF_TRY(add_cell(out, "", run->job ? run->job : "", err));
    HF_TRY(add_cell(out, mark, hf_history_outcome_name(run->outcome), err));
    HF_TRY(add_cell(out, "", took, err));
    HF_TRY(add_cell(out, "", run->error ? run->error : "", err));
    return hf_buf_append_str(out, "</tr>", err);
}

static enum hf_status add_runs(struct hf_buf *out, struct hf_history *history, struct hf_error *err)
{
    const struct hf_history_query newest = {.limit = HF_METRICS_RUNS_SHOWN};

    HF_TRY(hf_buf_append_str(out,
                             "<h2>Runs</h2><table><tr><th>run<th>begun<th>command<th>job"
                             "<th>outcome<th>took<th>error</tr>",
                             err));
    HF_TRY(hf_history_runs(history, &newest, add_run, out, err));
    return hf_buf_append_str(out, "</table>", err);
}

static enum hf_status add_all(struct hf_buf *out, const struct hf_metrics *metrics,
                              const struct hf_facts *facts, struct hf_error *err)
{
    HF_TRY(add_jobs(out, metrics, facts, err));
    HF_TRY(add_sources(out, facts, metrics->now, err));
    return add_runs(out, metrics->history, err);
}

enum hf_status hf_metrics_page(const struct hf_metrics *metrics, struct hf_buf *out,
                               struct hf_error *err)
{
    __attribute__((cleanup(hf_facts_auto))) struct hf_facts facts = {.last_count = 0};
    struct hf_error why = HF_ERROR_INIT;
    char now[HF_TIME_TEXT];

    HF_TRY(hf_buf_append_str(out, head, err));
    if (!metrics->history)
        HF_TRY(hf_buf_append_str(out, "<p class=\"bad\">The history cannot be read.</p>", err));
    else if (hf_facts_load(metrics->history, metrics->config, metrics->now, &facts, &why) == HF_OK)
        HF_TRY(add_all(out, metrics, &facts, err));
    else
        HF_TRY(hf_buf_append_str(out, "<p class=\"bad\">The history cannot be read.</p>", err));
    hf_time_format(now, metrics->now);
    return hf_buf_printf(out, err,
                         "<small>%s, holdfast " HF_VERSION
                         ", <a href=\"metrics\">metrics</a></small></body></html>\n",
                         now);
}
