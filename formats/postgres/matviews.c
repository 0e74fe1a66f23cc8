#include "formats/postgres/small_streams.h"

#include "formats/postgres/copy_text.h"

#include <stdlib.h>

/*
 * What each materialized view reads, through views in between, and then how deep it lies: the
 * longest way down to one that reads none. Sorted by depth, each comes after what it reads.
 */
static const char order_sql[] =
    "WITH RECURSIVE reads (mv, rel, kind) AS ("
    " SELECT r.ev_class, c.oid, c.relkind FROM pg_catalog.pg_rewrite r"
    "  JOIN pg_catalog.pg_class m ON m.oid = r.ev_class AND m.relkind = 'm'"
    "  JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass"
    "   AND d.objid = r.oid AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass"
    "  JOIN pg_catalog.pg_class c ON c.oid = d.refobjid AND c.relkind IN ('m', 'v')"
    "   AND c.oid <> r.ev_class"
    " UNION"
    " SELECT s.mv, c.oid, c.relkind FROM reads s"
    "  JOIN pg_catalog.pg_rewrite r ON r.ev_class = s.rel AND s.kind = 'v'"
    "  JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass"
    "   AND d.objid = r.oid AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass"
    "  JOIN pg_catalog.pg_class c ON c.oid = d.refobjid AND c.relkind IN ('m', 'v')"
    "   AND c.oid <> r.ev_class"
    "), depths (mv, depth) AS ("
    " SELECT oid, 0 FROM pg_catalog.pg_class WHERE relkind = 'm'"
    " UNION"
    " SELECT s.mv, p.depth + 1 FROM depths p JOIN reads s ON s.rel = p.mv AND s.kind = 'm'"
    "  WHERE p.depth < 1000"
    ") SELECT mv, pg_catalog.max(depth) FROM depths GROUP BY mv ORDER BY 2, 1";

enum hf_status hf_pg_capture_matviews(struct hf_pg_capture *capture, struct hf_error *err)
{
    HF_AUTO(hf_buf) rows = HF_BUF_INIT;
    HF_AUTO_FREE char *name = NULL;
    HF_AUTO_RESULT result = NULL;
    uint64_t count = 0;

    HF_TRY(hf_pg_query(capture->leader, order_sql, &result, err));
    for (int row = 0; row < PQntuples(result); row++) {
        Oid oid = (Oid)hf_pg_field_u64(result, row, "mv");
        const struct hf_pg_table *view = hf_pg_tables_find(&capture->tables, oid);

        if (!view || !view->selected || view->extension)
            continue;
        HF_TRY(hf_pg_text_row(
            &rows, (const char *const[]){view->schema, view->name, view->populated ? "t" : "f"}, 3,
            err));
        count++;
    }
    HF_TRY(hf_pg_stream_name(capture, "matviews", &name, err));
    return hf_sink_write_all(capture->sink, name, HF_STREAM_ROWS, rows.data, rows.len, count, NULL,
                             err);
}
