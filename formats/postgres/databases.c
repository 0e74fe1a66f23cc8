#include "formats/postgres/databases.h"

#include "formats/postgres/conninfo.h"

#include <stdlib.h>
#include <string.h>

static bool is_several(const struct hf_pg_config *config)
{
    return config->all_databases || config->databases.count > 0;
}

enum hf_status hf_pg_first_database(const struct hf_pg_config *config, const char **out,
                                    struct hf_error *err)
{
    HF_AUTO_FREE char *named = NULL;

    HF_TRY(hf_pg_conninfo_get(config->conninfo, "dbname", &named, err));
    *out = !named && is_several(config) ? "postgres" : NULL;
    return HF_OK;
}

/* Templates are taken where they are named, or where they are not the two that every server has. */
static bool is_wanted(const struct hf_pg_config *config, const char *name, bool *marks)
{
    bool wanted = config->all_databases && strcmp(name, "template1") != 0;

    for (size_t i = 0; i < config->databases.count; i++) {
        const char *pattern = config->databases.items[i];

        if (hf_text_match(pattern, name) &&
            (strcmp(name, "template1") != 0 || strcmp(pattern, name) == 0)) {
            marks[i] = true;
            wanted = true;
        }
    }
    return wanted;
}

static enum hf_status choose(const struct hf_pg_config *config, const PGresult *result, bool *marks,
                             const struct hf_observer *observer, struct hf_strings *out,
                             struct hf_error *err)
{
    for (int row = 0; row < PQntuples(result); row++) {
        const char *name = hf_pg_field(result, row, "name");

        if (!is_wanted(config, name, marks))
            continue;
        if (hf_pg_field_bool(result, row, "usable"))
            HF_TRY(hf_strings_add(out, name, err));
        else
            hf_observe(observer, HF_NOTE_WARNING,
                       "database %s takes no connections and is left out", name);
    }
    for (size_t i = 0; i < config->databases.count; i++) {
        if (!marks[i])
            return hf_error_set(err, HF_NOT_FOUND, "databases: there is no database \"%s\"",
                                config->databases.items[i]);
    }
    return HF_OK;
}

enum hf_status hf_pg_databases(struct hf_pg *pg, const struct hf_pg_config *config,
                               const struct hf_observer *observer, struct hf_strings *out,
                               struct hf_error *err)
{
    HF_AUTO_FREE bool *marks = calloc(config->databases.count + 1, sizeof *marks);
    HF_AUTO(hf_strings) names = HF_STRINGS_INIT;
    HF_AUTO_RESULT result = NULL;

    if (!marks)
        return hf_error_memory(err);
    if (!is_several(config))
        return hf_strings_add(out, PQdb(pg->conn), err);
    HF_TRY(hf_pg_query(pg,
                       "SELECT datname AS name, datallowconn AND datconnlimit <> -2 AS usable"
                       " FROM pg_catalog.pg_database WHERE datname <> 'template0' ORDER BY 1",
                       &result, err));
    HF_TRY(choose(config, result, marks, observer, &names, err));
    if (names.count == 0)
        return hf_error_set(err, HF_NOT_FOUND, "%s: no database is chosen", pg->where);
    hf_strings_free(out);
    *out = names;
    names = (struct hf_strings)HF_STRINGS_INIT;
    return HF_OK;
}
