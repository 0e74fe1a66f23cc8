#include "formats/postgres/script.h"

#include "base/json.h"
#include "formats/postgres/copy_text.h"
#include "formats/postgres/database_settings.h"
#include "formats/postgres/quote.h"
#include "formats/postgres/role_names.h"

#include <string.h>

/* Privileges as an ACL says them, for what GRANT … ON names. Made in the session only. */
static const char grant_function[] =
    "CREATE FUNCTION pg_temp.holdfast_grant(thing text, owner text, acl pg_catalog.aclitem[])\n"
    "RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog AS $holdfast$\n"
    "DECLARE\n"
    "    g record;\n"
    "BEGIN\n"
    "    EXECUTE format('REVOKE ALL ON %s FROM PUBLIC, %I', thing, owner);\n"
    "    FOR g IN SELECT a.*, b.rolname AS giver, t.rolname AS receiver FROM aclexplode(acl) a\n"
    "        JOIN pg_roles b ON b.oid = a.grantor LEFT JOIN pg_roles t ON t.oid = a.grantee\n"
    "    LOOP\n"
    "        IF g.giver <> owner THEN EXECUTE format('SET LOCAL ROLE %I', g.giver); END IF;\n"
    "        EXECUTE format('GRANT %s ON %s TO %s%s', g.privilege_type, thing,\n"
    "            CASE WHEN g.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(g.receiver) END,\n"
    "            CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END);\n"
    "        RESET ROLE;\n"
    "    END LOOP;\n"
    "END $holdfast$;\n";

static enum hf_status put_owner(struct hf_pg_script *s, const char *const f[4],
                                struct hf_error *err)
{
    if (!f[1] || s->options->no_owner)
        return HF_OK;
    HF_TRY(hf_pg_script_put(s, err, "ALTER LARGE OBJECT %s OWNER TO ", f[0]));
    HF_TRY(hf_pg_script_ident(s, f[1], err));
    HF_TRY(hf_pg_script_put(s, err, ";\n"));
    if (!f[2] || s->options->no_acl)
        return HF_OK;
    HF_TRY(hf_pg_script_put(s, err, "SELECT pg_temp.holdfast_grant('LARGE OBJECT %s', ", f[0]));
    HF_TRY(hf_pg_script_literal(s, f[1], err));
    HF_TRY(hf_pg_script_put(s, err, ", "));
    HF_TRY(hf_pg_script_literal(s, f[2], err));
    return hf_pg_script_put(s, err, ");\n");
}

static bool is_number(const char *text)
{
    return text && *text && strspn(text, "0123456789") == strlen(text);
}

static enum hf_status put_object(struct hf_pg_script *s, const char *row, size_t len,
                                 struct hf_error *err)
{
    HF_AUTO(hf_buf) storage = HF_BUF_INIT;
    const char *f[4];

    HF_TRY(hf_pg_text_split(row, len, "large object", &storage, f, 4, err));
    if (!is_number(f[0]))
        return hf_error_set(err, HF_DAMAGED, "a large object has no number");
    HF_TRY(hf_pg_script_put(s, err, "SELECT pg_catalog.lo_create(%s);\n", f[0]));
    HF_TRY(put_owner(s, f, err));
    if (!f[3])
        return HF_OK;
    HF_TRY(hf_pg_script_put(s, err, "COMMENT ON LARGE OBJECT %s IS ", f[0]));
    HF_TRY(hf_pg_script_literal(s, f[3], err));
    return hf_pg_script_put(s, err, ";\n");
}

static enum hf_status put_piece(struct hf_pg_script *s, const char *row, size_t len,
                                struct hf_error *err)
{
    HF_AUTO(hf_buf) storage = HF_BUF_INIT;
    const char *f[3];

    HF_TRY(hf_pg_text_split(row, len, "large object", &storage, f, 3, err));
    if (!is_number(f[0]) || !is_number(f[1]) || !f[2])
        return hf_error_set(err, HF_DAMAGED, "a piece of a large object has no place");
    HF_TRY(hf_pg_script_put(s, err, "SELECT pg_catalog.lo_put(%s, %s, ", f[0], f[1]));
    HF_TRY(hf_pg_script_literal(s, f[2], err));
    return hf_pg_script_put(s, err, ");\n");
}

enum hf_status hf_pg_script_large_objects(struct hf_pg_script *script, struct hf_error *err)
{
    if (script->wants_objects || script->input.selection.everything)
        HF_TRY(hf_pg_script_put(script, err, "\n%s", grant_function));
    if (!script->wants_objects)
        return HF_OK;
    HF_TRY(hf_pg_script_rows(script, "largeobjects", put_object, err));
    return hf_pg_script_rows(script, "largeobjects/data", put_piece, err);
}

/* Statements about the database, whatever it is called where the script runs: "head" name "tail".
 */
static enum hf_status put_about_database(struct hf_pg_script *s, const char *head, const char *tail,
                                         struct hf_error *err)
{
    HF_TRY(hf_pg_script_put(s, err, "DO $holdfast$ BEGIN EXECUTE "));
    HF_TRY(hf_pg_script_literal(s, head, err));
    HF_TRY(
        hf_pg_script_put(s, err, " || pg_catalog.quote_ident(pg_catalog.current_database()) || "));
    HF_TRY(hf_pg_script_literal(s, tail, err));
    return hf_pg_script_put(s, err, "; END $holdfast$;\n");
}

static enum hf_status put_setting(struct hf_pg_script *s, const char *role, const char *setting,
                                  struct hf_error *err)
{
    HF_AUTO(hf_buf) head = HF_BUF_INIT;
    HF_AUTO(hf_buf) tail = HF_BUF_INIT;
    const char *head_text;
    const char *tail_text;

    if (strstr(setting, "$holdfast$")) /* would end our quoting */
        return HF_OK;
    if (role) {
        HF_TRY(hf_buf_append_str(&head, "ALTER ROLE ", err));
        HF_TRY(hf_pg_quote_ident(&head, role, err));
        HF_TRY(hf_buf_append_str(&head, " IN DATABASE ", err));
    } else {
        HF_TRY(hf_buf_append_str(&head, "ALTER DATABASE ", err));
    }
    HF_TRY(hf_pg_setting_sql(&tail, setting, err));
    HF_TRY(hf_buf_cstr(&head, &head_text, err));
    HF_TRY(hf_buf_cstr(&tail, &tail_text, err));
    return put_about_database(s, head_text, tail_text, err);
}

static enum hf_status put_settings(struct hf_pg_script *s, struct hf_error *err)
{
    const json_t *settings = json_object_get(s->database, "settings");
    const json_t *group;
    const json_t *item;
    size_t i;
    size_t j;

    json_array_foreach (settings, i, group) {
        const char *role = json_string_value(json_object_get(group, "role"));

        if (role && s->options->no_owner)
            continue;
        json_array_foreach (json_object_get(group, "settings"), j, item) {
            if (json_is_string(item))
                HF_TRY(put_setting(s, role, json_string_value(item), err));
        }
    }
    return HF_OK;
}

/* As an array literal of aclitems, quoted once more as a string. */
static enum hf_status put_acl(struct hf_pg_script *s, const char *owner, struct hf_error *err)
{
    const json_t *acl = json_object_get(s->database, "acl");
    const json_t *item;
    size_t i;

    if (!json_is_array(acl) || s->options->no_acl)
        return HF_OK;
    HF_TRY(hf_pg_script_put(s, err,
                            "SELECT pg_temp.holdfast_grant('DATABASE ' || "
                            "pg_catalog.quote_ident(pg_catalog.current_database()), "));
    HF_TRY(hf_pg_script_literal(s, owner, err));
    HF_TRY(hf_pg_script_put(s, err, ", ARRAY["));
    json_array_foreach (acl, i, item) {
        HF_TRY(hf_pg_script_put(s, err, "%s", i > 0 ? ", " : ""));
        HF_TRY(hf_pg_script_literal(s, json_is_string(item) ? json_string_value(item) : "", err));
    }
    return hf_pg_script_put(s, err, "]::pg_catalog.aclitem[]);\n");
}

static enum hf_status put_database_owner(struct hf_pg_script *s, struct hf_error *err)
{
    const char *owner = NULL;
    HF_AUTO(hf_buf) tail = HF_BUF_INIT;
    const char *text;

    HF_TRY(hf_json_string_optional(s->database, "owner", &owner, err));
    if (!owner || s->options->no_owner)
        return HF_OK;
    HF_TRY(hf_buf_append_str(&tail, " OWNER TO ", err));
    HF_TRY(hf_pg_quote_ident(&tail, owner, err));
    HF_TRY(hf_buf_cstr(&tail, &text, err));
    HF_TRY(put_about_database(s, "ALTER DATABASE ", text, err));
    return s->input.selection.everything ? put_acl(s, owner, err) : HF_OK;
}

static enum hf_status put_comment(struct hf_pg_script *s, struct hf_error *err)
{
    const char *comment = NULL;
    HF_AUTO(hf_buf) tail = HF_BUF_INIT;
    const char *text;

    HF_TRY(hf_json_string_optional(s->database, "comment", &comment, err));
    if (!comment || strstr(comment, "$holdfast$"))
        return HF_OK;
    HF_TRY(hf_buf_append_str(&tail, " IS ", err));
    HF_TRY(hf_pg_quote_literal(&tail, comment, err));
    HF_TRY(hf_buf_cstr(&tail, &text, err));
    return put_about_database(s, "COMMENT ON DATABASE ", text, err);
}

static enum hf_status put_label(struct hf_pg_script *s, const char *provider, const char *label,
                                struct hf_error *err)
{
    HF_AUTO(hf_buf) head = HF_BUF_INIT;
    HF_AUTO(hf_buf) tail = HF_BUF_INIT;
    const char *head_text;
    const char *tail_text;

    if (strstr(label, "$holdfast$") || strstr(provider, "$holdfast$"))
        return HF_OK;
    HF_TRY(hf_buf_append_str(&head, "SECURITY LABEL FOR ", err));
    HF_TRY(hf_pg_quote_ident(&head, provider, err));
    HF_TRY(hf_buf_append_str(&head, " ON DATABASE ", err));
    HF_TRY(hf_buf_append_str(&tail, " IS ", err));
    HF_TRY(hf_pg_quote_literal(&tail, label, err));
    HF_TRY(hf_buf_cstr(&head, &head_text, err));
    HF_TRY(hf_buf_cstr(&tail, &tail_text, err));
    return put_about_database(s, head_text, tail_text, err);
}

static enum hf_status put_labels(struct hf_pg_script *s, struct hf_error *err)
{
    const json_t *labels = json_object_get(s->database, "security_labels");
    const json_t *item;
    size_t i;

    json_array_foreach (labels, i, item) {
        const char *provider;
        const char *label;

        HF_TRY(hf_json_string(item, "provider", &provider, err));
        HF_TRY(hf_json_string(item, "label", &label, err));
        HF_TRY(put_label(s, provider, label, err));
    }
    return HF_OK;
}

enum hf_status hf_pg_script_settings(struct hf_pg_script *script, struct hf_error *err)
{
    json_int_t limit = -1;
    char tail[64];

    HF_TRY(hf_pg_script_put(script, err, "\n-- The database's own properties\n\n"));
    HF_TRY(put_database_owner(script, err));
    if (!script->input.selection.everything)
        return HF_OK;
    HF_TRY(put_settings(script, err));
    HF_TRY(put_comment(script, err));
    HF_TRY(put_labels(script, err));
    if (script->server && json_is_true(json_object_get(script->database, "is_template")))
        HF_TRY(put_about_database(script, "ALTER DATABASE ", " IS_TEMPLATE true", err));
    if (json_is_integer(json_object_get(script->database, "connection_limit")))
        limit = json_integer_value(json_object_get(script->database, "connection_limit"));
    if (limit < 0)
        return HF_OK;
    (void)snprintf(tail, sizeof tail, " CONNECTION LIMIT %d", (int)limit);
    return put_about_database(script, "ALTER DATABASE ", tail, err);
}

/* A name in a comment must not end it. */
static bool is_one_line(const char *text)
{
    return strpbrk(text, "\r\n") == NULL;
}

enum hf_status hf_pg_script_roles(struct hf_pg_script *script, struct hf_error *err)
{
    const struct hf_pg_input *in = &script->input;
    const char *owner = NULL;
    HF_AUTO(hf_strings) names = HF_STRINGS_INIT;

    if (!script->options->no_owner) {
        HF_TRY(hf_pg_roles_owning(in->toc, &in->selection, &names, err));
        HF_TRY(hf_json_string_optional(script->database, "owner", &owner, err));
        HF_TRY(owner ? hf_pg_roles_add(&names, owner, err) : HF_OK);
    }
    HF_TRY(hf_pg_roles_named(in->toc, &in->selection, !script->options->no_acl, &names, err));
    if (names.count > 0)
        HF_TRY(hf_pg_script_put(script, err,
                                "-- Roles that this script speaks of; those that the server does "
                                "not have must be made first:\n"));
    for (size_t i = 0; i < names.count; i++) {
        if (!is_one_line(names.items[i]) || strncmp(names.items[i], "pg_", 3) == 0)
            continue;
        HF_TRY(hf_pg_script_put(script, err, "--   CREATE ROLE "));
        HF_TRY(hf_pg_script_ident(script, names.items[i], err));
        HF_TRY(hf_pg_script_put(script, err, " NOLOGIN;\n"));
    }
    return HF_OK;
}
