#include "formats/postgres/snapshot.h"

#include "base/clock.h"
#include "formats/postgres/catalog.h"
#include "formats/postgres/lock.h"

#include <stdlib.h>
#include <string.h>

/* In a database where tables come and go all the time, most attempts may meet that. It is tried so
 * often at least, and for as long as one would wait for a lock. */
enum { ATTEMPTS = 20 };

/* At first a session that waits to change a table is let go at once. Where there is always another
 * one, those that have a lock_timeout are waited out, for longer with every attempt. */
enum { PATIENCE_ATTEMPTS = 30 };
#define PATIENCE_NS (HF_NS_PER_S / 10)

static enum hf_status list(struct hf_pg_capture *capture, enum hf_pg_listing listing,
                           struct hf_error *err)
{
    HF_TRY(hf_pg_list_relations(capture->leader, listing, &capture->tables, err));
    return hf_pg_filter_apply(capture->filter, &capture->tables, capture->standby, err);
}

/* A pooler between transactions would have lost what the session was set to. */
static enum hf_status check_settings(struct hf_pg *pg, struct hf_error *err)
{
    HF_AUTO_FREE char *kept = NULL;

    HF_TRY(hf_pg_query_value(pg,
                             "SELECT pg_catalog.current_setting('search_path') = '\"\"'"
                             " AND pg_catalog.current_setting('row_security') = 'off'"
                             " AND pg_catalog.current_setting('synchronize_seqscans') = 'off'",
                             &kept, err));
    if (kept[0] != 't')
        return hf_error_set(err, HF_UNSUPPORTED,
                            "%s: session settings do not last: a connection pooler in transaction "
                            "mode is in between; connect to the server itself",
                            pg->where);
    return HF_OK;
}

/*
 * LOCK TABLE takes no snapshot. So the snapshot, which the first SELECT takes, is younger than all
 * locks, and nothing can be truncated, rewritten or altered between the two: a table truncated
 * in that gap would look empty, and the backup would not know.
 */
static enum hf_status lock_then_look(struct hf_pg_capture *capture, struct hf_error *err)
{
    struct hf_pg *pg = capture->leader;

    HF_TRY(list(capture, HF_PG_LIST_NAMES, err));
    HF_TRY(hf_pg_check_readable(pg, &capture->tables, err));
    HF_TRY(hf_pg_run(pg, "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY", err));
    HF_TRY(hf_pg_lock_tables(pg, &capture->tables, hf_pg_lock_seconds(capture->config), err));
    free(capture->snapshot);
    capture->snapshot = NULL;
    HF_TRY(
        hf_pg_query_value(pg, "SELECT pg_catalog.pg_export_snapshot()", &capture->snapshot, err));
    capture->time = hf_clock_now();
    HF_TRY(check_settings(pg, err));
    return list(capture, HF_PG_LIST_ALL, err);
}

/* Tables that came, or took another's name, between locks and snapshot are locked now; one that has
 * changed once more since cannot be read as it was. */
static enum hf_status lock_late(struct hf_pg_capture *capture, bool *out_again,
                                struct hf_error *err)
{
    for (size_t i = 0; i < capture->tables.count; i++) {
        const struct hf_pg_table *table = &capture->tables.items[i];
        bool same = true;

        if (!hf_pg_wants_lock(table) || (table->locked && table->named))
            continue;
        HF_TRY(hf_pg_lock_late(capture->leader, table, &same, err));
        if (!same) {
            hf_observe(capture->work->observer, HF_NOTE_DETAIL,
                       "database %s: table %s.%s has just come or changed; beginning anew",
                       capture->name, table->schema, table->name);
            *out_again = true;
            return HF_OK;
        }
    }
    return HF_OK;
}

/* A lock cycle with sessions that change tables: the server chose to end ours. */
static bool is_deadlock(const struct hf_pg *pg)
{
    return strcmp(pg->sqlstate, "40P01") == 0;
}

static enum hf_status attempt(struct hf_pg_capture *capture, int number,
                              struct hf_pg_schema_dump **out_dump, bool *out_again,
                              struct hf_error *err)
{
    int64_t patience = (number < PATIENCE_ATTEMPTS ? number : PATIENCE_ATTEMPTS) * PATIENCE_NS;
    enum hf_status status = lock_then_look(capture, err);

    if (status == HF_OK)
        status = lock_late(capture, out_again, err);
    if (status != HF_OK)
        *out_again = is_deadlock(capture->leader);
    if (*out_again)
        return HF_OK;
    HF_TRY(status);
    HF_TRY(hf_pg_check_readable(capture->leader, &capture->tables, err));
    HF_TRY(hf_pg_schema_dump_start(capture, patience, out_dump, out_again, err));
    if (*out_again)
        hf_observe(capture->work->observer, HF_NOTE_DETAIL,
                   "database %s: another session waits to change a table; letting it go first",
                   capture->name);
    return HF_OK;
}

enum hf_status hf_pg_snapshot_begin(struct hf_pg_capture *capture,
                                    struct hf_pg_schema_dump **out_dump, struct hf_error *err)
{
    int64_t deadline = hf_clock_monotonic() + hf_pg_lock_seconds(capture->config) * HF_NS_PER_S;

    for (int i = 0; i < ATTEMPTS || hf_clock_monotonic() < deadline; i++) {
        bool again = false;

        HF_TRY(attempt(capture, i, out_dump, &again, err));
        if (!again)
            return HF_OK;
        HF_TRY(hf_pg_run(capture->leader, "ROLLBACK", err));
    }
    return hf_error_set(err, HF_BUSY,
                        "%s: tables are created, dropped or changed so often that they cannot all "
                        "be locked at once; leave out the schemas where this happens",
                        capture->leader->where);
}

/* "Invalid snapshot identifier": its file went with the leader's transaction. */
static bool is_lost(const struct hf_pg *pg)
{
    return strcmp(pg->sqlstate, "22023") == 0 || strcmp(pg->sqlstate, "55000") == 0;
}

enum hf_status hf_pg_snapshot_adopt(const struct hf_pg_capture *capture, struct hf_pg *pg,
                                    struct hf_error *err)
{
    enum hf_status status =
        hf_pg_runf(pg, err,
                   "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY;"
                   "SET TRANSACTION SNAPSHOT '%s';"
                   "SET LOCAL lock_timeout = %u;"
                   "SET LOCAL enable_tidscan = on; SET LOCAL enable_seqscan = off",
                   capture->snapshot, hf_pg_lock_seconds(capture->config) * 1000);

    if (status == HF_OK || !is_lost(pg))
        return status;
    return hf_error_set(
        err, HF_UNREACHABLE, "%s: the connection that holds the snapshot was ended by the server%s",
        pg->where,
        capture->standby ? "; replay may have done it: set hot_standby_feedback = "
                           "on, or raise max_standby_streaming_delay, on the standby"
                         : "");
}
