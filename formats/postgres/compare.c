/* What was restored against what was captured: rows, sequences, large objects, materialized views
 * and the schema. */
#include "formats/postgres/restore_job.h"

#include "base/file.h"
#include "formats/postgres/copy_text.h"
#include "formats/postgres/quote.h"
#include "formats/postgres/schema_compare.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SUMMARY = 128, NAME = 512, SEQUENCES_A_QUERY = 100 };

static void summarise(char text[SUMMARY], const struct hf_pg_digest_sum *sum)
{
    char digest[HF_PG_DIGEST_TEXT];

    hf_pg_digest_text(digest, sum);
    (void)snprintf(text, SUMMARY, "%" PRIu64 " rows, digest %s", sum->rows, digest);
}

enum hf_status hf_pg_compare_digests(struct hf_pg_job *job, const char *what, const char *name,
                                     const struct hf_pg_digest_sum *expected,
                                     const struct hf_pg_digest_sum *found, struct hf_error *err)
{
    char a[SUMMARY];
    char b[SUMMARY];

    if (hf_pg_digest_equal(expected, found))
        return HF_OK;
    summarise(a, expected);
    summarise(b, found);
    return hf_pg_job_differ(job, what, name, a, b, err);
}

static enum hf_status compare_table(struct hf_pg_job *job, const struct hf_pg_rows_of *t,
                                    struct hf_error *err)
{
    char name[NAME];

    (void)snprintf(name, sizeof name, "%s.%s", t->schema, t->table);
    return hf_pg_compare_digests(job, "table", name, &t->fed, &t->found, err);
}

static bool same_columns(const struct hf_strings *a, const struct hf_strings *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(a->items[i], b->items[i]) != 0)
            return false;
    return true;
}

/* Partitions whose rows may have moved among them are compared together, by the first of them.
 * Where they have other column orders, a moved row has another digest: then only numbers count. */
static enum hf_status compare_routed(struct hf_pg_job *job, size_t first, struct hf_error *err)
{
    const struct hf_pg_rows_of *leader = &job->input.tables[first];
    struct hf_pg_digest_sum fed = leader->fed;
    struct hf_pg_digest_sum found = leader->found;
    bool uniform = true;
    char name[NAME];

    for (size_t i = 0; i < first; i++)
        if (hf_pg_same_root(leader, &job->input.tables[i]))
            return HF_OK;
    for (size_t i = first + 1; i < job->input.tables_count; i++) {
        const struct hf_pg_rows_of *t = &job->input.tables[i];

        if (!hf_pg_same_root(leader, t))
            continue;
        hf_pg_digest_add(&fed, &t->fed);
        hf_pg_digest_add(&found, &t->found);
        uniform &= same_columns(&leader->columns, &t->columns);
    }
    if (!uniform) {
        fed.low = fed.high = found.low = found.high = 0;
        HF_TRY(hf_pg_job_note(job, err,
                              "%s.%s: compared by the number of rows only, as its partitions have "
                              "their columns in different orders",
                              leader->root_schema, leader->root_table));
    }
    (void)snprintf(name, sizeof name, "%s.%s", leader->root_schema, leader->root_table);
    return hf_pg_compare_digests(job, "table", name, &fed, &found, err);
}

static enum hf_status compare_tables(struct hf_pg_job *job, struct hf_error *err)
{
    HF_TRY(hf_pg_read_back(job, err));
    for (size_t i = 0; i < job->input.tables_count; i++) {
        const struct hf_pg_rows_of *t = &job->input.tables[i];

        HF_TRY(t->root_table ? compare_routed(job, i, err) : compare_table(job, t, err));
    }
    return HF_OK;
}

/* Some sequences' expected values, and the query for those they have. */
struct sequences {
    struct hf_pg_job *job;
    struct hf_pg *pg;
    struct hf_buf sql;
    struct hf_strings names, values;
};

static enum hf_status check_sequences(struct sequences *s, struct hf_error *err)
{
    HF_AUTO_RESULT rows = NULL;
    const char *text;
    char found[64];

    if (s->names.count == 0)
        return HF_OK;
    HF_TRY(hf_buf_append_str(&s->sql, " ORDER BY 1", err));
    HF_TRY(hf_buf_cstr(&s->sql, &text, err));
    HF_TRY(hf_pg_query(s->pg, text, &rows, err));
    for (int i = 0; i < PQntuples(rows) && (size_t)i < s->names.count; i++) {
        (void)snprintf(found, sizeof found, "%s %s", PQgetvalue(rows, i, 1),
                       PQgetvalue(rows, i, 2));
        if (strcmp(found, s->values.items[i]) != 0)
            HF_TRY(hf_pg_job_differ(s->job, "sequence", s->names.items[i], s->values.items[i],
                                    found, err));
    }
    s->sql.len = 0;
    hf_strings_free(&s->names);
    hf_strings_free(&s->values);
    return HF_OK;
}

static enum hf_status add_sequence(struct sequences *s, const char *const fields[4],
                                   struct hf_error *err)
{
    char name[NAME];
    char value[64];

    (void)snprintf(name, sizeof name, "%s.%s", fields[0], fields[1]);
    (void)snprintf(value, sizeof value, "%s %s", fields[2], fields[3]);
    HF_TRY(hf_buf_printf(&s->sql, err, "%sSELECT %zu, last_value, is_called FROM ",
                         s->names.count > 0 ? " UNION ALL " : "", s->names.count));
    HF_TRY(hf_pg_quote_qualified(&s->sql, fields[0], fields[1], err));
    HF_TRY(hf_strings_add(&s->names, name, err));
    HF_TRY(hf_strings_add(&s->values, value, err));
    return s->names.count == SEQUENCES_A_QUERY ? check_sequences(s, err) : HF_OK;
}

/* Names of relations of some kinds that are there, one "schema\nname" each, sorted: what is
 * missing was reported when it was to be filled. */
static enum hf_status existing(struct hf_pg *pg, const char *kinds, PGresult **out,
                               struct hf_error *err)
{
    return hf_pg_query_params(
        pg,
        "SELECT n.nspname || E'\\n' || c.relname COLLATE \"C\", relispopulated"
        " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid ="
        " c.relnamespace WHERE c.relkind = ANY ($1::pg_catalog.\"char\"[])"
        " ORDER BY 1",
        1, &kinds, false, out, err);
}

/* Its row in the sorted result, or -1. */
static int find_existing(const PGresult *rows, const char *schema, const char *name)
{
    char key[NAME];
    int low = 0;
    int high = PQntuples(rows);

    (void)snprintf(key, sizeof key, "%s\n%s", schema, name);
    while (low < high) {
        int middle = low + (high - low) / 2;
        int order = strcmp(PQgetvalue(rows, middle, 0), key);

        if (order == 0)
            return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return -1;
}

static enum hf_status compare_sequence_rows(struct sequences *s, const struct hf_buf *stream,
                                            struct hf_error *err)
{
    HF_AUTO_RESULT there = NULL;
    struct hf_pg_rows rows;
    const char *row;
    size_t len;

    HF_TRY(existing(s->pg, "{S}", &there, err));
    hf_pg_rows_init(&rows, stream->data, stream->len);
    while (hf_pg_rows_next(&rows, &row, &len)) {
        HF_AUTO(hf_buf) storage = HF_BUF_INIT;
        const char *fields[4];

        HF_TRY(hf_pg_text_split(row, len, "stream sequences", &storage, fields, 4, err));
        for (size_t i = 0; i < 4; i++)
            if (!fields[i])
                return hf_error_set(err, HF_DAMAGED, "stream sequences: a row is not whole");
        if (find_existing(there, fields[0], fields[1]) >= 0)
            HF_TRY(add_sequence(s, fields, err));
    }
    return check_sequences(s, err);
}

static enum hf_status compare_sequences(struct hf_pg_job *job, struct hf_pg *pg,
                                        struct hf_error *err)
{
    struct sequences s = {.job = job, .pg = pg};
    HF_AUTO(hf_buf) stream = HF_BUF_INIT;
    enum hf_status status = hf_pg_job_stream(job, "sequences", &stream, err);

    if (status == HF_OK)
        status = compare_sequence_rows(&s, &stream, err);
    hf_buf_free(&s.sql);
    hf_strings_free(&s.names);
    hf_strings_free(&s.values);
    return status;
}

/* A view that a partial restore left out is not there, and is not missed. */
static enum hf_status compare_matview(struct hf_pg_job *job, const PGresult *there,
                                      const char *const fields[3], struct hf_error *err)
{
    int at = find_existing(there, fields[0], fields[1]);
    char name[NAME];
    const char *found = "missing";

    if (at >= 0)
        found = PQgetvalue(there, at, 1)[0] == 't' ? "populated" : "not populated";
    if (at < 0 && !job->input.selection.everything)
        return HF_OK;
    (void)snprintf(name, sizeof name, "%s.%s", fields[0], fields[1]);
    if (at >= 0 && strcmp(PQgetvalue(there, at, 1), fields[2]) == 0)
        return HF_OK;
    return hf_pg_job_differ(job, "materialized view", name,
                            strcmp(fields[2], "t") == 0 ? "populated" : "not populated", found,
                            err);
}

static enum hf_status compare_matviews(struct hf_pg_job *job, struct hf_pg *pg,
                                       struct hf_error *err)
{
    HF_AUTO(hf_buf) stream = HF_BUF_INIT;
    HF_AUTO_RESULT there = NULL;
    struct hf_pg_rows rows;
    const char *row;
    size_t len;

    HF_TRY(hf_pg_job_stream(job, "matviews", &stream, err));
    if (stream.len == 0)
        return HF_OK;
    HF_TRY(existing(pg, "{m}", &there, err));
    hf_pg_rows_init(&rows, stream.data, stream.len);
    while (hf_pg_rows_next(&rows, &row, &len)) {
        HF_AUTO(hf_buf) storage = HF_BUF_INIT;
        const char *fields[3];

        HF_TRY(hf_pg_text_split(row, len, "stream matviews", &storage, fields, 3, err));
        if (!fields[0] || !fields[1] || !fields[2])
            return hf_error_set(err, HF_DAMAGED, "stream matviews: a row is not whole");
        HF_TRY(compare_matview(job, there, fields, err));
    }
    return HF_OK;
}

static bool is_utf8_archive(const struct hf_pg_toc *toc)
{
    for (size_t i = 0; i < toc->count; i++)
        if (strcmp(toc->entries[i].desc, "ENCODING") == 0)
            return strstr(toc->entries[i].defn, "'UTF8'") != NULL;
    return false;
}

/* The restored database's schema, by the same program and flags as the captured one's. */
static enum hf_status dump_schema(struct hf_pg_job *job, int fd, struct hf_error *err)
{
    struct hf_pg_address address = {
        .conninfo = job->config->conninfo,
        .password = job->config->password,
        .database = job->temporary,
    };
    const struct hf_pg_command_io io = {.in_fd = -1, .out_fd = fd, .cancel = job->work->cancel};
    HF_AUTO(hf_pg_command) command = HF_PG_COMMAND_INIT;
    struct hf_process *process = NULL;

    HF_TRY(hf_pg_command_init(&command, job->pg_dump.path, &address, err));
    HF_TRY(hf_pg_command_add(&command, err, "--format=custom"));
    HF_TRY(hf_pg_command_add(&command, err, "--compress=0"));
    HF_TRY(hf_pg_command_add(&command, err, "--schema-only"));
    if (is_utf8_archive(job->input.toc))
        HF_TRY(hf_pg_command_add(&command, err, "--encoding=UTF8"));
    HF_TRY(hf_pg_command_start(&command, &io, &process, err));
    return hf_process_finish(process, err);
}

static enum hf_status compare_schema(struct hf_pg_job *job, struct hf_error *err)
{
    HF_AUTO_FD fd = -1;
    HF_AUTO_PTR(hf_pg_toc) found = NULL;
    struct hf_pg_schema_comparison comparison = {
        .expected = job->input.toc,
        .selection = &job->input.selection,
        .no_owner = job->options->no_owner,
        .no_acl = job->options->no_acl,
        .partial = json_is_true(json_object_get(job->database, "partial")),
    };

    HF_TRY(hf_fd_memory("restored schema", &fd, err));
    HF_TRY(dump_schema(job, fd, err));
    HF_TRY(hf_pg_archive_parse(fd, &found, err));
    comparison.found = found;
    return hf_pg_schema_compare(&comparison, job->differences, job->notes, err);
}

static enum hf_status compare_all(struct hf_pg_job *job, struct hf_error *err)
{
    HF_AUTO_PTR(hf_pg) pg = NULL;

    HF_TRY(compare_tables(job, err));
    HF_TRY(hf_pg_job_connect(job, job->temporary, &pg, err));
    HF_TRY(compare_sequences(job, pg, err));
    HF_TRY(hf_pg_compare_large_objects(job, pg, err));
    HF_TRY(compare_matviews(job, pg, err));
    return compare_schema(job, err);
}

enum hf_status hf_pg_compare(struct hf_pg_job *job, struct hf_error *err)
{
    hf_pg_job_step(job, "comparing with what was captured");
    if (compare_all(job, err) != HF_OK)
        return hf_error_prefix(err, "comparing");
    return HF_OK;
}
