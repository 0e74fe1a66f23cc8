#include "formats/postgres/script.h"

#include "base/json.h"
#include "formats/postgres/create_database.h"
#include "formats/postgres/global_statement.h"
#include "formats/postgres/quote.h"

#include <string.h>

/* The variables that the script itself works with: the roles that the server has before, and how a
 * database of libc's locales is asked for. */
static const char variables[] =
    "SELECT pg_catalog.array_agg(rolname) AS holdfast_roles FROM pg_catalog.pg_roles \\gset\n"
    "SELECT CASE WHEN pg_catalog.current_setting('server_version_num')::pg_catalog.int4 >= 150000\n"
    "    THEN 'LOCALE_PROVIDER = libc' ELSE '' END AS holdfast_libc \\gset\n\n";

static const char carry_on[] = "\\set ON_ERROR_STOP 0\n";
static const char stop_again[] = "\\set ON_ERROR_STOP 1\n";

static enum hf_status put_guarded(struct hf_pg_script *s, const struct hf_pg_global *g,
                                  struct hf_error *err)
{
    HF_AUTO(hf_buf) name = HF_BUF_INIT;

    HF_TRY(hf_sql_token_name(&g->name, &name, err));
    HF_TRY(hf_pg_script_put(s, err, "SELECT "));
    HF_TRY(hf_pg_script_literal(s, (const char *)name.data, err));
    HF_TRY(hf_pg_script_put(s, err,
                            " <> ALL (:'holdfast_roles'::pg_catalog.text[]) AS holdfast_new "
                            "\\gset\n\\if :holdfast_new\n"));
    HF_TRY(hf_pg_script_bytes(s, g->at, g->len, err));
    return hf_pg_script_put(s, err, ";\n\\endif\n");
}

static enum hf_status put_global(struct hf_pg_script *s, const struct hf_pg_global *g,
                                 struct hf_error *err)
{
    bool lenient = g->kind == HF_PG_GLOBAL_TABLESPACE;

    if (g->kind == HF_PG_GLOBAL_ROLE || g->kind == HF_PG_GLOBAL_ROLE_ATTRIBUTES)
        return put_guarded(s, g, err);
    HF_TRY(hf_pg_script_put(s, err, "%s", lenient ? carry_on : ""));
    HF_TRY(hf_pg_script_bytes(s, g->at, g->len, err));
    return hf_pg_script_put(s, err, ";\n%s", lenient ? stop_again : "");
}

static enum hf_status put_globals(struct hf_pg_script *s, struct hf_error *err)
{
    HF_AUTO(hf_buf) text = HF_BUF_INIT;
    struct hf_sql_script statements;
    const char *sql;
    const char *at;
    size_t len;

    HF_TRY(hf_pg_script_put(s, err,
                            "-- Roles, and tablespaces, whose folders must be there: without them "
                            "everything goes into the default one\n\n"));
    HF_TRY(hf_feed_read_all(s->feed, "globals", HF_PG_GLOBALS_MAX, &text, err));
    HF_TRY(hf_buf_cstr(&text, &sql, err));
    hf_sql_script_init(&statements, sql);
    for (;;) {
        struct hf_pg_global global;

        HF_TRY(hf_sql_script_next(&statements, &at, &len, err));
        if (len == 0)
            return HF_OK;
        global = hf_pg_global_read(at, len);
        HF_TRY(put_global(s, &global, err));
    }
}

/* Where the target has the tablespace. */
static enum hf_status put_tablespace(struct hf_pg_script *s, const json_t *database,
                                     const char *name, struct hf_error *err)
{
    const char *tablespace = "pg_default";

    HF_TRY(hf_json_string_optional(database, "tablespace", &tablespace, err));
    if (strcmp(tablespace, "pg_default") == 0)
        return HF_OK;
    HF_TRY(hf_pg_script_put(s, err, "%sALTER DATABASE ", carry_on));
    HF_TRY(hf_pg_script_ident(s, name, err));
    HF_TRY(hf_pg_script_put(s, err, " SET TABLESPACE "));
    HF_TRY(hf_pg_script_ident(s, tablespace, err));
    return hf_pg_script_put(s, err, ";\n%s", stop_again);
}

static enum hf_status put_database(struct hf_pg_script *s, const json_t *database,
                                   struct hf_error *err)
{
    HF_AUTO(hf_buf) options = HF_BUF_INIT;
    const char *provider = "libc";
    const char *name;
    const char *text;

    HF_TRY(hf_json_string(database, "name", &name, err));
    HF_TRY(hf_json_string_optional(database, "locale_provider", &provider, err));
    if (strpbrk(name, "\r\n"))
        return hf_error_set(err, HF_UNSUPPORTED,
                            "database \"%s\": psql cannot connect to a name of several lines: "
                            "export it alone (--database)",
                            name);
    if (strcmp(name, "postgres") == 0 || strcmp(name, "template1") == 0)
        return HF_OK; /* every server has them */
    HF_TRY(hf_pg_create_database_sql(database, &options, err));
    if (strcmp(provider, "libc") == 0)
        HF_TRY(hf_buf_append_str(&options, " :holdfast_libc", err));
    else
        HF_TRY(hf_pg_create_provider_sql(database, &options, err));
    HF_TRY(hf_buf_cstr(&options, &text, err));
    HF_TRY(hf_pg_script_put(s, err, "CREATE DATABASE "));
    HF_TRY(hf_pg_script_ident(s, name, err));
    HF_TRY(hf_pg_script_put(s, err, "%s;\n", text));
    return put_tablespace(s, database, name, err);
}

/* The settings of one database, such as a default that is read only, are none of the others':
 * all are made first. */
enum hf_status hf_pg_script_server(struct hf_pg_script *script, const json_t *properties,
                                   struct hf_error *err)
{
    const json_t *databases = json_object_get(properties, "databases");
    const json_t *database;
    size_t i;

    HF_TRY(hf_pg_script_put(script, err,
                            "-- %zu databases%s, written by holdfast. Restore them into an empty "
                            "server, as a superuser:\n--\n"
                            "--   psql -v ON_ERROR_STOP=1 -d postgres -f THIS_FILE\n--\n\n"
                            "\\set ON_ERROR_STOP 1\n\nSET client_encoding = 'UTF8';\n"
                            "SET standard_conforming_strings = on;\n%s",
                            json_array_size(databases),
                            script->has_globals ? ", roles and tablespaces" : "", variables));
    if (script->has_globals)
        HF_TRY(put_globals(script, err));
    HF_TRY(hf_pg_script_put(script, err, "\n-- Databases\n\n"));
    json_array_foreach (databases, i, database)
        HF_TRY(put_database(script, database, err));
    return HF_OK;
}

/* A connection string, as a name alone may be taken for one, quoted once more for psql. */
enum hf_status hf_pg_script_connect(struct hf_pg_script *script, const char *database,
                                    struct hf_error *err)
{
    HF_AUTO(hf_buf) conninfo = HF_BUF_INIT;
    const char *text;

    HF_TRY(hf_buf_append_str(&conninfo, "dbname='", err));
    for (const char *at = database; *at; at++) {
        if (*at == '\'' || *at == '\\')
            HF_TRY(hf_buf_u8(&conninfo, '\\', err));
        HF_TRY(hf_buf_u8(&conninfo, (uint8_t)*at, err));
    }
    HF_TRY(hf_buf_u8(&conninfo, '\'', err));
    HF_TRY(hf_buf_cstr(&conninfo, &text, err));
    HF_TRY(hf_pg_script_put(script, err, "\n-- Database "));
    HF_TRY(hf_pg_script_ident(script, database, err));
    HF_TRY(hf_pg_script_put(script, err, "\n\n\\connect -reuse-previous=on "));
    HF_TRY(hf_pg_script_ident(script, text, err));
    return hf_pg_script_put(script, err, "\n");
}
