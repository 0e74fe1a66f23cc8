/* The database's own properties, put on the temporary database just before it gets its name. */
#include "formats/postgres/database_settings.h"

#include "base/json.h"
#include "formats/postgres/quote.h"
#include "formats/postgres/restore_job.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

static enum hf_status begin(const struct hf_pg_job *job, struct hf_buf *sql, struct hf_error *err)
{
    HF_TRY(hf_buf_append_str(sql, "ALTER DATABASE ", err));
    return hf_pg_quote_ident(sql, job->temporary, err);
}

static enum hf_status run(struct hf_pg_job *job, struct hf_buf *sql, struct hf_error *err)
{
    const char *text;

    HF_TRY(hf_buf_cstr(sql, &text, err));
    return hf_pg_run(job->maintenance, text, err);
}

static enum hf_status set_owner(struct hf_pg_job *job, struct hf_error *err)
{
    HF_AUTO(hf_buf) sql = HF_BUF_INIT;
    const char *owner = NULL;

    HF_TRY(hf_json_string_optional(job->database, "owner", &owner, err));
    if (!owner || job->options->no_owner)
        return HF_OK;
    HF_TRY(begin(job, &sql, err));
    HF_TRY(hf_buf_append_str(&sql, " OWNER TO ", err));
    HF_TRY(hf_pg_quote_ident(&sql, owner, err));
    return run(job, &sql, err);
}

/* Privileges as they were: nothing for anyone, then each grant by who granted it. The query takes
 * the database's name and the ACL. */
static const char grants[] =
    "WITH d AS (SELECT $1::pg_catalog.text AS db, (SELECT rolname FROM pg_catalog.pg_roles r JOIN"
    " pg_catalog.pg_database b ON b.datdba = r.oid WHERE b.datname = $1) AS owner)"
    " SELECT 1, 0, pg_catalog.format('REVOKE ALL ON DATABASE %I FROM PUBLIC, %I', db, owner) FROM d"
    " UNION ALL SELECT 2, a.n, pg_catalog.format('%sGRANT %s ON DATABASE %I TO %s%s%s', CASE WHEN"
    " g.rolname <> d.owner THEN pg_catalog.format('SET ROLE %I;', g.rolname) ELSE '' END,"
    " a.privilege_type, d.db, CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE pg_catalog.format('%I',"
    " t.rolname) END, CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END, CASE WHEN"
    " g.rolname <> d.owner THEN ';RESET ROLE' ELSE '' END) FROM d,"
    " pg_catalog.aclexplode($2::pg_catalog.aclitem[]) WITH ORDINALITY a(grantor, grantee,"
    " privilege_type, is_grantable, n) JOIN pg_catalog.pg_roles g ON g.oid = a.grantor LEFT JOIN"
    " pg_catalog.pg_roles t ON t.oid = a.grantee ORDER BY 1, 2";

static enum hf_status acl_array(const json_t *acl, struct hf_buf *out, struct hf_error *err)
{
    const char *items[1024];
    const json_t *item;
    const char *text;
    size_t count = 0;
    size_t i;

    json_array_foreach (acl, i, item) {
        if (!json_is_string(item) || count == sizeof items / sizeof *items)
            return hf_error_set(err, HF_DAMAGED, "the database's privileges make no sense");
        items[count++] = json_string_value(item);
    }
    HF_TRY(hf_pg_quote_array(out, items, count, err));
    return hf_buf_cstr(out, &text, err);
}

static enum hf_status set_acl(struct hf_pg_job *job, struct hf_error *err)
{
    const json_t *acl = json_object_get(job->database, "acl");
    HF_AUTO(hf_buf) array = HF_BUF_INIT;
    HF_AUTO_RESULT rows = NULL;
    const char *values[2];

    if (!json_is_array(acl) || job->options->no_acl)
        return HF_OK;
    if (job->options->no_owner)
        return hf_pg_job_note(job, err,
                              "the database's own privileges were left out with its owner");
    HF_TRY(acl_array(acl, &array, err));
    values[0] = job->temporary;
    values[1] = (const char *)array.data;
    HF_TRY(hf_pg_query_params(job->maintenance, grants, 2, values, false, &rows, err));
    for (int i = 0; i < PQntuples(rows); i++)
        HF_TRY(hf_pg_run(job->maintenance, PQgetvalue(rows, i, 2), err));
    return HF_OK;
}

/* Parameters whose value is a list of quoted names: each is a literal of its own. */
static bool is_list(const char *name)
{
    static const char *const lists[] = {"local_preload_libraries",   "search_path",
                                        "session_preload_libraries", "shared_preload_libraries",
                                        "temp_tablespaces",          "unix_socket_directories"};

    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (strcasecmp(name, lists[i]) == 0)
            return true;
    return false;
}

/* One name of a list at *at, unquoted; *at moves behind it and the comma. */
static enum hf_status next_name(const char **at, struct hf_buf *out, struct hf_error *err)
{
    const char *p = *at;
    bool quoted;

    while (*p == ' ')
        p++;
    quoted = *p == '"';
    p += quoted;
    while (*p && (quoted || *p != ',')) {
        if (quoted && *p == '"') {
            if (p[1] != '"')
                break;
            p++;
        }
        HF_TRY(hf_buf_u8(out, (uint8_t)*p++, err));
    }
    while (!quoted && out->len > 0 && out->data[out->len - 1] == ' ')
        out->len--;
    while (*p && *p != ',')
        p++;
    *at = *p ? p + 1 : p;
    return HF_OK;
}

static enum hf_status add_list(struct hf_buf *sql, const char *value, struct hf_error *err)
{
    bool first = true;

    do {
        HF_AUTO(hf_buf) name = HF_BUF_INIT;
        const char *text;

        HF_TRY(next_name(&value, &name, err));
        HF_TRY(hf_buf_cstr(&name, &text, err));
        if (!first)
            HF_TRY(hf_buf_append_str(sql, ", ", err));
        HF_TRY(hf_pg_quote_literal(sql, text, err));
        first = false;
    } while (*value);
    return HF_OK;
}

enum hf_status hf_pg_setting_sql(struct hf_buf *sql, const char *setting, struct hf_error *err)
{
    const char *equals = strchr(setting, '=');
    HF_AUTO_FREE char *name = NULL;

    if (!equals)
        return hf_error_set(err, HF_DAMAGED, "a setting of the database has no value");
    HF_TRY(hf_text_format(&name, err, "%.*s", (int)(equals - setting), setting));
    HF_TRY(hf_buf_append_str(sql, " SET ", err));
    HF_TRY(hf_pg_quote_ident(sql, name, err));
    HF_TRY(hf_buf_append_str(sql, " TO ", err));
    return is_list(name) ? add_list(sql, equals + 1, err)
                         : hf_pg_quote_literal(sql, equals + 1, err);
}

/* "ALTER DATABASE d SET …", or "ALTER ROLE r IN DATABASE d SET …". A parameter that the target
 * does not know is a note. */
static enum hf_status apply_setting(struct hf_pg_job *job, const char *role, const char *setting,
                                    struct hf_error *err)
{
    HF_AUTO(hf_buf) sql = HF_BUF_INIT;
    struct hf_error cause = HF_ERROR_INIT;

    if (role) {
        HF_TRY(hf_buf_append_str(&sql, "ALTER ROLE ", err));
        HF_TRY(hf_pg_quote_ident(&sql, role, err));
        HF_TRY(hf_buf_append_str(&sql, " IN DATABASE ", err));
        HF_TRY(hf_pg_quote_ident(&sql, job->temporary, err));
    } else {
        HF_TRY(begin(job, &sql, err));
    }
    HF_TRY(hf_pg_setting_sql(&sql, setting, err));
    if (run(job, &sql, &cause) == HF_OK)
        return HF_OK;
    if (cause.status == HF_UNREACHABLE || cause.status == HF_CANCELLED) {
        *err = cause;
        return err->status;
    }
    return hf_pg_job_note(job, err, "setting %s%s%s was not restored: %s", setting,
                          role ? " of role " : "", role ? role : "", cause.text);
}

static enum hf_status set_settings(struct hf_pg_job *job, struct hf_error *err)
{
    const json_t *settings = json_object_get(job->database, "settings");
    const json_t *group;
    const json_t *item;
    size_t i;
    size_t j;

    json_array_foreach (settings, i, group) {
        const char *role = json_string_value(json_object_get(group, "role"));

        if (role && job->options->no_owner)
            continue;
        json_array_foreach (json_object_get(group, "settings"), j, item) {
            if (!json_is_string(item))
                return hf_error_set(err, HF_DAMAGED, "a setting of the database is no text");
            HF_TRY(apply_setting(job, role, json_string_value(item), err));
        }
    }
    return HF_OK;
}

static enum hf_status apply_label(struct hf_pg_job *job, const char *provider, const char *label,
                                  struct hf_error *err)
{
    HF_AUTO(hf_buf) sql = HF_BUF_INIT;
    struct hf_error cause = HF_ERROR_INIT;

    HF_TRY(hf_buf_append_str(&sql, "SECURITY LABEL FOR ", err));
    HF_TRY(hf_pg_quote_ident(&sql, provider, err));
    HF_TRY(hf_buf_append_str(&sql, " ON DATABASE ", err));
    HF_TRY(hf_pg_quote_ident(&sql, job->temporary, err));
    HF_TRY(hf_buf_append_str(&sql, " IS ", err));
    HF_TRY(hf_pg_quote_literal(&sql, label, err));
    if (run(job, &sql, &cause) == HF_OK)
        return HF_OK;
    return hf_pg_job_note(job, err, "the security label of %s was not restored: %s", provider,
                          cause.text);
}

static enum hf_status set_labels(struct hf_pg_job *job, struct hf_error *err)
{
    const json_t *labels = json_object_get(job->database, "security_labels");
    const json_t *item;
    size_t i;

    json_array_foreach (labels, i, item) {
        const char *provider;
        const char *label;

        HF_TRY(hf_json_string(item, "provider", &provider, err));
        HF_TRY(hf_json_string(item, "label", &label, err));
        HF_TRY(apply_label(job, provider, label, err));
    }
    return HF_OK;
}

static enum hf_status set_limits(struct hf_pg_job *job, struct hf_error *err)
{
    json_int_t limit = -1;
    HF_AUTO(hf_buf) sql = HF_BUF_INIT;
    const json_t *value = json_object_get(job->database, "connection_limit");

    if (json_is_integer(value))
        limit = json_integer_value(value);
    HF_TRY(begin(job, &sql, err));
    HF_TRY(hf_buf_printf(&sql, err, " CONNECTION LIMIT %d", (int)limit));
    if (json_is_true(json_object_get(job->database, "is_template")))
        HF_TRY(hf_buf_append_str(&sql, " IS_TEMPLATE true", err));
    return run(job, &sql, err);
}

static enum hf_status reset(struct hf_pg_job *job, struct hf_error *err)
{
    HF_AUTO(hf_buf) sql = HF_BUF_INIT;

    HF_TRY(begin(job, &sql, err));
    HF_TRY(hf_buf_append_str(&sql, " RESET ALL", err));
    return run(job, &sql, err);
}

static enum hf_status apply(struct hf_pg_job *job, struct hf_error *err)
{
    HF_TRY(reset(job, err));
    HF_TRY(set_owner(job, err));
    if (!job->input.selection.everything)
        return HF_OK;
    HF_TRY(set_acl(job, err));
    HF_TRY(set_settings(job, err));
    HF_TRY(set_labels(job, err));
    return set_limits(job, err);
}

enum hf_status hf_pg_database_settings(struct hf_pg_job *job, struct hf_error *err)
{
    if (apply(job, err) != HF_OK)
        return hf_error_prefix(err, "the database's own properties");
    return HF_OK;
}
