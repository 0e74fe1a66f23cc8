/*
 * The database that is restored into: made under a temporary name that no one mistakes for a real
 * one, and given its name when it is whole.
 *
 * The temporary name is TARGET.holdfast-XXXXXXXX. An advisory lock whose key is made of the
 * eight digits is held by the maintenance connection as long as the restore lives; pg_locks shows
 * it in every database, so a leftover of a killed restore is one whose lock nobody holds. The
 * digits are random: a lock that was free once is never taken again.
 */
#include "formats/postgres/restore_job.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/random.h"
#include "formats/postgres/create_database.h"
#include "formats/postgres/drop_database.h"
#include "formats/postgres/quote.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char infix[] = ".holdfast-";

/* name cut so that suffix fits behind it, never inside a character. */
static void shorten(char out[HF_PG_NAME_SIZE], const char *name, const char *suffix)
{
    size_t room = HF_PG_NAME_SIZE - 1 - strlen(suffix);
    size_t used = strlen(name);

    if (used > room) {
        used = room;
        while (used > 0 && ((unsigned char)name[used] & 0xc0) == 0x80)
            used--;
    }
    (void)snprintf(out, HF_PG_NAME_SIZE, "%.*s%s", (int)used, name, suffix);
}

/* The part of temporary names that all restores of one target share. */
static void temporary_prefix(char out[HF_PG_NAME_SIZE], const char *target)
{
    char longest[HF_PG_NAME_SIZE];

    shorten(longest, target, ".holdfast-00000000");
    longest[strlen(longest) - 8] = '\0';
    memcpy(out, longest, sizeof longest);
}

/* A database to be connected to that is not the one to be replaced. */
enum hf_status hf_pg_target_open(struct hf_pg_job *job, struct hf_error *err)
{
    static const char *const usual[] = {"postgres", "template1", NULL};
    enum hf_status status = HF_NOT_FOUND;

    for (size_t i = 0; usual[i] && (status == HF_NOT_FOUND || status == HF_DENIED); i++)
        if (strcmp(usual[i], job->target) != 0)
            status = hf_pg_job_connect(job, usual[i], &job->maintenance, err);
    if (status == HF_NOT_FOUND || status == HF_DENIED)
        status = hf_pg_job_connect(job, NULL, &job->maintenance, err);
    return status;
}

static enum hf_status drop_leftover(struct hf_pg_job *job, const char *name, struct hf_error *err)
{
    struct hf_error cause = HF_ERROR_INIT;

    if (hf_pg_drop_database(job->maintenance, job->config, name, job->work->cancel, &cause) !=
        HF_OK)
        return hf_pg_job_note(job, err,
                              "database \"%s\", left over from a restore that was killed, "
                              "could not be dropped: %s",
                              name, cause.text);
    return hf_pg_job_note(
        job, err, "dropped database \"%s\", left over from a restore that was killed", name);
}

static enum hf_status drop_leftovers(struct hf_pg_job *job, struct hf_error *err)
{
    char prefix[HF_PG_NAME_SIZE];
    char class_text[16];
    const char *values[] = {prefix, class_text};
    HF_AUTO_RESULT rows = NULL;

    temporary_prefix(prefix, job->target);
    (void)snprintf(class_text, sizeof class_text, "%d", HF_PG_LOCK_CLASS);
    HF_TRY(hf_pg_query_params(
        job->maintenance,
        "SELECT datname FROM pg_catalog.pg_database d WHERE pg_catalog.left(datname,"
        " pg_catalog.length($1)) = $1 AND pg_catalog.right(datname, -pg_catalog.length($1))"
        " ~ '^[0-9a-f]{8}$' AND NOT EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.locktype ="
        " 'advisory' AND l.classid = $2::pg_catalog.int4::pg_catalog.oid AND l.objid ="
        " (('x' || pg_catalog.right(datname, 8))::pg_catalog.bit(32)::pg_catalog.int4)::"
        "pg_catalog.oid)",
        2, values, false, &rows, err));
    for (int i = 0; i < PQntuples(rows); i++)
        HF_TRY(drop_leftover(job, PQgetvalue(rows, i, 0), err));
    return HF_OK;
}

/* Takes the lock of a new temporary name. */
static enum hf_status choose_name(struct hf_pg_job *job, char name[HF_PG_NAME_SIZE],
                                  struct hf_error *err)
{
    char suffix[sizeof infix + 8];
    char digits[9];

    hf_random_hex(digits, 4);
    (void)snprintf(suffix, sizeof suffix, "%s%s", infix, digits);
    shorten(name, job->target, suffix);
    return hf_pg_runf(job->maintenance, err,
                      "SELECT pg_catalog.pg_advisory_lock(%d, 'x%s'::pg_catalog.bit(32)::"
                      "pg_catalog.int4)",
                      HF_PG_LOCK_CLASS, digits);
}

/* The database's own tablespace, where the target has it. */
static enum hf_status add_tablespace(struct hf_pg_job *job, struct hf_buf *sql,
                                     struct hf_error *err)
{
    const char *name = "pg_default";
    HF_AUTO_RESULT found = NULL;

    HF_TRY(hf_json_string_optional(job->database, "tablespace", &name, err));
    if (strcmp(name, "pg_default") == 0)
        return HF_OK;
    HF_TRY(hf_pg_query_params(job->maintenance,
                              "SELECT FROM pg_catalog.pg_tablespace WHERE spcname = $1", 1, &name,
                              false, &found, err));
    if (PQntuples(found) == 0)
        return hf_pg_job_note(
            job, err, "tablespace \"%s\" is not there: the database goes into the default", name);
    HF_TRY(hf_buf_append_str(sql, " TABLESPACE = ", err));
    return hf_pg_quote_ident(sql, name, err);
}

static enum hf_status create_sql(struct hf_pg_job *job, const char *name, struct hf_buf *sql,
                                 struct hf_error *err)
{
    HF_TRY(hf_buf_append_str(sql, "CREATE DATABASE ", err));
    HF_TRY(hf_pg_quote_ident(sql, name, err));
    HF_TRY(hf_pg_create_database_sql(job->database, sql, err));
    if (hf_pg_major(job->maintenance) >= 15)
        HF_TRY(hf_pg_create_provider_sql(job->database, sql, err));
    return add_tablespace(job, sql, err);
}

/* Says that locales are the server's to have: 22023 and 42809 are what a server without them, or
 * without ICU, answers. */
static enum hf_status explain_create(const struct hf_pg *pg, struct hf_error *err)
{
    struct hf_error cause = *err;

    if (strcmp(pg->sqlstate, "22023") != 0 && strcmp(pg->sqlstate, "42809") != 0 &&
        strcmp(pg->sqlstate, "0A000") != 0)
        return hf_error_prefix(err, "creating the database");
    return hf_error_set(err, HF_MISSING,
                        "the target server cannot have a database of this encoding and locale: "
                        "%s: install the locale there and restart the server",
                        cause.text);
}

/* Settings for the time of the restore: a crash of the server costs this database only, and its
 * name says that it is not whole. They are reset when it gets its own. A login event trigger, which
 * only superusers can make, could change what is compared, or refuse us. */
static enum hf_status tune(struct hf_pg_job *job, const char *quoted, struct hf_error *err)
{
    if (hf_pg_major(job->maintenance) >= 17 && job->maintenance->superuser)
        HF_TRY(hf_pg_runf(job->maintenance, err, "ALTER DATABASE %s SET event_triggers = off",
                          quoted));
    return hf_pg_runf(job->maintenance, err,
                      "ALTER DATABASE %s SET synchronous_commit = off;"
                      "ALTER DATABASE %s SET maintenance_work_mem = '256MB';"
                      "ALTER DATABASE %s SET default_transaction_read_only = off",
                      quoted, quoted, quoted);
}

static enum hf_status mark(struct hf_pg_job *job, const char *quoted, struct hf_error *err)
{
    HF_AUTO(hf_buf) sql = HF_BUF_INIT;
    HF_AUTO_FREE char *text = NULL;
    const char *sql_text;

    HF_TRY(hf_text_format(&text, err,
                          "holdfast: restore of \"%s\" that is not complete; it is dropped by the "
                          "next restore if this one was killed",
                          job->target));
    HF_TRY(hf_buf_printf(&sql, err, "COMMENT ON DATABASE %s IS ", quoted));
    HF_TRY(hf_pg_quote_literal(&sql, text, err));
    HF_TRY(hf_buf_cstr(&sql, &sql_text, err));
    return hf_pg_run(job->maintenance, sql_text, err);
}

enum hf_status hf_pg_target_create(struct hf_pg_job *job, struct hf_error *err)
{
    HF_AUTO(hf_buf) sql = HF_BUF_INIT;
    HF_AUTO(hf_buf) quoted = HF_BUF_INIT;
    char name[HF_PG_NAME_SIZE];
    const char *sql_text;
    const char *name_text;

    HF_TRY(drop_leftovers(job, err));
    HF_TRY(choose_name(job, name, err));
    HF_TRY(create_sql(job, name, &sql, err));
    HF_TRY(hf_buf_cstr(&sql, &sql_text, err));
    HF_TRY(hf_pg_quote_ident(&quoted, name, err));
    HF_TRY(hf_buf_cstr(&quoted, &name_text, err));
    memcpy(job->temporary, name, sizeof name); /* from here on it may exist */
    if (hf_pg_run(job->maintenance, sql_text, err) != HF_OK)
        return explain_create(job->maintenance, err);
    HF_TRY(mark(job, name_text, err));
    return tune(job, name_text, err);
}

enum hf_status hf_pg_target_check_idle(struct hf_pg_job *job, struct hf_error *err)
{
    HF_AUTO_RESULT rows = NULL;
    const char *who;

    HF_TRY(hf_pg_query_params(
        job->maintenance,
        "SELECT pg_catalog.string_agg(pg_catalog.format('%s (%s, pid %s)', coalesce(usename,"
        " '?'), coalesce(nullif(application_name, ''), client_addr::pg_catalog.text, 'unnamed'),"
        " pid), ', ' ORDER BY pid) FROM pg_catalog.pg_stat_activity WHERE datname = $1 AND"
        " backend_type IN ('client backend', 'walsender')",
        1, &job->target, false, &rows, err));
    who = PQgetvalue(rows, 0, 0);
    if (*who == '\0')
        return HF_OK;
    return hf_error_set(err, HF_BUSY,
                        "database \"%s\" cannot be replaced while it is in use, by %s: end these "
                        "connections and try again",
                        job->target, who);
}

/* "ALTER DATABASE a RENAME TO b" */
static enum hf_status add_rename(struct hf_buf *sql, const char *from, const char *to,
                                 struct hf_error *err)
{
    HF_TRY(hf_buf_append_str(sql, "ALTER DATABASE ", err));
    HF_TRY(hf_pg_quote_ident(sql, from, err));
    HF_TRY(hf_buf_append_str(sql, " RENAME TO ", err));
    HF_TRY(hf_pg_quote_ident(sql, to, err));
    return hf_buf_append_str(sql, ";", err);
}

/* The database's own comment in place of ours. */
static enum hf_status add_comment(const struct hf_pg_job *job, struct hf_buf *sql,
                                  struct hf_error *err)
{
    const char *comment = NULL;

    HF_TRY(hf_json_string_optional(job->database, "comment", &comment, err));
    HF_TRY(hf_buf_append_str(sql, "COMMENT ON DATABASE ", err));
    HF_TRY(hf_pg_quote_ident(sql, job->target, err));
    HF_TRY(hf_buf_append_str(sql, " IS ", err));
    HF_TRY(comment ? hf_pg_quote_literal(sql, comment, err) : hf_buf_append_str(sql, "NULL", err));
    return hf_buf_append_str(sql, ";", err);
}

static enum hf_status exists(struct hf_pg_job *job, bool *out, struct hf_error *err)
{
    HF_AUTO_RESULT rows = NULL;

    HF_TRY(hf_pg_query_params(job->maintenance,
                              "SELECT FROM pg_catalog.pg_database WHERE datname = $1", 1,
                              &job->target, false, &rows, err));
    *out = PQntuples(rows) > 0;
    return HF_OK;
}

static enum hf_status explain_publish(struct hf_pg_job *job, struct hf_error *err)
{
    struct hf_error ignored = HF_ERROR_INIT;
    struct hf_error busy = HF_ERROR_INIT;

    if (strcmp(job->maintenance->sqlstate, "55006") == 0) {
        err->status = HF_BUSY;
        (void)!hf_pg_run(job->maintenance, "ROLLBACK", &ignored);
        if (job->aside[0] && hf_pg_target_check_idle(job, &busy) == HF_BUSY)
            *err = busy;
    } else {
        (void)!hf_pg_run(job->maintenance, "ROLLBACK", &ignored);
    }
    return hf_error_prefix(err, "giving the restored database its name");
}

/* Whoever is connected to the temporary database (a monitor that looks at all) would be in the way,
 * and has no business there. Where it cannot be ended the rename says so. */
static void end_visitors(struct hf_pg_job *job)
{
    struct hf_error ignored = HF_ERROR_INIT;
    const char *name = job->temporary;
    PGresult *rows = NULL;

    if (hf_pg_query_params(job->maintenance,
                           "SELECT pg_catalog.pg_terminate_backend(pid) FROM"
                           " pg_catalog.pg_stat_activity WHERE datname = $1 AND backend_type ="
                           " 'client backend'",
                           1, &name, false, &rows, &ignored) == HF_OK)
        PQclear(rows);
}

enum hf_status hf_pg_target_publish(struct hf_pg_job *job, struct hf_error *err)
{
    HF_AUTO(hf_buf) sql = HF_BUF_INIT;
    char when[HF_TIME_TEXT];
    char suffix[HF_TIME_TEXT + 8];
    const char *text;
    bool taken;

    HF_TRY(exists(job, &taken, err));
    HF_TRY(hf_buf_append_str(&sql, "BEGIN;", err));
    if (taken && job->replace) {
        HF_TRY(hf_pg_target_check_idle(job, err));
        hf_time_format_compact(when, hf_clock_now());
        (void)snprintf(suffix, sizeof suffix, ".old-%s", when);
        shorten(job->aside, job->target, suffix);
        HF_TRY(add_rename(&sql, job->target, job->aside, err));
    }
    end_visitors(job);
    HF_TRY(add_rename(&sql, job->temporary, job->target, err));
    HF_TRY(add_comment(job, &sql, err));
    HF_TRY(hf_buf_append_str(&sql, "COMMIT", err));
    HF_TRY(hf_buf_cstr(&sql, &text, err));
    if (hf_pg_run(job->maintenance, text, err) != HF_OK) {
        (void)explain_publish(job, err);
        job->aside[0] = '\0';
        return err->status;
    }
    job->temporary[0] = '\0';
    return HF_OK;
}

/* On a connection of its own: the maintenance connection may have gone with the work. */
void hf_pg_target_drop(struct hf_pg_job *job)
{
    struct hf_pg_address address = {.conninfo = job->config->conninfo,
                                    .password = job->config->password,
                                    .database = "postgres",
                                    .pooler_checked = true};
    struct hf_error cause = HF_ERROR_INIT;
    struct hf_error ignored = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_pg) pg = NULL;

    if (job->temporary[0] == '\0')
        return;
    if (hf_pg_connect(&address, NULL, &pg, &cause) != HF_OK) {
        address.database = "template1";
        if (hf_pg_connect(&address, NULL, &pg, &cause) != HF_OK)
            pg = NULL;
    }
    if (!pg || hf_pg_drop_database(pg, job->config, job->temporary, NULL, &cause) != HF_OK)
        (void)!hf_pg_job_note(job, &ignored,
                              "the temporary database \"%s\" could not be dropped: %s",
                              job->temporary, cause.text);
    else
        hf_pg_roles_drop(job, pg);
}
