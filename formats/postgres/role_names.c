#include "formats/postgres/role_names.h"

#include "base/buffer.h"
#include "formats/postgres/sql_split.h"

#include <string.h>

enum hf_status hf_pg_roles_add(struct hf_strings *list, const char *name, struct hf_error *err)
{
    if (name[0] == '\0' || hf_strings_contain(list, name))
        return HF_OK;
    return hf_strings_add(list, name, err);
}

enum hf_status hf_pg_roles_owning(const struct hf_pg_toc *toc,
                                  const struct hf_pg_selection *selection, struct hf_strings *out,
                                  struct hf_error *err)
{
    for (size_t i = 0; i < toc->count; i++)
        if (selection->included[i] && hf_pg_entry_stage(toc, i) != HF_PG_STAGE_NONE)
            HF_TRY(hf_pg_roles_add(out, toc->entries[i].owner, err));
    return HF_OK;
}

static bool is_comma(const struct hf_sql_token *t)
{
    return t->kind == HF_SQL_SYMBOL && *t->at == ',';
}

/* A token that stands for a role: not PUBLIC and the like, which are no roles. */
static enum hf_status add_role(const struct hf_sql_token *t, struct hf_strings *out,
                               struct hf_error *err)
{
    static const char *const words[] = {"PUBLIC", "CURRENT_USER", "CURRENT_ROLE", "SESSION_USER",
                                        "DEFAULT"};
    HF_AUTO(hf_buf) name = HF_BUF_INIT;

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (hf_sql_token_is(t, words[i]))
            return HF_OK;
    if (t->kind != HF_SQL_WORD && t->kind != HF_SQL_NAME)
        return HF_OK;
    HF_TRY(hf_sql_token_name(t, &name, err));
    return hf_pg_roles_add(out, (const char *)name.data, err);
}

/* "a, b" from *at on. */
static enum hf_status add_list(const char **at, const char *end, struct hf_strings *out,
                               struct hf_error *err)
{
    for (;;) {
        struct hf_sql_token t = hf_sql_token_next(at, end);
        const char *ahead;

        if (hf_sql_token_is(&t, "GROUP") || hf_sql_token_is(&t, "ROLE"))
            t = hf_sql_token_next(at, end);
        HF_TRY(add_role(&t, out, err));
        ahead = *at;
        t = hf_sql_token_next(&ahead, end);
        if (!is_comma(&t))
            return HF_OK;
        *at = ahead;
    }
}

/* The lists behind any of the words, outside parentheses, up to one of the stop words. */
static enum hf_status add_behind(const char *sql, const char *const *words, const char *stop,
                                 struct hf_strings *out, struct hf_error *err)
{
    const char *at = sql;
    const char *end = sql + strlen(sql);
    int depth = 0;

    for (;;) {
        struct hf_sql_token t = hf_sql_token_next(&at, end);

        if (t.kind == HF_SQL_END)
            return HF_OK;
        if (t.kind == HF_SQL_SYMBOL)
            depth += *t.at == '(' ? 1 : *t.at == ')' ? -1 : 0;
        if (depth != 0)
            continue;
        if (stop && hf_sql_token_is(&t, stop))
            return HF_OK;
        for (const char *const *word = words; *word; word++)
            if (hf_sql_token_is(&t, *word)) {
                HF_TRY(add_list(&at, end, out, err));
                break;
            }
    }
}

enum hf_status hf_pg_roles_named(const struct hf_pg_toc *toc,
                                 const struct hf_pg_selection *selection, bool with_acl,
                                 struct hf_strings *out, struct hf_error *err)
{
    /* "FOR ROLE x" of default privileges is found by its ROLE */
    static const char *const acl_words[] = {"TO", "FROM", "AUTHORIZATION", "ROLE", NULL};
    static const char *const policy_words[] = {"TO", NULL};
    static const char *const mapping_words[] = {"FOR", NULL};

    for (size_t i = 0; i < toc->count; i++) {
        const struct hf_pg_toc_entry *e = &toc->entries[i];

        if (!selection->included[i])
            continue;
        if (hf_pg_entry_stage(toc, i) == HF_PG_STAGE_ACL) {
            if (with_acl)
                HF_TRY(add_behind(e->defn, acl_words, NULL, out, err));
        } else if (strcmp(e->desc, "POLICY") == 0) {
            HF_TRY(add_behind(e->defn, policy_words, "USING", out, err));
        } else if (strcmp(e->desc, "USER MAPPING") == 0) {
            HF_TRY(add_behind(e->defn, mapping_words, "SERVER", out, err));
        }
    }
    return HF_OK;
}

/* A name up to one of the stop characters, unquoted; *at is left there. */
static enum hf_status add_acl_name(const char **at, char stop, struct hf_strings *out,
                                   struct hf_error *err)
{
    HF_AUTO(hf_buf) name = HF_BUF_INIT;
    const char *p = *at;
    bool quoted = false;
    const char *text;

    for (; *p && (quoted || *p != stop); p++) {
        if (*p == '"' && !(quoted && p[1] == '"')) {
            quoted = !quoted;
            continue;
        }
        p += *p == '"';
        HF_TRY(hf_buf_u8(&name, (uint8_t)*p, err));
    }
    *at = p;
    HF_TRY(hf_buf_cstr(&name, &text, err));
    return hf_pg_roles_add(out, text, err);
}

enum hf_status hf_pg_roles_in_aclitem(const char *item, struct hf_strings *out,
                                      struct hf_error *err)
{
    HF_TRY(add_acl_name(&item, '=', out, err));
    item += strcspn(item, "/"); /* the privileges are letters and stars */
    return *item ? add_acl_name(&(const char *){item + 1}, '\0', out, err) : HF_OK;
}

/* One element of an array at *at, unquoted; *at moves behind it and its comma. */
static enum hf_status next_element(const char **at, struct hf_buf *out, struct hf_error *err)
{
    const char *p = *at;
    bool quoted = *p == '"';

    for (p += quoted; *p && (quoted ? *p != '"' : *p != ',' && *p != '}'); p++) {
        p += *p == '\\' && p[1];
        HF_TRY(hf_buf_u8(out, (uint8_t)*p, err));
    }
    p += quoted && *p;
    *at = *p == ',' ? p + 1 : p;
    return HF_OK;
}

enum hf_status hf_pg_roles_in_acl(const char *array, struct hf_strings *out, struct hf_error *err)
{
    const char *at = array + (*array == '{');

    while (*at && *at != '}') {
        HF_AUTO(hf_buf) item = HF_BUF_INIT;
        const char *before = at;
        const char *text;

        HF_TRY(next_element(&at, &item, err));
        HF_TRY(hf_buf_cstr(&item, &text, err));
        HF_TRY(hf_pg_roles_in_aclitem(text, out, err));
        if (at == before)
            return hf_error_set(err, HF_DAMAGED, "privileges make no sense: \"%.100s\"", array);
    }
    return HF_OK;
}
