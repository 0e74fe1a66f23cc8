#include "formats/postgres/catalog.h"

#include <stdlib.h>
#include <string.h>

/*
 * Sizes are of the main file and that of the TOAST table: two stat calls, where pg_table_size takes
 * ten, which counts with 20,000 tables. They, and the locks, are asked only of what is locked.
 */
static const char all_columns[] =
    " CASE WHEN c.relkind = 'r' THEN pg_catalog.pg_relation_size(c.oid) ELSE 0 END AS main_bytes,"
    " CASE WHEN c.relkind = 'r' AND c.reltoastrelid <> 0"
    "  THEN pg_catalog.pg_relation_size(c.reltoastrelid::pg_catalog.regclass) ELSE 0 END"
    "  AS toast_bytes,"
    " c.oid IN (SELECT relation FROM pg_catalog.pg_locks WHERE pid = pg_catalog.pg_backend_pid()"
    "  AND locktype = 'relation' AND mode = 'AccessShareLock' AND granted) AS locked,"
    " coalesce(pg_catalog.to_regclass(pg_catalog.quote_ident(n.nspname) || '.'"
    "  || pg_catalog.quote_ident(c.relname))::pg_catalog.oid = c.oid, false) AS named";

static const char names_columns[] =
    " 0 AS main_bytes, 0 AS toast_bytes, false AS locked, true AS named";

static const char relations_sql[] =
    "SELECT c.oid, c.relkind, n.nspname AS schema, c.relname AS name,"
    " c.relpersistence = 'u' AS unlogged, c.relispopulated AS populated,"
    " coalesce(am.amname = 'heap', false) AS heap, e.extname AS extension,"
    " x.oid IS NOT NULL AS configuration, x.condition,"
    " coalesce(i.inhparent, o.refobjid) AS parent, coalesce(o.deptype = 'i', false) AS identity,"
    " coalesce(pg_catalog.has_schema_privilege(n.oid, 'USAGE')"
    "  AND pg_catalog.has_table_privilege(c.oid, 'SELECT'), true) AS readable,"
    " c.relrowsecurity AND pg_catalog.row_security_active(c.oid) AS policed,"
    "%s"
    " FROM pg_catalog.pg_class c"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " LEFT JOIN pg_catalog.pg_am am ON am.oid = c.relam"
    " LEFT JOIN pg_catalog.pg_inherits i ON i.inhrelid = c.oid AND c.relispartition"
    " LEFT JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass"
    "  AND d.objid = c.oid AND d.objsubid = 0 AND d.deptype = 'e'"
    " LEFT JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid"
    " LEFT JOIN (SELECT u.oid, u.condition FROM pg_catalog.pg_extension y,"
    "  unnest(y.extconfig, y.extcondition) AS u (oid, condition)) x ON x.oid = c.oid"
    " LEFT JOIN pg_catalog.pg_depend o ON c.relkind = 'S'"
    "  AND o.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND o.objid = c.oid"
    "  AND o.objsubid = 0 AND o.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass"
    "  AND o.refobjsubid > 0 AND o.deptype IN ('a', 'i')"
    " WHERE c.relkind IN ('r', 'p', 'm', 'v', 'f', 'S') AND c.relpersistence <> 't'"
    " AND (x.oid IS NOT NULL OR (n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'))"
    " ORDER BY c.oid";

/* In the order of the table, which need not be that of its partitions. */
static const char columns_sql[] =
    "SELECT a.attrelid AS oid, a.attname AS name FROM pg_catalog.pg_attribute a"
    " JOIN pg_catalog.pg_class c ON c.oid = a.attrelid AND c.relkind = 'r'"
    " WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' AND a.attrelid >= 16384"
    " ORDER BY a.attrelid, a.attnum";

static enum hf_pg_kind kind_of(char relkind)
{
    switch (relkind) {
    case 'p':
        return HF_PG_KIND_PARTITIONED;
    case 'f':
        return HF_PG_KIND_FOREIGN;
    case 'm':
        return HF_PG_KIND_MATVIEW;
    case 'v':
        return HF_PG_KIND_VIEW;
    case 'S':
        return HF_PG_KIND_SEQUENCE;
    default:
        return HF_PG_KIND_TABLE;
    }
}

static bool is_utf8(const char *text)
{
    while (*text) {
        size_t len = hf_text_utf8(text, NULL);

        if (len == 0)
            return false;
        text += len;
    }
    return true;
}

/* Stream names and the manifest are UTF-8. */
static enum hf_status copy_name(const struct hf_pg *pg, const char *text, char **out,
                                struct hf_error *err)
{
    if (pg->ascii && !is_utf8(text))
        return hf_error_set(err, HF_UNSUPPORTED,
                            "%s: a name is not UTF-8 (\"%s\"): rename it, or leave its schema out",
                            pg->where, text);
    return hf_text_copy(text, out, err);
}

static enum hf_status copy_optional(const PGresult *result, int row, const char *column, char **out,
                                    struct hf_error *err)
{
    const char *text = hf_pg_field(result, row, column);

    return text && *text ? hf_text_copy(text, out, err) : HF_OK;
}

static enum hf_status read_relation(const struct hf_pg *pg, const PGresult *result, int row,
                                    uint64_t block, struct hf_pg_table *table, struct hf_error *err)
{
    uint64_t main_bytes = hf_pg_field_u64(result, row, "main_bytes");

    table->oid = (Oid)hf_pg_field_u64(result, row, "oid");
    table->parent = (Oid)hf_pg_field_u64(result, row, "parent");
    table->kind = kind_of(*hf_pg_field(result, row, "relkind"));
    table->bytes = main_bytes + hf_pg_field_u64(result, row, "toast_bytes");
    table->blocks = main_bytes / block;
    table->heap = hf_pg_field_bool(result, row, "heap");
    table->unlogged = hf_pg_field_bool(result, row, "unlogged");
    table->populated = hf_pg_field_bool(result, row, "populated");
    table->readable = hf_pg_field_bool(result, row, "readable");
    table->policed = hf_pg_field_bool(result, row, "policed");
    table->locked = hf_pg_field_bool(result, row, "locked");
    table->named = hf_pg_field_bool(result, row, "named");
    table->identity = hf_pg_field_bool(result, row, "identity");
    table->configuration = hf_pg_field_bool(result, row, "configuration");
    table->parts = 1;
    HF_TRY(copy_name(pg, hf_pg_field(result, row, "schema"), &table->schema, err));
    HF_TRY(copy_name(pg, hf_pg_field(result, row, "name"), &table->name, err));
    HF_TRY(copy_optional(result, row, "extension", &table->extension, err));
    return copy_optional(result, row, "condition", &table->where, err);
}

static enum hf_status block_size(struct hf_pg *pg, uint64_t *out, struct hf_error *err)
{
    HF_AUTO_FREE char *text = NULL;

    HF_TRY(hf_pg_query_value(pg, "SELECT pg_catalog.current_setting('block_size')", &text, err));
    *out = strtoull(text, NULL, 10);
    return *out > 0 ? HF_OK : hf_error_set(err, HF_FAILED, "%s: no block size", pg->where);
}

static enum hf_status read_columns(struct hf_pg *pg, struct hf_pg_tables *tables,
                                   struct hf_error *err)
{
    HF_AUTO_RESULT result = NULL;
    struct hf_pg_table *table = NULL;
    int oid_column;
    int name_column;

    HF_TRY(hf_pg_query(pg, columns_sql, &result, err));
    oid_column = PQfnumber(result, "oid");
    name_column = PQfnumber(result, "name");
    for (int row = 0; row < PQntuples(result); row++) {
        Oid oid = (Oid)strtoul(PQgetvalue(result, row, oid_column), NULL, 10);
        const char *name = PQgetvalue(result, row, name_column);

        if (!table || table->oid != oid)
            table = hf_pg_tables_find(tables, oid);
        if (!table)
            continue;
        if (pg->ascii && !is_utf8(name))
            return hf_error_set(err, HF_UNSUPPORTED, "table %s.%s: a column's name is not UTF-8",
                                table->schema, table->name);
        HF_TRY(hf_strings_add(&table->columns, name, err));
    }
    return HF_OK;
}

static enum hf_status read_schemas(struct hf_pg *pg, struct hf_strings *out, struct hf_error *err)
{
    HF_AUTO_RESULT result = NULL;

    HF_TRY(hf_pg_query(pg,
                       "SELECT nspname FROM pg_catalog.pg_namespace WHERE nspname !~ '^pg_'"
                       " AND nspname <> 'information_schema' ORDER BY 1",
                       &result, err));
    for (int row = 0; row < PQntuples(result); row++)
        HF_TRY(hf_strings_add(out, PQgetvalue(result, row, 0), err));
    return HF_OK;
}

enum hf_status hf_pg_list_relations(struct hf_pg *pg, enum hf_pg_listing listing,
                                    struct hf_pg_tables *out, struct hf_error *err)
{
    HF_AUTO(hf_pg_tables) tables = HF_PG_TABLES_INIT;
    HF_AUTO_FREE char *sql = NULL;
    HF_AUTO_RESULT result = NULL;
    uint64_t block = 0;

    HF_TRY(block_size(pg, &block, err));
    HF_TRY(hf_text_format(&sql, err, relations_sql,
                          listing == HF_PG_LIST_ALL ? all_columns : names_columns));
    HF_TRY(hf_pg_query(pg, sql, &result, err));
    tables.items = calloc((size_t)PQntuples(result) + 1, sizeof *tables.items);
    if (!tables.items)
        return hf_error_memory(err);
    for (int row = 0; row < PQntuples(result); row++) {
        tables.count++;
        HF_TRY(read_relation(pg, result, row, block, &tables.items[row], err));
    }
    HF_TRY(read_schemas(pg, &tables.schemas, err));
    if (listing == HF_PG_LIST_ALL)
        HF_TRY(read_columns(pg, &tables, err));
    hf_pg_tables_free(out);
    *out = tables;
    tables = (struct hf_pg_tables)HF_PG_TABLES_INIT;
    return HF_OK;
}

enum { NAMED_MAX = 20 };

static bool read_by_us(const struct hf_pg_table *table)
{
    return table->selected && (!table->extension || table->configuration) &&
           (table->kind == HF_PG_KIND_TABLE || table->kind == HF_PG_KIND_PARTITIONED ||
            table->kind == HF_PG_KIND_SEQUENCE);
}

/* Appends names to the error; how many there are in all. */
static size_t name_tables(const struct hf_pg_tables *tables, bool policed, struct hf_error *err)
{
    size_t count = 0;

    for (size_t i = 0; i < tables->count; i++) {
        const struct hf_pg_table *table = &tables->items[i];

        if (!read_by_us(table) || !(policed ? table->policed && table->rows : !table->readable))
            continue;
        if (count < NAMED_MAX)
            (void)hf_error_set(err, HF_DENIED, "%s%s%s.%s", err->text, count ? ", " : " ",
                               table->schema, table->name);
        count++;
    }
    if (count > NAMED_MAX)
        (void)hf_error_set(err, HF_DENIED, "%s and %zu more", err->text, count - NAMED_MAX);
    return count;
}

enum hf_status hf_pg_check_readable(const struct hf_pg *pg, const struct hf_pg_tables *tables,
                                    struct hf_error *err)
{
    struct hf_error found = HF_ERROR_INIT;
    const char *role = PQuser(pg->conn);

    (void)hf_error_set(&found, HF_DENIED, "%s: role %s may not read", pg->where, role);
    if (name_tables(tables, false, &found) > 0)
        return hf_error_set(err, HF_DENIED, "%s; let it: %s \"%s\"", found.text,
                            pg->version >= 140000
                                ? "GRANT pg_read_all_data TO"
                                : "GRANT USAGE ON SCHEMA …, and GRANT SELECT ON ALL TABLES and ON "
                                  "ALL SEQUENCES IN SCHEMA …, TO",
                            role);
    (void)hf_error_set(&found, HF_DENIED, "%s: row-level security hides rows from role %s of",
                       pg->where, role);
    if (name_tables(tables, true, &found) > 0)
        return hf_error_set(err, HF_DENIED, "%s; let it: ALTER ROLE \"%s\" BYPASSRLS", found.text,
                            role);
    return HF_OK;
}
