#include "agent/drill/server.h"

#include "base/clock.h"
#include "base/text.h"

#include <stdlib.h>
#include <unistd.h>

#define START_NS (60 * HF_NS_PER_S)
#define BETWEEN_NS (HF_NS_PER_S / 50)

enum hf_status hf_drill_server_prepare(const char *base, json_t *notes,
                                       const struct hf_process_user *user,
                                       struct hf_drill_server *out, struct hf_error *err)
{
    hf_drill_folder_init(&out->folder);
    HF_TRY(hf_drill_folder_make(base, notes, &out->folder, err));
    return hf_drill_folder_add(&out->folder, "server", user ? user->uid : geteuid(),
                               user ? user->gid : getegid(), &out->work, err);
}

/* Its last words are the reason. */
static enum hf_status ended_early(struct hf_drill_server *server, struct hf_error *err)
{
    struct hf_process *process = server->process;
    struct hf_error why = HF_ERROR_INIT;
    enum hf_status status;

    server->process = NULL;
    status = hf_process_finish(process, &why);
    return hf_error_set(err, HF_MISSING, "the temporary server does not start: %s",
                        status == HF_OK ? "it ended at once" : why.text);
}

enum hf_status hf_drill_server_start(struct hf_drill_server *server, const char *const *argv,
                                     const struct hf_process_user *user, hf_drill_ask_fn *ask,
                                     void *ctx, struct hf_cancel *cancel, struct hf_error *err)
{
    const struct hf_process_options options = {
        .argv = argv, .in_fd = -1, .out_fd = -1, .user = user, .folder = server->work};
    int64_t deadline = hf_clock_monotonic() + START_NS;

    HF_TRY(hf_process_start(&options, &server->process, err));
    for (;;) {
        struct hf_error why = HF_ERROR_INIT;
        enum hf_status status = ask(ctx, &why);

        if (status == HF_OK)
            return HF_OK;
        if (hf_process_has_ended(server->process))
            return ended_early(server, err);
        if ((status != HF_UNREACHABLE && status != HF_BUSY) || hf_clock_monotonic() > deadline) {
            *err = why;
            return hf_error_prefix(err, "the temporary server does not start");
        }
        HF_TRY(hf_cancel_sleep(cancel, BETWEEN_NS, err));
    }
}

enum hf_status hf_drill_server_end(struct hf_drill_server *server, struct hf_error *err)
{
    enum hf_status status;

    if (!server)
        return HF_OK;
    hf_process_kill(server->process);
    status = hf_drill_folder_remove(&server->folder, err);
    free(server->work);
    free(server);
    return status;
}
