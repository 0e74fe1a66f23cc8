#include "formats/postgres/capture.h"

#include "base/json.h"
#include "base/pool.h"
#include "formats/postgres/largeobjects.h"
#include "formats/postgres/properties.h"
#include "formats/postgres/small_streams.h"
#include "formats/postgres/snapshot.h"
#include "formats/postgres/split.h"
#include "formats/postgres/workers.h"

#include <stdlib.h>
#include <string.h>

enum hf_status hf_pg_stream_name(const struct hf_pg_capture *capture, const char *suffix,
                                 char **out, struct hf_error *err)
{
    return hf_text_format(out, err, "%s/%s", capture->prefix, suffix);
}

enum hf_status hf_pg_schema_name_part(struct hf_buf *name, const char *schema, struct hf_error *err)
{
    HF_AUTO_FREE char *part = NULL;

    while (*schema) {
        size_t len = strcspn(schema, ".");

        HF_TRY(hf_text_format(&part, err, "%.*s", (int)len, schema));
        HF_TRY(hf_stream_name_part(name, part, err));
        free(part);
        part = NULL;
        if (schema[len] == '.')
            HF_TRY(hf_buf_append_str(name, "%2E", err));
        schema += len + (schema[len] == '.');
    }
    return HF_OK;
}

unsigned hf_pg_lock_seconds(const struct hf_pg_config *config)
{
    return config->lock_timeout ? config->lock_timeout : HF_PG_LOCK_SECONDS;
}

unsigned hf_pg_capture_jobs(const struct hf_pg_config *config, const struct hf_work *work)
{
    size_t jobs = hf_pool_cpus();

    if (work->jobs)
        return work->jobs;
    if (config->jobs)
        return config->jobs;
    if (jobs < HF_PG_JOBS_MIN)
        return HF_PG_JOBS_MIN;
    return jobs > HF_PG_JOBS_MAX ? HF_PG_JOBS_MAX : (unsigned)jobs;
}

struct hf_pg_address hf_pg_address_of(const struct hf_pg_config *config, const char *database)
{
    return (struct hf_pg_address){
        .conninfo = config->conninfo, .password = config->password, .database = database};
}

static void capture_auto(struct hf_pg_capture *capture)
{
    free(capture->name);
    free(capture->prefix);
    free(capture->snapshot);
    hf_pg_tables_free(&capture->tables);
}

static enum hf_status set_up(struct hf_pg_capture *capture, struct hf_error *err)
{
    HF_AUTO(hf_buf) prefix = HF_BUF_INIT;
    HF_AUTO_FREE char *standby = NULL;
    const char *text;

    HF_TRY(hf_text_copy(PQdb(capture->leader->conn), &capture->name, err));
    HF_TRY(hf_stream_name_part(&prefix, capture->name, err));
    HF_TRY(hf_buf_cstr(&prefix, &text, err));
    HF_TRY(hf_text_copy(text, &capture->prefix, err));
    capture->address = hf_pg_address_of(capture->config, capture->name);
    capture->address.pooler_checked = true;
    HF_TRY(
        hf_pg_query_value(capture->leader, "SELECT pg_catalog.pg_is_in_recovery()", &standby, err));
    capture->standby = standby[0] == 't';
    return HF_OK;
}

/* What the person should know is not in the backup. */
static void warn(const struct hf_pg_capture *capture)
{
    const struct hf_observer *observer = capture->work->observer;

    for (size_t i = 0; i < capture->tables.count; i++) {
        const struct hf_pg_table *table = &capture->tables.items[i];

        if (!table->selected || table->extension)
            continue;
        if (table->kind == HF_PG_KIND_FOREIGN)
            hf_observe(observer, HF_NOTE_WARNING,
                       "database %s: %s.%s is a foreign table: its definition is backed up, its "
                       "rows, which are elsewhere, are not",
                       capture->name, table->schema, table->name);
        else if (table->kind == HF_PG_KIND_TABLE && table->unlogged && capture->standby)
            hf_observe(observer, HF_NOTE_WARNING,
                       "database %s: %s.%s is unlogged and cannot be read on a standby: its "
                       "definition is backed up, its rows are not",
                       capture->name, table->schema, table->name);
    }
}

static void plan_parts(struct hf_pg_capture *capture)
{
    uint64_t split = capture->config->split ? capture->config->split : HF_PG_SPLIT_DEFAULT;
    uint64_t bytes = 0;
    char size[HF_SIZE_TEXT];
    size_t tables = 0;

    for (size_t i = 0; i < capture->tables.count; i++) {
        struct hf_pg_table *table = &capture->tables.items[i];

        if (!table->rows || table->kind != HF_PG_KIND_TABLE)
            continue;
        hf_pg_split(table, split, capture->leader->version);
        tables++;
        bytes += table->bytes;
    }
    hf_text_format_size(size, bytes);
    hf_observe(capture->work->observer, HF_NOTE_STEP, "database %s: %zu table%s, %s on disk",
               capture->name, tables, hf_text_plural(tables), size);
}

/* The leader's own streams and pg_dump's, while the workers copy. */
static enum hf_status take_the_rest(struct hf_pg_capture *capture, struct hf_pg_schema_dump *dump,
                                    struct hf_error *err)
{
    HF_TRY(hf_pg_capture_sequences(capture, err));
    HF_TRY(hf_pg_capture_matviews(capture, err));
    return hf_pg_schema_dump_take(dump, err);
}

static enum hf_status copy_everything(struct hf_pg_capture *capture, struct hf_pg_schema_dump *dump,
                                      struct hf_error *err)
{
    struct hf_pg_workers_plan plan = {.capture = capture,
                                      .jobs = hf_pg_capture_jobs(capture->config, capture->work)};
    struct hf_pg_workers *workers = NULL;

    if (hf_pg_filter_large_objects(capture->config))
        HF_TRY(hf_pg_capture_large_objects(capture, &plan.large_objects, &plan.large_object_bytes,
                                           err));
    HF_TRY(hf_pg_workers_start(&plan, &workers, err));
    if (take_the_rest(capture, dump, err) != HF_OK) {
        struct hf_error first = HF_ERROR_INIT;

        hf_pg_workers_stop(workers, err);
        if (hf_cancel_cause(capture->work->cancel, &first) != HF_OK)
            *err = first;
        return err->status;
    }
    HF_TRY(hf_pg_workers_finish(workers, err));
    /* The locks and the snapshot have lasted until here only if the leader has. */
    return hf_pg_run(capture->leader, "COMMIT", err);
}

static enum hf_status properties(const struct hf_pg_capture *capture, json_t *database,
                                 struct hf_error *err)
{
    HF_AUTO_JSON more = json_pack("{s:s, s:b, s:b, s:I, s:I, s:I}", "snapshot", capture->snapshot,
                                  "partial", hf_pg_filter_partial(capture->config), "large_objects",
                                  hf_pg_filter_large_objects(capture->config), "tables",
                                  (json_int_t)capture->data_tables, "rows",
                                  (json_int_t)capture->rows, "bytes", (json_int_t)capture->bytes);

    if (!more || json_object_update(database, more) != 0)
        return hf_error_memory(err);
    return HF_OK;
}

enum hf_status hf_pg_capture_database(const struct hf_pg_capture_input *input,
                                      json_t **out_properties, int64_t *out_time,
                                      struct hf_error *err)
{
    __attribute__((cleanup(capture_auto))) struct hf_pg_capture capture = {
        .config = input->config,
        .sink = input->sink,
        .work = input->work,
        .filter = input->filter,
        .pg_dump = input->pg_dump,
        .leader = input->leader,
        .tables = HF_PG_TABLES_INIT,
    };
    HF_AUTO_PTR(hf_pg_schema_dump) dump = NULL;
    HF_AUTO_JSON database = NULL;

    HF_TRY(set_up(&capture, err));
    HF_TRY(hf_pg_snapshot_begin(&capture, &dump, err));
    HF_TRY(hf_pg_properties_database(capture.leader, &database, err));
    warn(&capture);
    plan_parts(&capture);
    HF_TRY(copy_everything(&capture, dump, err));
    HF_TRY(properties(&capture, database, err));
    *out_time = capture.time;
    *out_properties = database;
    database = NULL;
    return HF_OK;
}
