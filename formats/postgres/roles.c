#include "formats/postgres/restore_job.h"

#include "base/json.h"
#include "formats/postgres/copy_text.h"
#include "formats/postgres/drop_database.h"
#include "formats/postgres/feed_rows.h"
#include "formats/postgres/quote.h"
#include "formats/postgres/role_names.h"

#include <stdio.h>
#include <string.h>

static enum hf_status add_database_owner(const struct hf_pg_job *job, struct hf_strings *out,
                                         struct hf_error *err)
{
    const char *owner = NULL;

    HF_TRY(hf_json_string_optional(job->database, "owner", &owner, err));
    return owner ? hf_pg_roles_add(out, owner, err) : HF_OK;
}

static enum hf_status add_database_acl(const struct hf_pg_job *job, struct hf_strings *out,
                                       struct hf_error *err)
{
    const json_t *acl = json_object_get(job->database, "acl");
    const json_t *item;
    size_t i;

    json_array_foreach (acl, i, item) {
        if (json_is_string(item))
            HF_TRY(hf_pg_roles_in_aclitem(json_string_value(item), out, err));
    }
    return HF_OK;
}

/* Roles with settings in this database. */
static enum hf_status add_settings_roles(const struct hf_pg_job *job, struct hf_strings *out,
                                         struct hf_error *err)
{
    const json_t *settings = json_object_get(job->database, "settings");
    const json_t *item;
    size_t i;

    json_array_foreach (settings, i, item) {
        const char *role = json_string_value(json_object_get(item, "role"));

        if (role)
            HF_TRY(hf_pg_roles_add(out, role, err));
    }
    return HF_OK;
}

/* What no definition in the archive speaks of by name. */
static enum hf_status add_snapshot_roles(const struct hf_pg_job *job, struct hf_strings *out,
                                         struct hf_error *err)
{
    const json_t *roles = json_object_get(job->database, "roles");
    const json_t *item;
    size_t i;

    json_array_foreach (roles, i, item) {
        if (json_is_string(item))
            HF_TRY(hf_pg_roles_add(out, json_string_value(item), err));
    }
    return HF_OK;
}

struct object_roles {
    const struct hf_restore_options *options;
    struct hf_strings *owning, *all;
};

static enum hf_status add_object(void *ctx, const char *row, size_t len, struct hf_error *err)
{
    const struct object_roles *roles = ctx;
    HF_AUTO(hf_buf) storage = HF_BUF_INIT;
    const char *f[4];

    HF_TRY(hf_pg_text_split(row, len, "large object", &storage, f, 4, err));
    if (f[1])
        HF_TRY(hf_pg_roles_add(roles->owning, f[1], err));
    return f[2] && !roles->options->no_acl ? hf_pg_roles_in_acl(f[2], roles->all, err) : HF_OK;
}

/* Large objects' owners and grantees: the archive does not know them. */
static enum hf_status add_object_roles(const struct hf_pg_job *job, struct hf_strings *owning,
                                       struct hf_strings *all, struct hf_error *err)
{
    struct object_roles roles = {.options = job->options, .owning = owning, .all = all};

    if (!job->wants_objects)
        return HF_OK;
    return hf_pg_feed_rows(job->feed, job->input.database, "largeobjects", job->work->cancel,
                           add_object, &roles, err);
}

/* Roles without which something of what is asked for cannot be restored. owning: to be given
 * ownership. */
static enum hf_status collect(const struct hf_pg_job *job, struct hf_strings *owning,
                              struct hf_strings *all, struct hf_error *err)
{
    const struct hf_pg_input *in = &job->input;
    bool whole = in->selection.everything;

    if (!job->options->no_owner) {
        HF_TRY(hf_pg_roles_owning(in->toc, &in->selection, owning, err));
        HF_TRY(add_database_owner(job, owning, err));
        HF_TRY(add_object_roles(job, owning, all, err));
    }
    for (size_t i = 0; i < owning->count; i++)
        HF_TRY(hf_pg_roles_add(all, owning->items[i], err));
    HF_TRY(hf_pg_roles_named(in->toc, &in->selection, !job->options->no_acl, all, err));
    if (whole && !job->options->no_owner) {
        HF_TRY(add_settings_roles(job, all, err));
        if (!job->options->no_acl) {
            HF_TRY(add_database_acl(job, all, err));
            HF_TRY(add_snapshot_roles(job, all, err));
        }
    }
    return HF_OK;
}

static enum hf_status query_names(struct hf_pg_job *job, const char *sql,
                                  const struct hf_strings *names, PGresult **out,
                                  struct hf_error *err)
{
    HF_AUTO(hf_buf) array = HF_BUF_INIT;
    const char *text;

    HF_TRY(hf_pg_quote_array(&array, (const char *const *)names->items, names->count, err));
    HF_TRY(hf_buf_cstr(&array, &text, err));
    return hf_pg_query_params(job->maintenance, sql, 1, &text, false, out, err);
}

static const char missing_roles[] =
    "SELECT n FROM pg_catalog.unnest($1::pg_catalog.text[]) n WHERE n NOT IN (SELECT rolname FROM"
    " pg_catalog.pg_roles) ORDER BY n";

/* Giving a thing to a role takes being a member of it, or superuser. */
static enum hf_status check_membership(struct hf_pg_job *job, const struct hf_strings *owning,
                                       struct hf_error *err)
{
    HF_AUTO_RESULT rows = NULL;

    if (job->maintenance->superuser)
        return HF_OK;
    HF_TRY(query_names(job,
                       "SELECT pg_catalog.string_agg(rolname, ', ' ORDER BY rolname) FROM"
                       " pg_catalog.pg_roles WHERE rolname = ANY ($1::pg_catalog.text[]) AND NOT"
                       " pg_catalog.pg_has_role(oid, 'USAGE')",
                       owning, &rows, err));
    if (PQgetisnull(rows, 0, 0))
        return HF_OK;
    return hf_error_set(err, HF_DENIED,
                        "things cannot be given to the roles that own them (%s): restore as a "
                        "superuser, or as a member of these roles, or use --no-owner",
                        PQgetvalue(rows, 0, 0));
}

static enum hf_status check_createrole(struct hf_pg_job *job, const PGresult *missing,
                                       struct hf_error *err)
{
    HF_AUTO_FREE char *may = NULL;

    if (PQntuples(missing) == 0)
        return HF_OK;
    HF_TRY(hf_pg_query_value(job->maintenance,
                             "SELECT rolcreaterole OR rolsuper FROM pg_catalog.pg_roles WHERE"
                             " rolname = current_user",
                             &may, err));
    if (strcmp(may, "t") == 0)
        return HF_OK;
    return hf_error_set(err, HF_DENIED,
                        "%d roles that the database speaks of (%s%s) are not on the target, and "
                        "this role may not create any: create them, restore as a role with "
                        "CREATEROLE, or use --no-owner and --no-acl",
                        PQntuples(missing), PQgetvalue(missing, 0, 0),
                        PQntuples(missing) > 1 ? ", …" : "");
}

enum hf_status hf_pg_roles_check(struct hf_pg_job *job, struct hf_error *err)
{
    HF_AUTO(hf_strings) owning = HF_STRINGS_INIT;
    HF_AUTO(hf_strings) all = HF_STRINGS_INIT;
    HF_AUTO_RESULT missing = NULL;

    HF_TRY(collect(job, &owning, &all, err));
    HF_TRY(check_membership(job, &owning, err));
    HF_TRY(query_names(job, missing_roles, &all, &missing, err));
    return check_createrole(job, missing, err);
}

static enum hf_status create_role(struct hf_pg_job *job, const char *name, struct hf_error *err)
{
    HF_AUTO(hf_buf) quoted = HF_BUF_INIT;
    const char *text;

    if (strncmp(name, "pg_", 3) == 0) /* the server's own; no one can create these */
        return HF_OK;
    HF_TRY(hf_pg_quote_ident(&quoted, name, err));
    HF_TRY(hf_buf_cstr(&quoted, &text, err));
    if (hf_pg_runf(job->maintenance, err, "CREATE ROLE %s NOLOGIN", text) != HF_OK) {
        if (err->status == HF_EXISTS)
            return HF_OK;
        return hf_error_prefix(err, "creating the missing role \"%s\"", name);
    }
    HF_TRY(hf_strings_add(&job->made_roles, name, err));
    if (!job->maintenance->superuser)
        HF_TRY(hf_pg_runf(job->maintenance, err, "GRANT %s TO CURRENT_USER", text));
    return hf_pg_job_note(job, err, "role \"%s\" was not there and was created without login",
                          name);
}

enum hf_status hf_pg_roles_create(struct hf_pg_job *job, struct hf_error *err)
{
    HF_AUTO(hf_strings) owning = HF_STRINGS_INIT;
    HF_AUTO(hf_strings) all = HF_STRINGS_INIT;
    HF_AUTO_RESULT missing = NULL;

    HF_TRY(collect(job, &owning, &all, err));
    HF_TRY(query_names(job, missing_roles, &all, &missing, err));
    for (int i = 0; i < PQntuples(missing); i++)
        HF_TRY(create_role(job, PQgetvalue(missing, i, 0), err));
    return HF_OK;
}

/* Of the roles made here, those that are as they were made: no login, no part of another role, none
 * of another one's but ours. A restore that runs beside this one may count on any of them. */
static const char unused_roles[] =
    "SELECT rolname FROM pg_catalog.pg_roles r WHERE rolname = ANY ($1::pg_catalog.text[]) AND NOT"
    " rolcanlogin AND NOT EXISTS (SELECT FROM pg_catalog.pg_auth_members m WHERE m.member = r.oid "
    "OR"
    " (m.roleid = r.oid AND m.member <> (SELECT oid FROM pg_catalog.pg_roles WHERE rolname ="
    " current_user))) AND NOT EXISTS (SELECT FROM pg_catalog.pg_locks WHERE locktype = 'advisory'"
    " AND classid = $2::pg_catalog.int4::pg_catalog.oid AND pid <> $3::pg_catalog.int4)"
    " ORDER BY 1";

static enum hf_status find_unused(struct hf_pg *pg, const struct hf_strings *names, int backend,
                                  PGresult **out, struct hf_error *err)
{
    HF_AUTO(hf_buf) array = HF_BUF_INIT;
    char class_text[16];
    char pid_text[16];
    const char *values[] = {NULL, class_text, pid_text};

    HF_TRY(hf_pg_quote_array(&array, (const char *const *)names->items, names->count, err));
    HF_TRY(hf_buf_cstr(&array, &values[0], err));
    (void)snprintf(class_text, sizeof class_text, "%d", HF_PG_LOCK_CLASS);
    (void)snprintf(pid_text, sizeof pid_text, "%d", backend);
    return hf_pg_query_params(pg, unused_roles, 3, values, false, out, err);
}

static enum hf_status drop_role(struct hf_pg *pg, const char *name, struct hf_error *err)
{
    HF_AUTO(hf_buf) quoted = HF_BUF_INIT;
    const char *text;

    HF_TRY(hf_pg_quote_ident(&quoted, name, err));
    HF_TRY(hf_buf_cstr(&quoted, &text, err));
    return hf_pg_runf(pg, err, "DROP ROLE %s", text);
}

static enum hf_status add_name(struct hf_buf *list, const char *name, struct hf_error *err)
{
    return hf_buf_printf(list, err, "%s%s", list->len > 0 ? ", " : "", name);
}

static enum hf_status note_names(struct hf_pg_job *job, const char *what,
                                 const struct hf_buf *names, struct hf_error *err)
{
    if (names->len == 0)
        return HF_OK;
    return hf_pg_job_note(job, err, "%s: %.*s", what, (int)names->len, (const char *)names->data);
}

/* The server refuses to drop a role that owns something, or is granted something. */
enum hf_status hf_pg_drop_unused_roles(struct hf_pg *pg, const struct hf_strings *names,
                                       int backend, struct hf_strings *out_dropped,
                                       struct hf_error *err)
{
    HF_AUTO_RESULT unused = NULL;

    HF_TRY(find_unused(pg, names, backend, &unused, err));
    for (int i = 0; i < PQntuples(unused); i++) {
        struct hf_error cause = HF_ERROR_INIT;

        if (drop_role(pg, PQgetvalue(unused, i, 0), &cause) == HF_OK)
            HF_TRY(hf_strings_add(out_dropped, PQgetvalue(unused, i, 0), err));
    }
    return HF_OK;
}

static enum hf_status drop_roles(struct hf_pg_job *job, struct hf_pg *pg, struct hf_error *err)
{
    HF_AUTO(hf_strings) dropped = HF_STRINGS_INIT;
    HF_AUTO(hf_buf) gone = HF_BUF_INIT;
    HF_AUTO(hf_buf) kept = HF_BUF_INIT;

    HF_TRY(hf_pg_drop_unused_roles(pg, &job->made_roles, job->maintenance->backend, &dropped, err));
    for (size_t i = 0; i < job->made_roles.count; i++) {
        const char *name = job->made_roles.items[i];

        HF_TRY(add_name(hf_strings_contain(&dropped, name) ? &gone : &kept, name, err));
    }
    HF_TRY(note_names(job, "roles made for this restore were dropped again", &gone, err));
    return note_names(job, "roles made for this restore stay, as somebody uses them by now", &kept,
                      err);
}

void hf_pg_roles_drop(struct hf_pg_job *job, struct hf_pg *pg)
{
    struct hf_error cause = HF_ERROR_INIT;
    struct hf_error ignored = HF_ERROR_INIT;

    if (job->made_roles.count > 0 && drop_roles(job, pg, &cause) != HF_OK)
        (void)!hf_pg_job_note(job, &ignored, "roles made for this restore stay: %s", cause.text);
}
