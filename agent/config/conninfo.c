#include "agent/config/conninfo.h"

#include "formats/postgres/conninfo.h"

#include <stdlib.h>
#include <string.h>

bool hf_conninfo_is_url(const char *text)
{
    return strncmp(text, "postgresql://", 13) == 0 || strncmp(text, "postgres://", 11) == 0;
}

void hf_conninfo_done(struct hf_conninfo *info)
{
    free(info->text);
    free(info->dbname);
    free(info->host);
    hf_secret_free(info->password);
    *info = (struct hf_conninfo){.text = NULL};
}

enum hf_status hf_conninfo_add(struct hf_buf *text, const char *key, const char *value,
                               struct hf_error *err)
{
    HF_TRY(hf_buf_printf(text, err, "%s%s='", text->len ? " " : "", key));
    for (; *value; value++) {
        if (*value == '\'' || *value == '\\')
            HF_TRY(hf_buf_append(text, "\\", 1, err));
        HF_TRY(hf_buf_append(text, value, 1, err));
    }
    return hf_buf_append(text, "'", 1, err);
}

enum hf_status hf_conninfo_parse(const char *dsn, struct hf_conninfo *out, struct hf_error *err)
{
    HF_AUTO(hf_conninfo) info = {.text = NULL};

    /* libpq would take a single word for the name of a database. */
    if (!hf_conninfo_is_url(dsn) && !strchr(dsn, '='))
        return hf_error_set(err, HF_CONFIG,
                            "the connection string is neither "
                            "\"postgresql://USER@HOST:PORT/DATABASE\" nor \"host=... dbname=...\"");
    HF_TRY(hf_pg_conninfo_strip(dsn, NULL, &info.text, &info.password, err));
    HF_TRY(hf_pg_conninfo_get(dsn, "dbname", &info.dbname, err));
    HF_TRY(hf_pg_conninfo_get(dsn, "host", &info.host, err));
    *out = info;
    memset(&info, 0, sizeof info); /* it is the caller's now */
    return HF_OK;
}
