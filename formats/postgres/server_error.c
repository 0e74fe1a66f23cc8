#include "formats/postgres/server_error.h"

#include "formats/postgres/conninfo.h"

#include <ctype.h>
#include <string.h>

struct state_kind {
    const char *prefix;
    enum hf_status status;
};

/* Longer prefixes first. */
static const struct state_kind kinds[] = {
    {"42501", HF_DENIED},      /* insufficient_privilege */
    {"3D000", HF_NOT_FOUND},   /* invalid_catalog_name: no such database */
    {"3F000", HF_NOT_FOUND},   /* invalid_schema_name */
    {"42P01", HF_NOT_FOUND},   /* undefined_table */
    {"42703", HF_NOT_FOUND},   /* undefined_column */
    {"42704", HF_NOT_FOUND},   /* undefined_object */
    {"42P04", HF_EXISTS},      /* duplicate_database */
    {"42P06", HF_EXISTS},      /* duplicate_schema */
    {"42P07", HF_EXISTS},      /* duplicate_table */
    {"42710", HF_EXISTS},      /* duplicate_object */
    {"55P03", HF_BUSY},        /* lock_not_available */
    {"55006", HF_BUSY},        /* object_in_use */
    {"53300", HF_BUSY},        /* too_many_connections */
    {"40001", HF_BUSY},        /* serialization_failure: a conflict with recovery */
    {"40P01", HF_BUSY},        /* deadlock_detected */
    {"53100", HF_NO_SPACE},    /* disk_full */
    {"57P01", HF_UNREACHABLE}, /* admin_shutdown */
    {"57P02", HF_UNREACHABLE}, /* crash_shutdown */
    {"57P03", HF_UNREACHABLE}, /* cannot_connect_now */
    {"08", HF_UNREACHABLE},    /* connection exceptions */
    {"28", HF_DENIED},         /* invalid authorization */
    {"0A", HF_UNSUPPORTED},    /* feature not supported */
};

enum hf_status hf_pg_status_of_sqlstate(const char *sqlstate)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strncmp(sqlstate, kinds[i].prefix, strlen(kinds[i].prefix)) == 0)
            return kinds[i].status;
    }
    return HF_FAILED;
}

static void trim(char *text)
{
    size_t len = strlen(text);

    while (len > 0 && isspace((unsigned char)text[len - 1]))
        text[--len] = '\0';
}

/* The password may stand in the string that we were given, and libpq's texts may quote that. */
static void redact(PGconn *conn, struct hf_error *err)
{
    const char *password = PQpass(conn);

    hf_pg_redact(err, password);
}

static const char *advice_for(const char *sqlstate)
{
    if (strcmp(sqlstate, "40001") == 0)
        return "; the standby had to go on with replay: set hot_standby_feedback = on, or raise "
               "max_standby_streaming_delay, on it";
    if (strcmp(sqlstate, "53300") == 0)
        return "; fewer jobs take fewer connections";
    return "";
}

enum hf_status hf_pg_fail(struct hf_pg *pg, const PGresult *result, struct hf_error *err)
{
    const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    const char *message = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    const char *detail = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL) : NULL;
    const char *hint = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_HINT) : NULL;
    bool gone = PQstatus(pg->conn) != CONNECTION_OK;
    enum hf_status status = hf_pg_status_of_sqlstate(state ? state : "");

    (void)memcpy(pg->sqlstate, "", 1);
    if (state)
        (void)strncpy(pg->sqlstate, state, sizeof pg->sqlstate - 1);
    if (gone && status != HF_BUSY && status != HF_DENIED)
        status = HF_UNREACHABLE;
    if (!message)
        message = PQerrorMessage(pg->conn);
    (void)hf_error_set(err, status, "%s: %s", pg->where,
                       *message ? message : "the server closed the connection");
    trim(err->text);
    (void)hf_error_set(err, status, "%s%s%s%s%s%s%s", err->text, detail ? " (" : "",
                       detail ? detail : "", detail ? ")" : "", hint ? "; hint: " : "",
                       hint ? hint : "", advice_for(pg->sqlstate));
    redact(pg->conn, err);
    return status;
}

/* Finds ":  28P01: ", which verbose errors have behind their severity. */
static char *find_state(char *text)
{
    char *found = NULL;

    for (char *at = strstr(text, ":  "); at; at = strstr(at + 1, ":  ")) {
        size_t i = 3;

        while (i < 8 && (isdigit((unsigned char)at[i]) || isupper((unsigned char)at[i])))
            i++;
        if (i == 8 && at[8] == ':' && at[9] == ' ')
            found = at + 3;
    }
    return found;
}

/*
 * libpq has no field access to errors of a connection attempt, only text. Verbose text (asked for
 * in connection.c) holds the SQLSTATE, which decides; it and the lines behind are taken out again.
 */
enum hf_status hf_pg_fail_connect(PGconn *conn, struct hf_error *err)
{
    enum hf_status status = HF_UNREACHABLE;
    char *state;
    char *location;

    (void)hf_error_set(err, status, "%s", PQerrorMessage(conn));
    state = find_state(err->text);
    if (state) {
        status = hf_pg_status_of_sqlstate(state);
        memmove(state, state + 7, strlen(state + 7) + 1);
        location = strstr(state, "\nLOCATION:");
        if (location)
            *location = '\0';
    }
    if (PQconnectionNeedsPassword(conn)) {
        status = HF_DENIED;
        trim(err->text);
        (void)hf_error_set(err, status, "%s; give a password, for instance with password_file",
                           err->text);
    }
    if (status == HF_FAILED)
        status = HF_UNREACHABLE;
    trim(err->text);
    err->status = status;
    redact(conn, err);
    return status;
}
