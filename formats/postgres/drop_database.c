#include "formats/postgres/drop_database.h"

#include "formats/postgres/quote.h"
#include "formats/postgres/restore_job.h"

static enum hf_status drop_database(struct hf_pg *pg, const char *name, struct hf_error *err)
{
    struct hf_error ignored = HF_ERROR_INIT;
    HF_AUTO(hf_buf) quoted = HF_BUF_INIT;
    const char *text;

    HF_TRY(hf_pg_quote_ident(&quoted, name, err));
    HF_TRY(hf_buf_cstr(&quoted, &text, err));
    /* a template cannot be dropped; where there is no such database the next statement is content
     */
    (void)!hf_pg_runf(pg, &ignored, "ALTER DATABASE %s IS_TEMPLATE false", text);
    return hf_pg_runf(pg, err, "DROP DATABASE IF EXISTS %s WITH (FORCE)", text);
}

static enum hf_status drop_subscriptions(const struct hf_pg_config *config, const char *database,
                                         struct hf_cancel *cancel, struct hf_error *err)
{
    struct hf_pg_address address = {.conninfo = config->conninfo,
                                    .password = config->password,
                                    .database = database,
                                    .pooler_checked = true};
    HF_AUTO_PTR(hf_pg) pg = NULL;

    HF_TRY(hf_pg_connect(&address, cancel, &pg, err));
    return hf_pg_run_generated(
        pg,
        "SELECT pg_catalog.format(c, s.subname) FROM pg_catalog.pg_subscription s, (VALUES"
        " ('ALTER SUBSCRIPTION %I DISABLE'), ('ALTER SUBSCRIPTION %I SET (slot_name = NONE)'),"
        " ('DROP SUBSCRIPTION %I')) v(c) WHERE s.subdbid = (SELECT oid FROM"
        " pg_catalog.pg_database WHERE datname = pg_catalog.current_database())"
        " ORDER BY s.subname, (c LIKE 'DROP%'), (c LIKE '%NONE%')",
        err);
}

enum hf_status hf_pg_drop_database(struct hf_pg *pg, const struct hf_pg_config *config,
                                   const char *name, struct hf_cancel *cancel, struct hf_error *err)
{
    struct hf_error first = HF_ERROR_INIT;
    struct hf_error ignored = HF_ERROR_INIT;

    if (drop_database(pg, name, &first) == HF_OK)
        return HF_OK;
    if (drop_subscriptions(config, name, cancel, &ignored) == HF_OK)
        return drop_database(pg, name, err);
    *err = first;
    return err->status;
}
