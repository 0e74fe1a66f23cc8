#include "agent/drill/report.h"

#include "base/clock.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

static void source_done(struct hf_drill_source *source)
{
    char *texts[] = {source->source,     source->kind,     source->job,
                     source->repository, source->snapshot, source->scratch};

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free(texts[i]);
    for (size_t i = 0; i < HF_DRILL_STEPS; i++)
        free(source->steps[i].text);
    for (size_t i = 0; i < source->assertion_count; i++) {
        free(source->assertions[i].what);
        free(source->assertions[i].expected);
        free(source->assertions[i].found);
    }
    free(source->assertions);
    json_decref(source->restored);
    json_decref(source->notes);
}

void hf_drill_report_done(struct hf_drill_report *report)
{
    for (size_t i = 0; i < report->count; i++)
        source_done(&report->sources[i]);
    free(report->sources);
    hf_drill_report_init(report);
}

enum hf_status hf_drill_report_add(struct hf_drill_report *report, const char *source,
                                   struct hf_drill_source **out, struct hf_error *err)
{
    struct hf_drill_source *more, *added;
    char *name;

    more = realloc(report->sources, (report->count + 1) * sizeof *more);
    if (!more)
        return hf_error_memory(err);
    report->sources = more;
    HF_TRY(hf_text_copy(source, &name, err));
    added = &more[report->count];
    *added = (struct hf_drill_source){.source = name, .notes = json_array()};
    report->count++;
    *out = added;
    return added->notes ? HF_OK : hf_error_memory(err);
}

enum hf_drill_verdict hf_drill_report_verdict(const struct hf_drill_report *report)
{
    enum hf_drill_verdict worst = HF_DRILL_PROVEN;

    for (size_t i = 0; i < report->count; i++) {
        if (report->sources[i].verdict > worst)
            worst = report->sources[i].verdict;
    }
    return worst;
}

struct verdict {
    const char *name;
    int exit_code;
    const char *advice;
};

static const struct verdict verdicts[] = {
    [HF_DRILL_PROVEN] = {"proven", 0, NULL},
    [HF_DRILL_LIMIT_MISSED] =
        {"limit missed", 1,
         "The backup restores and is equal. Make the restore faster or the backups more frequent, "
         "or change rto and rpo."},
    [HF_DRILL_INTERRUPTED] = {"interrupted", 1,
                              "Nothing was found out about the backup. Run the drill again."},
    [HF_DRILL_BAD_ENVIRONMENT] =
        {"bad environment", 4,
         "This says nothing about the backup: the place where it should have been tried failed. "
         "Mend that, and run the drill again."},
    [HF_DRILL_ASSERTION_FAILED] =
        {"assertion failed", 3,
         "The backup restores to what was captured, but that is not what the assertion expects. "
         "Look at the source: either data is missing there too, or the assertion is out of date."},
    [HF_DRILL_BAD_BACKUP] =
        {"bad backup", 3,
         "Do not rely on this snapshot. Make a new backup now, then run \"holdfast check "
         "--read-data\" to learn what else is affected; with a replica, \"holdfast check --repair "
         "--from REPLICA\" puts back what is missing or damaged."},
};

int hf_drill_exit_code(enum hf_drill_verdict verdict)
{
    return verdicts[verdict].exit_code;
}

const char *hf_drill_verdict_name(enum hf_drill_verdict verdict)
{
    return verdicts[verdict].name;
}

const char *hf_drill_advice(enum hf_drill_verdict verdict)
{
    return verdicts[verdict].advice;
}

const char *hf_drill_step_name(enum hf_drill_step_id id)
{
    static const char *const names[HF_DRILL_STEPS] = {
        [HF_DRILL_STEP_FIND] = "find",       [HF_DRILL_STEP_SCRATCH] = "scratch",
        [HF_DRILL_STEP_RESTORE] = "restore", [HF_DRILL_STEP_ASSERT] = "assert",
        [HF_DRILL_STEP_CLEANUP] = "cleanup", [HF_DRILL_STEP_RECORD] = "record",
    };

    return names[id];
}

const char *hf_drill_outcome_name(enum hf_drill_outcome outcome)
{
    static const char *const names[] = {
        [HF_DRILL_NOT_RUN] = "not run",
        [HF_DRILL_RUNNING] = "running",
        [HF_DRILL_DONE] = "done",
        [HF_DRILL_FAILED] = "failed",
    };

    return names[outcome];
}

bool hf_drill_limit_missed(const struct hf_drill_limit *limit)
{
    return limit->known && limit->limit > 0 && limit->measured > limit->limit;
}

/* ---- as JSON ---- */

static double seconds(int64_t ns)
{
    return (double)ns / (double)HF_NS_PER_S;
}

/* A new reference to the time as text, or null for one that was not reached. */
static json_t *time_json(int64_t time)
{
    char text[HF_TIME_TEXT];

    if (time == 0)
        return json_null();
    hf_time_format(text, time);
    return json_string(text);
}

static json_t *limit_json(const struct hf_drill_limit *limit)
{
    return json_pack("{s:o, s:o, s:b}", "limit_seconds",
                     limit->limit > 0 ? json_real(seconds(limit->limit)) : json_null(),
                     "measured_seconds",
                     limit->known ? json_real(seconds(limit->measured)) : json_null(), "missed",
                     (int)hf_drill_limit_missed(limit));
}

static json_t *steps_json(const struct hf_drill_source *source)
{
    json_t *list = json_array();

    for (size_t i = 0; i < HF_DRILL_STEPS; i++) {
        const struct hf_drill_step *step = &source->steps[i];
        json_t *one = json_pack(
            "{s:s, s:s, s:o, s:o, s:s?}", "step", hf_drill_step_name((enum hf_drill_step_id)i),
            "outcome", hf_drill_outcome_name(step->outcome), "start", time_json(step->start), "end",
            time_json(step->end), "text", step->text);

        if (json_array_append_new(list, one) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *assertions_json(const struct hf_drill_source *source)
{
    json_t *list = json_array();

    for (size_t i = 0; i < source->assertion_count; i++) {
        const struct hf_drill_assertion *a = &source->assertions[i];
        json_t *one = json_pack(
            "{s:s, s:s, s:s?, s:o, s:f}", "assertion", a->what, "expected", a->expected, "found",
            a->found, "holds",
            a->held == HF_DRILL_NOT_ASKED ? json_null() : json_boolean(a->held == HF_DRILL_HOLDS),
            "seconds", seconds(a->took));

        if (json_array_append_new(list, one) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *error_json(const struct hf_error *error)
{
    if (error->status == HF_OK)
        return json_null();
    return json_pack("{s:s, s:s}", "status", hf_status_words(error->status), "text", error->text);
}

json_t *hf_drill_source_json(const struct hf_drill_source *source)
{
    return json_pack(
        "{s:s, s:s?, s:s?, s:s?, s:s?, s:s?, s:o, s:s, s:o, s:o, s:I, s:I, s:b, s:b, s:o, s:O?, "
        "s:o, s:o, s:o, s:o, s:b, s:s?, s:O?}",
        "source", source->source, "kind", source->kind, "job", source->job, "repository",
        source->repository, "snapshot", source->snapshot, "scratch", source->scratch, "captured",
        time_json(source->captured), "verdict", hf_drill_verdict_name(source->verdict), "start",
        time_json(source->start), "end", time_json(source->end), "bytes", (json_int_t)source->bytes,
        "records", (json_int_t)source->records, "compared", (int)source->compared, "equal",
        (int)source->equal, "steps", steps_json(source), "report", source->restored, "assertions",
        assertions_json(source), "rto", limit_json(&source->rto), "rpo", limit_json(&source->rpo),
        "error", error_json(&source->error), "recorded", (int)source->recorded, "advice",
        hf_drill_advice(source->verdict), "notes", source->notes);
}
