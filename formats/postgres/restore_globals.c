#include "formats/postgres/restore_globals.h"

#include "base/text.h"
#include "formats/postgres/global_statement.h"

#include <stdio.h>
#include <string.h>

enum { NOTE = 2400 };

struct globals {
    struct hf_pg *pg;
    struct hf_strings before; /* roles that were there */
    struct hf_buf kept;       /* those of them that the script has too, for the note */
    json_t *notes;
};

static enum hf_status add_note(struct globals *g, const char *text, struct hf_error *err)
{
    if (json_array_append_new(g->notes, json_string(text)) != 0)
        return hf_error_memory(err);
    return HF_OK;
}

static enum hf_status list_roles(struct globals *g, struct hf_error *err)
{
    HF_AUTO_RESULT rows = NULL;

    HF_TRY(hf_pg_query(g->pg, "SELECT rolname FROM pg_catalog.pg_roles", &rows, err));
    for (int i = 0; i < PQntuples(rows); i++)
        HF_TRY(hf_strings_add(&g->before, PQgetvalue(rows, i, 0), err));
    return HF_OK;
}

/* Roles that were there before are kept as they are. */
static enum hf_status concerns_existing(struct globals *g, const struct hf_pg_global *s, bool *out,
                                        struct hf_error *err)
{
    HF_AUTO(hf_buf) name = HF_BUF_INIT;

    *out = false;
    if (s->kind != HF_PG_GLOBAL_ROLE && s->kind != HF_PG_GLOBAL_ROLE_ATTRIBUTES)
        return HF_OK;
    HF_TRY(hf_sql_token_name(&s->name, &name, err));
    *out = hf_strings_contain(&g->before, (const char *)name.data);
    if (*out && s->kind == HF_PG_GLOBAL_ROLE)
        HF_TRY(hf_buf_printf(&g->kept, err, "%s%s", g->kept.len > 0 ? ", " : "",
                             (const char *)name.data));
    return HF_OK;
}

static enum hf_status run(struct globals *g, const struct hf_pg_global *s, struct hf_error *err)
{
    struct hf_error cause = HF_ERROR_INIT;
    HF_AUTO_FREE char *sql = NULL;
    char note[NOTE];

    HF_TRY(hf_text_format(&sql, err, "%.*s", (int)s->len, s->at));
    if (hf_pg_run(g->pg, sql, &cause) == HF_OK || cause.status == HF_EXISTS)
        return HF_OK;
    if (s->kind == HF_PG_GLOBAL_TABLESPACE && cause.status != HF_CANCELLED &&
        cause.status != HF_UNREACHABLE) {
        (void)snprintf(note, sizeof note, "tablespace: %.*s: %s", 60, sql, cause.text);
        return add_note(g, note, err);
    }
    *err = cause;
    /* the verb and the object only: the rest may hold a password */
    return hf_error_prefix(err, "%.*s %.*s %.*s", (int)s->verb.len, s->verb.at, (int)s->object.len,
                           s->object.at, (int)s->name.len, s->name.at);
}

static enum hf_status run_script(struct globals *g, const char *text, struct hf_error *err)
{
    struct hf_sql_script script;
    const char *at;
    size_t len;

    hf_sql_script_init(&script, text);
    for (;;) {
        struct hf_pg_global s;
        bool skip;

        HF_TRY(hf_sql_script_next(&script, &at, &len, err));
        if (len == 0)
            return HF_OK;
        s = hf_pg_global_read(at, len);
        HF_TRY(concerns_existing(g, &s, &skip, err));
        if (!skip)
            HF_TRY(run(g, &s, err));
    }
}

static enum hf_status note_kept(struct globals *g, struct hf_error *err)
{
    char note[NOTE];

    if (g->kept.len == 0)
        return HF_OK;
    (void)snprintf(note, sizeof note, "roles that exist were kept as they are: %.*s",
                   (int)g->kept.len, (const char *)g->kept.data);
    return add_note(g, note, err);
}

enum hf_status hf_pg_restore_globals(struct hf_pg *pg, const struct hf_feed *feed, json_t *notes,
                                     struct hf_error *err)
{
    struct globals g = {.pg = pg, .notes = notes};
    HF_AUTO(hf_buf) text = HF_BUF_INIT;
    const char *sql;
    enum hf_status status;

    HF_TRY(hf_feed_read_all(feed, "globals", HF_PG_GLOBALS_MAX, &text, err));
    HF_TRY(hf_buf_cstr(&text, &sql, err));
    status = list_roles(&g, err);
    if (status == HF_OK)
        status = run_script(&g, sql, err);
    if (status == HF_OK)
        status = note_kept(&g, err);
    hf_strings_free(&g.before);
    hf_buf_free(&g.kept);
    return status == HF_OK ? HF_OK : hf_error_prefix(err, "roles and tablespaces");
}
