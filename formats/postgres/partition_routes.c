/*
 * Hash partitions by an enum: the hash is of the values' oids, which are new in a restored
 * database. Their rows go in by way of the partitioned table, which finds the right partition for
 * each.
 */
#include "formats/postgres/restore_job.h"

#include <string.h>

static const char routed[] =
    "WITH unsafe AS (SELECT p.partrelid AS rel FROM pg_catalog.pg_partitioned_table p WHERE"
    " p.partstrat = 'h' AND EXISTS (SELECT FROM pg_catalog.unnest(p.partclass) k JOIN"
    " pg_catalog.pg_opclass c ON c.oid = k WHERE c.opcname = 'enum_ops')), top AS (SELECT rel FROM"
    " unsafe u WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_partition_ancestors(u.rel) a(rel) JOIN"
    " unsafe v ON v.rel = a.rel WHERE a.rel <> u.rel))"
    " SELECT ln.nspname AS schema, l.relname AS name, rn.nspname AS root_schema, r.relname AS root"
    " FROM top CROSS JOIN pg_catalog.pg_partition_tree(top.rel) t JOIN pg_catalog.pg_class l ON "
    "l.oid ="
    " t.relid JOIN pg_catalog.pg_namespace ln ON ln.oid = l.relnamespace JOIN pg_catalog.pg_class r"
    " ON r.oid = top.rel JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace WHERE t.isleaf";

static struct hf_pg_rows_of *find_table(struct hf_pg_input *input, const char *schema,
                                        const char *name)
{
    for (size_t i = 0; i < input->tables_count; i++)
        if (strcmp(input->tables[i].table, name) == 0 &&
            strcmp(input->tables[i].schema, schema) == 0)
            return &input->tables[i];
    return NULL;
}

enum hf_status hf_pg_route_partitions(struct hf_pg_job *job, struct hf_error *err)
{
    HF_AUTO_PTR(hf_pg) pg = NULL;
    HF_AUTO_RESULT rows = NULL;

    HF_TRY(hf_pg_job_connect(job, job->temporary, &pg, err));
    HF_TRY(hf_pg_query(pg, routed, &rows, err));
    for (int i = 0; i < PQntuples(rows); i++) {
        struct hf_pg_rows_of *t =
            find_table(&job->input, hf_pg_field(rows, i, "schema"), hf_pg_field(rows, i, "name"));

        if (!t)
            continue;
        HF_TRY(hf_text_copy(hf_pg_field(rows, i, "root_schema"), &t->root_schema, err));
        HF_TRY(hf_text_copy(hf_pg_field(rows, i, "root"), &t->root_table, err));
    }
    return HF_OK;
}

bool hf_pg_same_root(const struct hf_pg_rows_of *a, const struct hf_pg_rows_of *b)
{
    return a->root_table && b->root_table && strcmp(a->root_table, b->root_table) == 0 &&
           strcmp(a->root_schema, b->root_schema) == 0;
}
