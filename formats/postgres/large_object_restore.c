/*
 * Large objects: made with their old oids, filled, then given owners, privileges and comments.
 *
 * Rows go into temporary tables by COPY and from there into large objects by functions of the
 * server, so nothing is taken apart here. The pieces of content pass through in batches, for they
 * are in the temporary table and in the large object at the same time.
 */
#include "formats/postgres/restore_job.h"

#include "formats/postgres/copy.h"

#include <string.h>

enum { BATCH_BYTES = 32 << 20 };

static const char make_tables[] =
    "CREATE TEMPORARY TABLE holdfast_objects (id pg_catalog.oid, owner pg_catalog.text, acl"
    " pg_catalog.text, comment pg_catalog.text);"
    "CREATE TEMPORARY TABLE holdfast_pieces (id pg_catalog.oid, place pg_catalog.int8, content"
    " pg_catalog.bytea)";

static const char give_owners[] =
    "SELECT pg_catalog.format('ALTER LARGE OBJECT %s OWNER TO %I', id, owner) FROM"
    " pg_temp.holdfast_objects WHERE owner <> current_user ORDER BY id";

/* Nothing for the owner either, then each grant by who granted it. */
static const char grant_privileges[] =
    "SELECT sql FROM (SELECT id, 0 AS n, pg_catalog.format('REVOKE ALL ON LARGE OBJECT %s FROM %I',"
    " id, owner) AS sql FROM pg_temp.holdfast_objects WHERE acl IS NOT NULL UNION ALL"
    " SELECT id, a.n, pg_catalog.format('%sGRANT %s ON LARGE OBJECT %s TO %s%s%s', CASE WHEN"
    " g.rolname <> o.owner THEN pg_catalog.format('SET ROLE %I;', g.rolname) ELSE '' END,"
    " a.privilege_type, id, CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE pg_catalog.format('%I',"
    " t.rolname) END, CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END, CASE WHEN"
    " g.rolname <> o.owner THEN ';RESET ROLE' ELSE '' END) FROM pg_temp.holdfast_objects o,"
    " pg_catalog.aclexplode(o.acl::pg_catalog.aclitem[]) WITH ORDINALITY a(grantor, grantee,"
    " privilege_type, is_grantable, n) JOIN pg_catalog.pg_roles g ON g.oid = a.grantor LEFT JOIN"
    " pg_catalog.pg_roles t ON t.oid = a.grantee WHERE o.acl IS NOT NULL) s ORDER BY id, n";

static const char give_comments[] =
    "SELECT pg_catalog.format('COMMENT ON LARGE OBJECT %s IS %L', id, comment) FROM"
    " pg_temp.holdfast_objects WHERE comment IS NOT NULL ORDER BY id";

static const char put_pieces[] =
    "SELECT pg_catalog.count(pg_catalog.lo_put(id, place, content)) FROM pg_temp.holdfast_pieces;"
    "TRUNCATE pg_temp.holdfast_pieces";

struct writer {
    struct hf_pg_job *job;
    struct hf_pg *pg;
    struct hf_pg_digest digest;
    size_t pending; /* bytes in the COPY that is open */
    bool open;
};

static enum hf_status open_copy(struct writer *w, const char *table, struct hf_error *err)
{
    HF_AUTO(hf_buf) sql = HF_BUF_INIT;
    const char *text;

    HF_TRY(hf_buf_printf(&sql, err, "COPY pg_temp.%s FROM STDIN WITH (ENCODING '%s')", table,
                         w->pg->ascii ? "SQL_ASCII" : "UTF8"));
    HF_TRY(hf_buf_cstr(&sql, &text, err));
    HF_TRY(hf_pg_copy_in_begin(w->pg, text, err));
    w->open = true;
    w->pending = 0;
    return HF_OK;
}

static enum hf_status close_copy(struct writer *w, struct hf_error *err)
{
    uint64_t rows;

    w->open = false;
    return hf_pg_copy_in_end(w->pg, &rows, err);
}

static enum hf_status flush_pieces(struct writer *w, struct hf_error *err)
{
    HF_TRY(close_copy(w, err));
    return hf_pg_run(w->pg, put_pieces, err);
}

/* A batch ends at the end of a row only; a piece of the stream may hold parts of rows. */
static enum hf_status write_piece(struct writer *w, const uint8_t *data, size_t len,
                                  struct hf_error *err)
{
    const uint8_t *newline = memrchr(data, '\n', len);
    size_t rows = newline ? (size_t)(newline - data) + 1 : 0;

    HF_TRY(hf_pg_copy_in_write(w->pg, data, rows, err));
    w->pending += rows;
    if (w->pending >= BATCH_BYTES && rows > 0) {
        HF_TRY(flush_pieces(w, err));
        HF_TRY(open_copy(w, "holdfast_pieces", err));
    }
    if (rows < len)
        HF_TRY(hf_pg_copy_in_write(w->pg, data + rows, len - rows, err));
    w->pending += len - rows;
    return HF_OK;
}

static enum hf_status copy_piece(void *ctx, const uint8_t *data, size_t len, struct hf_error *err)
{
    struct writer *w = ctx;

    HF_TRY(hf_pg_digest_feed(&w->digest, data, len, err));
    return write_piece(w, data, len, err);
}

/* One of the two streams into its temporary table. */
static enum hf_status load_stream(struct writer *w, const char *what, const char *table,
                                  struct hf_pg_digest_sum *out, struct hf_error *err)
{
    HF_AUTO(hf_buf) name = HF_BUF_INIT;
    enum hf_status status;

    HF_TRY(hf_pg_input_stream_name(&name, w->job->input.database, what, err));
    HF_TRY(open_copy(w, table, err));
    hf_pg_digest_init(&w->digest, &w->job->key);
    status = hf_feed_each(w->job->feed, (const char *)name.data, copy_piece, w, err);
    if (status == HF_OK)
        status = hf_pg_digest_end(&w->digest, out, err);
    hf_pg_digest_done(&w->digest);
    return status;
}

static enum hf_status restore(struct writer *w, struct hf_error *err)
{
    struct hf_pg_job *job = w->job;

    HF_TRY(hf_pg_run(w->pg, make_tables, err));
    HF_TRY(load_stream(w, "largeobjects", "holdfast_objects", &job->objects_fed, err));
    HF_TRY(close_copy(w, err));
    HF_TRY(hf_pg_run(w->pg,
                     "SELECT pg_catalog.count(pg_catalog.lo_create(id)) FROM"
                     " pg_temp.holdfast_objects",
                     err));
    HF_TRY(load_stream(w, "largeobjects/data", "holdfast_pieces", &job->pieces_fed, err));
    HF_TRY(flush_pieces(w, err));
    HF_TRY(hf_pg_run_generated(w->pg, give_comments, err));
    if (job->options->no_owner)
        return HF_OK;
    HF_TRY(hf_pg_run_generated(w->pg, give_owners, err));
    return job->options->no_acl ? HF_OK : hf_pg_run_generated(w->pg, grant_privileges, err);
}

static const struct hf_stream_info *find(const struct hf_pg_job *job, const char *what,
                                         struct hf_error *err)
{
    HF_AUTO(hf_buf) name = HF_BUF_INIT;

    if (hf_pg_input_stream_name(&name, job->input.database, what, err) != HF_OK)
        return NULL;
    return job->feed->find(job->feed->ctx, (const char *)name.data);
}

enum hf_status hf_pg_restore_large_objects(struct hf_pg_job *job, struct hf_pg *pg,
                                           struct hf_error *err)
{
    const struct hf_stream_info *objects = find(job, "largeobjects", err);
    struct writer w = {.job = job, .pg = pg};
    enum hf_status status;

    if (!objects || objects->records == 0)
        return HF_OK;
    if (!job->wants_objects) {
        job->left_out_objects = true;
        return hf_pg_job_note(job, err, "%llu large objects were left out%s",
                              (unsigned long long)objects->records,
                              job->options->large_objects == HF_LARGE_OBJECTS_NO
                                  ? ""
                                  : " of this part: --large-objects takes them too");
    }
    if (!find(job, "largeobjects/data", err))
        return hf_error_set(err, HF_DAMAGED, "the snapshot has no stream largeobjects/data");
    hf_pg_job_step(job, "restoring %llu large objects", (unsigned long long)objects->records);
    status = restore(&w, err);
    if (status != HF_OK && w.open)
        hf_pg_copy_in_abort(pg);
    if (status != HF_OK)
        return hf_error_prefix(err, "large objects");
    job->has_objects = true;
    return HF_OK;
}
