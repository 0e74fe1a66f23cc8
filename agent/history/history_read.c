/* The history as those use it who look back, and what outlives runs (history.h). */
#include "agent/history/account.h"
#include "agent/history/database.h"
#include "base/clock.h"
#include "base/text.h"

#include <string.h>

#define RUN_COLUMNS                                                                                \
    "SELECT id, command, job, subject, trigger, host, version, pid, start, end, outcome, status,"  \
    " error, read_bytes, stored_bytes, warnings FROM runs"

/* What the rows of a query are handed to. */
struct reader {
    void (*fn)(void);
    void *ctx;
};

static enum hf_status check_open(const struct hf_history *history, struct hf_error *err)
{
    return history->db ? HF_OK : hf_error_set(err, HF_FAILED, "the history is closed");
}

static enum hf_history_outcome outcome_at(sqlite3_stmt *row, int column)
{
    uint64_t value = hf_sql_count(row, column);

    return value < HF_HISTORY_OUTCOMES ? (enum hf_history_outcome)value : HF_HISTORY_FAILED;
}

static enum hf_status status_at(sqlite3_stmt *row, int column)
{
    uint64_t value = hf_sql_count(row, column);

    return value <= HF_PARTIAL ? (enum hf_status)value : HF_FAILED;
}

/* Of what is part of a key, '' is "none". */
static const char *key_at(sqlite3_stmt *row, int column)
{
    const char *text = hf_sql_text(row, column);

    return text && *text ? text : NULL;
}

static const char *known(const char *text)
{
    return text ? text : "";
}

/* ---- runs ---- */

static enum hf_status read_run(void *ctx, sqlite3_stmt *row, struct hf_error *err)
{
    const struct reader *reader = ctx;
    struct hf_history_run run = {
        .command = known(hf_sql_text(row, 1)),
        .job = hf_sql_text(row, 2),
        .subject = hf_sql_text(row, 3),
        .trigger = hf_sql_text(row, 4),
        .host = hf_sql_text(row, 5),
        .version = hf_sql_text(row, 6),
        .pid = sqlite3_column_int64(row, 7),
        .start = sqlite3_column_int64(row, 8),
        .end = sqlite3_column_int64(row, 9),
        .outcome = outcome_at(row, 10),
        .status = status_at(row, 11),
        .error = hf_sql_text(row, 12),
        .read_bytes = hf_sql_count(row, 13),
        .stored_bytes = hf_sql_count(row, 14),
        .warnings = hf_sql_count(row, 15),
    };
    const char *id = known(hf_sql_text(row, 0));

    memcpy(run.id, id, strnlen(id, sizeof run.id - 1));
    return ((hf_history_run_fn *)reader->fn)(reader->ctx, &run, err);
}

enum hf_status hf_history_runs(struct hf_history *history, const struct hf_history_query *query,
                               hf_history_run_fn *fn, void *ctx, struct hf_error *err)
{
    struct reader reader = {.fn = (void (*)(void))fn, .ctx = ctx};
    int64_t failed = query->failed, running = query->running,
            limit = query->limit ? (int64_t)query->limit : -1;

    HF_TRY(check_open(history, err));
    return hf_sql_query(
        history->db, err, read_run, &reader,
        RUN_COLUMNS
        " WHERE (?1 IS NULL OR substr(id, 1, length(?1)) = ?1)"
        " AND (?2 IS NULL OR job = ?2 OR id IN (SELECT run FROM parts WHERE source = ?2))"
        " AND (?3 IS NULL OR command = ?3) AND start >= ?4"
        " AND (?5 = 0 OR outcome NOT IN (0, 1)) AND (?6 IS NULL OR job = ?6)"
        " AND (?8 = 0 OR outcome = 0) ORDER BY start DESC, seq DESC LIMIT ?7",
        "tttiitii", query->id, query->name, query->command, query->since, failed, query->job, limit,
        running);
}

static enum hf_status read_part(void *ctx, sqlite3_stmt *row, struct hf_error *err)
{
    const struct reader *reader = ctx;
    const struct hf_history_part part = {
        .action = known(hf_sql_text(row, 0)),
        .job = hf_sql_text(row, 1),
        .source = hf_sql_text(row, 2),
        .repository = hf_sql_text(row, 3),
        .snapshot = hf_sql_text(row, 4),
        .start = sqlite3_column_int64(row, 5),
        .end = sqlite3_column_int64(row, 6),
        .outcome = outcome_at(row, 7),
        .status = status_at(row, 8),
        .error = hf_sql_text(row, 9),
        .read_bytes = hf_sql_count(row, 10),
        .stored_bytes = hf_sql_count(row, 11),
        .records = hf_sql_count(row, 12),
        .recovery = sqlite3_column_int64(row, 13),
        .result = hf_sql_text(row, 14),
    };

    return ((hf_history_part_fn *)reader->fn)(reader->ctx, &part, err);
}

enum hf_status hf_history_parts(struct hf_history *history, const char *run, hf_history_part_fn *fn,
                                void *ctx, struct hf_error *err)
{
    struct reader reader = {.fn = (void (*)(void))fn, .ctx = ctx};

    HF_TRY(check_open(history, err));
    return hf_sql_query(history->db, err, read_part, &reader,
                        "SELECT action, job, source, repository, snapshot, start, end, outcome,"
                        " status, error, read_bytes, stored_bytes, records, recovery, result"
                        " FROM parts WHERE run = ? ORDER BY n",
                        "t", run);
}

static enum hf_status read_note(void *ctx, sqlite3_stmt *row, struct hf_error *err)
{
    const struct reader *reader = ctx;
    uint64_t kind = hf_sql_count(row, 1);
    const struct hf_history_note note = {
        .time = sqlite3_column_int64(row, 0),
        .kind = kind < HF_HISTORY_NOTES ? (enum hf_history_note_kind)kind : HF_HISTORY_STEP,
        .work = key_at(row, 2),
        .text = known(hf_sql_text(row, 3)),
    };

    return ((hf_history_note_fn *)reader->fn)(reader->ctx, &note, err);
}

enum hf_status hf_history_notes(struct hf_history *history, const char *run, hf_history_note_fn *fn,
                                void *ctx, struct hf_error *err)
{
    struct reader reader = {.fn = (void (*)(void))fn, .ctx = ctx};

    HF_TRY(check_open(history, err));
    return hf_sql_query(history->db, err, read_note, &reader,
                        "SELECT time, kind, work, text FROM notes WHERE run = ? ORDER BY n", "t",
                        run);
}

/* ---- what outlives runs ---- */

static enum hf_status read_last(void *ctx, sqlite3_stmt *row, struct hf_error *err)
{
    const struct reader *reader = ctx;
    struct hf_history_last last = {
        .action = known(hf_sql_text(row, 0)),
        .job = key_at(row, 1),
        .source = key_at(row, 2),
        .repository = key_at(row, 3),
        .start = sqlite3_column_int64(row, 4),
        .end = sqlite3_column_int64(row, 5),
        .outcome = outcome_at(row, 6),
        .success = sqlite3_column_int64(row, 7),
        .read_bytes = hf_sql_count(row, 8),
        .stored_bytes = hf_sql_count(row, 9),
        .records = hf_sql_count(row, 10),
        .recovery = sqlite3_column_int64(row, 11),
    };

    for (int i = HF_HISTORY_DONE; i < HF_HISTORY_OUTCOMES; i++)
        last.counts[i] = hf_sql_count(row, 12 + i - HF_HISTORY_DONE);
    return ((hf_history_last_fn *)reader->fn)(reader->ctx, &last, err);
}

enum hf_status hf_history_lasts(struct hf_history *history, hf_history_last_fn *fn, void *ctx,
                                struct hf_error *err)
{
    struct reader reader = {.fn = (void (*)(void))fn, .ctx = ctx};

    HF_TRY(check_open(history, err));
    return hf_sql_query(history->db, err, read_last, &reader,
                        "SELECT action, job, source, repository, start, end, outcome, success,"
                        " read_bytes, stored_bytes, records, recovery, done, partial, failed,"
                        " cancelled, killed, overtime FROM lasts"
                        " ORDER BY action, job, source, repository",
                        "");
}

static enum hf_status read_holding(void *ctx, sqlite3_stmt *row, struct hf_error *err)
{
    const struct reader *reader = ctx;
    const struct hf_history_holding holding = {
        .repository = known(hf_sql_text(row, 0)),
        .source = known(hf_sql_text(row, 1)),
        .snapshots = hf_sql_count(row, 2),
        .seen = sqlite3_column_int64(row, 3),
        .newest = sqlite3_column_int64(row, 4),
        .checked = sqlite3_column_int64(row, 5),
        .proven = sqlite3_column_int64(row, 6),
        .first = sqlite3_column_int64(row, 7),
    };

    return ((hf_history_holding_fn *)reader->fn)(reader->ctx, &holding, err);
}

enum hf_status hf_history_holdings(struct hf_history *history, hf_history_holding_fn *fn, void *ctx,
                                   struct hf_error *err)
{
    struct reader reader = {.fn = (void (*)(void))fn, .ctx = ctx};

    HF_TRY(check_open(history, err));
    return hf_sql_query(history->db, err, read_holding, &reader,
                        "SELECT repository, source, snapshots, seen, newest, checked, proven, first"
                        " FROM holdings ORDER BY source, repository",
                        "");
}

/* 0 is none. */
#define OLDER(value)                                                                               \
    " first = iif(first = 0 OR (" value " > 0 AND " value " < first), " value ", first)"

static enum hf_status set_holdings(sqlite3 *db, const char *repository,
                                   const struct hf_history_holding *items, size_t count,
                                   struct hf_error *err)
{
    const int64_t now = hf_clock_now();

    HF_TRY(hf_sql_run(db, err,
                      "UPDATE holdings SET snapshots = 0, newest = 0, seen = ?"
                      " WHERE repository = ?",
                      "it", now, repository));
    for (size_t i = 0; i < count; i++)
        HF_TRY(hf_sql_run(db, err,
                          "INSERT INTO holdings(repository, source, snapshots, seen, newest,"
                          " checked, proven, first) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
                          " ON CONFLICT DO UPDATE SET snapshots = ?3, newest = ?5,"
                          " checked = max(checked, ?6), proven = max(proven, ?7)," OLDER("?8"),
                          "ttiiiiii", repository, items[i].source, (int64_t)items[i].snapshots, now,
                          items[i].newest, items[i].checked, items[i].proven, items[i].first));
    return HF_OK;
}

enum hf_status hf_history_set_holdings(struct hf_history *history, const char *repository,
                                       const struct hf_history_holding *items, size_t count,
                                       struct hf_error *err)
{
    HF_TRY(check_open(history, err));
    HF_TRY(hf_sql_begin(history->db, err));
    return hf_sql_end(history->db, set_holdings(history->db, repository, items, count, err), err);
}

enum hf_status hf_history_add_holding(struct hf_history *history,
                                      const struct hf_history_holding *change, struct hf_error *err)
{
    HF_TRY(check_open(history, err));
    return hf_sql_run(history->db, err,
                      "INSERT INTO holdings(repository, source, snapshots, seen, newest, checked,"
                      " proven, first) VALUES(?1, ?2, ?3, 0, ?4, ?5, ?6, ?7)"
                      " ON CONFLICT DO UPDATE SET snapshots = snapshots + ?3,"
                      " newest = max(newest, ?4), checked = max(checked, ?5),"
                      " proven = max(proven, ?6)," OLDER("?7"),
                      "ttiiiii", change->repository, change->source, (int64_t)change->snapshots,
                      change->newest, change->checked, change->proven, change->first);
}

static enum hf_status alarm(sqlite3 *db, const char *name, bool on, int64_t now, bool *out_changed,
                            int64_t *out_since, struct hf_error *err)
{
    if (on)
        HF_TRY(hf_sql_run(db, err, "INSERT OR IGNORE INTO alarms(name, since) VALUES(?, ?)", "ti",
                          name, now));
    else
        HF_TRY(hf_sql_run(db, err, "DELETE FROM alarms WHERE name = ?", "t", name));
    *out_changed = sqlite3_changes(db) > 0;
    return hf_sql_number(db, err, out_since, "SELECT since FROM alarms WHERE name = ?", "t", name);
}

enum hf_status hf_history_alarm(struct hf_history *history, const char *name, bool on, int64_t now,
                                bool *out_changed, int64_t *out_since, struct hf_error *err)
{
    HF_TRY(check_open(history, err));
    HF_TRY(hf_sql_begin(history->db, err));
    return hf_sql_end(history->db, alarm(history->db, name, on, now, out_changed, out_since, err),
                      err);
}
