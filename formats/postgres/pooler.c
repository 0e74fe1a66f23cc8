#include "formats/postgres/pooler.h"

#include <stdlib.h>

/* Other clients of the pool come in between now and then; once would be a matter of luck. */
enum { ROUNDS = 5 };

static enum hf_status refuse(const struct hf_pg *pg, struct hf_error *err)
{
    return hf_error_set(err, HF_UNSUPPORTED,
                        "%s: a connection pooler in transaction mode is in between (PgBouncer or "
                        "the like), which cannot share a snapshot between connections; connect to "
                        "the server itself, or to a pool in session mode",
                        pg->where);
}

static enum hf_status server_pid(struct hf_pg *pg, int *out, struct hf_error *err)
{
    HF_AUTO_FREE char *text = NULL;

    HF_TRY(hf_pg_query_value(pg, "SELECT pg_catalog.pg_backend_pid()", &text, err));
    *out = (int)strtol(text, NULL, 10);
    return HF_OK;
}

/* In session mode the first keeps its server connection whatever the second does. In transaction
 * mode it is idle and its server connection goes to whoever begins a transaction next. */
static enum hf_status round_of(struct hf_pg *first, struct hf_pg *second, bool *out_shared,
                               struct hf_error *err)
{
    int before = 0;
    int other = 0;
    int after = 0;

    HF_TRY(server_pid(first, &before, err));
    if (hf_pg_run(second, "BEGIN", err) != HF_OK)
        return refuse(first, err); /* statement mode has no transactions at all */
    HF_TRY(server_pid(second, &other, err));
    HF_TRY(server_pid(first, &after, err));
    HF_TRY(hf_pg_run(second, "ROLLBACK", err));
    *out_shared = before == other || before != after;
    return HF_OK;
}

enum hf_status hf_pg_pooler_check(struct hf_pg *first, struct hf_pg *second, struct hf_error *err)
{
    for (int i = 0; i < ROUNDS; i++) {
        bool shared = false;

        HF_TRY(round_of(first, second, &shared, err));
        if (shared)
            return refuse(first, err);
    }
    return HF_OK;
}
