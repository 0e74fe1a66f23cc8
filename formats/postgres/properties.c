#include "formats/postgres/properties.h"

#include "base/json.h"

#include <stdlib.h>
#include <string.h>

/* Columns of pg_database come and go with versions; as jsonb, an absent one is null. */
static const char database_sql[] =
    "SELECT d.datname AS name, pg_catalog.pg_encoding_to_char(d.encoding) AS encoding,"
    " CASE j->>'datlocprovider' WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' ELSE 'libc' END"
    "   AS locale_provider,"
    " d.datcollate AS collate, d.datctype AS ctype,"
    " coalesce(j->>'datlocale', j->>'daticulocale') AS locale,"
    " j->>'daticurules' AS icu_rules, j->>'datcollversion' AS collation_version,"
    " pg_catalog.pg_get_userbyid(d.datdba) AS owner,"
    " t.spcname AS tablespace, d.datconnlimit AS connection_limit,"
    " d.datistemplate AS is_template,"
    " pg_catalog.shobj_description(d.oid, 'pg_database') AS comment,"
    " pg_catalog.pg_database_size(d.oid) AS size"
    " FROM pg_catalog.pg_database d"
    " JOIN pg_catalog.pg_tablespace t ON t.oid = d.dattablespace,"
    " LATERAL (SELECT pg_catalog.to_jsonb(d) AS j) AS jd"
    " WHERE d.datname = pg_catalog.current_database()";

static const char collation_actual_sql[] =
    "SELECT pg_catalog.pg_database_collation_actual_version(oid) AS actual"
    " FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()";

static const char acl_sql[] = "SELECT a::pg_catalog.text AS value FROM pg_catalog.pg_database d,"
                              " pg_catalog.unnest(d.datacl) WITH ORDINALITY AS u (a, n)"
                              " WHERE d.datname = pg_catalog.current_database() ORDER BY n";

static const char labels_sql[] =
    "SELECT provider, label FROM pg_catalog.pg_shseclabel l JOIN pg_catalog.pg_database d"
    " ON l.classoid = 'pg_catalog.pg_database'::pg_catalog.regclass AND l.objoid = d.oid"
    " WHERE d.datname = pg_catalog.current_database() ORDER BY 1";

static const char settings_sql[] =
    "SELECT r.rolname AS role, c AS value FROM pg_catalog.pg_db_role_setting s"
    " JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase"
    " LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole,"
    " pg_catalog.unnest(s.setconfig) WITH ORDINALITY AS u (c, n)"
    " WHERE d.datname = pg_catalog.current_database() AND (s.setrole = 0 OR r.oid IS NOT NULL)"
    " ORDER BY r.rolname NULLS FIRST, n";

/*
 * The role that initdb made is in no pg_shdepend (it cannot be dropped), so its objects are looked
 * for one catalog at a time.
 */
static const char roles_sql[] =
    "SELECT r.rolname AS value FROM pg_catalog.pg_roles r,"
    " (SELECT oid, datdba FROM pg_catalog.pg_database"
    "  WHERE datname = pg_catalog.current_database()) d"
    " WHERE r.oid = d.datdba OR r.oid IN"
    "  (SELECT refobjid FROM pg_catalog.pg_shdepend s"
    "   WHERE s.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass AND (s.dbid = d.oid"
    "    OR (s.classid = 'pg_catalog.pg_database'::pg_catalog.regclass AND s.objid = d.oid)))"
    " OR r.oid IN (SELECT relowner FROM pg_catalog.pg_class WHERE oid >= 16384)"
    " OR r.oid IN (SELECT proowner FROM pg_catalog.pg_proc WHERE oid >= 16384)"
    " OR r.oid IN (SELECT typowner FROM pg_catalog.pg_type WHERE oid >= 16384)"
    " OR r.oid IN (SELECT nspowner FROM pg_catalog.pg_namespace WHERE oid >= 16384)"
    " OR r.oid IN (SELECT lomowner FROM pg_catalog.pg_largeobject_metadata)"
    " OR r.oid IN (SELECT setrole FROM pg_catalog.pg_db_role_setting WHERE setdatabase = d.oid)"
    " ORDER BY 1";

static const char extensions_sql[] =
    "SELECT e.extname AS name, e.extversion AS version, n.nspname AS schema"
    " FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace"
    " WHERE e.extname <> 'plpgsql' ORDER BY 1";

enum hf_status hf_pg_json_field(const PGresult *result, int row, const char *column, json_t **out,
                                struct hf_error *err)
{
    const char *text = hf_pg_field(result, row, column);
    json_t *value = text ? json_string(text) : json_null();

    if (!value)
        return hf_error_set(err, HF_UNSUPPORTED,
                            "the %s of something in the database is not UTF-8 and cannot be "
                            "written down: rename it",
                            column);
    *out = value;
    return HF_OK;
}

static enum hf_status set_field(json_t *object, const char *key, json_t *value,
                                struct hf_error *err)
{
    return json_object_set_new(object, key, value) == 0 ? HF_OK : hf_error_memory(err);
}

static enum hf_status set_texts(json_t *object, const PGresult *result, int row,
                                const char *const *keys, struct hf_error *err)
{
    for (; *keys; keys++) {
        json_t *value = NULL;

        HF_TRY(hf_pg_json_field(result, row, *keys, &value, err));
        HF_TRY(set_field(object, *keys, value, err));
    }
    return HF_OK;
}

/* Rows of one column "value" as an array of strings. */
static enum hf_status query_strings(struct hf_pg *pg, const char *sql, json_t **out,
                                    struct hf_error *err)
{
    HF_AUTO_RESULT result = NULL;
    HF_AUTO_JSON array = json_array();

    if (!array)
        return hf_error_memory(err);
    HF_TRY(hf_pg_query(pg, sql, &result, err));
    for (int row = 0; row < PQntuples(result); row++) {
        json_t *value = NULL;

        HF_TRY(hf_pg_json_field(result, row, "value", &value, err));
        if (json_array_append_new(array, value) != 0)
            return hf_error_memory(err);
    }
    *out = array;
    array = NULL;
    return HF_OK;
}

/* Rows as an array of objects of strings. */
static enum hf_status query_objects(struct hf_pg *pg, const char *sql, const char *const *keys,
                                    json_t **out, struct hf_error *err)
{
    HF_AUTO_RESULT result = NULL;
    HF_AUTO_JSON array = json_array();

    if (!array)
        return hf_error_memory(err);
    HF_TRY(hf_pg_query(pg, sql, &result, err));
    for (int row = 0; row < PQntuples(result); row++) {
        json_t *object = json_object();

        if (!object || json_array_append_new(array, object) != 0)
            return hf_error_memory(err);
        HF_TRY(set_texts(object, result, row, keys, err));
    }
    *out = array;
    array = NULL;
    return HF_OK;
}

/* [{"role", "settings": […]}] out of rows sorted by role. */
static enum hf_status query_settings(struct hf_pg *pg, json_t **out, struct hf_error *err)
{
    HF_AUTO_RESULT result = NULL;
    HF_AUTO_JSON array = json_array();
    json_t *current = NULL;

    HF_TRY(hf_pg_query(pg, settings_sql, &result, err));
    for (int row = 0; array && row < PQntuples(result); row++) {
        json_t *role = NULL;
        json_t *value = NULL;

        HF_TRY(hf_pg_json_field(result, row, "role", &role, err));
        if (!current || !json_equal(json_object_get(current, "role"), role)) {
            current = json_pack("{s:o, s:[]}", "role", role, "settings");
            if (!current || json_array_append_new(array, current) != 0)
                return hf_error_memory(err);
        } else {
            json_decref(role);
        }
        HF_TRY(hf_pg_json_field(result, row, "value", &value, err));
        if (json_array_append_new(json_object_get(current, "settings"), value) != 0)
            return hf_error_memory(err);
    }
    if (!array)
        return hf_error_memory(err);
    *out = array;
    array = NULL;
    return HF_OK;
}

static enum hf_status add_columns(struct hf_pg *pg, json_t *object, struct hf_error *err)
{
    static const char *const keys[] = {
        "name",      "encoding",          "locale_provider", "collate",    "ctype",   "locale",
        "icu_rules", "collation_version", "owner",           "tablespace", "comment", NULL};
    HF_AUTO_RESULT result = NULL;
    const char *limit;

    HF_TRY(hf_pg_query(pg, database_sql, &result, err));
    if (PQntuples(result) != 1)
        return hf_error_set(err, HF_NOT_FOUND, "%s: the database is being dropped", pg->where);
    HF_TRY(set_texts(object, result, 0, keys, err));
    limit = hf_pg_field(result, 0, "connection_limit");
    HF_TRY(set_field(object, "connection_limit", json_integer(limit ? strtol(limit, NULL, 10) : -1),
                     err));
    HF_TRY(set_field(object, "is_template",
                     json_boolean(hf_pg_field_bool(result, 0, "is_template")), err));
    return set_field(object, "size", json_integer((json_int_t)hf_pg_field_u64(result, 0, "size")),
                     err);
}

static enum hf_status add_collation_actual(struct hf_pg *pg, json_t *object, struct hf_error *err)
{
    HF_AUTO_RESULT result = NULL;
    json_t *value = json_null();

    if (pg->version >= 150000) {
        HF_TRY(hf_pg_query(pg, collation_actual_sql, &result, err));
        HF_TRY(hf_pg_json_field(result, 0, "actual", &value, err));
    }
    return set_field(object, "collation_version_actual", value, err);
}

static enum hf_status add_acl(struct hf_pg *pg, json_t *object, struct hf_error *err)
{
    HF_AUTO_FREE char *is_default = NULL;
    json_t *value = NULL;

    HF_TRY(hf_pg_query_value(pg,
                             "SELECT datacl IS NULL FROM pg_catalog.pg_database"
                             " WHERE datname = pg_catalog.current_database()",
                             &is_default, err));
    if (is_default[0] == 't')
        return set_field(object, "acl", json_null(), err);
    HF_TRY(query_strings(pg, acl_sql, &value, err));
    return set_field(object, "acl", value, err);
}

static enum hf_status add_lists(struct hf_pg *pg, json_t *object, struct hf_error *err)
{
    static const char *const label_keys[] = {"provider", "label", NULL};
    static const char *const extension_keys[] = {"name", "version", "schema", NULL};
    json_t *value = NULL;

    HF_TRY(query_objects(pg, labels_sql, label_keys, &value, err));
    HF_TRY(set_field(object, "security_labels", value, err));
    HF_TRY(query_settings(pg, &value, err));
    HF_TRY(set_field(object, "settings", value, err));
    HF_TRY(query_strings(pg, roles_sql, &value, err));
    HF_TRY(set_field(object, "roles", value, err));
    HF_TRY(query_objects(pg, extensions_sql, extension_keys, &value, err));
    return set_field(object, "extensions", value, err);
}

enum hf_status hf_pg_properties_database(struct hf_pg *pg, json_t **out, struct hf_error *err)
{
    HF_AUTO_JSON object = json_object();

    if (!object)
        return hf_error_memory(err);
    HF_TRY(add_columns(pg, object, err));
    HF_TRY(add_collation_actual(pg, object, err));
    HF_TRY(add_acl(pg, object, err));
    HF_TRY(add_lists(pg, object, err));
    *out = object;
    object = NULL;
    return HF_OK;
}

/* Not every role may call it; the snapshot is as good without. */
static enum hf_status system_identifier(struct hf_pg *pg, json_t **out, struct hf_error *err)
{
    HF_AUTO_RESULT result = NULL;

    HF_TRY(hf_pg_query(
        pg,
        "SELECT pg_catalog.has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE')"
        " AS may",
        &result, err));
    if (!hf_pg_field_bool(result, 0, "may")) {
        *out = json_null();
        return HF_OK;
    }
    PQclear(result);
    result = NULL;
    HF_TRY(hf_pg_query(pg, "SELECT system_identifier FROM pg_catalog.pg_control_system()", &result,
                       err));
    return hf_pg_json_field(result, 0, "system_identifier", out, err);
}

enum hf_status hf_pg_properties_server(struct hf_pg *pg, json_t **out, struct hf_error *err)
{
    HF_AUTO_RESULT result = NULL;
    HF_AUTO_JSON identifier = NULL;

    HF_TRY(hf_pg_query(pg,
                       "SELECT pg_catalog.current_setting('server_version') AS version,"
                       " pg_catalog.pg_is_in_recovery() AS standby",
                       &result, err));
    HF_TRY(system_identifier(pg, &identifier, err));
    return hf_json_pack(out, err, "{s:s, s:i, s:b, s:O}", "version",
                        hf_pg_field(result, 0, "version"), "version_num", pg->version, "standby",
                        hf_pg_field_bool(result, 0, "standby") ? 1 : 0, "system_identifier",
                        identifier);
}
