#include "agent/daemon/run.h"

#include "agent/config/config.h"
#include "agent/config/duration.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/random.h"

#include <signal.h>
#include <stdlib.h>

enum { ID_BYTES = 16 };

const char *hf_run_kind_name(enum hf_run_kind kind)
{
    static const char *const names[HF_RUN_KINDS] = {
        [HF_RUN_BACKUP] = "backup",
        [HF_RUN_PRUNE] = "prune",
        [HF_RUN_DRILL] = "drill",
    };

    return names[kind];
}

static enum hf_status make_arguments(const struct hf_run_context *context, const struct hf_run *run,
                                     struct hf_strings *out, struct hf_error *err)
{
    HF_TRY(hf_strings_add(out, hf_run_kind_name(run->kind), err));
    HF_TRY(hf_strings_add(out, "--config", err));
    HF_TRY(hf_strings_add(out, context->config_file, err));
    HF_TRY(hf_strings_add(out, "--json", err));
    if (context->log_level) {
        HF_TRY(hf_strings_add(out, "--log-level", err));
        HF_TRY(hf_strings_add(out, context->log_level, err));
    }
    return hf_strings_add(out, run->subject, err);
}

static enum hf_status add_variable(struct hf_strings *env, const char *name, const char *value,
                                   struct hf_error *err)
{
    HF_AUTO_FREE char *text = NULL;

    HF_TRY(hf_text_format(&text, err, "%s=%s", name, value));
    return hf_strings_add(env, text, err);
}

static enum hf_status add_descriptor(struct hf_strings *env, const char *name, const char *prefix,
                                     int fd, struct hf_error *err)
{
    HF_AUTO_FREE char *value = NULL;

    HF_TRY(hf_text_format(&value, err, "%s%d", prefix, fd));
    return add_variable(env, name, value, err);
}

/* A secret is not in the environment of a process that everyone's debugger may look at: it is in
 * memory behind a descriptor. */
static enum hf_status make_passphrase(const struct hf_run_context *context, int *out,
                                      struct hf_error *err)
{
    HF_TRY(hf_fd_memory("holdfast-passphrase", out, err));
    return hf_fd_write(*out, context->passphrase->data, context->passphrase->len,
                       "the passphrase's copy", err);
}

static enum hf_status start(const struct hf_run_context *context, struct hf_run *run,
                            struct hf_error *err)
{
    HF_AUTO(hf_strings) args = HF_STRINGS_INIT;
    HF_AUTO(hf_strings) env = HF_STRINGS_INIT;
    HF_AUTO_FD passphrase = -1;
    int keep[] = {context->config_copy, -1, -1};

    HF_TRY(make_arguments(context, run, &args, err));
    HF_TRY(add_variable(&env, HF_RUN_VARIABLE, run->id, err));
    HF_TRY(add_variable(&env, HF_TRIGGER_VARIABLE, run->trigger, err));
    HF_TRY(add_variable(&env, "HOLDFAST_LOG_FORMAT", context->log_json ? "json" : "text", err));
    HF_TRY(add_descriptor(&env, HF_CONFIG_COPY_VARIABLE, "", context->config_copy, err));
    if (context->passphrase) {
        HF_TRY(make_passphrase(context, &passphrase, err));
        keep[1] = passphrase;
        HF_TRY(add_descriptor(&env, "HOLDFAST_PASSPHRASE_FILE", "/proc/self/fd/", passphrase, err));
    }
    return hf_child_start(&args, &env, keep, &run->child, err);
}

enum hf_status hf_run_start(const struct hf_run_context *context, enum hf_run_kind kind,
                            const char *subject, const char *trigger, struct hf_run **out,
                            struct hf_error *err)
{
    struct hf_run *run = calloc(1, sizeof *run);

    if (!run)
        return hf_error_memory(err);
    run->kind = kind;
    run->trigger = trigger;
    run->grace = context->stop_timeout;
    run->began = hf_clock_now();
    run->child.out_fd = run->child.err_fd = -1;
    hf_random_hex(run->id, ID_BYTES);
    if (hf_text_copy(subject, &run->subject, err) != HF_OK || start(context, run, err) != HF_OK) {
        hf_run_free(run);
        return err->status;
    }
    *out = run;
    return HF_OK;
}

void hf_run_read(struct hf_run *run, hf_run_line_fn *fn, void *ctx)
{
    const char *line;
    size_t len;

    hf_child_read(&run->child);
    while ((line = hf_lines_next(&run->child.lines, &len)) != NULL) {
        if (hf_report_add(&run->report, line, len))
            fn(ctx, run, line, len);
    }
}

void hf_run_tell_to_stop(struct hf_run *run, enum hf_run_stop why, int64_t now)
{
    if (run->stop == HF_RUN_GOES_ON) {
        run->stop = why;
        run->kill_at = now + run->grace;
        if (why == HF_RUN_OVER_TIME)
            hf_child_tell_time_over(&run->child);
        hf_child_signal(&run->child, SIGTERM);
    } else {
        run->kill_at = 0;
        hf_child_signal(&run->child, SIGKILL);
    }
}

int64_t hf_run_tick(struct hf_run *run, int64_t now)
{
    if (run->kill_at > 0 && now >= run->kill_at)
        hf_run_tell_to_stop(run, run->stop, now);
    return run->kill_at > 0 ? run->kill_at : INT64_MAX;
}

/* What ended it goes before what it said when it was ended. */
static void name_stop(struct hf_run *run, int64_t took)
{
    struct hf_verdict *verdict = &run->verdict;
    char text[HF_DURATION_TEXT];

    if (verdict->ok || run->stop == HF_RUN_GOES_ON)
        return;
    hf_duration_format(text, took);
    verdict->exit_code = 1;
    if (run->stop == HF_RUN_OVER_TIME) {
        verdict->retryable = true;
        (void)hf_error_set(&verdict->error, HF_FAILED,
                           "stopped after %s, its time limit (\"time_limit\")", text);
    } else {
        (void)hf_error_set(&verdict->error, HF_CANCELLED,
                           "interrupted: the agent was told to end; the run is made up when it is "
                           "back");
    }
}

void hf_run_end(struct hf_run *run, hf_run_line_fn *fn, void *ctx)
{
    int how = hf_child_reap(&run->child);

    hf_run_read(run, fn, ctx);
    hf_report_judge(&run->report, how, run->child.words, &run->verdict);
    name_stop(run, hf_clock_now() - run->began);
}

void hf_run_free(struct hf_run *run)
{
    if (!run)
        return;
    hf_child_done(&run->child);
    free(run->subject);
    free(run);
}
