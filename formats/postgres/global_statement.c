#include "formats/postgres/global_statement.h"

enum { WORDS_LOOKED_AT = 6 };

/* TABLESPACE in the first words, or "GRANT … ON TABLESPACE". */
static bool concerns_tablespace(const char *at, const char *end)
{
    for (int i = 0; i < WORDS_LOOKED_AT; i++) {
        struct hf_sql_token t = hf_sql_token_next(&at, end);

        if (hf_sql_token_is(&t, "TABLESPACE"))
            return true;
    }
    return false;
}

struct hf_pg_global hf_pg_global_read(const char *at, size_t len)
{
    struct hf_pg_global global = {.kind = HF_PG_GLOBAL_OTHER, .at = at, .len = len};
    const char *end = at + len;
    struct hf_sql_token next;

    global.verb = hf_sql_token_next(&at, end);
    global.object = hf_sql_token_next(&at, end);
    global.name = hf_sql_token_next(&at, end);
    next = hf_sql_token_next(&at, end);
    if (!hf_sql_token_is(&global.object, "ROLE")) {
        if (concerns_tablespace(global.at, end))
            global.kind = HF_PG_GLOBAL_TABLESPACE;
    } else if (hf_sql_token_is(&global.verb, "CREATE")) {
        global.kind = HF_PG_GLOBAL_ROLE;
    } else if (hf_sql_token_is(&global.verb, "ALTER") && hf_sql_token_is(&next, "WITH")) {
        global.kind = HF_PG_GLOBAL_ROLE_ATTRIBUTES;
    }
    return global;
}
