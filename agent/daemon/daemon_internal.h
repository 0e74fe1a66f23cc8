/* The parts of the agent (daemon.h), for its files. */
#ifndef HF_AGENT_DAEMON_DAEMON_INTERNAL_H
#define HF_AGENT_DAEMON_DAEMON_INTERNAL_H

#include "agent/daemon/agenda.h"
#include "agent/daemon/control.h"
#include "agent/daemon/daemon.h"
#include "agent/daemon/run.h"
#include "agent/history/history.h"

/* Somebody on the socket who waits for a run. */
struct hf_watcher {
    struct hf_control_client *client;
    uint64_t ticket;
};

/* When the agent last did something that it does at a rhythm of its own; by name of the agenda. */
struct hf_rhythm {
    char *name;
    int64_t last;
};

struct hf_daemon {
    struct hf_session *session;
    struct hf_output *output;
    char *state;       /* or NULL: there is none to be had */
    char *config_path; /* absolute, for the socket */
    int config_copy;
    struct hf_config *config;
    struct hf_agenda *agenda;
    struct hf_planner *planner;
    struct hf_run *runs;
    struct hf_plan_run held[HF_CONFIG_RUNS_MAX]; /* taken, but the job is being run by others */
    size_t held_count;
    struct hf_control *control; /* or NULL */
    struct hf_watcher watchers[HF_CONTROL_CLIENTS_MAX];
    size_t watcher_count;
    struct hf_board *board; /* for the monitor; or NULL */
    int64_t started;        /* wall clock */
    struct hf_rhythm *rhythms;
    size_t rhythm_count;
    int lock; /* or -1 */
    int signals;
    pid_t orphan; /* a process that has ended and nobody has waited for, since then; 0: none */
    int64_t orphan_since;
    bool leaving;
    bool again;        /* the configuration is to be read again */
    int64_t skip_left; /* HF_DAEMON_SKIP_VARIABLE, seconds */
    int64_t skipped;   /* ns */
};

struct hf_plan_now hf_daemon_now(const struct hf_daemon *d);

/* ---- daemon_runs.c ---- */

/* Begins what is due, and ends what is over its time. */
void hf_daemon_start_due(struct hf_daemon *d);
/* A child has ended. */
void hf_daemon_end_run(struct hf_daemon *d, struct hf_run *run);
/* All of them are told to end; those that were told before are killed. */
void hf_daemon_stop_runs(struct hf_daemon *d);
/* For the events of runs. */
void hf_daemon_on_line(void *ctx, struct hf_run *run, const char *line, size_t len);

/* ---- daemon_chores.c ---- */

/* A run ended well: asks for what follows it. */
void hf_daemon_follow(struct hf_daemon *d, const struct hf_run *run);
/* Tells the planner what was before, as far as the history knows. */
void hf_daemon_remember(struct hf_daemon *d);
/* The parent's word on a run that could not write its own end. */
void hf_daemon_record_lost(struct hf_daemon *d, const struct hf_run *run);
void hf_daemon_forget_rhythms(struct hf_daemon *d);

/* ---- daemon_monitor.c ---- */

/* What goes wrong is said, and stops nothing. Stopped before the configuration is replaced. */
void hf_daemon_monitor_start(struct hf_daemon *d);
void hf_daemon_monitor_stop(struct hf_daemon *d);
void hf_daemon_monitor_free(struct hf_daemon *d);
/* What its threads are told of the planner; looks at the clock, and does little more most times. */
void hf_daemon_monitor_write(struct hf_daemon *d);

/* ---- daemon_requests.c ---- */

enum hf_status hf_daemon_listen(struct hf_daemon *d, struct hf_error *err) HF_WARN_UNUSED;
/* Whoever waits for the run is told how it ended. */
void hf_daemon_tell_end(struct hf_daemon *d, uint64_t ticket, int exit_code, const char *text);
void hf_daemon_tell_line(struct hf_daemon *d, uint64_t ticket, const char *line, size_t len);

#endif
