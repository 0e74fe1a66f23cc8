#include "formats/postgres/restore_job.h"

#include "base/json.h"
#include "formats/postgres/copy_text.h"
#include "formats/postgres/feed_rows.h"
#include "formats/postgres/quote.h"
#include "formats/postgres/role_names.h"

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
