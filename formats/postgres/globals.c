#include "formats/postgres/small_streams.h"

#include <stdlib.h>

enum { PIECE = 64 * 1024 };

static enum hf_status start(const struct hf_pg_config *config, const struct hf_work *work,
                            const struct hf_pg *pg, bool passwords, struct hf_process **out,
                            struct hf_error *err)
{
    HF_AUTO(hf_pg_tool) tool = HF_PG_TOOL_INIT;
    HF_AUTO(hf_pg_command) command = HF_PG_COMMAND_INIT;
    const struct hf_pg_address address = hf_pg_address_of(config, PQdb(pg->conn));
    const struct hf_pg_command_io io = {.in_fd = -1, .out_fd = -1, .cancel = work->cancel};

    HF_TRY(
        hf_pg_tool_find(HF_PG_DUMPALL, config->bin_dir, hf_pg_major(pg), work->cancel, &tool, err));
    HF_TRY(hf_pg_command_init(&command, tool.path, &address, err));
    HF_TRY(hf_pg_command_add(&command, err, "--globals-only"));
    /* Without it pg_dumpall goes looking for databases "postgres" and "template1". */
    HF_TRY(hf_pg_command_add(&command, err, "--database=%s", PQdb(pg->conn)));
    if (!passwords)
        HF_TRY(hf_pg_command_add(&command, err, "--no-role-passwords"));
    return hf_pg_command_start(&command, &io, out, err);
}

static enum hf_status read_all(struct hf_process *process, struct hf_buf *out, struct hf_error *err)
{
    size_t got = 0;

    do {
        HF_TRY(hf_buf_reserve(out, PIECE, err));
        HF_TRY(hf_process_read(process, out->data + out->len, PIECE, &got, err));
        out->len += got;
    } while (got > 0);
    return HF_OK;
}

enum hf_status hf_pg_capture_globals(const struct hf_pg_config *config, const struct hf_sink *sink,
                                     const struct hf_work *work, const struct hf_pg *pg,
                                     bool *out_passwords, struct hf_error *err)
{
    HF_AUTO_PTR(hf_process) process = NULL;
    HF_AUTO(hf_buf) text = HF_BUF_INIT;
    struct hf_process *ended;

    if (!pg->superuser)
        hf_observe(work->observer, HF_NOTE_WARNING,
                   "role %s is no superuser and may not read the roles' passwords: the globals are "
                   "without them",
                   PQuser(pg->conn));
    HF_TRY(start(config, work, pg, pg->superuser, &process, err));
    HF_TRY(read_all(process, &text, err));
    ended = process;
    process = NULL;
    HF_TRY(hf_process_finish(ended, err));
    *out_passwords = pg->superuser;
    return hf_sink_write_all(sink, "globals", HF_STREAM_BYTES, text.data, text.len, 0, NULL, err);
}
