#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/history/history.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "tests/support/check.h"

#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct fixture {
    char folder[64];
    char path[96];
    char said[512];
    struct hf_observer observer;
};

static void hear(void *ctx, enum hf_note_level level, const char *text)
{
    struct fixture *f = ctx;

    if (level == HF_NOTE_WARNING)
        (void)snprintf(f->said, sizeof f->said, "%s", text);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    assert_non_null(f);
    (void)snprintf(f->folder, sizeof f->folder, "/tmp/hf-history-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    (void)snprintf(f->path, sizeof f->path, "%s/history.db", f->folder);
    f->observer = (struct hf_observer){.ctx = f, .note = hear};
    *state = f;
    return 0;
}

static int remove_one(const char *path, const struct stat *facts, int type, struct FTW *ftw)
{
    (void)facts;
    (void)type;
    (void)ftw;
    return remove(path);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(nftw(f->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
    free(f);
    return 0;
}

static enum hf_status open_history(struct fixture *f, enum hf_history_mode mode, unsigned most,
                                   struct hf_history **out, struct hf_error *err)
{
    struct hf_history_options options = {
        .folder = f->folder, .mode = mode, .most = most, .observer = &f->observer};

    return hf_history_open(&options, out, err);
}

static struct hf_history *open_ok(struct fixture *f, enum hf_history_mode mode)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_history *history = NULL;

    assert_ok(open_history(f, mode, 0, &history, &err), &err);
    return history;
}

static struct hf_history_run make_run(const char *id)
{
    struct hf_history_run run = {.command = "backup",
                                 .job = "nightly",
                                 .trigger = "manual",
                                 .host = "here",
                                 .pid = 1,
                                 .start = hf_clock_now()};

    (void)snprintf(run.id, sizeof run.id, "%s", id);
    return run;
}

static void write_run(struct hf_history *history, const char *id, enum hf_status status)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_history_run run = make_run(id);
    struct hf_history_part part = {.action = "backup",
                                   .job = "nightly",
                                   .source = "app",
                                   .repository = "local",
                                   .start = run.start,
                                   .read_bytes = 1000};
    struct hf_history_note note = {
        .time = run.start, .kind = HF_HISTORY_STEP, .work = "app", .text = "a step"};

    assert_ok(hf_history_begin(history, &run, &err), &err);
    assert_ok(hf_history_put_part(history, id, 0, &part, &err), &err);
    assert_ok(hf_history_add_note(history, id, &note, &err), &err);
    part.outcome = run.outcome = hf_history_outcome_of(status);
    part.end = run.end = run.start + HF_NS_PER_S;
    run.status = status;
    run.error = status == HF_OK ? NULL : "backup app: it broke";
    assert_ok(hf_history_put_part(history, id, 0, &part, &err), &err);
    assert_ok(hf_history_end(history, &run, &err), &err);
}

/* What a search found, as one line. */
struct found {
    char text[4096];
    unsigned count;
};

static enum hf_status take_run(void *ctx, const struct hf_history_run *run, struct hf_error *err)
{
    struct found *found = ctx;
    size_t used = strlen(found->text);

    (void)err;
    (void)snprintf(found->text + used, sizeof found->text - used, "%.4s %s%s%s; ", run->id,
                   hf_history_outcome_name(run->outcome), run->error ? ": " : "",
                   run->error ? run->error : "");
    found->count++;
    return HF_OK;
}

static enum hf_status take_part(void *ctx, const struct hf_history_part *part, struct hf_error *err)
{
    struct found *found = ctx;
    size_t used = strlen(found->text);

    (void)err;
    (void)snprintf(found->text + used, sizeof found->text - used, "%s %s %s; ", part->action,
                   part->source, hf_history_outcome_name(part->outcome));
    found->count++;
    return HF_OK;
}

static enum hf_status count_note(void *ctx, const struct hf_history_note *note,
                                 struct hf_error *err)
{
    (void)note;
    (void)err;
    ++*(unsigned *)ctx;
    return HF_OK;
}

static struct found search(struct hf_history *history, const struct hf_history_query *query)
{
    struct hf_error err = HF_ERROR_INIT;
    struct found found = {.count = 0};

    assert_ok(hf_history_runs(history, query, take_run, &found, &err), &err);
    return found;
}

static void runs_are_found_by_what_they_were(void **state)
{
    struct fixture *f = *state;
    struct hf_error err = HF_ERROR_INIT;
    struct found parts = {.count = 0};
    HF_AUTO_PTR(hf_history) history = open_ok(f, HF_HISTORY_WRITE);
    HF_AUTO_PTR(hf_history) reader = NULL;

    write_run(history, "aaaa000000000000000000000000aaaa", HF_OK);
    write_run(history, "bbbb000000000000000000000000bbbb", HF_UNREACHABLE);
    reader = open_ok(f, HF_HISTORY_READ);
    assert_string_equal(search(reader, &(struct hf_history_query){.limit = 0}).text,
                        "bbbb failed: backup app: it broke; aaaa done; ");
    assert_string_equal(search(reader, &(struct hf_history_query){.limit = 1}).text,
                        "bbbb failed: backup app: it broke; ");
    assert_int_equal(search(reader, &(struct hf_history_query){.failed = true}).count, 1);
    assert_string_equal(search(reader, &(struct hf_history_query){.id = "aaaa"}).text,
                        "aaaa done; ");
    assert_int_equal(search(reader, &(struct hf_history_query){.name = "nightly"}).count, 2);
    assert_int_equal(search(reader, &(struct hf_history_query){.name = "app"}).count, 2);
    assert_int_equal(search(reader, &(struct hf_history_query){.name = "other"}).count, 0);
    assert_int_equal(search(reader, &(struct hf_history_query){.command = "drill"}).count, 0);
    assert_int_equal(
        search(reader, &(struct hf_history_query){.since = hf_clock_now() + HF_NS_PER_S}).count, 0);
    assert_ok(hf_history_parts(reader, "bbbb000000000000000000000000bbbb", take_part, &parts, &err),
              &err);
    assert_string_equal(parts.text, "backup app failed; ");
}

static enum hf_status take_last(void *ctx, const struct hf_history_last *last, struct hf_error *err)
{
    struct hf_history_last *out = ctx;

    (void)err;
    if (last->source)
        *out = *last;
    return HF_OK;
}

/* As it was before the outcome "overtime" was there. */
static void open_of_schema_1_brings_it_up_to_date(void **state)
{
    struct fixture *f = *state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_history_last last = {.start = 0};
    struct hf_history_part part = {.action = "backup",
                                   .job = "nightly",
                                   .source = "app",
                                   .repository = "local",
                                   .end = hf_clock_now(),
                                   .outcome = HF_HISTORY_OVERTIME};
    HF_AUTO_PTR(hf_history) history = open_ok(f, HF_HISTORY_WRITE);
    sqlite3 *db = NULL;

    write_run(history, "aaaa000000000000000000000000aaaa", HF_OK);
    hf_history_close(history);
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  "ALTER TABLE lasts DROP COLUMN overtime;"
                                  "PRAGMA user_version = 1;",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    history = open_ok(f, HF_HISTORY_WRITE);
    assert_ok(hf_history_put_part(history, "aaaa000000000000000000000000aaaa", 1, &part, &err),
              &err);
    hf_history_close(history);
    history = open_ok(f, HF_HISTORY_READ);
    assert_ok(hf_history_lasts(history, take_last, &last, &err), &err);
    assert_int_equal(last.counts[HF_HISTORY_DONE], 1);
    assert_int_equal(last.counts[HF_HISTORY_OVERTIME], 1);
    assert_string_equal(f->said, "");
}

static void lasts_count_and_keep_the_last_success(void **state)
{
    struct fixture *f = *state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_history_last last = {.start = 0};
    HF_AUTO_PTR(hf_history) history = open_ok(f, HF_HISTORY_WRITE);

    write_run(history, "aaaa000000000000000000000000aaaa", HF_OK);
    write_run(history, "bbbb000000000000000000000000bbbb", HF_UNREACHABLE);
    write_run(history, "cccc000000000000000000000000cccc", HF_CANCELLED);
    assert_ok(hf_history_lasts(history, take_last, &last, &err), &err);
    assert_int_equal(last.counts[HF_HISTORY_DONE], 1);
    assert_int_equal(last.counts[HF_HISTORY_FAILED], 1);
    assert_int_equal(last.counts[HF_HISTORY_CANCELLED], 1);
    assert_int_equal(last.outcome, HF_HISTORY_CANCELLED);
    assert_true(last.success > 0 && last.success < last.end);
}

static void runs_beyond_the_bound_are_forgotten(void **state)
{
    struct fixture *f = *state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_history *history = NULL;
    unsigned notes = 0;

    assert_ok(open_history(f, HF_HISTORY_WRITE, 3, &history, &err), &err);
    for (int i = 0; i < 9; i++) {
        char id[HF_HISTORY_ID_TEXT];

        (void)snprintf(id, sizeof id, "%032x", (unsigned)i + 1);
        write_run(history, id, HF_OK);
    }
    assert_int_equal(search(history, &(struct hf_history_query){.limit = 0}).count, 3);
    assert_ok(
        hf_history_notes(history, "00000000000000000000000000000001", count_note, &notes, &err),
        &err);
    assert_int_equal(notes, 0);
    hf_history_close(history);
}

static void runs_beyond_their_age_are_forgotten(void **state)
{
    struct fixture *f = *state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_history_options options = {
        .folder = f->folder, .mode = HF_HISTORY_WRITE, .keep = 86400 * HF_NS_PER_S};
    struct hf_history *history = NULL;
    struct hf_history_run old = make_run("aaaa000000000000000000000000aaaa");

    assert_ok(hf_history_open(&options, &history, &err), &err);
    old.start -= 3 * 86400 * HF_NS_PER_S;
    assert_ok(hf_history_begin(history, &old, &err), &err);
    old.end = old.start + HF_NS_PER_S;
    old.outcome = HF_HISTORY_DONE;
    assert_ok(hf_history_end(history, &old, &err), &err);
    write_run(history, "bbbb000000000000000000000000bbbb", HF_OK);
    assert_string_equal(search(history, &(struct hf_history_query){.limit = 0}).text,
                        "bbbb done; ");
    hf_history_close(history);
}

static void notes_of_a_run_are_bounded(void **state)
{
    struct fixture *f = *state;
    struct hf_error err = HF_ERROR_INIT;
    const char *id = "aaaa000000000000000000000000aaaa";
    struct hf_history_note note = {.time = 1, .kind = HF_HISTORY_STEP, .text = "again"};
    HF_AUTO_PTR(hf_history) history = open_ok(f, HF_HISTORY_WRITE);
    unsigned notes = 0;

    for (int i = 0; i < HF_HISTORY_NOTES_MAX + 10; i++)
        assert_ok(hf_history_add_note(history, id, &note, &err), &err);
    note.kind = HF_HISTORY_ERROR;
    assert_ok(hf_history_add_note(history, id, &note, &err), &err);
    assert_ok(hf_history_notes(history, id, count_note, &notes, &err), &err);
    assert_int_equal(notes, HF_HISTORY_NOTES_MAX + 1);
}

/* ---- killed ---- */

/* A process that begins a run and then waits to be killed. */
static pid_t begin_elsewhere(struct fixture *f, const char *id)
{
    int ready[2];
    char byte = 0;
    pid_t child;

    assert_int_equal(pipe(ready), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct hf_history *history = open_ok(f, HF_HISTORY_WRITE);
        struct hf_history_run run = make_run(id);
        struct hf_history_part part = {.action = "backup", .source = "app", .start = run.start};
        struct hf_error err = HF_ERROR_INIT;

        if (hf_history_begin(history, &run, &err) != HF_OK ||
            hf_history_put_part(history, id, 0, &part, &err) != HF_OK ||
            write(ready[1], "", 1) != 1)
            _exit(1);
        for (;;)
            (void)pause();
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    (void)close(ready[0]);
    (void)close(ready[1]);
    return child;
}

static void sweep_ends_what_was_killed_and_nothing_else(void **state)
{
    struct fixture *f = *state;
    struct hf_error err = HF_ERROR_INIT;
    struct found parts = {.count = 0};
    pid_t killed = begin_elsewhere(f, "aaaa000000000000000000000000aaaa");
    pid_t alive = begin_elsewhere(f, "bbbb000000000000000000000000bbbb");
    struct hf_history *history;
    struct found found;

    assert_int_equal(kill(killed, SIGKILL), 0);
    assert_int_equal(waitpid(killed, NULL, 0), killed);
    history = open_ok(f, HF_HISTORY_WRITE);
    found = search(history, &(struct hf_history_query){.limit = 0});
    assert_non_null(strstr(found.text, "bbbb running; "));
    assert_non_null(strstr(found.text, "aaaa killed: the process ended without a word"));
    assert_ok(
        hf_history_parts(history, "aaaa000000000000000000000000aaaa", take_part, &parts, &err),
        &err);
    assert_string_equal(parts.text, "backup app killed; ");
    assert_int_equal(kill(alive, SIGKILL), 0);
    assert_int_equal(waitpid(alive, NULL, 0), alive);
    assert_ok(
        hf_history_lost(history, "bbbb000000000000000000000000bbbb", "killed by signal 9", &err),
        &err);
    assert_string_equal(search(history, &(struct hf_history_query){.id = "bbbb"}).text,
                        "bbbb killed: killed by signal 9; ");
    assert_ok(hf_history_sweep(history, &err), &err);
    hf_history_close(history);
}

static void several_processes_write_at_once(void **state)
{
    enum { WRITERS = 4, RUNS = 8 };
    struct fixture *f = *state;
    pid_t children[WRITERS];
    struct hf_history *history;

    for (int i = 0; i < WRITERS; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0) {
            struct hf_history *mine = open_ok(f, HF_HISTORY_WRITE);

            for (int k = 0; k < RUNS; k++) {
                char id[HF_HISTORY_ID_TEXT];

                hf_history_new_id(id);
                write_run(mine, id, k % 2 ? HF_OK : HF_FAILED);
            }
            hf_history_close(mine);
            _exit(0);
        }
    }
    for (int i = 0; i < WRITERS; i++) {
        int status = 1;

        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    history = open_ok(f, HF_HISTORY_WRITE);
    assert_int_equal(search(history, &(struct hf_history_query){.limit = 0}).count, WRITERS * RUNS);
    assert_int_equal(search(history, &(struct hf_history_query){.failed = true}).count,
                     WRITERS * RUNS / 2);
    hf_history_close(history);
}

/* ---- faults ---- */

/* A history worth damaging, its bytes read. */
static void make_bytes(struct fixture *f, struct hf_buf *out)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_history *history = open_ok(f, HF_HISTORY_WRITE);

    for (int i = 0; i < 12; i++) {
        char id[HF_HISTORY_ID_TEXT];

        hf_history_new_id(id);
        write_run(history, id, i % 3 ? HF_OK : HF_FAILED);
    }
    hf_history_close(history);
    assert_ok(hf_file_read(f->path, 1 << 24, out, &err), &err);
}

/* Whatever the file is, it can be opened, written and read within two attempts, as recorder.h
 * makes them, and no call ends but with a status. */
static void use_damaged(struct fixture *f)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_history *history = open_ok(f, HF_HISTORY_WRITE);
    struct hf_history_run run = make_run("eeee000000000000000000000000eeee");
    struct found found = {.count = 0};
    enum hf_status status;

    run.outcome = HF_HISTORY_DONE;
    run.end = run.start;
    status = hf_history_begin(history, &run, &err);
    if (status == HF_OK)
        status = hf_history_end(history, &run, &err);
    if (status == HF_OK)
        status = hf_history_runs(history, &(struct hf_history_query){.limit = 0}, take_run, &found,
                                 &err);
    if (status != HF_OK) {
        assert_int_equal(status, HF_DAMAGED);
        assert_ok(hf_history_renew(history, &err), &err);
        assert_ok(hf_history_end(history, &run, &err), &err);
    }
    found = search(history, &(struct hf_history_query){.id = "eeee"});
    assert_string_equal(found.text, "eeee done; ");
    hf_history_close(history);
}

static void put_file(struct fixture *f, const void *data, size_t len)
{
    struct hf_error err = HF_ERROR_INIT;

    assert_int_equal(nftw(f->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
    assert_int_equal(mkdir(f->folder, 0700), 0);
    assert_ok(hf_file_replace(f->path, data, len, 0600, &err), &err);
}

static void every_region_overwritten_leaves_a_history_that_works(void **state)
{
    enum { REGION = 256 };
    struct fixture *f = *state;
    HF_AUTO(hf_buf) good = HF_BUF_INIT;
    HF_AUTO_FREE uint8_t *bytes = NULL;

    make_bytes(f, &good);
    bytes = malloc(good.len);
    assert_non_null(bytes);
    for (size_t at = 0; at < good.len; at += REGION) {
        static const uint8_t fill[] = {0xff, 0x00, 0xa5};

        memcpy(bytes, good.data, good.len);
        memset(bytes + at, fill[at / REGION % 3], REGION);
        if (memcmp(bytes, good.data, good.len) == 0)
            continue;
        put_file(f, bytes, good.len);
        use_damaged(f);
    }
}

static void every_length_leaves_a_history_that_works(void **state)
{
    struct fixture *f = *state;
    HF_AUTO(hf_buf) good = HF_BUF_INIT;

    make_bytes(f, &good);
    for (size_t len = 0; len < good.len; len += len < 200 ? 25 : 1777) {
        put_file(f, good.data, len);
        use_damaged(f);
    }
}

static void a_damaged_file_is_moved_aside_and_said(void **state)
{
    struct fixture *f = *state;
    char rubbish[8192];

    memset(rubbish, 'x', sizeof rubbish);
    put_file(f, rubbish, sizeof rubbish);
    use_damaged(f);
    assert_non_null(strstr(f->said, "file is not a database"));
    assert_non_null(strstr(f->said, "history.db.damaged-"));
}

static void open_of_what_is_no_history_fails_with_its_reason(void **state)
{
    struct fixture *f = *state;
    struct hf_history *history = NULL;
    struct hf_error err = HF_ERROR_INIT;
    sqlite3 *db = NULL;

    assert_int_equal(open_history(f, HF_HISTORY_READ, 0, &history, &err), HF_NOT_FOUND);
    assert_int_equal(mkfifo(f->path, 0600), 0);
    assert_int_equal(open_history(f, HF_HISTORY_WRITE, 0, &history, &err), HF_FAILED);
    assert_non_null(strstr(err.text, "not a plain file"));
    assert_int_equal(unlink(f->path), 0);
    hf_history_close(open_ok(f, HF_HISTORY_WRITE));
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 99", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_int_equal(open_history(f, HF_HISTORY_WRITE, 0, &history, &err), HF_UNSUPPORTED);
    assert_non_null(strstr(err.text, "newer holdfast"));
    assert_int_equal(access(f->path, F_OK), 0);
}

static void a_locked_file_is_busy_after_a_while(void **state)
{
    struct fixture *f = *state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_history_run run = make_run("aaaa000000000000000000000000aaaa");
    HF_AUTO_PTR(hf_history) history = open_ok(f, HF_HISTORY_WRITE);
    sqlite3 *db = NULL;
    int64_t start;

    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    start = hf_clock_monotonic();
    assert_int_equal(hf_history_begin(history, &run, &err), HF_BUSY);
    assert_true(hf_clock_monotonic() - start < 10 * HF_NS_PER_S);
    assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    run.outcome = HF_HISTORY_DONE;
    run.end = run.start;
    assert_ok(hf_history_end(history, &run, &err), &err);
    assert_int_equal(search(history, &(struct hf_history_query){.limit = 0}).count, 1);
}

static void a_file_that_was_removed_is_made_anew_at_the_end(void **state)
{
    struct fixture *f = *state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_history_run run = make_run("aaaa000000000000000000000000aaaa");
    HF_AUTO_PTR(hf_history) history = open_ok(f, HF_HISTORY_WRITE);
    HF_AUTO_PTR(hf_history) reader = NULL;

    assert_ok(hf_history_begin(history, &run, &err), &err);
    assert_int_equal(unlink(f->path), 0);
    run.outcome = HF_HISTORY_DONE;
    run.end = run.start;
    assert_ok(hf_history_end(history, &run, &err), &err);
    reader = open_ok(f, HF_HISTORY_READ);
    assert_int_equal(search(reader, &(struct hf_history_query){.limit = 0}).count, 1);
}

/* ---- holdings and alarms ---- */

static enum hf_status take_holding(void *ctx, const struct hf_history_holding *holding,
                                   struct hf_error *err)
{
    struct hf_history_holding *out = ctx;

    (void)err;
    *out = *holding;
    return HF_OK;
}

static void holdings_count_on_and_proofs_never_go_back(void **state)
{
    struct fixture *f = *state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_history) history = open_ok(f, HF_HISTORY_WRITE);
    struct hf_history_holding item = {
        .repository = "local", .source = "app", .snapshots = 2, .newest = 50, .proven = 40};
    struct hf_history_holding more = {
        .repository = "local", .source = "app", .snapshots = 1, .newest = 60};
    struct hf_history_holding found = {.snapshots = 0};

    assert_ok(hf_history_set_holdings(history, "local", &item, 1, &err), &err);
    assert_ok(hf_history_add_holding(history, &more, &err), &err);
    assert_ok(hf_history_holdings(history, take_holding, &found, &err), &err);
    assert_int_equal(found.snapshots, 3);
    assert_int_equal(found.newest, 60);
    assert_int_equal(found.proven, 40);
    assert_ok(hf_history_set_holdings(history, "local", NULL, 0, &err), &err);
    assert_ok(hf_history_holdings(history, take_holding, &found, &err), &err);
    assert_int_equal(found.snapshots, 0);
    assert_int_equal(found.proven, 40);
}

static void an_alarm_changes_once_and_remembers_since_when(void **state)
{
    struct fixture *f = *state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_history) history = open_ok(f, HF_HISTORY_WRITE);
    bool changed = false;
    int64_t since = 0;

    assert_ok(hf_history_alarm(history, "proof app", true, 5, &changed, &since, &err), &err);
    assert_true(changed);
    assert_ok(hf_history_alarm(history, "proof app", true, 9, &changed, &since, &err), &err);
    assert_false(changed);
    assert_int_equal(since, 5);
    assert_ok(hf_history_alarm(history, "proof app", false, 10, &changed, &since, &err), &err);
    assert_true(changed);
    assert_ok(hf_history_alarm(history, "proof app", false, 11, &changed, &since, &err), &err);
    assert_false(changed);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(runs_are_found_by_what_they_were),
        TEST(open_of_schema_1_brings_it_up_to_date),
        TEST(lasts_count_and_keep_the_last_success),
        TEST(runs_beyond_the_bound_are_forgotten),
        TEST(runs_beyond_their_age_are_forgotten),
        TEST(notes_of_a_run_are_bounded),
        TEST(sweep_ends_what_was_killed_and_nothing_else),
        TEST(several_processes_write_at_once),
        TEST(every_region_overwritten_leaves_a_history_that_works),
        TEST(every_length_leaves_a_history_that_works),
        TEST(a_damaged_file_is_moved_aside_and_said),
        TEST(open_of_what_is_no_history_fails_with_its_reason),
        TEST(a_locked_file_is_busy_after_a_while),
        TEST(a_file_that_was_removed_is_made_anew_at_the_end),
        TEST(holdings_count_on_and_proofs_never_go_back),
        TEST(an_alarm_changes_once_and_remembers_since_when),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
