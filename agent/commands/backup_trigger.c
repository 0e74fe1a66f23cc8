#include "agent/commands/backup_trigger.h"

#include "agent/daemon/control.h"
#include "agent/daemon/lines.h"
#include "agent/daemon/lock.h"
#include "agent/daemon/report.h"
#include "agent/history/state.h"
#include "base/file.h"
#include "base/json.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_MAX_BYTES = 1 << 20, EXIT_CODE_MAX = 255, RUN_SHOWN = 8 };

/* ---- what is asked for ---- */

static const char *job_at(const struct hf_session *session, size_t index)
{
    const struct hf_strings *operands = &session->args->operands;

    if (operands->count == 0)
        return index < session->config->job_count ? session->config->jobs[index].name : NULL;
    return index < operands->count ? operands->items[index] : NULL;
}

/* The agent runs jobs as they are in the configuration: whoever wants it otherwise runs it himself.
 */
static bool is_plain(const struct hf_session *session)
{
    const char *name;

    for (int id = 0; id < HF_OPT_COUNT; id++) {
        if (session->args->given[id] && hf_option((enum hf_option_id)id)->group != HF_GROUP_COMMON)
            return false;
    }
    for (size_t i = 0; (name = job_at(session, i)) != NULL; i++) {
        if (!hf_config_job(session->config, name))
            return false;
    }
    return session->config->file && job_at(session, 0);
}

/* ---- the agent's answers ---- */

struct wait {
    struct hf_session *session;
    const char *job;
    int fd;
    char run[RUN_SHOWN + 1];
    char work[HF_CONFIG_NAME_MAX + 1]; /* whose progress is shown; "": nobody's */
    uint64_t bytes, items;             /* of it, shown so far */
    struct hf_error held;              /* an error that may be the last one */
    bool elsewhere;                    /* it is not this configuration's agent */
    bool over;
};

static const char *text_of(const json_t *event, const char *key)
{
    const char *text = json_string_value(json_object_get(event, key));

    return text ? text : "";
}

static uint64_t number_of(const json_t *event, const char *key)
{
    json_int_t value = json_integer_value(json_object_get(event, key));

    return value > 0 ? (uint64_t)value : 0;
}

static void show_work(struct wait *w, const char *work)
{
    struct hf_output *output = w->session->output;

    if (strncmp(w->work, work, HF_CONFIG_NAME_MAX) == 0)
        return;
    if (*w->work)
        hf_output_end(output);
    (void)snprintf(w->work, sizeof w->work, "%s", work);
    w->bytes = w->items = 0;
    if (*w->work)
        hf_output_begin(output, w->work);
}

static void show_progress(struct wait *w, const json_t *event)
{
    const struct hf_observer *observer = hf_output_observer(w->session->output);
    uint64_t bytes = number_of(event, "bytes"), items = number_of(event, "items");

    show_work(w, text_of(event, "work"));
    hf_observe_expect(observer, number_of(event, "bytes_expected"),
                      number_of(event, "items_expected"));
    hf_observe_advance(observer, bytes > w->bytes ? bytes - w->bytes : 0,
                       items > w->items ? items - w->items : 0);
    w->bytes = bytes;
    w->items = items;
}

static void hold_error(struct wait *w, const json_t *event)
{
    if (w->held.status != HF_OK)
        hf_output_error(w->session->output, &w->held);
    (void)hf_error_set(&w->held, hf_report_status((int)number_of(event, "exit_code")), "%s",
                       text_of(event, "text"));
}

static void show_asked(struct wait *w, const json_t *event)
{
    const char *state = text_of(event, "state");

    (void)snprintf(w->run, sizeof w->run, "%s", text_of(event, "run"));
    hf_observe(hf_output_observer(w->session->output), HF_NOTE_STEP, "%s: %s, run %s", w->job,
               strcmp(state, "running") == 0  ? "the agent is at it already"
               : strcmp(state, "queued") == 0 ? "the agent will run it as soon as it may"
                                              : "the agent runs it",
               w->run);
}

/* Its last word. What the run said last of all is the better text, where that is why it failed. */
static enum hf_status take_result(struct wait *w, const json_t *event, struct hf_error *err)
{
    uint64_t code = number_of(event, "exit_code");
    const char *text = text_of(event, "text");

    w->over = true;
    show_work(w, "");
    if (code == 0)
        return HF_OK;
    if (w->held.status != HF_OK && strcmp(w->held.text, text) != 0)
        hf_output_error(w->session->output, &w->held);
    return hf_error_set(err, hf_report_status((int)(code > EXIT_CODE_MAX ? 1 : code)), "%s",
                        *text ? text : "the run failed");
}

/* Events of the run that only programs read go on as they are. */
static void pass_on(struct wait *w, const char *name, json_t *event)
{
    static const char *const spoken[] = {"news", "end", "step", "detail", "progress"};

    for (size_t i = 0; i < sizeof spoken / sizeof *spoken; i++) {
        if (strcmp(spoken[i], name) == 0)
            return;
    }
    hf_output_event(w->session->output, name, json_incref(event));
}

static enum hf_status take_event(struct wait *w, const char *line, size_t len, struct hf_error *err)
{
    struct hf_output *output = w->session->output;
    HF_AUTO_JSON event = NULL;
    const char *name;

    HF_TRY(hf_json_parse_object(line, len, LINE_MAX_BYTES, "the agent's answer", &event, err));
    HF_TRY(hf_json_string(event, "event", &name, err));
    if (strcmp(name, "done") == 0 || strcmp(name, "refused") == 0)
        return take_result(w, event, err);
    if (strcmp(name, "elsewhere") == 0)
        w->over = w->elsewhere = true;
    else if (strcmp(name, "asked") == 0)
        show_asked(w, event);
    else if (strcmp(name, "progress") == 0)
        show_progress(w, event);
    else if (strcmp(name, "step") == 0)
        hf_observe(hf_output_observer(output), HF_NOTE_STEP, "%s", text_of(event, "text"));
    else if (strcmp(name, "detail") == 0)
        hf_observe(hf_output_observer(output), HF_NOTE_DETAIL, "%s", text_of(event, "text"));
    else if (strcmp(name, "warning") == 0)
        hf_output_warning(output, "%s", text_of(event, "text"));
    else if (strcmp(name, "error") == 0)
        hold_error(w, event);
    else if (strcmp(name, "news") == 0)
        hf_output_news(output, "%s", text_of(event, "text"));
    else
        pass_on(w, name, event);
    return HF_OK;
}

static enum hf_status wait_more(struct wait *w, struct hf_error *err)
{
    struct pollfd fds[] = {{.fd = w->fd, .events = POLLIN},
                           {.fd = hf_cancel_fd(w->session->cancel), .events = POLLIN}};

    if (poll(fds, sizeof fds / sizeof *fds, -1) < 0 && errno != EINTR)
        return hf_error_sys(err, errno, "waiting for the agent");
    if (hf_cancel_requested(w->session->cancel))
        return hf_error_set(err, HF_CANCELLED, "interrupted; the agent goes on with run %s of %s",
                            w->run, w->job);
    return HF_OK;
}

static enum hf_status hear_out(struct wait *w, struct hf_error *err)
{
    __attribute__((cleanup(hf_lines_done))) struct hf_lines lines = {.max = LINE_MAX_BYTES};
    bool end = false;
    const char *line;
    size_t len;

    while (!w->over && !end) {
        HF_TRY(wait_more(w, err));
        HF_TRY(hf_lines_read(&lines, w->fd, &end, err));
        while (!w->over && (line = hf_lines_next(&lines, &len)) != NULL)
            HF_TRY(take_event(w, line, len, err));
    }
    if (!w->over)
        return hf_error_set(err, HF_FAILED,
                            "%s: the agent ended before the run did; what came of it is in "
                            "\"holdfast history\"",
                            w->job);
    return HF_OK;
}

static enum hf_status ask(const struct hf_session *session, const char *job, int fd,
                          struct hf_error *err)
{
    HF_AUTO_FREE char *path = realpath(session->config->file, NULL);
    HF_AUTO(hf_buf) line = HF_BUF_INIT;
    HF_AUTO_JSON request = NULL;

    HF_TRY(hf_json_pack(&request, err, "{s:s, s:s, s:s}", "do", "backup", "config",
                        path ? path : session->config->file, "job", job));
    HF_TRY(hf_json_dump(request, &line, err));
    HF_TRY(hf_buf_append(&line, "\n", 1, err));
    return hf_fd_write(fd, line.data, line.len, "the agent's socket", err);
}

static enum hf_status trigger_one(struct hf_session *session, const char *state, const char *job,
                                  bool *out_there, struct hf_error *err)
{
    HF_AUTO_FD fd = -1;
    struct wait w = {.session = session, .job = job, .held = HF_ERROR_INIT};
    struct hf_error none = HF_ERROR_INIT;
    enum hf_status status;

    *out_there = false;
    if (hf_control_connect(state, &fd, &none) != HF_OK) {
        if (none.status != HF_NOT_FOUND)
            hf_output_warning(session->output, "the agent cannot be asked: %s", none.text);
        return HF_OK;
    }
    w.fd = fd;
    HF_TRY(ask(session, job, fd, err));
    status = hear_out(&w, err);
    show_work(&w, "");
    *out_there = !w.elsewhere;
    return status;
}

/* The first failure is the result; the other jobs are run nevertheless. */
enum hf_status hf_backup_trigger(struct hf_session *session, bool *out_done, struct hf_error *err)
{
    HF_AUTO_FREE char *state = NULL;
    struct hf_error none = HF_ERROR_INIT;
    enum hf_status first = HF_OK;
    const char *job;

    *out_done = false;
    if (getenv(HF_RUN_VARIABLE) || !is_plain(session) ||
        hf_state_folder(session->config, &state, &none) != HF_OK)
        return HF_OK;
    for (size_t i = 0; (job = job_at(session, i)) != NULL; i++) {
        struct hf_error one = HF_ERROR_INIT;
        bool there = false;
        enum hf_status status = trigger_one(session, state, job, &there, &one);

        if (status == HF_OK && !there) {
            if (i == 0)
                return HF_OK;
            status = hf_error_set(&one, HF_FAILED, "%s: the agent is not there any more", job);
        }
        *out_done = true;
        if (status == HF_OK)
            continue;
        if (first != HF_OK)
            hf_output_error(session->output, err);
        *err = one;
        first = status;
        if (status == HF_CANCELLED)
            break;
    }
    return first;
}

/* ---- without the agent ---- */

static enum hf_status lock_job(struct hf_session *session, const char *state, const char *job,
                               struct hf_backup_locks *locks, struct hf_error *err)
{
    struct hf_error why = HF_ERROR_INIT;
    char name[HF_LOCK_NAME_MAX];
    pid_t holder = 0;

    hf_lock_job_name(name, session->config->file, job);
    if (hf_lock_take(state, name, &locks->fds[locks->count], &holder, &why) == HF_OK) {
        locks->count++;
        return HF_OK;
    }
    if (why.status == HF_BUSY)
        return hf_error_set(err, HF_BUSY,
                            "job %s is being run (by process %ld); it is run once at a time", job,
                            (long)holder);
    hf_output_warning(session->output,
                      "another run of job %s at the same time would not be noticed: %s", job,
                      why.text);
    return HF_OK;
}

enum hf_status hf_backup_lock(struct hf_session *session, struct hf_backup_locks *out,
                              struct hf_error *err)
{
    HF_AUTO_FREE char *state = NULL;
    struct hf_error why = HF_ERROR_INIT;
    size_t count = session->config->job_count + session->args->operands.count;
    const char *name;

    if (count == 0 || !session->config->file)
        return HF_OK;
    out->fds = calloc(count, sizeof *out->fds);
    if (!out->fds)
        return hf_error_memory(err);
    if (hf_state_folder(session->config, &state, &why) != HF_OK) {
        hf_output_warning(session->output, "%s", why.text);
        return HF_OK;
    }
    for (size_t i = 0; (name = job_at(session, i)) != NULL; i++) {
        if (hf_config_job(session->config, name))
            HF_TRY(lock_job(session, state, name, out, err));
    }
    return HF_OK;
}

void hf_backup_locks_auto(struct hf_backup_locks *locks)
{
    for (size_t i = 0; i < locks->count; i++)
        hf_fd_auto(&locks->fds[i]);
    free(locks->fds);
}
