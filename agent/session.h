/*
 * One run of the program: what was asked, the configuration, the voice, the work at hand, and the
 * repositories that are open. Commands (run.h) are given one. Main thread only.
 */
#ifndef HF_AGENT_SESSION_H
#define HF_AGENT_SESSION_H

#include "agent/cli/args.h"
#include "agent/config/config.h"
#include "agent/history/recorder.h"
#include "agent/terminal/output.h"
#include "storage/repository/repository.h"

/* A repository that is open, or only its store. Lives as long as the session (choose.h opens it).
 */
struct hf_opened {
    char *title; /* "repository offsite" or "repository /srv/backups", for errors */
    char *place; /* struct hf_chosen: place */
    struct hf_store *store;
    bool cached;          /* store is one that keeps copies (cached.h) */
    struct hf_repo *repo; /* NULL: only the store */
    struct hf_opened *next;
};

/* A bucket that was said by its URL. */
struct hf_said_bucket {
    char *url;
    struct hf_config_s3 *s3;
    struct hf_said_bucket *next;
};

struct hf_session {
    const struct hf_args *args;
    struct hf_config *config;
    struct hf_output *output;
    struct hf_recorder *recorder;     /* of this run; NULL until the command runs */
    struct hf_cancel *cancel;         /* of the work at hand */
    struct hf_secret *env_passphrase; /* HOLDFAST_PASSPHRASE, or NULL */
    char *env_passphrase_file;        /* HOLDFAST_PASSPHRASE_FILE, or NULL */

    struct hf_said_bucket *said_buckets; /* by --repository or an operand */
    struct hf_opened *at_hand;           /* the repository that the command is about, or NULL */
    struct hf_opened *from;   /* --from: where what that one lacks is taken from, or NULL */
    struct hf_opened *opened; /* all that are open, these included */
};

/* Reads the configuration where the command uses one; takes secrets out of the environment. */
enum hf_status hf_session_begin(const struct hf_args *args, struct hf_output *output,
                                struct hf_session *out, struct hf_error *err) HF_WARN_UNUSED;
void hf_session_end(struct hf_session *session);

/* A new piece of work: what stopped the last one is forgotten, an interrupt is not. */
enum hf_status hf_session_new_work(struct hf_session *session, struct hf_error *err) HF_WARN_UNUSED;
/* When err says no more than that the work was stopped, or what a Ctrl-C led to: puts the reason in
 * its place. Returns its status. */
enum hf_status hf_session_cause(struct hf_session *session, struct hf_error *err);

/* A new one in the list, with neither store nor repository yet. */
enum hf_status hf_session_add_opened(struct hf_session *session, const char *title,
                                     const char *place, struct hf_opened **out,
                                     struct hf_error *err) HF_WARN_UNUSED;
/* Its name in the configuration, or its place. Borrowed. */
const char *hf_opened_short_name(const struct hf_opened *opened);
/* Puts a repository, or the one at hand, in front of an error that does not name it yet. Returns
 * its status. */
enum hf_status hf_opened_name(const struct hf_opened *opened, struct hf_error *err);
enum hf_status hf_session_name_repository(const struct hf_session *session, struct hf_error *err);

/* --memory, --threads and --level, or the configuration's. */
enum hf_status hf_session_limits(const struct hf_session *session, uint64_t *out_memory,
                                 unsigned *out_threads, unsigned *out_level,
                                 struct hf_error *err) HF_WARN_UNUSED;

#endif
