#include "agent/daemon/daemon.h"

#include "agent/config/volume.h"
#include "agent/daemon/daemon_internal.h"
#include "agent/daemon/lock.h"
#include "agent/history/state.h"
#include "base/clock.h"
#include "base/file.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    NS_PER_MS = 1000000,
    LOOK_AGAIN_MS = 1000,
    POLLS_MAX = 1 + HF_CONTROL_POLLS + 2 * HF_CONFIG_RUNS_MAX,
    OFFSET_TEXT = 24,
};

#define OFFSET_VARIABLE "HF_CLOCK_OFFSET"

struct hf_plan_now hf_daemon_now(const struct hf_daemon *d)
{
    return (struct hf_plan_now){.wall = hf_clock_now(),
                                .monotonic = hf_clock_monotonic() + d->skipped};
}

/* ---- the clock of tests ---- */

static int64_t number_in(const char *variable)
{
    const char *text = getenv(variable);
    int64_t value;

    return text && sscanf(text, "%" SCNd64, &value) == 1 ? value : 0; /* NOLINT(cert-err34-c) */
}

/* Sets the wall clock forward by whole seconds, for this process and those it starts. */
static void skip(struct hf_daemon *d, int64_t ns)
{
    int64_t seconds = (ns + HF_NS_PER_S - 1) / HF_NS_PER_S;
    char text[OFFSET_TEXT];

    if (seconds > d->skip_left)
        seconds = d->skip_left;
    d->skip_left -= seconds;
    d->skipped += seconds * HF_NS_PER_S;
    (void)snprintf(text, sizeof text, "%" PRId64, number_in(OFFSET_VARIABLE) + seconds);
    (void)setenv(OFFSET_VARIABLE, text, 1);
    if (d->skip_left == 0)
        hf_observe(hf_output_observer(d->output), HF_NOTE_STEP,
                   "the clock is not skipped any more");
}

/* ---- signals ---- */

static enum hf_status take_signals(struct hf_daemon *d, struct hf_error *err)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD};
    sigset_t set;

    (void)sigemptyset(&set);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        (void)sigaddset(&set, numbers[i]);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return hf_error_sys(err, errno, "blocking signals");
    d->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (d->signals < 0)
        return hf_error_sys(err, errno, "signalfd");
    /* What a run leaves behind comes to us, as it does to the first process of a container. */
    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0)
        return hf_error_sys(err, errno, "becoming the parent of orphans");
    return HF_OK;
}

static bool has_ended(const struct hf_run *run)
{
    siginfo_t info = {.si_pid = 0};
    int got = waitid(P_PID, (id_t)run->child.pid, &info, WEXITED | WNOHANG | WNOWAIT);

    return got == 0 ? info.si_pid != 0 : errno == ECHILD;
}

static void end_runs(struct hf_daemon *d)
{
    struct hf_run *next;

    for (struct hf_run *run = d->runs; run; run = next) {
        next = run->next;
        if (has_ended(run))
            hf_daemon_end_run(d, run);
    }
}

/* Whoever has ended and is waited for by nobody is an orphan. Other threads may have processes of
 * their own (base/process.h), and wait for them: one that is still there after a second is not
 * theirs. */
static void reap_orphans(struct hf_daemon *d)
{
    siginfo_t info = {.si_pid = 0};
    int64_t now = hf_clock_monotonic();

    while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0) {
        if (info.si_pid != d->orphan) {
            d->orphan = info.si_pid;
            d->orphan_since = now;
        }
        if (now - d->orphan_since < HF_NS_PER_S)
            return;
        (void)waitpid(info.si_pid, NULL, WNOHANG);
        info.si_pid = 0;
    }
    d->orphan = 0;
}

static void leave(struct hf_daemon *d)
{
    hf_observe(hf_output_observer(d->output), HF_NOTE_STEP, "ending%s",
               d->runs ? ": waiting for the runs to end" : "");
    d->leaving = true;
    hf_daemon_stop_runs(d);
}

static void hear_signals(struct hf_daemon *d)
{
    struct signalfd_siginfo info;

    while (read(d->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGCHLD)
            continue;
        if (info.ssi_signo == SIGHUP)
            d->again = true;
        else
            leave(d);
    }
}

/* ---- the configuration ---- */

/* What was read takes the place of what was in force; consumed on success only. */
static enum hf_status put_in_force(struct hf_daemon *d, struct hf_config *config, int copy,
                                   struct hf_error *err)
{
    HF_AUTO_PTR(hf_agenda) agenda = NULL;

    HF_TRY(hf_agenda_new(config, d->state ? d->state : "", &agenda, err));
    if (d->planner)
        HF_TRY(hf_planner_reload(d->planner, &agenda->plan, hf_daemon_now(d), err));
    else
        HF_TRY(hf_planner_new(&agenda->plan, hf_daemon_now(d), &d->planner, err));
    hf_daemon_monitor_stop(d);
    if (d->agenda)
        hf_agenda_free(d->agenda);
    hf_config_free(d->config);
    hf_fd_auto(&d->config_copy);
    d->agenda = agenda;
    d->config = config;
    d->config_copy = copy;
    agenda = NULL;
    hf_daemon_monitor_start(d);
    return HF_OK;
}

static enum hf_status load(struct hf_daemon *d, struct hf_error *err)
{
    const char *file = hf_args_value(d->session->args, HF_OPT_CONFIG);
    HF_AUTO_PTR(hf_config) config = NULL;
    HF_AUTO_FD copy = -1;

    HF_TRY(hf_config_load_copy(d->config ? d->config->file : file, &copy, &config, err));
    HF_TRY(put_in_force(d, config, copy, err));
    config = NULL;
    copy = -1;
    return HF_OK;
}

/* Whole, or not at all. Runs that go on have what was in force when they began. */
static void load_again(struct hf_daemon *d)
{
    struct hf_error err = HF_ERROR_INIT;

    d->again = false;
    if (load(d, &err) == HF_OK) {
        hf_observe(hf_output_observer(d->output), HF_NOTE_STEP, "read %s again", d->config->file);
        return;
    }
    (void)hf_error_prefix(&err, "the configuration is left as it was");
    hf_output_error(d->output, &err);
}

/* ---- the loop ---- */

static size_t make_polls(struct hf_daemon *d, struct pollfd *polls, size_t *out_control)
{
    size_t count = 0;

    polls[count++] = (struct pollfd){.fd = d->signals, .events = POLLIN};
    *out_control = d->control ? hf_control_polls(d->control, polls + count) : 0;
    count += *out_control;
    for (struct hf_run *run = d->runs; run && count + 2 <= POLLS_MAX; run = run->next) {
        polls[count++] = (struct pollfd){.fd = run->child.out_fd, .events = POLLIN};
        polls[count++] = (struct pollfd){.fd = run->child.err_fd, .events = POLLIN};
    }
    return count;
}

/* Milliseconds until the next deadline, rounded up; a clock that may skip does so instead. */
static int wait_time(struct hf_daemon *d)
{
    int64_t now = hf_clock_monotonic();
    int64_t ns = d->leaving ? HF_PLAN_WAIT : hf_planner_wait(d->planner, hf_daemon_now(d));
    int64_t ms;

    for (struct hf_run *run = d->runs; run; run = run->next) {
        int64_t kill_at = hf_run_tick(run, now);

        if (kill_at != INT64_MAX && kill_at - now < ns)
            ns = kill_at - now;
    }
    if (d->skip_left > 0 && !d->runs && d->held_count == 0 && !d->leaving && ns > 0) {
        skip(d, ns);
        return 0;
    }
    ms = ns <= 0 ? 0 : (ns + NS_PER_MS - 1) / NS_PER_MS;
    if ((d->held_count > 0 || d->orphan != 0) && ms > LOOK_AGAIN_MS)
        ms = LOOK_AGAIN_MS;
    return (int)ms;
}

/* Reading a run's pipes when it has nothing to say costs two system calls. */
static void read_runs(struct hf_daemon *d)
{
    for (struct hf_run *run = d->runs; run; run = run->next)
        hf_run_read(run, hf_daemon_on_line, d);
}

static enum hf_status turn(struct hf_daemon *d, struct hf_error *err)
{
    struct pollfd polls[POLLS_MAX];
    size_t control, count;
    int timeout = wait_time(d);

    count = make_polls(d, polls, &control);
    if (poll(polls, count, timeout) < 0) {
        if (errno == EINTR)
            return HF_OK;
        return hf_error_sys(err, errno, "waiting");
    }
    read_runs(d);
    if (d->control)
        hf_control_serve(d->control, polls + 1, control);
    if (polls[0].revents)
        hear_signals(d);
    end_runs(d);
    reap_orphans(d);
    if (d->again)
        load_again(d);
    return HF_OK;
}

static enum hf_status loop(struct hf_daemon *d, struct hf_error *err)
{
    while (!d->leaving || d->runs) {
        hf_daemon_start_due(d);
        hf_daemon_monitor_write(d);
        HF_TRY(turn(d, err));
    }
    return HF_OK;
}

/* ---- beginning and end ---- */

/* Without a state directory there is no history and no word with others, but there are backups. */
static enum hf_status take_state(struct hf_daemon *d, struct hf_error *err)
{
    struct hf_error why = HF_ERROR_INIT;
    pid_t holder = 0;

    if (hf_state_folder(d->session->config, &d->state, &why) == HF_OK &&
        hf_lock_take(d->state, "agent", &d->lock, &holder, &why) == HF_OK)
        return HF_OK;
    if (why.status == HF_BUSY)
        return hf_error_set(err, HF_BUSY,
                            "an agent runs already (process %ld) with the state directory %s; "
                            "give each its own (\"agent: {state: ...}\")",
                            (long)holder, d->state);
    hf_output_warning(d->output, "without a state directory: %s", why.text);
    free(d->state);
    d->state = NULL;
    return HF_OK;
}

static void try_to_listen(struct hf_daemon *d)
{
    struct hf_error why = HF_ERROR_INIT;

    if (d->state && hf_daemon_listen(d, &why) != HF_OK)
        hf_output_warning(d->output, "nobody can ask for a run: %s", why.text);
}

static enum hf_status begin(struct hf_daemon *d, struct hf_error *err)
{
    HF_TRY(take_signals(d, err));
    HF_TRY(take_state(d, err));
    HF_TRY(load(d, err));
    d->config_path = realpath(d->config->file, NULL);
    if (!d->config_path)
        HF_TRY(hf_text_copy(d->config->file, &d->config_path, err));
    d->skip_left = number_in(HF_DAEMON_SKIP_VARIABLE);
    hf_volume_recover_all(d->session);
    hf_daemon_remember(d);
    try_to_listen(d);
    hf_observe(hf_output_observer(d->output), HF_NOTE_STEP,
               "the agent runs: %zu job%s of %s, process %ld", d->config->job_count,
               hf_text_plural(d->config->job_count), d->config->file, (long)getpid());
    return HF_OK;
}

static void end(struct hf_daemon *d)
{
    while (d->runs) {
        struct hf_run *run = d->runs;

        d->runs = run->next;
        hf_run_free(run);
    }
    hf_control_close(d->control);
    hf_daemon_monitor_free(d);
    if (d->planner)
        hf_planner_free(d->planner);
    if (d->agenda)
        hf_agenda_free(d->agenda);
    hf_config_free(d->config);
    hf_daemon_forget_rhythms(d);
    hf_fd_auto(&d->config_copy);
    hf_fd_auto(&d->signals);
    hf_fd_auto(&d->lock);
    free(d->config_path);
    free(d->state);
    free(d);
}

enum hf_status hf_daemon_run(struct hf_session *session, struct hf_error *err)
{
    struct hf_daemon *d = calloc(1, sizeof *d);
    enum hf_status status;

    if (!d)
        return hf_error_memory(err);
    d->session = session;
    d->output = session->output;
    d->started = hf_clock_now();
    d->config_copy = d->lock = d->signals = -1;
    status = begin(d, err);
    if (status == HF_OK)
        status = loop(d, err);
    end(d);
    return status;
}
