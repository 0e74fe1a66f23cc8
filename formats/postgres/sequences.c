#include "formats/postgres/small_streams.h"

#include "formats/postgres/copy_text.h"
#include "formats/postgres/quote.h"

#include <stdlib.h>
#include <string.h>

enum { BATCH = 500 };

static bool is_taken(const struct hf_pg_table *table)
{
    return table->kind == HF_PG_KIND_SEQUENCE && table->rows;
}

/* A union of one select a sequence; the index into the list says which is which. */
static enum hf_status batch_sql(const struct hf_pg_tables *tables, size_t *index, size_t most,
                                struct hf_buf *sql, size_t *out_count, struct hf_error *err)
{
    size_t count = 0;

    sql->len = 0;
    for (; *index < tables->count && count < most; (*index)++) {
        const struct hf_pg_table *table = &tables->items[*index];

        if (!is_taken(table))
            continue;
        HF_TRY(hf_buf_printf(sql, err, "%sSELECT %zu AS i, last_value, is_called FROM ",
                             count++ ? " UNION ALL " : "SAVEPOINT hf; ", *index));
        HF_TRY(hf_pg_quote_qualified(sql, table->schema, table->name, err));
    }
    *out_count = count;
    return HF_OK;
}

static enum hf_status append_rows(const struct hf_pg_tables *tables, const PGresult *result,
                                  struct hf_buf *rows, struct hf_error *err)
{
    for (int row = 0; row < PQntuples(result); row++) {
        const struct hf_pg_table *table = &tables->items[hf_pg_field_u64(result, row, "i")];
        const char *const fields[] = {table->schema, table->name,
                                      hf_pg_field(result, row, "last_value"),
                                      hf_pg_field(result, row, "is_called")};

        HF_TRY(hf_pg_text_row(rows, fields, 4, err));
    }
    return HF_OK;
}

/* Sequences from *index on; *out_gone when one of them does not exist any more. */
static enum hf_status read_batch(struct hf_pg_capture *capture, size_t *index, size_t most,
                                 struct hf_buf *rows, bool *out_gone, struct hf_error *err)
{
    HF_AUTO(hf_buf) sql = HF_BUF_INIT;
    HF_AUTO_RESULT result = NULL;
    struct hf_pg *pg = capture->leader;
    const char *text;
    size_t count = 0;

    *out_gone = false;
    HF_TRY(batch_sql(&capture->tables, index, most, &sql, &count, err));
    if (count == 0)
        return HF_OK;
    HF_TRY(hf_buf_cstr(&sql, &text, err));
    if (hf_pg_query(pg, text, &result, err) != HF_OK) {
        *out_gone = strcmp(pg->sqlstate, "42P01") == 0 || strcmp(pg->sqlstate, "3F000") == 0;
        if (!*out_gone)
            return err->status;
        return hf_pg_run(pg, "ROLLBACK TO SAVEPOINT hf; RELEASE SAVEPOINT hf", err);
    }
    HF_TRY(hf_pg_run(pg, "RELEASE SAVEPOINT hf", err));
    return append_rows(&capture->tables, result, rows, err);
}

/* One at a time: nothing keeps a sequence that no table owns from being dropped after the
 * snapshot, and with it goes its value, which is in no snapshot. */
static enum hf_status read_each(struct hf_pg_capture *capture, size_t from, size_t to,
                                struct hf_buf *rows, struct hf_error *err)
{
    for (size_t i = from; i < to; i++) {
        size_t index = i;
        bool gone = false;

        if (!is_taken(&capture->tables.items[i]))
            continue;
        HF_TRY(read_batch(capture, &index, 1, rows, &gone, err));
        if (gone)
            hf_observe(capture->work->observer, HF_NOTE_WARNING,
                       "database %s: sequence %s.%s was dropped during the backup; its value is "
                       "not in it",
                       capture->name, capture->tables.items[i].schema,
                       capture->tables.items[i].name);
    }
    return HF_OK;
}

static uint64_t count_lines(const struct hf_buf *rows)
{
    uint64_t lines = 0;

    for (size_t i = 0; i < rows->len; i++)
        lines += rows->data[i] == '\n';
    return lines;
}

enum hf_status hf_pg_capture_sequences(struct hf_pg_capture *capture, struct hf_error *err)
{
    HF_AUTO(hf_buf) rows = HF_BUF_INIT;
    HF_AUTO_FREE char *name = NULL;
    size_t index = 0;

    while (index < capture->tables.count) {
        size_t from = index;
        bool gone = false;

        HF_TRY(read_batch(capture, &index, BATCH, &rows, &gone, err));
        if (gone)
            HF_TRY(read_each(capture, from, index, &rows, err));
    }
    HF_TRY(hf_pg_stream_name(capture, "sequences", &name, err));
    return hf_sink_write_all(capture->sink, name, HF_STREAM_ROWS, rows.data, rows.len,
                             count_lines(&rows), NULL, err);
}
