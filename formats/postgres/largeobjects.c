#include "formats/postgres/largeobjects.h"

#include "formats/postgres/copy_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OBJECTS_A_QUERY = 100, /* as in the query below */ FLUSH = 256 * 1024 };

/* Readable: by the owner and who has the owner's rights, by grants of SELECT, to superusers. There
 * is no function to ask before 18. */
static const char objects_sql[] =
    "SELECT m.oid, pg_catalog.pg_get_userbyid(m.lomowner) AS owner, m.lomacl AS acl,"
    " pg_catalog.obj_description(m.oid, 'pg_largeobject') AS comment,"
    " pg_catalog.pg_has_role(m.lomowner, 'USAGE')"
    " OR pg_catalog.current_setting('lo_compat_privileges') = 'on'"
    " OR EXISTS (SELECT FROM pg_catalog.aclexplode(m.lomacl) a WHERE a.privilege_type = 'SELECT'"
    "  AND CASE WHEN a.grantee = 0 THEN true"
    "   ELSE pg_catalog.pg_has_role(a.grantee, 'USAGE') END) AS readable"
    " FROM pg_catalog.pg_largeobject_metadata m ORDER BY m.oid";

static enum hf_status check_readable(const struct hf_pg_capture *capture, const PGresult *result,
                                     struct hf_error *err)
{
    int denied = 0;
    const char *first = NULL;

    for (int row = 0; row < PQntuples(result); row++) {
        if (hf_pg_field_bool(result, row, "readable"))
            continue;
        if (denied++ == 0)
            first = hf_pg_field(result, row, "oid");
    }
    if (denied == 0)
        return HF_OK;
    return hf_error_set(err, HF_DENIED,
                        "database %s: role %s may not read %d large objects, %s among them; GRANT "
                        "SELECT ON LARGE OBJECT %s TO it, or back up as a superuser",
                        capture->name, PQuser(capture->leader->conn), denied, first, first);
}

enum hf_status hf_pg_capture_large_objects(struct hf_pg_capture *capture, uint64_t *out_count,
                                           uint64_t *out_bytes, struct hf_error *err)
{
    static const char size_sql[] =
        "SELECT pg_catalog.pg_relation_size('pg_catalog.pg_largeobject')";
    HF_AUTO(hf_buf) rows = HF_BUF_INIT;
    HF_AUTO_FREE char *name = NULL;
    HF_AUTO_FREE char *size = NULL;
    HF_AUTO_RESULT result = NULL;

    HF_TRY(hf_pg_query(capture->leader, objects_sql, &result, err));
    HF_TRY(check_readable(capture, result, err));
    for (int row = 0; row < PQntuples(result); row++) {
        const char *const fields[] = {
            hf_pg_field(result, row, "oid"), hf_pg_field(result, row, "owner"),
            hf_pg_field(result, row, "acl"), hf_pg_field(result, row, "comment")};

        HF_TRY(hf_pg_text_row(&rows, fields, 4, err));
    }
    HF_TRY(hf_pg_query_value(capture->leader, size_sql, &size, err));
    HF_TRY(hf_pg_stream_name(capture, "largeobjects", &name, err));
    HF_TRY(hf_sink_write_all(capture->sink, name, HF_STREAM_ROWS, rows.data, rows.len,
                             (uint64_t)PQntuples(result), NULL, err));
    *out_count = (uint64_t)PQntuples(result);
    *out_bytes = strtoull(size, NULL, 10);
    return HF_OK;
}

/* The stream that is being written. */
struct output {
    const struct hf_pg_capture *capture;
    struct hf_pg *pg;
    struct hf_sink_stream *stream;
    struct hf_buf rows;
    uint64_t records, bytes;
};

static enum hf_status flush(struct output *out, struct hf_error *err)
{
    if (out->rows.len == 0)
        return HF_OK;
    HF_TRY(out->capture->sink->write(out->stream, out->rows.data, out->rows.len, err));
    hf_observe_advance(out->capture->work->observer, out->rows.len, 0);
    out->bytes += out->rows.len;
    out->rows.len = 0;
    return HF_OK;
}

/* oid, offset, and the bytes as bytea's hexadecimal form: \x…, its backslash escaped. */
static enum hf_status append_piece(struct output *out, uint32_t oid, uint64_t offset,
                                   const void *data, size_t len, struct hf_error *err)
{
    HF_TRY(hf_buf_printf(&out->rows, err, "%" PRIu32 "\t%" PRIu64 "\t\\\\x", oid, offset));
    HF_TRY(hf_buf_reserve(&out->rows, 2 * len + 2, err));
    hf_hex((char *)out->rows.data + out->rows.len, data, len);
    out->rows.len += 2 * len;
    HF_TRY(hf_pg_text_end(&out->rows, err));
    out->records++;
    return out->rows.len >= FLUSH ? flush(out, err) : HF_OK;
}

/* The rest of an object from its second piece on. */
static enum hf_status copy_rest(struct output *out, uint32_t oid, struct hf_error *err)
{
    for (uint64_t offset = HF_PG_LO_PIECE;; offset += HF_PG_LO_PIECE) {
        HF_AUTO_RESULT result = NULL;
        char oid_text[16];
        char offset_text[24];
        const char *const values[] = {oid_text, offset_text};
        int len;

        (void)snprintf(oid_text, sizeof oid_text, "%" PRIu32, oid);
        (void)snprintf(offset_text, sizeof offset_text, "%" PRIu64, offset);
        HF_TRY(hf_pg_query_params(out->pg, "SELECT pg_catalog.lo_get($1, $2, 65536)", 2, values,
                                  true, &result, err));
        len = PQgetlength(result, 0, 0);
        if (len > 0)
            HF_TRY(append_piece(out, oid, offset, PQgetvalue(result, 0, 0), (size_t)len, err));
        if (len < HF_PG_LO_PIECE)
            return HF_OK;
    }
}

/* Binary results: an oid is four bytes in network order. */
static uint32_t oid_of(const PGresult *result, int row)
{
    const uint8_t *at = (const uint8_t *)PQgetvalue(result, row, 0);

    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* The next objects after *last; *out_done when there were none. */
static enum hf_status copy_some(struct output *out, uint32_t *last, bool *out_done,
                                struct hf_error *err)
{
    static const char sql[] =
        "SELECT m.oid, pg_catalog.lo_get(m.oid, 0, 65536) FROM (SELECT oid FROM"
        " pg_catalog.pg_largeobject_metadata WHERE oid > $1 ORDER BY oid LIMIT 100) m"
        " ORDER BY m.oid";
    HF_AUTO_RESULT result = NULL;
    char last_text[16];
    const char *const values[] = {last_text};

    (void)snprintf(last_text, sizeof last_text, "%" PRIu32, *last);
    HF_TRY(hf_pg_query_params(out->pg, sql, 1, values, true, &result, err));
    for (int row = 0; row < PQntuples(result); row++) {
        int len = PQgetlength(result, row, 1);

        *last = oid_of(result, row);
        if (len > 0)
            HF_TRY(append_piece(out, *last, 0, PQgetvalue(result, row, 1), (size_t)len, err));
        if (len == HF_PG_LO_PIECE)
            HF_TRY(copy_rest(out, *last, err));
    }
    *out_done = PQntuples(result) < OBJECTS_A_QUERY;
    return HF_OK;
}

static enum hf_status copy_all(struct output *out, struct hf_error *err)
{
    uint32_t last = 0;
    bool done = false;

    while (!done)
        HF_TRY(copy_some(out, &last, &done, err));
    return flush(out, err);
}

enum hf_status hf_pg_capture_large_object_data(const struct hf_pg_capture *capture,
                                               struct hf_pg *pg, uint64_t *out_records,
                                               uint64_t *out_bytes, struct hf_error *err)
{
    const struct hf_sink *sink = capture->sink;
    struct output out = {.capture = capture, .pg = pg, .rows = HF_BUF_INIT};
    HF_AUTO_FREE char *name = NULL;
    enum hf_status status;

    HF_TRY(hf_pg_stream_name(capture, "largeobjects/data", &name, err));
    HF_TRY(sink->open(sink->ctx, name, HF_STREAM_ROWS, &out.stream, err));
    status = copy_all(&out, err);
    hf_buf_free(&out.rows);
    if (status != HF_OK) {
        sink->abandon(out.stream);
        return hf_error_prefix(err, "stream %s", name);
    }
    *out_records = out.records;
    *out_bytes = out.bytes;
    return sink->close(out.stream, out.records, NULL, err);
}
