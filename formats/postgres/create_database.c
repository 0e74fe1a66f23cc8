#include "formats/postgres/create_database.h"

#include "base/json.h"
#include "formats/postgres/quote.h"

#include <string.h>

static enum hf_status add_option(struct hf_buf *sql, const char *option, const char *value,
                                 struct hf_error *err)
{
    if (!value)
        return HF_OK;
    HF_TRY(hf_buf_printf(sql, err, " %s = ", option));
    return hf_pg_quote_literal(sql, value, err);
}

enum hf_status hf_pg_create_database_sql(const json_t *database, struct hf_buf *sql,
                                         struct hf_error *err)
{
    const char *encoding;
    const char *collate;
    const char *ctype;

    HF_TRY(hf_json_string(database, "encoding", &encoding, err));
    HF_TRY(hf_json_string(database, "collate", &collate, err));
    HF_TRY(hf_json_string(database, "ctype", &ctype, err));
    HF_TRY(hf_buf_append_str(sql, " TEMPLATE = template0", err));
    HF_TRY(add_option(sql, "ENCODING", encoding, err));
    HF_TRY(add_option(sql, "LC_COLLATE", collate, err));
    return add_option(sql, "LC_CTYPE", ctype, err);
}

enum hf_status hf_pg_create_provider_sql(const json_t *database, struct hf_buf *sql,
                                         struct hf_error *err)
{
    const char *provider = "libc";
    const char *locale = NULL;
    const char *rules = NULL;

    HF_TRY(hf_json_string_optional(database, "locale_provider", &provider, err));
    HF_TRY(hf_json_string_optional(database, "locale", &locale, err));
    HF_TRY(hf_json_string_optional(database, "icu_rules", &rules, err));
    HF_TRY(hf_buf_append_str(sql, " LOCALE_PROVIDER = ", err));
    HF_TRY(hf_pg_quote_ident(sql, provider, err));
    if (strcmp(provider, "icu") == 0) {
        HF_TRY(add_option(sql, "ICU_LOCALE", locale, err));
        HF_TRY(add_option(sql, "ICU_RULES", rules, err));
    } else if (strcmp(provider, "builtin") == 0) {
        HF_TRY(add_option(sql, "BUILTIN_LOCALE", locale, err));
    }
    return HF_OK;
}
