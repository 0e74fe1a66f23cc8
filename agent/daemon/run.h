/*
 * One run that the agent began: a child process with its reports, and how it is ended. One thread.
 * Deadlines are of the monotonic clock.
 */
#ifndef HF_AGENT_DAEMON_RUN_H
#define HF_AGENT_DAEMON_RUN_H

#include "agent/daemon/child.h"
#include "agent/daemon/report.h"
#include "base/secret.h"

enum { HF_RUN_ID_TEXT = 33 };

enum hf_run_kind { HF_RUN_BACKUP, HF_RUN_PRUNE, HF_RUN_DRILL, HF_RUN_KINDS };

/* "backup", "prune", "drill": the command, and how logs call it */
const char *hf_run_kind_name(enum hf_run_kind kind);

enum hf_run_stop {
    HF_RUN_GOES_ON,
    HF_RUN_OVER_TIME,    /* its time limit passed */
    HF_RUN_AGENT_LEAVES, /* the agent is told to end */
};

/* What all runs are given. Borrowed. */
struct hf_run_context {
    const char *config_file;
    int config_copy;                    /* hf_config_load_copy */
    const struct hf_secret *passphrase; /* that was in the agent's environment, or NULL */
    int64_t stop_timeout;               /* ns from SIGTERM to SIGKILL */
    const char *log_level;              /* as --log-level takes it, or NULL */
    bool log_json;
};

struct hf_run {
    char id[HF_RUN_ID_TEXT];
    enum hf_run_kind kind;
    char *subject;       /* the job */
    const char *trigger; /* "schedule", "request", ...; constant text */
    uint64_t ticket;     /* of the planner */
    int64_t began;       /* wall clock */
    int64_t kill_at;     /* 0: not to be killed */
    int64_t grace;
    enum hf_run_stop stop;
    struct hf_child child;
    struct hf_report report;
    struct hf_verdict verdict; /* when it has ended */
    struct hf_run *next;       /* for whoever keeps it */
};

/* subject is copied. */
enum hf_status hf_run_start(const struct hf_run_context *context, enum hf_run_kind kind,
                            const char *subject, const char *trigger, struct hf_run **out,
                            struct hf_error *err) HF_WARN_UNUSED;

/* Called for each of its events, as the line it wrote. */
typedef void hf_run_line_fn(void *ctx, struct hf_run *run, const char *line, size_t len);

/* What is there to read now. */
void hf_run_read(struct hf_run *run, hf_run_line_fn *fn, void *ctx);
/* SIGTERM, and SIGKILL once its grace has passed. A second call kills at once. */
void hf_run_tell_to_stop(struct hf_run *run, enum hf_run_stop why, int64_t now);
/* Kills it if it is time to. When that is, or INT64_MAX. */
int64_t hf_run_tick(struct hf_run *run, int64_t now);
/* When its process has ended: reads the rest, and fills in the verdict. */
void hf_run_end(struct hf_run *run, hf_run_line_fn *fn, void *ctx);
/* Kills it if it goes on. Takes NULL. */
void hf_run_free(struct hf_run *run);
HF_DEFINE_AUTO_PTR(hf_run, hf_run_free)

#endif
