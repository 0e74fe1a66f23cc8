/* A drill's report for a person: first what it was about, last the verdict and what to do. */
#include "agent/config/duration.h"
#include "agent/drill/report.h"
#include "agent/kinds/restore_report.h"
#include "agent/repositories/snapshots.h"
#include "base/clock.h"
#include "base/text.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

static void write_snapshot(const struct hf_drill_source *s, struct hf_output *output)
{
    char captured[HF_TIME_TEXT], age[HF_DURATION_TEXT];

    if (!s->snapshot)
        return;
    hf_time_format(captured, s->captured);
    hf_age_format(age, s->start - s->captured);
    hf_output_text(output, "  snapshot        %.*s of %s (age %s)%s%s\n", HF_SHORT_ID, s->snapshot,
                   captured, age, s->repository ? ", from " : "",
                   s->repository ? s->repository : "");
}

static void write_restored(const struct hf_drill_source *s, struct hf_output *output)
{
    const struct hf_drill_step *step = &s->steps[HF_DRILL_STEP_RESTORE];
    char size[HF_SIZE_TEXT], took[HF_DURATION_TEXT];

    if (s->scratch)
        hf_output_text(output, "  scratch target  %s\n", s->scratch);
    if (!s->compared)
        return;
    hf_text_format_size(size, s->bytes);
    hf_duration_format(took, step->end - step->start);
    hf_output_text(output, "  restored        %" PRIu64 " %s, %s in %s; %s\n", s->records,
                   s->records_noun ? s->records_noun : "records", size, took,
                   s->equal ? "compared and equal" : "NOT EQUAL to the snapshot");
}

static void write_differences(const struct hf_drill_source *s, struct hf_output *output)
{
    const json_t *databases = json_object_get(s->restored, "databases");
    const json_t *one;
    size_t i;

    if (s->equal)
        return;
    hf_restore_report_differences(output, json_object_get(s->restored, "differences"));
    json_array_foreach (databases, i, one) {
        hf_restore_report_differences(output, json_object_get(one, "differences"));
    }
}

static void write_assertions(const struct hf_drill_source *s, struct hf_output *output)
{
    static const char *const words[] = {
        [HF_DRILL_NOT_ASKED] = "not asked ",
        [HF_DRILL_HOLDS] = "holds     ",
        [HF_DRILL_HOLDS_NOT] = "HOLDS NOT ",
    };

    for (size_t i = 0; i < s->assertion_count; i++) {
        const struct hf_drill_assertion *a = &s->assertions[i];

        hf_output_text(output, "  assertion       %s %s\n", words[a->held], a->what);
        if (a->held == HF_DRILL_HOLDS_NOT)
            hf_output_text(output, "    expected %s\n    found    %s\n", a->expected,
                           a->found ? a->found : "nothing");
    }
}

static void write_limit(struct hf_output *output, const char *label,
                        const struct hf_drill_limit *limit)
{
    char measured[HF_DURATION_TEXT], allowed[HF_DURATION_TEXT];

    if (!limit->known)
        return;
    hf_duration_format(measured, limit->measured);
    hf_duration_format(allowed, limit->limit);
    hf_output_text(output, "  %-15s %s%s%s\n", label, measured,
                   limit->limit == 0              ? ""
                   : hf_drill_limit_missed(limit) ? ", MORE than the limit of "
                                                  : ", within the limit of ",
                   limit->limit == 0 ? "" : allowed);
}

/* A step that matters to a person only where it failed beside the reason for the verdict. */
static void write_step_problem(const struct hf_drill_source *s, enum hf_drill_step_id id,
                               struct hf_output *output)
{
    const struct hf_drill_step *step = &s->steps[id];

    if (step->outcome == HF_DRILL_FAILED && step->text && strcmp(step->text, s->error.text) != 0)
        hf_output_text(output, "  %-15s FAILED: %s\n", hf_drill_step_name(id), step->text);
}

static void write_verdict(const struct hf_drill_source *s, struct hf_output *output)
{
    const char *name = hf_drill_verdict_name(s->verdict);
    const char *advice = hf_drill_advice(s->verdict);
    char loud[32];
    size_t len = 0;

    for (; name[len] && len + 1 < sizeof loud; len++)
        loud[len] = (char)toupper((unsigned char)name[len]);
    loud[len] = '\0';
    hf_output_text(output, "  %s%s%s\n", loud, s->error.status == HF_OK ? "" : ": ",
                   s->error.status == HF_OK ? "" : s->error.text);
    if (advice)
        hf_output_text(output, "  %s\n", advice);
}

void hf_drill_source_text(const struct hf_drill_source *s, struct hf_output *output)
{
    hf_output_text(output, "drill of %s%s%s\n", s->source, s->job ? ", job " : "",
                   s->job ? s->job : "");
    write_snapshot(s, output);
    write_restored(s, output);
    write_differences(s, output);
    hf_restore_report_notes(output, s->notes);
    write_assertions(s, output);
    write_limit(output, "recovery time", &s->rto);
    write_limit(output, "recovery point", &s->rpo);
    write_step_problem(s, HF_DRILL_STEP_CLEANUP, output);
    write_step_problem(s, HF_DRILL_STEP_RECORD, output);
    write_verdict(s, output);
}
