#include "agent/commands/prune_packs.h"

#include "agent/config/duration.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "storage/repository/prune.h"

#include <inttypes.h>
#include <string.h>

enum hf_status hf_prune_grace(const struct hf_session *session, int64_t *out, struct hf_error *err)
{
    const char *text = hf_args_value(session->args, HF_OPT_GRACE);

    *out = HF_PRUNE_GRACE_S * HF_NS_PER_S;
    if (!text || hf_duration_parse(text, out))
        return HF_OK;
    *out = 0;
    return strcmp(text, "0") == 0
               ? HF_OK
               : hf_error_set(err, HF_USAGE,
                              "--grace takes a span, such as 72h, or 0, not \"%.60s\"", text);
}

/* "local: removed 3 packs (45.1 MiB)" and what follows, where there is some. */
static void tell_count(struct hf_session *session, const char *name, const char *what,
                       const struct hf_prune_count *count, const char *more)
{
    char size[HF_SIZE_TEXT];

    if (count->packs == 0)
        return;
    hf_text_format_size(size, count->bytes);
    hf_output_news(session->output, "%s: %s %" PRIu64 " pack%s (%s)%s\n", name, what, count->packs,
                   hf_text_plural(count->packs), size, more);
}

static void tell_text(struct hf_session *session, const char *name,
                      const struct hf_prune_report *report)
{
    bool dry_run = session->args->given[HF_OPT_DRY_RUN];
    char next[HF_TIME_TEXT], until[HF_TIME_TEXT], more[2 * HF_TIME_TEXT] = "";
    char needed[HF_SIZE_TEXT], dead[HF_SIZE_TEXT];

    hf_time_format(next, report->next);
    hf_time_format(until, report->locked_until);
    tell_count(session, name, dry_run ? "would repack" : "repacked", &report->repacked, "");
    tell_count(session, name, dry_run ? "would remove" : "removed", &report->deleted, "");
    if (report->next != 0)
        (void)snprintf(more, sizeof more, ", the first until %s", next);
    tell_count(session, name, dry_run ? "would wait:" : "to be removed later:", &report->waiting,
               more);
    tell_count(session, name, "not needed, but too young to be marked:", &report->young, "");
    (void)snprintf(more, sizeof more, "%s%s",
                   report->locked_until == INT64_MAX ? ", by a hold" : ", the first until ",
                   report->locked_until == INT64_MAX ? "" : until);
    tell_count(session, name, "locked in the store:", &report->locked, more);
    tell_count(session, name, "left for the next time, as others are at work:", &report->left, "");
    tell_count(session, name, "left alone, as they cannot be read:", &report->unknown, "");
    hf_text_format_size(needed, report->needed.bytes);
    hf_text_format_size(dead, report->dead_bytes);
    hf_output_news(session->output, "%s: %s needed by %" PRIu64 " snapshot%s, %s of it dead\n",
                   name, needed, report->snapshots, hf_text_plural(report->snapshots), dead);
    if (report->lost > 0)
        hf_output_warning(session->output,
                          "%s: %" PRIu64 " chunks that snapshots need are missing; \"holdfast "
                          "check\" tells more",
                          name, report->lost);
}

static json_t *count_json(const struct hf_prune_count *count)
{
    return json_pack("{s:I, s:I}", "packs", (json_int_t)count->packs, "bytes",
                     (json_int_t)count->bytes);
}

static void tell_event(struct hf_session *session, const char *name,
                       const struct hf_prune_report *r)
{
    char next[HF_TIME_TEXT], until[HF_TIME_TEXT];
    bool hold = r->locked_until == INT64_MAX;

    hf_time_format(next, r->next);
    hf_time_format(until, r->locked_until);
    hf_output_event(
        session->output, "prune",
        json_pack("{s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:s?, s:s?, s:o, s:o, s:o, s:o, "
                  "s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
                  "repository", name, "dry_run", (int)session->args->given[HF_OPT_DRY_RUN],
                  "snapshots", (json_int_t)r->snapshots, "chunks", (json_int_t)r->chunks,
                  "dead_bytes", (json_int_t)r->dead_bytes, "lost", (json_int_t)r->lost,
                  "index_before", (json_int_t)r->index_before, "index_after",
                  (json_int_t)r->index_after, "busy", (int)r->busy, "next", r->next ? next : NULL,
                  "locked_until",
                  hold              ? "hold"
                  : r->locked_until ? until
                                    : NULL,
                  "packs", count_json(&r->packs), "needed", count_json(&r->needed), "young",
                  count_json(&r->young), "waiting", count_json(&r->waiting), "marked",
                  count_json(&r->marked), "deleted", count_json(&r->deleted), "locked",
                  count_json(&r->locked), "left", count_json(&r->left), "unknown",
                  count_json(&r->unknown), "unmarked", count_json(&r->unmarked), "repacked",
                  count_json(&r->repacked), "written", count_json(&r->written)));
}

enum hf_status hf_prune_packs(struct hf_session *session, const struct hf_opened *opened,
                              const char *name, const struct hf_strings *forgotten,
                              struct hf_error *err)
{
    struct hf_prune_report report = {.snapshots = 0};
    struct hf_prune_options options = {
        .dry_run = session->args->given[HF_OPT_DRY_RUN],
        .forgotten = forgotten,
        .wait = HF_PRUNE_WAIT_S * HF_NS_PER_S,
        .repack_percent = HF_PRUNE_REPACK_PERCENT,
        .repack_bytes = HF_PRUNE_REPACK_BYTES,
        .cancel = session->cancel,
        .observer = hf_output_observer(session->output),
    };
    unsigned threads, level;

    HF_TRY(hf_session_limits(session, &options.memory, &threads, &level, err));
    HF_TRY(hf_prune_grace(session, &options.grace, err));
    hf_output_begin(session->output, name);
    enum hf_status status = hf_prune(opened->repo, &options, &report, err);
    hf_output_end(session->output);
    tell_event(session, name, &report);
    if (status != HF_OK)
        return hf_opened_name(opened, err);
    tell_text(session, name, &report);
    return HF_OK;
}
