#include "agent/history/database.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

enum { APPLICATION = 0x48464853, LENGTH_MAX = 1 << 20 }; /* "HFHS" */

/* '' stands for what is not there where it is part of a key. Enums are stored by number: they are
 * only added to. */
static const char schema[] =
    "CREATE TABLE runs(seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, command TEXT NOT NULL,"
    " job TEXT, subject TEXT, trigger TEXT, host TEXT, version TEXT, pid INTEGER,"
    " start INTEGER NOT NULL, end INTEGER NOT NULL, outcome INTEGER NOT NULL,"
    " status INTEGER NOT NULL, error TEXT, read_bytes INTEGER, stored_bytes INTEGER,"
    " warnings INTEGER);"
    "CREATE INDEX runs_start ON runs(start);"
    "CREATE INDEX runs_running ON runs(outcome) WHERE outcome = 0;"
    "CREATE TABLE parts(run TEXT NOT NULL, n INTEGER NOT NULL, action TEXT NOT NULL, job TEXT,"
    " source TEXT, repository TEXT, snapshot TEXT, start INTEGER NOT NULL, end INTEGER NOT NULL,"
    " outcome INTEGER NOT NULL, status INTEGER NOT NULL, error TEXT, read_bytes INTEGER,"
    " stored_bytes INTEGER, records INTEGER, recovery INTEGER, result TEXT,"
    " PRIMARY KEY(run, n)) WITHOUT ROWID;"
    "CREATE INDEX parts_source ON parts(source);"
    "CREATE TABLE notes(run TEXT NOT NULL, n INTEGER NOT NULL, time INTEGER NOT NULL,"
    " kind INTEGER NOT NULL, work TEXT, text TEXT NOT NULL, PRIMARY KEY(run, n)) WITHOUT ROWID;"
    "CREATE TABLE lasts(action TEXT NOT NULL, job TEXT NOT NULL, source TEXT NOT NULL,"
    " repository TEXT NOT NULL, start INTEGER NOT NULL, end INTEGER NOT NULL,"
    " outcome INTEGER NOT NULL, success INTEGER NOT NULL, read_bytes INTEGER,"
    " stored_bytes INTEGER, records INTEGER, recovery INTEGER, done INTEGER NOT NULL DEFAULT 0,"
    " partial INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0,"
    " cancelled INTEGER NOT NULL DEFAULT 0, killed INTEGER NOT NULL DEFAULT 0,"
    " overtime INTEGER NOT NULL DEFAULT 0,"
    " PRIMARY KEY(action, job, source, repository)) WITHOUT ROWID;"
    "CREATE TABLE holdings(repository TEXT NOT NULL, source TEXT NOT NULL,"
    " snapshots INTEGER NOT NULL, seen INTEGER NOT NULL, newest INTEGER NOT NULL,"
    " checked INTEGER NOT NULL, proven INTEGER NOT NULL, first INTEGER NOT NULL,"
    " PRIMARY KEY(repository, source))"
    " WITHOUT ROWID;"
    "CREATE TABLE alarms(name TEXT PRIMARY KEY, since INTEGER NOT NULL) WITHOUT ROWID;"
    "PRAGMA application_id = 1212565587;"
    "PRAGMA user_version = 2;";

/* From schema 1 to 2. */
static const char add_overtime[] =
    "ALTER TABLE lasts ADD COLUMN overtime INTEGER NOT NULL DEFAULT 0;"
    "PRAGMA user_version = 2;";

static_assert(APPLICATION == 1212565587 && HF_HISTORY_SCHEMA == 2, "as the schema says");

static void remember_file(struct hf_history *history)
{
    struct stat facts;

    if (stat(history->path, &facts) != 0)
        return;
    history->device = (uint64_t)facts.st_dev;
    history->inode = (uint64_t)facts.st_ino;
}

bool hf_database_is_ours(const struct hf_history *history)
{
    struct stat facts;

    return stat(history->path, &facts) == 0 && history->device == (uint64_t)facts.st_dev &&
           history->inode == (uint64_t)facts.st_ino;
}

/* Opening a pipe would wait for its other end. */
static enum hf_status check_file(const struct hf_history *history, struct hf_error *err)
{
    struct stat facts;

    if (lstat(history->path, &facts) != 0) {
        if (errno != ENOENT)
            return hf_error_sys(err, errno, "%s", history->path);
        return history->mode == HF_HISTORY_WRITE
                   ? HF_OK
                   : hf_error_set(err, HF_NOT_FOUND, "there is no history yet");
    }
    return S_ISREG(facts.st_mode) ? HF_OK : hf_error_set(err, HF_FAILED, "is not a plain file");
}

/* What comes out of the file is not trusted: no functions in its schema, no long values. */
static enum hf_status set_up(struct hf_history *history, struct hf_error *err)
{
    sqlite3 *db = history->db;

    (void)sqlite3_extended_result_codes(db, 1);
    (void)sqlite3_busy_timeout(db, HF_HISTORY_WAIT_MS);
    (void)sqlite3_limit(db, SQLITE_LIMIT_LENGTH, LENGTH_MAX);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    HF_TRY(hf_sql_exec(db, "PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY;", err));
    if (history->mode == HF_HISTORY_READ)
        return HF_OK;
    /* A run that is lost with the machine's power costs its record, no more: NORMAL. */
    return hf_sql_exec(db,
                       "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
                       "PRAGMA journal_size_limit = 4194304;",
                       err);
}

static enum hf_status take_verdict(void *ctx, sqlite3_stmt *row, struct hf_error *err)
{
    const char *verdict = hf_sql_text(row, 0);

    (void)ctx;
    if (verdict && sqlite3_stricmp(verdict, "ok") == 0)
        return HF_OK;
    return hf_error_set(err, HF_DAMAGED, "%.200s", verdict ? verdict : "its check says nothing");
}

static enum hf_status change_tables(struct hf_history *history, const char *how,
                                    struct hf_error *err)
{
    HF_TRY(hf_sql_begin(history->db, err));
    return hf_sql_end(history->db, hf_sql_exec(history->db, how, err), err);
}

static enum hf_status check_content(struct hf_history *history, struct hf_error *err)
{
    int64_t version = 0, application = 0, tables = 0;

    HF_TRY(hf_sql_number(history->db, err, &version, "PRAGMA user_version", ""));
    HF_TRY(hf_sql_number(history->db, err, &application, "PRAGMA application_id", ""));
    HF_TRY(hf_sql_number(history->db, err, &tables, "SELECT count(*) FROM sqlite_schema", ""));
    if (version == 0 && application == 0 && tables == 0)
        return history->mode == HF_HISTORY_WRITE
                   ? change_tables(history, schema, err)
                   : hf_error_set(err, HF_NOT_FOUND, "there is no history yet");
    if (application != APPLICATION || version < 1)
        return hf_error_set(err, HF_DAMAGED, "it is no history of holdfast");
    if (version > HF_HISTORY_SCHEMA)
        return hf_error_set(err, HF_UNSUPPORTED,
                            "it was written by a newer holdfast (schema %lld, known here: %d)",
                            (long long)version, (int)HF_HISTORY_SCHEMA);
    if (history->mode == HF_HISTORY_READ) /* damage shows itself where it is read */
        return HF_OK;
    HF_TRY(hf_sql_query(history->db, err, take_verdict, NULL, "PRAGMA quick_check(1)", ""));
    return version == 1 ? change_tables(history, add_overtime, err) : HF_OK;
}

static enum hf_status open_file(struct hf_history *history, struct hf_error *err)
{
    int flags = history->mode == HF_HISTORY_WRITE ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
                                                  : SQLITE_OPEN_READONLY;
    int code = sqlite3_open_v2(history->path, &history->db,
                               flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);

    if (code != SQLITE_OK)
        return hf_sql_fail(history->db, code, err);
    remember_file(history);
    HF_TRY(set_up(history, err));
    return check_content(history, err);
}

enum hf_status hf_database_open(struct hf_history *history, struct hf_error *err)
{
    if (check_file(history, err) == HF_OK && open_file(history, err) == HF_OK)
        return HF_OK;
    hf_database_close(history);
    return hf_error_prefix(err, "history %s", history->path);
}

void hf_database_close(struct hf_history *history)
{
    (void)sqlite3_close_v2(history->db);
    history->db = NULL;
}

static enum hf_status move_file(const struct hf_history *history, const char *ending,
                                const char *now, struct hf_error *err)
{
    HF_AUTO_FREE char *from = NULL;
    HF_AUTO_FREE char *to = NULL;

    HF_TRY(hf_text_format(&from, err, "%s%s", history->path, ending));
    HF_TRY(hf_text_format(&to, err, "%s.damaged-%s%s", history->path, now, ending));
    if (rename(from, to) != 0 && errno != ENOENT)
        return hf_error_sys(err, errno, "moving the damaged %s aside", from);
    return HF_OK;
}

/* The database goes last: until it does, the next one to look finds the damage again. */
enum hf_status hf_database_move_aside(struct hf_history *history, const char *why,
                                      struct hf_error *err)
{
    static const char *const endings[] = {"-wal", "-shm", ""};
    char now[HF_TIME_TEXT];

    hf_database_close(history);
    hf_time_format_compact(now, hf_clock_now());
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        HF_TRY(move_file(history, endings[i], now, err));
    hf_observe(history->observer, HF_NOTE_WARNING,
               "%s; it was moved to %s.damaged-%s, and a new history is begun", why, history->path,
               now);
    return hf_folder_sync(history->folder, err);
}
