#include "agent/conninfo.h"

#include "base/text.h"

#include <libpq-fe.h>
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

/* libpq's reason, with whatever it quotes from the input left out. */
static enum hf_status bad_dsn(char *reason, struct hf_error *err)
{
    char clean[200];
    size_t len = 0;
    bool quoted = false;

    for (const char *c = reason ? reason : "out of memory"; *c && len < sizeof clean - 4; c++) {
        if (*c == '\n')
            break;
        if (*c == '"' && !quoted)
            memcpy(clean + len, "...", 3), len += 3;
        quoted = *c == '"' ? !quoted : quoted;
        if (!quoted && *c != '"')
            clean[len++] = *c;
    }
    clean[len] = 0;
    PQfreemem(reason);
    return hf_error_set(err, HF_CONFIG,
                        "not a usable PostgreSQL URL or connection string (%s); expected "
                        "postgresql://USER@HOST:PORT/DATABASE, with special characters "
                        "percent-encoded",
                        clean);
}

static enum hf_status take_option(const PQconninfoOption *option, struct hf_conninfo *info,
                                  struct hf_buf *text, struct hf_error *err)
{
    const char *value = option->val;

    if (!value || !*value)
        return HF_OK;
    if (strcmp(option->keyword, "password") == 0)
        return hf_secret_new(value, strlen(value), &info->password, err);
    if (strcmp(option->keyword, "sslpassword") == 0)
        return hf_error_set(err, HF_CONFIG,
                            "sslpassword is not supported; use a client key without a passphrase, "
                            "readable by its owner only");
    if (strcmp(option->keyword, "dbname") == 0)
        return hf_text_copy(value, &info->dbname, err);
    if (strcmp(option->keyword, "host") == 0)
        HF_TRY(hf_text_copy(value, &info->host, err));
    return hf_conninfo_add(text, option->keyword, value, err);
}

static enum hf_status take_options(const PQconninfoOption *options, struct hf_conninfo *info,
                                   struct hf_error *err)
{
    HF_AUTO(hf_buf) text = HF_BUF_INIT;
    const char *cstr;

    for (; options->keyword; options++)
        HF_TRY(take_option(options, info, &text, err));
    HF_TRY(hf_buf_cstr(&text, &cstr, err));
    return hf_text_copy(cstr, &info->text, err);
}

static void free_options(PQconninfoOption *options)
{
    for (PQconninfoOption *option = options; option->keyword; option++) {
        if (option->val)
            explicit_bzero(option->val, strlen(option->val));
    }
    PQconninfoFree(options);
}

enum hf_status hf_conninfo_parse(const char *dsn, struct hf_conninfo *out, struct hf_error *err)
{
    HF_AUTO(hf_conninfo) info = {.text = NULL};
    char *reason = NULL;
    PQconninfoOption *options;
    enum hf_status status;

    if (!hf_conninfo_is_url(dsn) && !strchr(dsn, '='))
        return hf_error_set(err, HF_CONFIG,
                            "not a PostgreSQL URL (postgresql://USER@HOST:PORT/DATABASE) or "
                            "connection string (host=... dbname=...)");
    options = PQconninfoParse(dsn, &reason);
    if (!options)
        return bad_dsn(reason, err);
    status = take_options(options, &info, err);
    free_options(options);
    HF_TRY(status);
    *out = info;
    info = (struct hf_conninfo){.text = NULL};
    return HF_OK;
}
