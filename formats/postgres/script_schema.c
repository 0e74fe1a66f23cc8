#include "formats/postgres/script.h"

#include "base/file.h"

#include <string.h>

/* Looked at before it is passed on: where the settings stand. */
enum { HEAD = 4096, PIECE = 64 * 1024 };

static enum hf_status make_command(const struct hf_pg_script *script, int list_fd,
                                   struct hf_pg_command *command, struct hf_error *err)
{
    HF_TRY(hf_pg_command_init(command, script->pg_restore.path, NULL, err));
    HF_TRY(hf_pg_command_add(command, err, "--file=-"));
    if (script->options->no_owner)
        HF_TRY(hf_pg_command_add(command, err, "--no-owner"));
    HF_TRY(hf_pg_command_add(command, err, "--no-tablespaces"));
    HF_TRY(hf_pg_command_add(command, err, "--use-list=/proc/self/fd/%d", list_fd));
    return hf_pg_command_add(command, err, "/proc/self/fd/%d", script->input.archive_fd);
}

/* A setting that servers before 17 do not know, and that a new session has anyway. */
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

static enum hf_status pass_on(struct hf_pg_script *script, struct hf_process *process,
                              struct hf_error *err)
{
    HF_AUTO(hf_buf) head = HF_BUF_INIT;
    bool in_head = true;
    char piece[PIECE];
    size_t len;

    do {
        HF_TRY(hf_process_read(process, piece, sizeof piece, &len, err));
        if (!in_head) {
            HF_TRY(hf_pg_script_bytes(script, piece, len, err));
            continue;
        }
        HF_TRY(hf_buf_append(&head, piece, len, err));
        if (head.len < HEAD && len > 0)
            continue;
        in_head = false;
        if (head.len > 0)
            drop_new_setting(&head);
        HF_TRY(hf_pg_script_bytes(script, head.data, head.len, err));
    } while (len > 0);
    return HF_OK;
}

static enum hf_status run(struct hf_pg_script *script, int list_fd, struct hf_error *err)
{
    const int keep[] = {list_fd, script->input.archive_fd, -1};
    const struct hf_pg_command_io io = {
        .in_fd = -1, .out_fd = -1, .keep_fds = keep, .cancel = script->work->cancel};
    HF_AUTO(hf_pg_command) command = HF_PG_COMMAND_INIT;
    HF_AUTO_PTR(hf_process) process = NULL;
    struct hf_process *ended;

    HF_TRY(make_command(script, list_fd, &command, err));
    HF_TRY(hf_pg_command_start(&command, &io, &process, err));
    HF_TRY(pass_on(script, process, err));
    ended = process;
    process = NULL;
    return hf_process_finish(ended, err);
}

enum hf_status hf_pg_script_stage(struct hf_pg_script *script, enum hf_pg_stage stage,
                                  struct hf_error *err)
{
    HF_AUTO(hf_buf) list = HF_BUF_INIT;
    HF_AUTO_FD list_fd = -1;
    size_t count;

    if (stage == HF_PG_STAGE_ACL && script->options->no_acl)
        return HF_OK;
    HF_TRY(hf_pg_selection_list(script->input.toc, &script->input.selection, stage, &list, &count,
                                err));
    if (count == 0)
        return HF_OK;
    HF_TRY(hf_fd_memory("list", &list_fd, err));
    HF_TRY(hf_fd_write(list_fd, list.data, list.len, "list", err));
    return run(script, list_fd, err);
}
