#include "agent/notify/notify.h"

#include "base/cancel.h"
#include "base/clock.h"
#include "base/json.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HOST_MAX = 256, TITLE_MAX = HF_ERROR_TEXT_MAX, KILLED_MAX = 100 };

/* ---- sending ---- */

static const char *event_name(enum hf_notify_on on)
{
    switch (on) {
    case HF_NOTIFY_FAILURE:
        return "failure";
    case HF_NOTIFY_RECOVERY:
        return "recovery";
    case HF_NOTIFY_ALARM:
        return "alarm";
    default:
        return "success";
    }
}

static enum hf_status send_once(const struct hf_config_notify *target, const char *title,
                                const char *body, struct hf_error *err)
{
    switch (target->way) {
    case HF_NOTIFY_WEBHOOK:
        return hf_notify_webhook(target, body, err);
    case HF_NOTIFY_MAIL:
        return hf_notify_mail(target, title, body, err);
    default:
        return hf_notify_command(target, body, err);
    }
}

/* After 1 and 4 seconds. */
static enum hf_status send_patiently(const struct hf_config_notify *target, const char *title,
                                     const char *body, struct hf_error *err)
{
    struct hf_error ignored = HF_ERROR_INIT;

    for (int64_t attempt = 1;; attempt++) {
        struct hf_error one = HF_ERROR_INIT;

        if (send_once(target, title, body, &one) == HF_OK)
            return HF_OK;
        if (attempt == HF_NOTIFY_TRIES || !hf_status_retryable(one.status)) {
            *err = one;
            return err->status;
        }
        (void)(hf_cancel_sleep(NULL, attempt * attempt * HF_NS_PER_S, &ignored) == HF_OK);
    }
}

static void send_to(const struct hf_config_notify *target, struct hf_output *output,
                    const char *title, const char *body)
{
    struct hf_error why = HF_ERROR_INIT;

    if (send_patiently(target, title, body, &why) != HF_OK)
        hf_output_warning(output, "notification %s was not sent: %s", target->name, why.text);
    else
        hf_observe(hf_output_observer(output), HF_NOTE_DETAIL, "notification %s was sent",
                   target->name);
}

static bool wanted(const struct hf_config *config, const char *job,
                   const struct hf_config_notify *target, enum hf_notify_on on)
{
    const struct hf_config_job *found = job ? hf_config_job(config, job) : NULL;

    if (!(target->on & (unsigned)on))
        return false;
    return !found || hf_strings_contain(&found->notify, target->name);
}

static enum hf_status finish_body(json_t *body, enum hf_notify_on on, const char *title,
                                  struct hf_buf *out, struct hf_error *err)
{
    char host[HOST_MAX] = "";

    if (gethostname(host, sizeof host - 1) != 0)
        host[0] = 0;
    if (json_object_set_new(body, "event", json_string(event_name(on))) != 0 ||
        json_object_set_new(body, "text", json_string(title)) != 0 ||
        json_object_set_new(body, "host", json_string(host)) != 0)
        return hf_error_set(err, HF_FAILED, "its text cannot be made");
    return hf_json_dump(body, out, err);
}

void hf_notify_send(const struct hf_config *config, struct hf_output *output, const char *job,
                    enum hf_notify_on on, const char *title, json_t *body)
{
    HF_AUTO(hf_buf) text = HF_BUF_INIT;
    HF_AUTO_JSON owned = body;
    struct hf_error why = HF_ERROR_INIT;
    const char *line = NULL;
    bool any = false;

    for (size_t i = 0; i < config->notify.count; i++)
        any = any || wanted(config, job, &config->notify.items[i], on);
    if (!any)
        return;
    if (!owned || finish_body(owned, on, title, &text, &why) != HF_OK ||
        hf_buf_cstr(&text, &line, &why) != HF_OK) {
        hf_output_warning(output, "no notification was sent: %s",
                          owned ? why.text : "out of memory");
        return;
    }
    for (size_t i = 0; i < config->notify.count; i++)
        if (wanted(config, job, &config->notify.items[i], on))
            send_to(&config->notify.items[i], output, title, line);
}

/* ---- runs ---- */

struct before {
    const struct hf_history_run *run;
    bool found, failed;
};

/* The one before this one that has ended. */
static enum hf_status look_before(void *ctx, const struct hf_history_run *run, struct hf_error *err)
{
    struct before *before = ctx;

    (void)err;
    if (before->found || strcmp(run->id, before->run->id) == 0 ||
        run->outcome == HF_HISTORY_RUNNING || run->start > before->run->start)
        return HF_OK;
    if ((run->job == NULL) != (before->run->job == NULL))
        return HF_OK;
    before->found = true;
    before->failed = run->outcome != HF_HISTORY_DONE;
    return HF_OK;
}

static bool recovers(struct hf_history *history, const struct hf_history_run *run)
{
    enum { LOOK_AT = 20 };
    struct hf_history_query query = {.command = run->command, .job = run->job, .limit = LOOK_AT};
    struct before before = {.run = run};
    struct hf_error ignored = HF_ERROR_INIT;

    return history && hf_history_runs(history, &query, look_before, &before, &ignored) == HF_OK &&
           before.failed;
}

static json_t *run_body(const struct hf_history_run *run)
{
    char error[HF_ERROR_TEXT_MAX] = "";

    (void)snprintf(error, sizeof error, "%s", run->error ? run->error : "");
    hf_text_make_utf8(error);
    return json_pack("{s:s, s:s, s:s?, s:s?, s:s, s:s?, s:s?, s:i, s:o, s:o, s:f, s:I, s:I, s:I}",
                     "run", run->id, "command", run->command, "job", run->job, "trigger",
                     run->trigger, "outcome", hf_history_outcome_name(run->outcome), "status",
                     run->error ? hf_status_words(run->status) : NULL, "error",
                     run->error ? error : NULL, "exit_code", hf_status_exit_code(run->status),
                     "start", hf_json_time(run->start), "end", hf_json_time(run->end), "seconds",
                     (double)(run->end - run->start) / (double)HF_NS_PER_S, "read_bytes",
                     (json_int_t)run->read_bytes, "stored_bytes", (json_int_t)run->stored_bytes,
                     "warnings", (json_int_t)run->warnings);
}

void hf_notify_run(const struct hf_config *config, struct hf_output *output,
                   struct hf_history *history, const struct hf_history_run *run)
{
    bool failed = run->outcome != HF_HISTORY_DONE;
    char title[TITLE_MAX];

    /* Who pressed Ctrl-C knows. */
    if (config->notify.count == 0 ||
        (run->outcome == HF_HISTORY_CANCELLED && strcmp(run->trigger, "manual") == 0))
        return;
    (void)snprintf(title, sizeof title, "%s%s%s: %s%s%.1500s", run->command, run->job ? " " : "",
                   run->job ? run->job : "", hf_history_outcome_name(run->outcome),
                   run->error ? ": " : "", run->error ? run->error : "");
    hf_text_make_utf8(title);
    if (failed)
        hf_notify_send(config, output, run->job, HF_NOTIFY_FAILURE, title, run_body(run));
    else if (recovers(history, run))
        hf_notify_send(config, output, run->job, HF_NOTIFY_RECOVERY, title, run_body(run));
    if (!failed)
        hf_notify_send(config, output, run->job, HF_NOTIFY_SUCCESS, title, run_body(run));
}

/* ---- alarms ---- */

static json_t *alarm_body(const struct hf_alarm *alarm, int64_t since)
{
    return json_pack("{s:s, s:s, s:o, s:f, s:o}", "job", alarm->job, "source", alarm->source,
                     "proven", hf_json_time(alarm->proven), "proven_within_seconds",
                     (double)alarm->within / (double)HF_NS_PER_S, "since", hf_json_time(since));
}

static void tell_alarm(const struct hf_config *config, struct hf_output *output,
                       const struct hf_alarm *alarm, int64_t now, int64_t since)
{
    const struct hf_log_about about = {.job = alarm->job, .source = alarm->source};
    char text[HF_ALARM_TEXT];

    if (alarm->on)
        hf_alarm_text(alarm, now, text);
    else
        (void)snprintf(text, sizeof text, "%s is proven again", alarm->source);
    hf_output_log(output, alarm->on ? HF_LOG_ERROR : HF_LOG_INFO, &about, NULL, "%s", text);
    hf_notify_send(config, output, alarm->job, alarm->on ? HF_NOTIFY_ALARM : HF_NOTIFY_RECOVERY,
                   text, alarm_body(alarm, since));
}

/* ---- runs that could not tell ---- */

static enum hf_status add_killed(void *ctx, const struct hf_history_run *run, struct hf_error *err)
{
    return run->outcome == HF_HISTORY_KILLED ? hf_strings_add(ctx, run->id, err) : HF_OK;
}

struct telling {
    const struct hf_config *config;
    struct hf_output *output;
};

static enum hf_status tell_run(void *ctx, const struct hf_history_run *run, struct hf_error *err)
{
    const struct telling *telling = ctx;

    (void)err;
    hf_notify_run(telling->config, telling->output, NULL, run);
    return HF_OK;
}

/* Each once: that it was told is kept as if it were an alarm. */
static enum hf_status look_at_killed(const struct hf_config *config, struct hf_output *output,
                                     struct hf_history *history, struct hf_error *err)
{
    const int64_t now = hf_clock_now();
    const struct hf_history_query recent = {
        .failed = true, .since = now - HF_NS_PER_S * 7 * 86400, .limit = KILLED_MAX};
    struct telling telling = {.config = config, .output = output};
    HF_AUTO(hf_strings) killed = HF_STRINGS_INIT;

    HF_TRY(hf_history_runs(history, &recent, add_killed, &killed, err));
    for (size_t i = 0; i < killed.count; i++) {
        char name[HF_HISTORY_ID_TEXT + 8];
        bool changed = false;
        int64_t since = 0;

        (void)snprintf(name, sizeof name, "killed %s", killed.items[i]);
        HF_TRY(hf_history_alarm(history, name, true, now, &changed, &since, err));
        if (changed)
            HF_TRY(hf_history_runs(history, &(struct hf_history_query){.id = killed.items[i]},
                                   tell_run, &telling, err));
    }
    return HF_OK;
}

static enum hf_status look_at_alarms(const struct hf_config *config, struct hf_output *output,
                                     struct hf_history *history, struct hf_error *err)
{
    HF_AUTO(hf_alarms) alarms = {.count = 0};
    int64_t now = hf_clock_now();

    HF_TRY(hf_alarms_load(history, config, now, &alarms, err));
    for (size_t i = 0; i < alarms.count; i++) {
        const struct hf_alarm *alarm = &alarms.items[i];
        char name[2 * HF_CONFIG_NAME_MAX + 16];
        bool changed = false;
        int64_t since = 0;

        (void)snprintf(name, sizeof name, "proof %s %s", alarm->job, alarm->source);
        HF_TRY(hf_history_alarm(history, name, alarm->on, now, &changed, &since, err));
        if (changed)
            tell_alarm(config, output, alarm, now, since);
    }
    return HF_OK;
}

void hf_notify_alarms(const struct hf_config *config, struct hf_output *output,
                      struct hf_history *history)
{
    struct hf_error why = HF_ERROR_INIT;

    if (look_at_killed(config, output, history, &why) != HF_OK ||
        look_at_alarms(config, output, history, &why) != HF_OK)
        hf_output_warning(output, "alarms cannot be judged: %s", why.text);
}
