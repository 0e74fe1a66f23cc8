#include "formats/postgres/restore_job.h"

#include "base/json.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { LINE = 2048, BATCH = 100, SMALL_STREAM_MAX = 256 << 20 };

enum hf_status hf_pg_job_connect(const struct hf_pg_job *job, const char *database,
                                 struct hf_pg **out, struct hf_error *err)
{
    struct hf_pg_address address = {
        .conninfo = job->config->conninfo,
        .password = job->config->password,
        .database = database,
        .pooler_checked = job->maintenance != NULL,
    };

    return hf_pg_connect(&address, job->work->cancel, out, err);
}

void hf_pg_job_step(const struct hf_pg_job *job, const char *format, ...)
{
    char text[LINE];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    hf_observe(job->work->observer, HF_NOTE_STEP, "%s: %s", job->target, text);
}

json_t *hf_pg_json_text(const char *text)
{
    static const char dots[] = {'.', '.', '.'};
    char clean[LINE * 2];
    size_t used = 0;
    size_t len;

    if (!text)
        return json_null();
    while (*text && used + 8 < sizeof clean) {
        len = hf_text_utf8(text, NULL);
        if (len == 0)
            clean[used++] = '?';
        else
            memcpy(clean + used, text, len);
        used += len;
        text += len == 0 ? 1 : len;
    }
    if (*text) {
        memcpy(clean + used, dots, sizeof dots);
        used += sizeof dots;
    }
    return json_stringn(clean, used);
}

enum hf_status hf_pg_job_note(struct hf_pg_job *job, struct hf_error *err, const char *format, ...)
{
    char text[LINE];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    hf_observe(job->work->observer, HF_NOTE_WARNING, "%s: %s", job->target, text);
    if (json_array_append_new(job->notes, hf_pg_json_text(text)) != 0)
        return hf_error_memory(err);
    return HF_OK;
}

enum hf_status hf_pg_job_differ(struct hf_pg_job *job, const char *what, const char *name,
                                const char *expected, const char *found, struct hf_error *err)
{
    json_t *one = NULL;

    HF_TRY(hf_json_pack(&one, err, "{s:o, s:o, s:o, s:o}", "what", hf_pg_json_text(what), "name",
                        hf_pg_json_text(name), "expected", hf_pg_json_text(expected), "found",
                        hf_pg_json_text(found)));
    if (json_array_append_new(job->differences, one) != 0)
        return hf_error_memory(err);
    return HF_OK;
}

enum hf_status hf_pg_run_generated(struct hf_pg *pg, const char *query, struct hf_error *err)
{
    HF_AUTO_RESULT rows = NULL;
    HF_AUTO(hf_buf) batch = HF_BUF_INIT;
    const char *sql;

    HF_TRY(hf_pg_query(pg, query, &rows, err));
    for (int i = 0; i < PQntuples(rows); i++) {
        HF_TRY(hf_buf_append_str(&batch, PQgetvalue(rows, i, 0), err));
        HF_TRY(hf_buf_append_str(&batch, ";\n", err));
        if ((i + 1) % BATCH != 0 && i + 1 < PQntuples(rows))
            continue;
        HF_TRY(hf_buf_cstr(&batch, &sql, err));
        HF_TRY(hf_pg_run(pg, sql, err));
        batch.len = 0;
    }
    return HF_OK;
}

enum hf_status hf_pg_job_stream(const struct hf_pg_job *job, const char *what, struct hf_buf *out,
                                struct hf_error *err)
{
    HF_AUTO(hf_buf) name = HF_BUF_INIT;

    HF_TRY(hf_pg_input_stream_name(&name, job->input.database, what, err));
    if (!job->feed->find(job->feed->ctx, (const char *)name.data))
        return HF_OK;
    return hf_feed_read_all(job->feed, (const char *)name.data, SMALL_STREAM_MAX, out, err);
}
