/* holdfast check */
#include "storage/repository/check.h"
#include "agent/commands/run.h"
#include "agent/config/duration.h"
#include "agent/repositories/choose.h"
#include "agent/repositories/learn.h"
#include "base/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static enum hf_status read_percent(const struct hf_args *args, double *out, struct hf_error *err)
{
    const char *text = hf_args_value(args, HF_OPT_READ_DATA);
    double percent;
    char *end;

    *out = args->given[HF_OPT_READ_DATA] ? 100 : 0;
    if (!text)
        return HF_OK;
    errno = 0;
    percent = strtod(text, &end);
    if (*end == '%')
        end++;
    /* Written so that not-a-number is refused too. */
    if (errno || *end || end == text || !(percent > 0 && percent <= 100))
        return hf_error_set(err, HF_USAGE,
                            "option --read-data takes a share of up to 100%%, such as "
                            "--read-data=10%%, not \"%.40s\"",
                            text);
    *out = percent;
    return HF_OK;
}

static enum hf_status check_options(struct hf_session *session, struct hf_check_options *out,
                                    struct hf_error *err)
{
    const struct hf_args *args = session->args;

    *out = (struct hf_check_options){.repair = args->given[HF_OPT_REPAIR] > 0,
                                     .cancel = session->cancel,
                                     .observer = hf_output_observer(session->output)};
    HF_TRY(read_percent(args, &out->read_percent, err));
    if (args->given[HF_OPT_NO_KEY] && (out->repair || args->given[HF_OPT_READ_DATA]))
        return hf_error_set(err, HF_USAGE,
                            "--no-key reads every object; it cannot be given together with %s",
                            out->repair ? "--repair" : "--read-data");
    if (args->given[HF_OPT_FROM] && !out->repair)
        return hf_error_set(err, HF_USAGE,
                            "--from goes with --repair: a check without it changes nothing");
    return HF_OK;
}

/* Without a key nothing is known about what objects stand for. */
static void write_summary(struct hf_session *session, const struct hf_check_report *report,
                          int64_t took)
{
    char read[HF_SIZE_TEXT], text[HF_DURATION_TEXT];
    const char *verdict = report->problems == 0                ? "no problem found"
                          : report->problems == report->healed ? "all that was wrong is put back"
                                                               : "there are problems";

    hf_text_format_size(read, report->bytes_read);
    hf_duration_format(text, took);
    if (session->at_hand->repo)
        hf_output_news(
            session->output, "%s: %" PRIu64 " snapshot%s, %" PRIu64 " pack%s, %s read in %s: %s\n",
            session->at_hand->title, report->snapshots, hf_text_plural(report->snapshots),
            report->packs, hf_text_plural(report->packs), read, text, verdict);
    else
        hf_output_news(session->output, "%s: %" PRIu64 " objects, %s read in %s: %s\n",
                       session->at_hand->title, report->objects, read, text, verdict);
}

static void report(struct hf_session *session, const struct hf_check_report *report, int64_t took)
{
    write_summary(session, report, took);
    hf_output_event(session->output, "check",
                    json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:O?}", "objects",
                              (json_int_t)report->objects, "packs", (json_int_t)report->packs,
                              "bytes_read", (json_int_t)report->bytes_read, "snapshots",
                              (json_int_t)report->snapshots, "problems",
                              (json_int_t)report->problems, "healed", (json_int_t)report->healed,
                              "damaged_snapshots", (json_int_t)report->damaged_snapshots,
                              "findings", report->findings));
}

static enum hf_status open_for_check(struct hf_session *session, bool no_key, struct hf_error *err)
{
    struct hf_chosen chosen;

    HF_TRY(hf_choose_repository(session, NULL, &chosen, err));
    if (no_key)
        return hf_choose_open_store(session, &chosen, err);
    HF_TRY(hf_choose_open(session, &chosen, err));
    return hf_choose_open_from(session, err);
}

enum hf_status hf_run_check(struct hf_session *session, struct hf_error *err)
{
    bool no_key = session->args->given[HF_OPT_NO_KEY] > 0;
    struct hf_check_report found = {.findings = NULL};
    struct hf_check_options options;
    int64_t start = hf_clock_monotonic();
    enum hf_status status;

    HF_TRY(check_options(session, &options, err));
    HF_TRY(open_for_check(session, no_key, err));
    options.from = session->from ? session->from->repo : NULL;
    hf_recorder_part(session->recorder, "check", NULL, hf_opened_short_name(session->at_hand));
    hf_output_begin(session->output, "check");
    status = no_key ? hf_check_store(session->at_hand->store, &options, &found, err)
                    : hf_check_repo(session->at_hand->repo, &options, &found, err);
    hf_output_end(session->output);
    if (status == HF_OK || status == HF_DAMAGED)
        report(session, &found, hf_clock_monotonic() - start);
    hf_check_report_free(&found);
    if (session->at_hand->repo && (status == HF_OK || status == HF_DAMAGED))
        hf_learn_repository(session, session->at_hand);
    if (status == HF_OK)
        return HF_OK;
    (void)hf_session_cause(session, err);
    return hf_session_name_repository(session, err);
}
