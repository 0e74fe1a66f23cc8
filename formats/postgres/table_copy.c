#include "formats/postgres/table_copy.h"

#include "base/json.h"
#include "formats/postgres/copy.h"
#include "formats/postgres/lock.h"
#include "formats/postgres/split.h"

#include <stdlib.h>
#include <string.h>

enum { STEP = 1 << 20 }; /* bytes between two calls of the observer */

void hf_pg_progress_init(struct hf_pg_progress *progress, const struct hf_observer *observer,
                         uint64_t bytes, uint64_t tables)
{
    *progress = (struct hf_pg_progress){.observer = observer,
                                        .expected_bytes = bytes,
                                        .expected_tables = tables,
                                        .told_bytes = bytes};
    (void)pthread_mutex_init(&progress->lock, NULL);
    hf_observe_expect(observer, bytes, tables);
}

void hf_pg_progress_done(struct hf_pg_progress *progress)
{
    (void)pthread_mutex_destroy(&progress->lock);
}

void hf_pg_progress_part(struct hf_pg_progress *progress, uint64_t estimate, uint64_t bytes)
{
    uint64_t change;

    (void)pthread_mutex_lock(&progress->lock);
    progress->expected_bytes += bytes;
    progress->expected_bytes -= estimate < progress->expected_bytes ? estimate : 0;
    change = progress->expected_bytes > progress->told_bytes
                 ? progress->expected_bytes - progress->told_bytes
                 : progress->told_bytes - progress->expected_bytes;
    if (change >= STEP) {
        progress->told_bytes = progress->expected_bytes;
        hf_observe_expect(progress->observer, progress->told_bytes, progress->expected_tables);
    }
    (void)pthread_mutex_unlock(&progress->lock);
}

/* One stream in the making. The row loop runs through here: nothing but the write and a sum. */
struct output {
    const struct hf_sink *sink;
    const struct hf_observer *observer;
    struct hf_sink_stream *stream;
    uint64_t bytes;
    uint64_t told;
};

static enum hf_status take_row(void *ctx, const char *row, size_t len, struct hf_error *err)
{
    struct output *out = ctx;

    out->bytes += len;
    if (out->bytes - out->told >= STEP) {
        hf_observe_advance(out->observer, out->bytes - out->told, 0);
        out->told = out->bytes;
    }
    return out->sink->write(out->stream, row, len, err);
}

static enum hf_status column_names(const struct hf_pg_table *table, json_t **out,
                                   struct hf_error *err)
{
    HF_AUTO_JSON names = json_array();

    if (!names)
        return hf_error_memory(err);
    for (size_t i = 0; i < table->columns.count; i++) {
        if (json_array_append_new(names, json_string(table->columns.items[i])) != 0)
            return hf_error_memory(err);
    }
    *out = names;
    names = NULL;
    return HF_OK;
}

static enum hf_status attributes(const struct hf_pg_part *part, json_t **out, struct hf_error *err)
{
    const struct hf_pg_table *table = part->table;
    HF_AUTO_JSON attrs = NULL;
    HF_AUTO_JSON columns = NULL;

    HF_TRY(column_names(table, &columns, err));
    HF_TRY(hf_json_pack(&attrs, err, "{s:s, s:s, s:O, s:i, s:i}", "schema", table->schema, "table",
                        table->name, "columns", columns, "part", (int)part->part, "parts",
                        (int)table->parts));
    if ((table->where && json_object_set_new(attrs, "where", json_string(table->where)) != 0) ||
        (table->extension &&
         json_object_set_new(attrs, "extension", json_string(table->extension)) != 0))
        return hf_error_memory(err);
    *out = attrs;
    attrs = NULL;
    return HF_OK;
}

/* DB/data/SCHEMA.TABLE/NNNN */
static enum hf_status stream_name(const struct hf_pg_part *part, char **out, struct hf_error *err)
{
    HF_AUTO(hf_buf) name = HF_BUF_INIT;
    const char *text;

    HF_TRY(hf_buf_printf(&name, err, "data/"));
    HF_TRY(hf_pg_schema_name_part(&name, part->table->schema, err));
    HF_TRY(hf_buf_u8(&name, '.', err));
    HF_TRY(hf_stream_name_part(&name, part->table->name, err));
    HF_TRY(hf_buf_printf(&name, err, "/%04u", part->part));
    HF_TRY(hf_buf_cstr(&name, &text, err));
    return hf_pg_stream_name(part->capture, text, out, err);
}

/* Makes the server start to send. */
static enum hf_status begin(const struct hf_pg_part *part, struct hf_pg *pg, bool *out_left,
                            struct hf_error *err)
{
    HF_AUTO(hf_buf) sql = HF_BUF_INIT;
    const char *text;

    if (part->lock == HF_PG_COPY_LOCK_NOWAIT)
        HF_TRY(hf_pg_lock_nowait_sql(&sql, part->table, err));
    HF_TRY(hf_pg_part_sql(&sql, part->table, part->part, pg->encoding, err));
    HF_TRY(hf_buf_cstr(&sql, &text, err));
    if (hf_pg_copy_out_begin(pg, text, err) == HF_OK)
        return HF_OK;
    *out_left = part->lock == HF_PG_COPY_LOCK_NOWAIT && strcmp(pg->sqlstate, "55P03") == 0;
    return *out_left ? HF_OK : err->status;
}

static enum hf_status copy_rows(const struct hf_pg_part *part, struct hf_pg *pg, const char *name,
                                struct hf_pg_copied *copied, struct hf_error *err)
{
    const struct hf_pg_capture *capture = part->capture;
    struct output out = {.sink = capture->sink, .observer = capture->work->observer};
    HF_AUTO_JSON attrs = NULL;

    HF_TRY(attributes(part, &attrs, err));
    HF_TRY(out.sink->open(out.sink->ctx, name, HF_STREAM_ROWS, &out.stream, err));
    if (hf_pg_copy_out_rows(pg, take_row, &out, &copied->rows, err) != HF_OK) {
        out.sink->abandon(out.stream);
        return err->status;
    }
    HF_TRY(out.sink->close(out.stream, copied->rows, attrs, err));
    copied->bytes = out.bytes;
    hf_observe_advance(out.observer, out.bytes - out.told, part->part == 0 ? 1 : 0);
    return HF_OK;
}

enum hf_status hf_pg_copy_part(const struct hf_pg_part *part, struct hf_pg *pg,
                               struct hf_pg_copied *out, bool *out_left, struct hf_error *err)
{
    HF_AUTO_FREE char *name = NULL;

    *out_left = false;
    HF_TRY(stream_name(part, &name, err));
    if (begin(part, pg, out_left, err) != HF_OK)
        return hf_error_prefix(err, "stream %s", name);
    if (*out_left)
        return HF_OK;
    if (copy_rows(part, pg, name, out, err) != HF_OK)
        return hf_error_prefix(err, "stream %s", name);
    return HF_OK;
}
