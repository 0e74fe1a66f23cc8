#include "formats/postgres/script.h"

#include "base/file.h"
#include "formats/postgres/restore_script.h"

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

static enum hf_status take(void *ctx, const void *data, size_t len, struct hf_error *err)
{
    return hf_pg_script_bytes(ctx, data, len, err);
}

static enum hf_status run(struct hf_pg_script *script, int list_fd, struct hf_error *err)
{
    const int keep[] = {list_fd, script->input.archive_fd, -1};
    const struct hf_pg_command_io io = {
        .in_fd = -1, .out_fd = -1, .keep_fds = keep, .cancel = script->work->cancel};
    HF_AUTO(hf_pg_command) command = HF_PG_COMMAND_INIT;

    HF_TRY(make_command(script, list_fd, &command, err));
    return hf_pg_restore_script(&command, &io, take, script, err);
}

enum hf_status hf_pg_script_stage(struct hf_pg_script *script, enum hf_pg_stage stage,
                                  struct hf_error *err)
{
    HF_AUTO(hf_buf) list = HF_BUF_INIT;
    HF_AUTO_FD list_fd = -1;
    size_t count;

    if (stage == HF_PG_STAGE_ACL && script->options->no_acl)
        return HF_OK;
    HF_TRY(hf_pg_selection_list(script->input.toc, &script->input.selection, stage, NULL, &list,
                                &count, err));
    if (count == 0)
        return HF_OK;
    HF_TRY(hf_fd_memory("list", &list_fd, err));
    HF_TRY(hf_fd_write(list_fd, list.data, list.len, "list", err));
    return run(script, list_fd, err);
}
