#include "formats/postgres/tables.h"

#include <stdlib.h>

void hf_pg_tables_free(struct hf_pg_tables *tables)
{
    for (size_t i = 0; i < tables->count; i++) {
        struct hf_pg_table *table = &tables->items[i];

        free(table->schema);
        free(table->name);
        free(table->extension);
        free(table->where);
        hf_strings_free(&table->columns);
    }
    free(tables->items);
    hf_strings_free(&tables->schemas);
    *tables = (struct hf_pg_tables)HF_PG_TABLES_INIT;
}

static int compare_oid(const void *key, const void *item)
{
    const Oid *oid = key;
    const struct hf_pg_table *table = item;

    return (*oid > table->oid) - (*oid < table->oid);
}

struct hf_pg_table *hf_pg_tables_find(const struct hf_pg_tables *tables, Oid oid)
{
    if (tables->count == 0)
        return NULL;
    return bsearch(&oid, tables->items, tables->count, sizeof *tables->items, compare_oid);
}
