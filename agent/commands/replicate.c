#include "agent/commands/replicate.h"

#include "agent/config/duration.h"
#include "agent/repositories/learn.h"
#include "base/clock.h"
#include "storage/repository/copy.h"

#include <inttypes.h>

/* "repository offsite" without the noun. */
static void write_news(struct hf_session *session, const struct hf_replicate *what,
                       const struct hf_copy_report *report, int64_t took)
{
    char size[HF_SIZE_TEXT], text[HF_DURATION_TEXT];
    size_t copied = json_array_size(report->copied);

    hf_text_format_size(size, report->bytes);
    hf_duration_format(text, took);
    if (copied == 0 && json_array_size(report->failed) == 0)
        hf_output_news(session->output, "%s: has all %" PRIu64 " snapshots of %s%s\n",
                       what->to->title, report->present, hf_opened_short_name(what->from),
                       report->keys > 0 ? "; keys were copied" : "");
    else
        hf_output_news(session->output,
                       "%s: %zu snapshots copied from %s in %s: %" PRIu64 " packs, %s; %" PRIu64
                       " were there\n",
                       what->to->title, copied, hf_opened_short_name(what->from), text,
                       report->packs, size, report->present);
}

static void write_event(struct hf_session *session, const struct hf_replicate *what,
                        const struct hf_copy_report *report, int64_t took, const char *problem)
{
    hf_output_event(session->output, "copy",
                    json_pack("{s:s, s:s, s:b, s:s?, s:f, s:O?, s:O?, s:I, s:I, s:I, s:I, s:I}",
                              "from", hf_opened_short_name(what->from), "to",
                              hf_opened_short_name(what->to), "ok", problem == NULL, "problem",
                              problem, "seconds", (double)took / (double)HF_NS_PER_S, "copied",
                              report->copied, "failed", report->failed, "present",
                              (json_int_t)report->present, "packs", (json_int_t)report->packs,
                              "bytes", (json_int_t)report->bytes, "proofs",
                              (json_int_t)report->proofs, "keys", (json_int_t)report->keys));
}

void hf_replicate_report_failed(struct hf_session *session, const char *from, const char *to,
                                const struct hf_error *why)
{
    hf_output_event(session->output, "copy",
                    json_pack("{s:s, s:s, s:b, s:s, s:f, s:[], s:[], s:i, s:i, s:i, s:i, s:i}",
                              "from", from, "to", to, "ok", 0, "problem", why->text, "seconds", 0.0,
                              "copied", "failed", "present", 0, "packs", 0, "bytes", 0, "proofs", 0,
                              "keys", 0));
}

enum hf_status hf_replicate(struct hf_session *session, const struct hf_replicate *what,
                            struct hf_error *err)
{
    struct hf_copy_options options = {.snapshots = what->snapshots,
                                      .sources = what->sources,
                                      .cancel = session->cancel,
                                      .observer = hf_output_observer(session->output)};
    struct hf_copy_report report;
    int64_t start = hf_clock_monotonic();
    unsigned threads = 0, level = 0;
    enum hf_status status;

    HF_TRY(hf_session_limits(session, &options.memory, &threads, &level, err));
    if (session->args->given[HF_OPT_THREADS])
        options.threads = threads; /* the configuration's are of what computes */
    hf_output_begin(session->output, hf_opened_short_name(what->to));
    status = hf_copy(what->from->repo, what->to->repo, &options, &report, err);
    hf_output_end(session->output);
    if (status != HF_OK) {
        (void)hf_session_cause(session, err);
        (void)hf_error_prefix(err, "copy from %s to %s", hf_opened_short_name(what->from),
                              hf_opened_short_name(what->to));
    }
    if (status == HF_OK || status == HF_DAMAGED)
        write_news(session, what, &report, hf_clock_monotonic() - start);
    write_event(session, what, &report, hf_clock_monotonic() - start,
                status == HF_OK ? NULL : err->text);
    if (json_array_size(report.copied) > 0 || report.proofs > 0)
        hf_learn_repository(session, what->to);
    hf_copy_report_free(&report);
    return status == HF_OK ? HF_OK : err->status;
}
