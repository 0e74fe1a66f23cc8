/*
 * A temporary server of a drill: a child process that listens on a unix socket in the drill's
 * private folder, and ends with the drill. For the drivers of scratch.h.
 */
#ifndef HF_AGENT_DRILL_SERVER_H
#define HF_AGENT_DRILL_SERVER_H

#include "agent/drill/folder.h"
#include "base/process.h"

struct hf_drill_server {
    struct hf_drill_folder folder;
    struct hf_process *process; /* NULL: not started yet */
    char *work;                 /* the folder that the server owns and works in */
};

/* Leftovers are removed, and the folders made; user (NULL: we) owns the inner one. */
enum hf_status hf_drill_server_prepare(const char *base, json_t *notes,
                                       const struct hf_process_user *user,
                                       struct hf_drill_server *out,
                                       struct hf_error *err) HF_WARN_UNUSED;
/* argv is NULL-ended. Asks ask (HF_OK: it answers; HF_UNREACHABLE, HF_BUSY: not yet) until it does;
 * HF_MISSING with the server's last words when it ends before, HF_UNREACHABLE after a minute. */
typedef enum hf_status hf_drill_ask_fn(void *ctx, struct hf_error *err);
enum hf_status hf_drill_server_start(struct hf_drill_server *server, const char *const *argv,
                                     const struct hf_process_user *user, hf_drill_ask_fn *ask,
                                     void *ctx, struct hf_cancel *cancel,
                                     struct hf_error *err) HF_WARN_UNUSED;
/* Ends it and removes everything. Takes NULL; frees. */
enum hf_status hf_drill_server_end(struct hf_drill_server *server,
                                   struct hf_error *err) HF_WARN_UNUSED;

#endif
