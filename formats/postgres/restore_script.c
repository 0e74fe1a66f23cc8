#include "formats/postgres/restore_script.h"

#include <string.h>

/* Looked at before it is passed on: where the settings stand. */
enum { HEAD = 4096, PIECE = 64 * 1024 };

/* A new session has it anyway. */
static void drop_new_setting(struct hf_buf *head)
{
    static const char line[] = "SET transaction_timeout = 0;\n";
    size_t len = sizeof line - 1;
    uint8_t *at = memmem(head->data, head->len, line, len);

    if (!at)
        return;
    memmove(at, at + len, head->len - (size_t)(at - head->data) - len);
    head->len -= len;
}

static enum hf_status pass_on(struct hf_process *process, hf_pg_script_take_fn *take, void *ctx,
                              struct hf_error *err)
{
    HF_AUTO(hf_buf) head = HF_BUF_INIT;
    bool in_head = true;
    char piece[PIECE];
    size_t len;

    do {
        HF_TRY(hf_process_read(process, piece, sizeof piece, &len, err));
        if (!in_head) {
            HF_TRY(take(ctx, piece, len, err));
            continue;
        }
        HF_TRY(hf_buf_append(&head, piece, len, err));
        if (head.len < HEAD && len > 0)
            continue;
        in_head = false;
        if (head.len > 0)
            drop_new_setting(&head);
        HF_TRY(take(ctx, head.data, head.len, err));
    } while (len > 0);
    return HF_OK;
}

enum hf_status hf_pg_restore_script(const struct hf_pg_command *command,
                                    const struct hf_pg_command_io *io, hf_pg_script_take_fn *take,
                                    void *ctx, struct hf_error *err)
{
    HF_AUTO_PTR(hf_process) process = NULL;
    struct hf_process *ended;

    HF_TRY(hf_pg_command_start(command, io, &process, err));
    HF_TRY(pass_on(process, take, ctx, err));
    ended = process;
    process = NULL;
    return hf_process_finish(ended, err);
}
