#include "formats/postgres/schema_dump.h"

#include "base/clock.h"
#include "base/random.h"
#include "formats/postgres/lock.h"
#include "formats/postgres/quote.h"
#include "formats/postgres/toc.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Longest wait for a pg_dump that does not show up, or shows up and takes no more locks. */
#define SHOW_NS (10 * HF_NS_PER_S)
#define STALL_NS (3 * HF_NS_PER_S)
enum { LOOK_MS = 20, PIECE = 64 * 1024, KEPT_MAX = 64 << 20, APP_NAME = 48 };

struct hf_pg_schema_dump {
    const struct hf_pg_capture *capture;
    struct hf_process *process;
    char app_name[APP_NAME]; /* that its session is known by in pg_stat_activity */
};

void hf_pg_schema_dump_free(struct hf_pg_schema_dump *dump)
{
    if (!dump)
        return;
    hf_process_kill(dump->process);
    free(dump);
}

static enum hf_status start(struct hf_pg_schema_dump *dump, struct hf_error *err)
{
    const struct hf_pg_capture *capture = dump->capture;
    HF_AUTO(hf_pg_command) command = HF_PG_COMMAND_INIT;
    const struct hf_pg_command_io io = {
        .in_fd = -1, .out_fd = -1, .app_name = dump->app_name, .cancel = capture->work->cancel};

    HF_TRY(hf_pg_command_init(&command, capture->pg_dump->path, &capture->address, err));
    HF_TRY(hf_pg_command_add(&command, err, "--format=custom"));
    HF_TRY(hf_pg_command_add(&command, err, "--compress=0"));
    HF_TRY(hf_pg_command_add(&command, err, "--schema-only"));
    if (!capture->leader->ascii) /* names in the archive, and in its options, are as ours are */
        HF_TRY(hf_pg_command_add(&command, err, "--encoding=UTF8"));
    HF_TRY(hf_pg_command_add(&command, err, "--snapshot=%s", capture->snapshot));
    HF_TRY(hf_pg_command_add(&command, err, "--lock-wait-timeout=%u",
                             hf_pg_lock_seconds(capture->config) * 1000));
    HF_TRY(hf_pg_schema_dump_options(capture->config, &capture->tables, capture->pg_dump->major,
                                     &command, err));
    return hf_pg_command_start(&command, &io, &dump->process, err);
}

/* What pg_dump's session is about. */
struct sight {
    bool there;
    bool waiting;   /* for a lock */
    bool behind_us; /* for one that a session wants that waits for us */
    uint64_t locks; /* tables that it has locked */
};

static enum hf_status look(const struct hf_pg_schema_dump *dump, struct sight *out,
                           struct hf_error *err)
{
    struct hf_pg *pg = dump->capture->leader;
    HF_AUTO_RESULT result = NULL;
    HF_AUTO_FREE char *sql = NULL;

    HF_TRY(hf_text_format(
        &sql, err,
        "SELECT pg_catalog.pg_stat_clear_snapshot();" /* or a transaction sees the same always */
        "SELECT a.wait_event_type = 'Lock' AS waiting,"
        " (SELECT pg_catalog.count(*) FROM pg_catalog.pg_locks l WHERE l.pid = a.pid AND l.granted"
        "  AND l.locktype = 'relation' AND l.mode = 'AccessShareLock' AND l.relation >= 16384)"
        "  AS locks,"
        " EXISTS (SELECT FROM pg_catalog.unnest(pg_catalog.pg_blocking_pids(a.pid)) b"
        "  WHERE pg_catalog.pg_backend_pid() = ANY (pg_catalog.pg_blocking_pids(b))) AS behind_us"
        " FROM pg_catalog.pg_stat_activity a WHERE a.application_name = '%s'",
        dump->app_name));
    HF_TRY(hf_pg_query(pg, sql, &result, err));
    *out = (struct sight){.there = PQntuples(result) > 0};
    if (out->there) {
        out->waiting = hf_pg_field_bool(result, 0, "waiting");
        out->behind_us = hf_pg_field_bool(result, 0, "behind_us");
        out->locks = hf_pg_field_u64(result, 0, "locks");
    }
    return HF_OK;
}

static uint64_t locks_wanted(const struct hf_pg_tables *tables)
{
    uint64_t count = 0;

    for (size_t i = 0; i < tables->count; i++)
        count += hf_pg_wants_lock(&tables->items[i]) && !tables->items[i].extension;
    return count;
}

static enum hf_status pause_looking(struct hf_cancel *cancel, struct hf_error *err)
{
    struct pollfd wait = {.fd = hf_cancel_fd(cancel), .events = POLLIN};

    if (poll(&wait, 1, LOOK_MS) < 0 && errno != EINTR)
        return hf_error_sys(err, errno, "waiting for pg_dump");
    return hf_cancel_check(cancel, err);
}

/*
 * Until pg_dump holds what it needs. How it ends is seen when its output is taken, so that giving
 * up here is no error: pg_dump may lock less than we count on, or be gone already.
 */
static enum hf_status await_locks(const struct hf_pg_schema_dump *dump, int64_t patience,
                                  bool *out_again, struct hf_error *err)
{
    uint64_t wanted = locks_wanted(&dump->capture->tables);
    struct sight last = {.there = false};
    int64_t changed = hf_clock_monotonic();
    int64_t free_at = changed; /* last seen not to wait behind us, or to get on */
    int64_t deadline = changed + hf_pg_lock_seconds(dump->capture->config) * HF_NS_PER_S;

    while (wanted > 0) {
        struct sight now;
        int64_t time;

        HF_TRY(look(dump, &now, err));
        time = hf_clock_monotonic();
        if (!now.behind_us || now.locks != last.locks)
            free_at = time;
        if (now.behind_us && time - free_at >= patience) {
            *out_again = true;
            return HF_OK;
        }
        if (now.locks >= wanted || (last.there && !now.there))
            return HF_OK;
        if (now.there != last.there || now.locks != last.locks || now.waiting)
            changed = time;
        if (time > deadline || time - changed > (now.there && now.locks > 0 ? STALL_NS : SHOW_NS))
            return HF_OK;
        last = now;
        HF_TRY(pause_looking(dump->capture->work->cancel, err));
    }
    return HF_OK;
}

enum hf_status hf_pg_schema_dump_start(const struct hf_pg_capture *capture, int64_t patience,
                                       struct hf_pg_schema_dump **out, bool *out_again,
                                       struct hf_error *err)
{
    HF_AUTO_PTR(hf_pg_schema_dump) dump = calloc(1, sizeof *dump);
    char token[17];

    if (!dump)
        return hf_error_memory(err);
    dump->capture = capture;
    hf_random_hex(token, 8);
    (void)snprintf(dump->app_name, sizeof dump->app_name, "holdfast pg_dump %s", token);
    HF_TRY(start(dump, err));
    HF_TRY(await_locks(dump, patience, out_again, err));
    if (*out_again)
        return HF_OK;
    *out = dump;
    dump = NULL;
    return HF_OK;
}

/* Up to PIECE bytes, and not fewer than an archive's head unless there are no more. */
static enum hf_status read_piece(struct hf_pg_schema_dump *dump, uint8_t *piece, size_t *out_len,
                                 struct hf_error *err)
{
    size_t len = 0;
    size_t got = 1;

    while (len < HF_PG_ARCHIVE_HEAD && got > 0) {
        HF_TRY(hf_process_read(dump->process, piece + len, PIECE - len, &got, err));
        len += got;
    }
    *out_len = len;
    return HF_OK;
}

/* What is kept of an archive, to see that it is whole; *out_kept is cut off where it is larger. */
static enum hf_status move_output(struct hf_pg_schema_dump *dump, struct hf_sink_stream *stream,
                                  struct hf_buf *out_kept, uint64_t *out_bytes,
                                  struct hf_error *err)
{
    const struct hf_sink *sink = dump->capture->sink;
    HF_AUTO_FREE uint8_t *piece = malloc(PIECE);
    size_t got = 0;

    if (!piece)
        return hf_error_memory(err);
    for (;;) {
        HF_TRY(read_piece(dump, piece, &got, err));
        if (got == 0)
            return HF_OK;
        if (*out_bytes == 0 && got >= HF_PG_ARCHIVE_HEAD)
            hf_pg_toc_settle_date(piece);
        HF_TRY(sink->write(stream, piece, got, err));
        *out_bytes += got;
        if (*out_bytes <= KEPT_MAX)
            HF_TRY(hf_buf_append(out_kept, piece, got, err));
    }
}

/* A pg_dump that ended well may still have written to a wrapper that did not. */
static enum hf_status check_whole(const struct hf_buf *archive, uint64_t bytes,
                                  struct hf_error *err)
{
    HF_AUTO_PTR(hf_pg_toc) toc = NULL;

    if (bytes == 0)
        return hf_error_set(err, HF_FAILED, "pg_dump ended well but wrote nothing");
    if (bytes > KEPT_MAX)
        return HF_OK;
    if (hf_pg_toc_parse(archive->data, archive->len, &toc, err) == HF_OK)
        return HF_OK;
    if (err->status == HF_DAMAGED)
        err->status = HF_FAILED;
    return hf_error_prefix(err, "pg_dump ended well but wrote no whole archive");
}

/* When the server went away pg_dump only says that a query failed; our connection knows. */
static enum hf_status explain(const struct hf_pg_schema_dump *dump, struct hf_error *err)
{
    struct hf_error why = HF_ERROR_INIT;

    if (err->status == HF_FAILED &&
        hf_pg_run(dump->capture->leader, "SELECT 1", &why) == HF_UNREACHABLE)
        *err = why;
    return err->status;
}

/* The stream is closed only after pg_dump has ended well: nothing half may look whole. */
static enum hf_status take(struct hf_pg_schema_dump *dump, struct hf_sink_stream *stream,
                           struct hf_error *err)
{
    HF_AUTO(hf_buf) kept = HF_BUF_INIT;
    struct hf_process *process;
    uint64_t bytes = 0;

    HF_TRY(move_output(dump, stream, &kept, &bytes, err));
    process = dump->process;
    dump->process = NULL;
    if (hf_process_finish(process, err) != HF_OK)
        return explain(dump, err);
    return check_whole(&kept, bytes, err);
}

enum hf_status hf_pg_schema_dump_take(struct hf_pg_schema_dump *dump, struct hf_error *err)
{
    const struct hf_pg_capture *capture = dump->capture;
    struct hf_sink_stream *stream = NULL;
    HF_AUTO_FREE char *name = NULL;

    HF_TRY(hf_pg_stream_name(capture, "schema", &name, err));
    HF_TRY(capture->sink->open(capture->sink->ctx, name, HF_STREAM_BYTES, &stream, err));
    if (take(dump, stream, err) != HF_OK) {
        capture->sink->abandon(stream);
        return hf_error_prefix(err, "stream %s", name);
    }
    return capture->sink->close(stream, 0, NULL, err);
}
