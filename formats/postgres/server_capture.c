#include "formats/postgres/server_capture.h"

#include "base/json.h"
#include "formats/postgres/capture.h"
#include "formats/postgres/catalog.h"
#include "formats/postgres/databases.h"
#include "formats/postgres/properties.h"
#include "formats/postgres/small_streams.h"

#include <stdlib.h>
#include <string.h>

struct server_capture {
    const struct hf_pg_config *config;
    const struct hf_sink *sink;
    const struct hf_work *work;
    struct hf_pg *pg; /* the first connection */
    struct hf_pg_tool pg_dump;
    struct hf_pg_filter filter;
    struct hf_strings databases;
    json_t *properties;
    int64_t time; /* of the first database's snapshot */
};

static void server_capture_auto(struct server_capture *server)
{
    hf_pg_close(server->pg);
    hf_pg_tool_free(&server->pg_dump);
    hf_pg_filter_done(&server->filter);
    hf_strings_free(&server->databases);
    json_decref(server->properties);
}

/* Every program is found before anything starts. */
static enum hf_status find_tools(struct server_capture *server, struct hf_error *err)
{
    HF_AUTO(hf_pg_tool) pg_dumpall = HF_PG_TOOL_INIT;
    const struct hf_pg_config *config = server->config;
    int major = hf_pg_major(server->pg);

    HF_TRY(hf_pg_tool_find(HF_PG_DUMP, config->bin_dir, major, server->work->cancel,
                           &server->pg_dump, err));
    if (config->globals)
        HF_TRY(hf_pg_tool_find(HF_PG_DUMPALL, config->bin_dir, major, server->work->cancel,
                               &pg_dumpall, err));
    if (major > HF_PG_NEWEST_MAJOR)
        hf_observe(server->work->observer, HF_NOTE_WARNING,
                   "the server is PostgreSQL %d, newer than this program was made for; a restore "
                   "will tell whether everything is there",
                   major);
    return HF_OK;
}

/* The connection of a database: the first one's own, or another. */
static enum hf_status connect_to(struct server_capture *server, const char *database,
                                 struct hf_pg **out, struct hf_error *err)
{
    struct hf_pg_address address = hf_pg_address_of(server->config, database);

    address.pooler_checked = true;
    if (server->pg && strcmp(PQdb(server->pg->conn), database) == 0) {
        *out = server->pg;
        server->pg = NULL;
        return HF_OK;
    }
    return hf_pg_connect(&address, server->work->cancel, out, err);
}

static enum hf_status try_patterns(struct server_capture *server, const char *database,
                                   struct hf_error *err)
{
    HF_AUTO(hf_pg_tables) tables = HF_PG_TABLES_INIT;
    struct hf_pg_address address = hf_pg_address_of(server->config, database);
    HF_AUTO_PTR(hf_pg) pg = NULL;

    address.pooler_checked = true;
    HF_TRY(hf_pg_connect(&address, server->work->cancel, &pg, err));
    HF_TRY(hf_pg_list_relations(pg, HF_PG_LIST_NAMES, &tables, err));
    return hf_pg_filter_apply(&server->filter, &tables, false, err);
}

/* A pattern with a slip of the pen would leave out what it should choose, unnoticed for years. */
static enum hf_status check_patterns(struct server_capture *server, struct hf_error *err)
{
    if (server->filter.patterns == 0)
        return HF_OK;
    for (size_t i = 0; i < server->databases.count; i++)
        HF_TRY(try_patterns(server, server->databases.items[i], err));
    return hf_pg_filter_check(&server->filter, err);
}

static enum hf_status prepare(struct server_capture *server, struct hf_error *err)
{
    const char *first = NULL;
    struct hf_pg_address address;
    HF_AUTO_JSON facts = NULL;

    HF_TRY(hf_pg_filter_init(&server->filter, server->config, err));
    HF_TRY(hf_pg_first_database(server->config, &first, err));
    address = hf_pg_address_of(server->config, first);
    HF_TRY(hf_pg_connect(&address, server->work->cancel, &server->pg, err));
    HF_TRY(find_tools(server, err));
    HF_TRY(hf_pg_databases(server->pg, server->config, server->work->observer, &server->databases,
                           err));
    HF_TRY(check_patterns(server, err));
    HF_TRY(hf_pg_properties_server(server->pg, &facts, err));
    return hf_json_pack(&server->properties, err, "{s:O, s:s, s:b, s:b, s:[]}", "server", facts,
                        "pg_dump", server->pg_dump.version, "globals",
                        server->config->globals ? 1 : 0, "role_passwords", 0, "databases");
}

static enum hf_status capture_globals(struct server_capture *server, struct hf_error *err)
{
    bool passwords = false;

    if (!server->config->globals)
        return HF_OK;
    hf_observe(server->work->observer, HF_NOTE_STEP, "globals: roles and tablespaces");
    if (hf_pg_capture_globals(server->config, server->sink, server->work, server->pg, &passwords,
                              err) != HF_OK)
        return hf_error_prefix(err, "globals");
    return json_object_set_new(server->properties, "role_passwords", json_boolean(passwords)) == 0
               ? HF_OK
               : hf_error_memory(err);
}

static enum hf_status capture_one(struct server_capture *server, const char *database,
                                  struct hf_error *err)
{
    HF_AUTO_PTR(hf_pg) leader = NULL;
    json_t *properties = NULL;
    int64_t time = 0;

    HF_TRY(connect_to(server, database, &leader, err));
    HF_TRY(hf_pg_capture_database(&(struct hf_pg_capture_input){.config = server->config,
                                                                .sink = server->sink,
                                                                .work = server->work,
                                                                .filter = &server->filter,
                                                                .pg_dump = &server->pg_dump,
                                                                .leader = leader},
                                  &properties, &time, err));
    if (!server->time)
        server->time = time;
    return json_array_append_new(json_object_get(server->properties, "databases"), properties) == 0
               ? HF_OK
               : hf_error_memory(err);
}

enum hf_status hf_pg_capture(const void *config, const struct hf_sink *sink,
                             const struct hf_work *work, struct hf_capture_result *out,
                             struct hf_error *err)
{
    __attribute__((cleanup(server_capture_auto))) struct server_capture server = {
        .config = config, .sink = sink, .work = work, .databases = HF_STRINGS_INIT};

    HF_TRY(prepare(&server, err));
    HF_TRY(capture_globals(&server, err));
    for (size_t i = 0; i < server.databases.count; i++)
        HF_TRY(capture_one(&server, server.databases.items[i], err));
    out->time = server.time;
    out->properties = server.properties;
    server.properties = NULL;
    return HF_OK;
}
