#include "agent/drill/assert.h"
#include "formats/postgres/connection.h"

#include <stdio.h>
#include <string.h>

/* The restored name of the database that is meant: the one that was named, or the only one. */
static enum hf_status find_database(const struct hf_drill_ask *ask, const char **out,
                                    struct hf_error *err)
{
    const json_t *all = json_object_get(ask->request->info->properties, "databases");
    const char *wanted = ask->assertion->database;
    const json_t *one;
    size_t i;

    json_array_foreach (all, i, one) {
        const char *name = json_string_value(json_object_get(one, "name"));

        if (!name || (wanted && strcmp(name, wanted) != 0))
            continue;
        if (!wanted && json_array_size(all) > 1)
            return hf_error_set(err, HF_CONFIG,
                                "the snapshot has %zu databases: say which \"database\" the "
                                "assertion is about",
                                json_array_size(all));
        *out = i < ask->scratch->names.count ? ask->scratch->names.items[i] : name;
        return HF_OK;
    }
    return hf_error_set(err, HF_CONFIG, "the snapshot has no database \"%s\"",
                        wanted ? wanted : "");
}

static void judge(struct hf_drill_ask *ask, const PGresult *result)
{
    enum { BOOLEAN = 16 }; /* its type's number, in every server */
    int rows = PQntuples(result), columns = PQnfields(result);
    const char *value = rows == 1 && columns == 1 ? PQgetvalue(result, 0, 0) : "";
    const char *words = strcmp(value, "t") == 0 ? "true" : "false";

    if (columns == 0)
        (void)snprintf(ask->found, sizeof ask->found, "a statement that gives no rows");
    else if (rows != 1 || columns != 1)
        (void)snprintf(ask->found, sizeof ask->found, "%d rows of %d columns", rows, columns);
    else if (PQgetisnull(result, 0, 0))
        (void)snprintf(ask->found, sizeof ask->found, "NULL");
    else if (PQftype(result, 0) != BOOLEAN)
        (void)snprintf(ask->found, sizeof ask->found, "%.300s, which is not true or false", value);
    else
        (void)snprintf(ask->found, sizeof ask->found, "%s", words);
    ask->holds = strcmp(ask->found, "true") == 0;
}

/* What the session pins for reading tables back is not what people's queries are written for. */
static enum hf_status prepare(struct hf_pg *pg, unsigned timeout, struct hf_error *err)
{
    HF_TRY(hf_pg_run(pg, "RESET search_path; RESET row_security", err));
    HF_TRY(hf_pg_run(pg, "BEGIN READ ONLY", err));
    return hf_pg_runf(pg, err, "SET LOCAL statement_timeout = '%us'", timeout);
}

enum hf_status hf_drill_ask_sql(struct hf_drill_ask *ask, struct hf_error *err)
{
    const struct hf_pg_config *config = &ask->scratch->target.as.postgres.config;
    struct hf_pg_address address = {
        .conninfo = config->conninfo, .password = config->password, .pooler_checked = true};
    HF_AUTO_PTR(hf_pg) pg = NULL;
    HF_AUTO_RESULT result = NULL;
    struct hf_error why = HF_ERROR_INIT;
    enum hf_status status;

    HF_TRY(find_database(ask, &address.database, err));
    HF_TRY(hf_pg_connect(&address, ask->request->session->cancel, &pg, err));
    HF_TRY(prepare(pg, ask->timeout, err));
    status = hf_pg_query_params(pg, ask->assertion->sql, 0, NULL, false, &result, &why);
    if (status == HF_UNREACHABLE || status == HF_CANCELLED || status == HF_NO_MEMORY) {
        *err = why;
        return status;
    }
    if (status == HF_OK)
        judge(ask, result);
    else
        (void)snprintf(ask->found, sizeof ask->found, "error: %.380s", why.text);
    return HF_OK;
}
