#include "formats/postgres/doctor.h"

#include "formats/finding.h"
#include "formats/postgres/capture.h"
#include "formats/postgres/catalog.h"
#include "formats/postgres/databases.h"
#include "formats/postgres/lock.h"

#include <inttypes.h>
#include <stdlib.h>

struct doctor {
    const struct hf_pg_config *config;
    json_t *findings;
    struct hf_pg *pg;
    struct hf_pg_filter filter;
    struct hf_strings databases;
};

static void doctor_auto(struct doctor *doctor)
{
    hf_pg_close(doctor->pg);
    hf_pg_filter_done(&doctor->filter);
    hf_strings_free(&doctor->databases);
    json_decref(doctor->findings);
}

static enum hf_status find_server(struct doctor *doctor, struct hf_error *err)
{
    HF_AUTO_RESULT result = NULL;
    struct hf_pg *pg = doctor->pg;
    bool standby;

    HF_TRY(hf_pg_query(pg,
                       "SELECT pg_catalog.current_setting('server_version') AS version,"
                       " pg_catalog.pg_is_in_recovery() AS standby,"
                       " pg_catalog.current_setting('hot_standby_feedback') = 'on'"
                       " OR pg_catalog.current_setting('max_standby_streaming_delay') = '-1'"
                       " AS patient",
                       &result, err));
    standby = hf_pg_field_bool(result, 0, "standby");
    HF_TRY(hf_finding_add(
        doctor->findings, "server", hf_pg_major(pg) <= HF_PG_NEWEST_MAJOR, err,
        "%s: PostgreSQL %s, %s%s", pg->where, hf_pg_field(result, 0, "version"),
        standby ? "a standby" : "a primary",
        hf_pg_major(pg) <= HF_PG_NEWEST_MAJOR ? "" : ", newer than this program knows"));
    if (!standby)
        return HF_OK;
    if (hf_pg_field_bool(result, 0, "patient"))
        return hf_finding_add(doctor->findings, "standby", true, err,
                              "replay waits for long queries");
    return hf_finding_add(doctor->findings, "standby", false, err,
                          "replay may end a long backup: set hot_standby_feedback = on, or raise "
                          "max_standby_streaming_delay, on the standby");
}

static enum hf_status find_tool(struct doctor *doctor, enum hf_pg_program program,
                                struct hf_error *err)
{
    HF_AUTO(hf_pg_tool) tool = HF_PG_TOOL_INIT;
    struct hf_error found = HF_ERROR_INIT;
    const char *name = hf_pg_program_name(program);

    if (hf_pg_tool_find(program, doctor->config->bin_dir, hf_pg_major(doctor->pg), NULL, &tool,
                        &found) != HF_OK)
        return hf_finding_add(doctor->findings, name, false, err, "%s", found.text);
    return hf_finding_add(doctor->findings, name, true, err, "%s is %s", tool.path, tool.version);
}

static enum hf_status find_tools(struct doctor *doctor, struct hf_error *err)
{
    HF_TRY(find_tool(doctor, HF_PG_DUMP, err));
    if (doctor->config->globals)
        HF_TRY(find_tool(doctor, HF_PG_DUMPALL, err));
    return find_tool(doctor, HF_PG_RESTORE, err);
}

/* The leader and pg_dump lock every table; workers a hundred each at a time. The server has room
 * for at least so many over all sessions, which share it. */
static enum hf_status find_locks(struct doctor *doctor, struct hf_pg *pg,
                                 const struct hf_pg_tables *tables, struct hf_error *err)
{
    HF_AUTO_FREE char *room_text = NULL;
    uint64_t room;
    size_t wanted = 0;

    HF_TRY(hf_pg_query_value(
        pg,
        "SELECT pg_catalog.current_setting('max_locks_per_transaction')::pg_catalog.int8"
        " * (pg_catalog.current_setting('max_connections')::pg_catalog.int8"
        " + pg_catalog.current_setting('max_prepared_transactions')::pg_catalog.int8)",
        &room_text, err));
    room = strtoull(room_text, NULL, 10);
    for (size_t i = 0; i < tables->count; i++)
        wanted += hf_pg_wants_lock(&tables->items[i]);
    if (wanted + 1000 <= room)
        return HF_OK;
    return hf_finding_add(
        doctor->findings, "locks", false, err,
        "%s: %zu tables are to be locked, and the server has room for about %" PRIu64
        " locks: raise max_locks_per_transaction if the backup says that it is out of "
        "shared memory",
        pg->where, wanted, room);
}

static enum hf_status look_into(struct doctor *doctor, struct hf_pg *pg, struct hf_error *err)
{
    HF_AUTO(hf_pg_tables) tables = HF_PG_TABLES_INIT;
    struct hf_error found = HF_ERROR_INIT;
    size_t taken = 0;

    HF_TRY(hf_pg_list_relations(pg, HF_PG_LIST_NAMES, &tables, err));
    HF_TRY(hf_pg_filter_apply(&doctor->filter, &tables, false, err));
    if (hf_pg_check_readable(pg, &tables, &found) != HF_OK)
        return hf_finding_add(doctor->findings, "rights", false, err, "%s", found.text);
    for (size_t i = 0; i < tables.count; i++)
        taken += tables.items[i].rows && tables.items[i].kind == HF_PG_KIND_TABLE;
    HF_TRY(hf_finding_add(doctor->findings, "rights", true, err,
                          "%s: role %s may read all %zu table%s", pg->where, PQuser(pg->conn),
                          taken, hf_text_plural(taken)));
    return find_locks(doctor, pg, &tables, err);
}

static enum hf_status find_database(struct doctor *doctor, const char *database,
                                    struct hf_error *err)
{
    struct hf_pg_address address = hf_pg_address_of(doctor->config, database);
    HF_AUTO_PTR(hf_pg) pg = NULL;
    struct hf_error found = HF_ERROR_INIT;

    address.pooler_checked = true;
    if (hf_pg_connect(&address, NULL, &pg, &found) != HF_OK ||
        look_into(doctor, pg, &found) != HF_OK)
        return hf_finding_add(doctor->findings, "database", false, err, "%s", found.text);
    return HF_OK;
}

static enum hf_status find_databases(struct doctor *doctor, struct hf_error *err)
{
    struct hf_error found = HF_ERROR_INIT;

    if (hf_pg_databases(doctor->pg, doctor->config, NULL, &doctor->databases, &found) != HF_OK)
        return hf_finding_add(doctor->findings, "databases", false, err, "%s", found.text);
    for (size_t i = 0; i < doctor->databases.count; i++)
        HF_TRY(find_database(doctor, doctor->databases.items[i], err));
    if (hf_pg_filter_check(&doctor->filter, &found) != HF_OK)
        return hf_finding_add(doctor->findings, "patterns", false, err, "%s", found.text);
    return HF_OK;
}

static enum hf_status find_globals(struct doctor *doctor, struct hf_error *err)
{
    if (!doctor->config->globals || doctor->pg->superuser)
        return HF_OK;
    return hf_finding_add(doctor->findings, "globals", false, err,
                          "role %s is no superuser: roles are backed up without their passwords",
                          PQuser(doctor->pg->conn));
}

static enum hf_status examine(struct doctor *doctor, struct hf_error *err)
{
    const char *first = NULL;
    struct hf_pg_address address;
    struct hf_error found = HF_ERROR_INIT;
    enum hf_status status = hf_pg_first_database(doctor->config, &first, &found);

    address = hf_pg_address_of(doctor->config, first);
    if (status == HF_OK)
        status = hf_pg_connect(&address, NULL, &doctor->pg, &found);
    if (status != HF_OK)
        return hf_finding_add(doctor->findings, "server", false, err, "%s", found.text);
    HF_TRY(find_server(doctor, err));
    HF_TRY(find_tools(doctor, err));
    HF_TRY(find_databases(doctor, err));
    return find_globals(doctor, err);
}

enum hf_status hf_pg_doctor(const void *config, json_t **out_findings, struct hf_error *err)
{
    __attribute__((cleanup(doctor_auto))) struct doctor doctor = {
        .config = config, .findings = json_array(), .databases = HF_STRINGS_INIT};

    if (!doctor.findings)
        return hf_error_memory(err);
    HF_TRY(hf_pg_filter_init(&doctor.filter, config, err));
    HF_TRY(examine(&doctor, err));
    *out_findings = doctor.findings;
    doctor.findings = NULL;
    return HF_OK;
}
