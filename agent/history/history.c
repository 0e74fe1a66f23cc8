/* The history as those use it who write: opened, runs begun, ended and given up (history.h). */
#include "agent/history/history.h"

#include "agent/history/account.h"
#include "agent/history/claim.h"
#include "agent/history/database.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/random.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

enum { KEEP_DAYS = 400, MOST = 10000, RESULT_MAX = 1 << 18 };

const char *hf_history_outcome_name(enum hf_history_outcome outcome)
{
    static const char *const names[HF_HISTORY_OUTCOMES] = {
        "running", "done", "partial", "failed", "cancelled", "killed", "overtime"};

    return names[outcome];
}

enum hf_history_outcome hf_history_outcome_of(enum hf_status status)
{
    switch (status) {
    case HF_OK:
        return HF_HISTORY_DONE;
    case HF_PARTIAL:
        return HF_HISTORY_PARTIAL;
    case HF_CANCELLED:
        return HF_HISTORY_CANCELLED;
    default:
        return HF_HISTORY_FAILED;
    }
}

const char *hf_history_note_name(enum hf_history_note_kind kind)
{
    static const char *const names[HF_HISTORY_NOTES] = {"step", "warning", "error"};

    return names[kind];
}

void hf_history_new_id(char out[HF_HISTORY_ID_TEXT])
{
    hf_random_hex(out, HF_HISTORY_ID);
}

/* ---- opening ---- */

static enum hf_status open_in_turn(struct hf_history *history, struct hf_error *err)
{
    struct hf_error damage = HF_ERROR_INIT;

    if (hf_database_open(history, &damage) == HF_OK)
        return HF_OK;
    if (damage.status != HF_DAMAGED) {
        *err = damage;
        return err->status;
    }
    HF_TRY(hf_database_move_aside(history, damage.text, err));
    return hf_database_open(history, err);
}

static enum hf_status open_for_writing(struct hf_history *history, struct hf_error *err)
{
    enum hf_status status;

    HF_TRY(hf_folder_make(history->folder, err));
    HF_TRY(hf_claim_open(history->folder, &history->claims, err));
    HF_TRY(hf_claim_turn(history->claims, HF_HISTORY_WAIT_MS, err));
    status = open_in_turn(history, err);
    hf_claim_turn_end(history->claims);
    HF_TRY(status);
    return hf_history_sweep(history, err);
}

enum hf_status hf_history_open(const struct hf_history_options *options, struct hf_history **out,
                               struct hf_error *err)
{
    HF_AUTO_PTR(hf_history) history = calloc(1, sizeof *history);

    if (!history)
        return hf_error_memory(err);
    history->claims = -1;
    history->mode = options->mode;
    history->keep = options->keep ? options->keep : KEEP_DAYS * INT64_C(86400) * HF_NS_PER_S;
    history->most = options->most ? options->most : MOST;
    history->observer = options->observer;
    HF_TRY(hf_text_copy(options->folder, &history->folder, err));
    HF_TRY(hf_text_format(&history->path, err, "%s/history.db", options->folder));
    if (options->mode == HF_HISTORY_WRITE)
        HF_TRY(open_for_writing(history, err));
    else
        HF_TRY(hf_database_open(history, err));
    *out = history;
    history = NULL;
    return HF_OK;
}

void hf_history_close(struct hf_history *history)
{
    if (!history)
        return;
    hf_database_close(history);
    hf_fd_auto(&history->claims);
    free(history->folder);
    free(history->path);
    free(history);
}

enum hf_status hf_history_renew(struct hf_history *history, struct hf_error *err)
{
    enum hf_status status = HF_OK;

    HF_TRY(hf_claim_turn(history->claims, HF_HISTORY_WAIT_MS, err));
    if (hf_database_is_ours(history))
        status = hf_database_move_aside(history, "the history is damaged", err);
    hf_database_close(history);
    if (status == HF_OK)
        status = open_in_turn(history, err);
    hf_claim_turn_end(history->claims);
    return status;
}

/* Every call begins here: after a renewal that failed there is nothing to work with. */
static enum hf_status ready(const struct hf_history *history, struct hf_error *err)
{
    if (!history->db)
        return hf_error_set(err, HF_FAILED, "the history is closed");
    return HF_OK;
}

/* ---- runs ---- */

static enum hf_status put_run(struct hf_history *history, const struct hf_history_run *run,
                              struct hf_error *err)
{
    return hf_sql_run(
        history->db, err,
        "INSERT INTO runs(id, command, job, subject, trigger, host, version, pid, start, end,"
        " outcome, status, error, read_bytes, stored_bytes, warnings)"
        " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)"
        " ON CONFLICT(id) DO UPDATE SET end = ?10, outcome = ?11, status = ?12, error = ?13,"
        " read_bytes = ?14, stored_bytes = ?15, warnings = ?16",
        "ttttttt"
        "iiiii"
        "tiii",
        run->id, run->command, run->job, run->subject, run->trigger, run->host, run->version,
        run->pid, run->start, run->end, (int64_t)run->outcome, (int64_t)run->status, run->error,
        (int64_t)run->read_bytes, (int64_t)run->stored_bytes, (int64_t)run->warnings);
}

static void give_up_claim(struct hf_history *history)
{
    if (history->claimed[0])
        hf_claim_drop(history->claims, history->claimed);
    history->claimed[0] = 0;
}

enum hf_status hf_history_begin(struct hf_history *history, const struct hf_history_run *run,
                                struct hf_error *err)
{
    HF_TRY(ready(history, err));
    HF_TRY(hf_claim_take(history->claims, run->id, err));
    give_up_claim(history);
    memcpy(history->claimed, run->id, sizeof history->claimed);
    return put_run(history, run, err);
}

static enum hf_status end_run(struct hf_history *history, const struct hf_history_run *run,
                              struct hf_error *err)
{
    const struct hf_history_part whole = {
        .action = run->command,
        .job = run->job,
        .start = run->start,
        .end = run->end,
        .outcome = run->outcome,
        .read_bytes = run->read_bytes,
        .stored_bytes = run->stored_bytes,
    };

    HF_TRY(put_run(history, run, err));
    return hf_account_last(history->db, &whole, err);
}

static enum hf_status end_and_forget(struct hf_history *history, const struct hf_history_run *run,
                                     struct hf_error *err)
{
    HF_TRY(hf_sql_begin(history->db, err));
    return hf_sql_end(
        history->db,
        end_run(history, run, err) == HF_OK ? hf_account_forget(history, err) : err->status, err);
}

/* A file that another process has replaced meanwhile is not the one to write to. */
static enum hf_status follow(struct hf_history *history, struct hf_error *err)
{
    return hf_database_is_ours(history) ? HF_OK : hf_history_renew(history, err);
}

enum hf_status hf_history_end(struct hf_history *history, const struct hf_history_run *run,
                              struct hf_error *err)
{
    enum hf_status status;

    HF_TRY(ready(history, err));
    HF_TRY(follow(history, err));
    status = end_and_forget(history, run, err);
    give_up_claim(history);
    return status;
}

/* ---- parts and notes ---- */

static const char *bounded_result(const char *result)
{
    return result && strlen(result) <= RESULT_MAX ? result : NULL;
}

static enum hf_status put_part(struct hf_history *history, const char *run, unsigned n,
                               const struct hf_history_part *part, struct hf_error *err)
{
    HF_TRY(hf_sql_run(
        history->db, err,
        "INSERT OR REPLACE INTO parts(run, n, action, job, source, repository, snapshot, start,"
        " end, outcome, status, error, read_bytes, stored_bytes, records, recovery, result)"
        " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        "ti"
        "ttttt"
        "iiii"
        "tiiii"
        "t",
        run, (int64_t)n, part->action, part->job, part->source, part->repository, part->snapshot,
        part->start, part->end, (int64_t)part->outcome, (int64_t)part->status, part->error,
        (int64_t)part->read_bytes, (int64_t)part->stored_bytes, (int64_t)part->records,
        part->recovery, bounded_result(part->result)));
    return part->outcome == HF_HISTORY_RUNNING ? HF_OK : hf_account_last(history->db, part, err);
}

enum hf_status hf_history_put_part(struct hf_history *history, const char *run, unsigned n,
                                   const struct hf_history_part *part, struct hf_error *err)
{
    HF_TRY(ready(history, err));
    HF_TRY(hf_sql_begin(history->db, err));
    return hf_sql_end(history->db, put_part(history, run, n, part, err), err);
}

enum hf_status hf_history_add_note(struct hf_history *history, const char *run,
                                   const struct hf_history_note *note, struct hf_error *err)
{
    int64_t most = note->kind == HF_HISTORY_STEP ? HF_HISTORY_NOTES_MAX : 2 * HF_HISTORY_NOTES_MAX;

    HF_TRY(ready(history, err));
    return hf_sql_run(history->db, err,
                      "INSERT INTO notes(run, n, time, kind, work, text)"
                      " SELECT ?1, n, ?2, ?3, ?4, ?5 FROM"
                      " (SELECT coalesce(max(n) + 1, 0) AS n FROM notes WHERE run = ?1)"
                      " WHERE n < ?6",
                      "tiitti", run, note->time, (int64_t)note->kind, note->work, note->text, most);
}

/* ---- runs that nobody ends ---- */

enum hf_status hf_history_lost(struct hf_history *history, const char *id, const char *why,
                               struct hf_error *err)
{
    HF_TRY(ready(history, err));
    HF_TRY(hf_sql_begin(history->db, err));
    return hf_sql_end(history->db, hf_account_killed(history->db, id, why, err), err);
}

enum hf_status hf_history_sweep(struct hf_history *history, struct hf_error *err)
{
    HF_AUTO(hf_strings) running = HF_STRINGS_INIT;

    HF_TRY(ready(history, err));
    HF_TRY(hf_account_running(history->db, &running, err));
    for (size_t i = 0; i < running.count; i++) {
        const char *id = running.items[i];

        if (strcmp(id, history->claimed) == 0 || hf_claim_is_taken(history->claims, id))
            continue;
        HF_TRY(hf_history_lost(history, id,
                               "the process ended without a word: killed, out of memory, or the "
                               "machine went down",
                               err));
    }
    return HF_OK;
}
