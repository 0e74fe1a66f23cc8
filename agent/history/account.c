#include "agent/history/account.h"

#include "base/clock.h"

enum { FORGET_AT_ONCE = 1000 };

enum hf_status hf_account_last(sqlite3 *db, const struct hf_history_part *part,
                               struct hf_error *err)
{
    const int64_t outcome = part->outcome;

    return hf_sql_run(
        db, err,
        "INSERT INTO lasts(action, job, source, repository, start, end, outcome, success,"
        " read_bytes, stored_bytes, records, recovery, done, partial, failed, cancelled, killed,"
        " overtime)"
        " VALUES(?1, coalesce(?2, ''), coalesce(?3, ''), coalesce(?4, ''), ?5, ?6, ?7,"
        " iif(?7 = 1, ?6, 0), ?8, ?9, ?10, ?11, ?7 = 1, ?7 = 2, ?7 = 3, ?7 = 4, ?7 = 5,"
        " ?7 = 6)"
        " ON CONFLICT DO UPDATE SET start = ?5, end = ?6, outcome = ?7,"
        " success = iif(?7 = 1, ?6, success), read_bytes = ?8, stored_bytes = ?9, records = ?10,"
        " recovery = iif(?11 > 0, ?11, recovery), done = done + (?7 = 1),"
        " partial = partial + (?7 = 2), failed = failed + (?7 = 3),"
        " cancelled = cancelled + (?7 = 4), killed = killed + (?7 = 5),"
        " overtime = overtime + (?7 = 6)",
        "tttt"
        "iii"
        "iiii",
        part->action, part->job, part->source, part->repository, part->start, part->end, outcome,
        (int64_t)part->read_bytes, (int64_t)part->stored_bytes, (int64_t)part->records,
        part->recovery);
}

/* What belongs to no run any more goes too: a run that could not be written when it began may have
 * parts and notes for a while, and gets its row when it ends. */
enum hf_status hf_account_forget(struct hf_history *history, struct hf_error *err)
{
    sqlite3 *db = history->db;
    int64_t before = hf_clock_now() - history->keep;
    int64_t most = history->most, beyond = 0, at_once = FORGET_AT_ONCE;

    HF_TRY(hf_sql_number(db, err, &beyond,
                         "SELECT coalesce((SELECT seq FROM runs ORDER BY seq DESC"
                         " LIMIT 1 OFFSET ?), 0)",
                         "i", most));
    HF_TRY(hf_sql_run(db, err,
                      "DELETE FROM runs WHERE seq IN (SELECT seq FROM runs WHERE outcome <> 0"
                      " AND (end < ? OR seq <= ?) ORDER BY seq LIMIT ?)",
                      "iii", before, beyond, at_once));
    if (sqlite3_changes(db) == 0)
        return HF_OK;
    HF_TRY(hf_sql_run(db, err, "DELETE FROM parts WHERE run NOT IN (SELECT id FROM runs)", ""));
    HF_TRY(hf_sql_run(db, err, "DELETE FROM notes WHERE run NOT IN (SELECT id FROM runs)", ""));
    HF_TRY(hf_sql_run(db, err, "DELETE FROM lasts WHERE end < ?", "i", before));
    return hf_sql_run(db, err,
                      "DELETE FROM holdings WHERE snapshots = 0"
                      " AND max(seen, newest, checked, proven) < ?",
                      "i", before);
}

static enum hf_status add_id(void *ctx, sqlite3_stmt *row, struct hf_error *err)
{
    const char *id = hf_sql_text(row, 0);

    return id ? hf_strings_add(ctx, id, err) : HF_OK;
}

enum hf_status hf_account_running(sqlite3 *db, struct hf_strings *out, struct hf_error *err)
{
    return hf_sql_query(db, err, add_id, out, "SELECT id FROM runs WHERE outcome = 0", "");
}

static enum hf_status account_row(void *ctx, sqlite3_stmt *row, struct hf_error *err)
{
    const struct hf_history_part part = {
        .action = hf_sql_text(row, 0),
        .job = hf_sql_text(row, 1),
        .source = hf_sql_text(row, 2),
        .repository = hf_sql_text(row, 3),
        .start = sqlite3_column_int64(row, 4),
        .end = sqlite3_column_int64(row, 5),
        .outcome = HF_HISTORY_KILLED,
    };

    return part.action ? hf_account_last(ctx, &part, err) : HF_OK;
}

enum hf_status hf_account_killed(sqlite3 *db, const char *id, const char *why, struct hf_error *err)
{
    int64_t heard = 0;
    const int64_t killed = HF_HISTORY_KILLED, failed = HF_FAILED;

    HF_TRY(hf_sql_number(db, err, &heard,
                         "SELECT max(coalesce((SELECT max(time) FROM notes WHERE run = ?1), 0),"
                         " coalesce((SELECT max(max(start, end)) FROM parts WHERE run = ?1), 0),"
                         " start) FROM runs WHERE id = ?1 AND outcome = 0",
                         "t", id));
    if (heard == 0)
        return HF_OK;
    HF_TRY(hf_sql_query(db, err, account_row, db,
                        "SELECT command, job, NULL, NULL, start, ?2 FROM runs WHERE id = ?1", "ti",
                        id, heard));
    HF_TRY(hf_sql_query(db, err, account_row, db,
                        "SELECT action, job, source, repository, start, ?2 FROM parts"
                        " WHERE run = ?1 AND outcome = 0",
                        "ti", id, heard));
    HF_TRY(hf_sql_run(db, err,
                      "UPDATE parts SET outcome = ?, status = ?, end = ?, error = ?"
                      " WHERE run = ? AND outcome = 0",
                      "iiitt", killed, failed, heard, why, id));
    return hf_sql_run(db, err,
                      "UPDATE runs SET outcome = ?, status = ?, end = ?, error = ? WHERE id = ?",
                      "iiitt", killed, failed, heard, why, id);
}
