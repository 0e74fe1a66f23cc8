#include "formats/postgres/lock.h"

#include "formats/postgres/quote.h"

#include <stdio.h>
#include <string.h>

/* A lock that was waited for in vain is asked for once more, shortly, to learn which it is. */
enum { BATCH = 500, AGAIN_MS = 1000 };

bool hf_pg_wants_lock(const struct hf_pg_table *table)
{
    return table->selected && (!table->extension || table->configuration) &&
           (table->kind == HF_PG_KIND_TABLE || table->kind == HF_PG_KIND_PARTITIONED);
}

static enum hf_status append_target(struct hf_buf *sql, const struct hf_pg_table *table,
                                    struct hf_error *err)
{
    HF_TRY(hf_buf_append_str(sql, "ONLY ", err));
    return hf_pg_quote_qualified(sql, table->schema, table->name, err);
}

enum hf_status hf_pg_lock_nowait_sql(struct hf_buf *sql, const struct hf_pg_table *table,
                                     struct hf_error *err)
{
    HF_TRY(hf_buf_append_str(sql, "LOCK TABLE ", err));
    HF_TRY(append_target(sql, table, err));
    return hf_buf_append_str(sql, " IN ACCESS SHARE MODE NOWAIT; ", err);
}

/* The batch starts at *index and is moved past. */
static enum hf_status batch_sql(const struct hf_pg_tables *tables, size_t *index, size_t most,
                                struct hf_buf *sql, size_t *out_count, struct hf_error *err)
{
    size_t count = 0;

    sql->len = 0;
    HF_TRY(hf_buf_append_str(sql, "SAVEPOINT hf; LOCK TABLE ", err));
    for (; *index < tables->count && count < most; (*index)++) {
        if (!hf_pg_wants_lock(&tables->items[*index]))
            continue;
        if (count++)
            HF_TRY(hf_buf_append_str(sql, ", ", err));
        HF_TRY(append_target(sql, &tables->items[*index], err));
    }
    *out_count = count;
    return hf_buf_append_str(sql, " IN ACCESS SHARE MODE; RELEASE SAVEPOINT hf", err);
}

static bool is_gone(const struct hf_pg *pg)
{
    return strcmp(pg->sqlstate, "42P01") == 0 || strcmp(pg->sqlstate, "3F000") == 0;
}

static enum hf_status lock_batch(struct hf_pg *pg, const struct hf_pg_tables *tables, size_t *index,
                                 size_t most, struct hf_buf *sql, struct hf_error *err)
{
    size_t count = 0;
    const char *text;

    HF_TRY(batch_sql(tables, index, most, sql, &count, err));
    if (count == 0)
        return HF_OK;
    HF_TRY(hf_buf_cstr(sql, &text, err));
    return hf_pg_run(pg, text, err);
}

/* A batch again, one table at a time, to pass over those that are gone and to name the one that is
 * locked. */
static enum hf_status lock_each(struct hf_pg *pg, const struct hf_pg_tables *tables, size_t from,
                                size_t to, struct hf_buf *sql, struct hf_error *err)
{
    for (size_t i = from; i < to; i++) {
        size_t index = i;
        struct hf_pg_tables one = {.items = tables->items, .count = i + 1};

        if (lock_batch(pg, &one, &index, 1, sql, err) == HF_OK)
            continue;
        if (strcmp(pg->sqlstate, "55P03") == 0)
            return hf_error_set(err, HF_BUSY,
                                "%s: table %s.%s is locked by another session, which did not let "
                                "go of it in time (see lock_timeout)",
                                pg->where, tables->items[i].schema, tables->items[i].name);
        if (!is_gone(pg))
            return err->status;
        HF_TRY(hf_pg_run(pg, "ROLLBACK TO SAVEPOINT hf; RELEASE SAVEPOINT hf", err));
    }
    return HF_OK;
}

static enum hf_status set_timeout(struct hf_pg *pg, unsigned ms, struct hf_error *err)
{
    return hf_pg_runf(pg, err, "SET LOCAL lock_timeout = %u", ms);
}

enum hf_status hf_pg_lock_tables(struct hf_pg *pg, const struct hf_pg_tables *tables,
                                 unsigned timeout, struct hf_error *err)
{
    HF_AUTO(hf_buf) sql = HF_BUF_INIT;
    size_t index = 0;

    HF_TRY(set_timeout(pg, timeout * 1000, err));
    while (index < tables->count) {
        size_t from = index;
        bool timed_out;

        if (lock_batch(pg, tables, &index, BATCH, &sql, err) == HF_OK)
            continue;
        timed_out = strcmp(pg->sqlstate, "55P03") == 0;
        if (!is_gone(pg) && !timed_out)
            return err->status;
        HF_TRY(hf_pg_run(pg, "ROLLBACK TO SAVEPOINT hf; RELEASE SAVEPOINT hf", err));
        HF_TRY(set_timeout(pg, timed_out ? AGAIN_MS : timeout * 1000, err));
        HF_TRY(lock_each(pg, tables, from, index, &sql, err));
        HF_TRY(set_timeout(pg, timeout * 1000, err));
    }
    return HF_OK;
}

/* The catalogs show the snapshot; to_regclass and pg_relation_filenode know what is now. */
static enum hf_status is_same(struct hf_pg *pg, const struct hf_pg_table *table, bool *out,
                              struct hf_error *err)
{
    HF_AUTO_RESULT result = NULL;
    HF_AUTO(hf_buf) name = HF_BUF_INIT;
    const char *values[2];
    char oid[16];

    (void)snprintf(oid, sizeof oid, "%u", table->oid);
    HF_TRY(hf_pg_quote_qualified(&name, table->schema, table->name, err));
    values[0] = oid;
    HF_TRY(hf_buf_cstr(&name, &values[1], err));
    HF_TRY(hf_pg_query_params(
        pg,
        "SELECT c.relfilenode = coalesce(pg_catalog.pg_relation_filenode(c.oid), 0)"
        " AND pg_catalog.to_regclass($2)::pg_catalog.oid = c.oid AS same"
        " FROM pg_catalog.pg_class c WHERE c.oid = $1",
        2, values, false, &result, err));
    *out = PQntuples(result) == 1 && hf_pg_field_bool(result, 0, "same");
    return HF_OK;
}

enum hf_status hf_pg_lock_late(struct hf_pg *pg, const struct hf_pg_table *table, bool *out_same,
                               struct hf_error *err)
{
    HF_AUTO(hf_buf) sql = HF_BUF_INIT;
    struct hf_pg_table wanted = *table;
    const struct hf_pg_tables one = {.items = &wanted, .count = 1};
    size_t index = 0;

    if (lock_batch(pg, &one, &index, 1, &sql, err) == HF_OK)
        return is_same(pg, table, out_same, err);
    if (!is_gone(pg) && strcmp(pg->sqlstate, "55P03") != 0)
        return err->status;
    *out_same = false;
    return hf_pg_run(pg, "ROLLBACK TO SAVEPOINT hf; RELEASE SAVEPOINT hf", err);
}
