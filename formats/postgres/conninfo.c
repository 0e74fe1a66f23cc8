#include "formats/postgres/conninfo.h"

#include "base/buffer.h"
#include "base/text.h"

#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

static void options_auto(PQconninfoOption **options)
{
    PQconninfoFree(*options);
}
#define AUTO_OPTIONS __attribute__((cleanup(options_auto))) PQconninfoOption *

/* libpq quotes pieces of the string in its messages, and any piece may be the password. */
static enum hf_status parse(const char *conninfo, PQconninfoOption **out, struct hf_error *err)
{
    char *message = NULL;
    PQconninfoOption *options = PQconninfoParse(conninfo, &message);
    bool telling = strstr(conninfo, "pass") == NULL && strchr(conninfo, '@') == NULL;

    if (options) {
        *out = options;
        return HF_OK;
    }
    (void)hf_error_set(err, HF_CONFIG,
                       "the connection string is neither \"postgresql://USER@HOST:PORT/DATABASE\" "
                       "nor \"host=… dbname=…\"%s%s",
                       telling && message ? ": " : "", telling && message ? message : "");
    while (err->text[0] && err->text[strlen(err->text) - 1] == '\n')
        err->text[strlen(err->text) - 1] = '\0';
    PQfreemem(message);
    return HF_CONFIG;
}

static const char *value_of(const PQconninfoOption *options, const char *key)
{
    for (; options->keyword; options++) {
        if (strcmp(options->keyword, key) == 0)
            return options->val && *options->val ? options->val : NULL;
    }
    return NULL;
}

static enum hf_status append_option(struct hf_buf *out, const char *key, const char *value,
                                    struct hf_error *err)
{
    HF_TRY(hf_buf_printf(out, err, "%s%s='", out->len ? " " : "", key));
    for (; *value; value++) {
        if (*value == '\'' || *value == '\\')
            HF_TRY(hf_buf_u8(out, '\\', err));
        HF_TRY(hf_buf_u8(out, (uint8_t)*value, err));
    }
    return hf_buf_u8(out, '\'', err);
}

static enum hf_status strip(const PQconninfoOption *options, const char *database,
                            struct hf_buf *out, struct hf_error *err)
{
    for (; options->keyword; options++) {
        const char *key = options->keyword;

        if (!options->val || !*options->val || strcmp(key, "password") == 0 ||
            strcmp(key, "application_name") == 0 || (database && strcmp(key, "dbname") == 0))
            continue;
        HF_TRY(append_option(out, key, options->val, err));
    }
    return database ? append_option(out, "dbname", database, err) : HF_OK;
}

enum hf_status hf_pg_conninfo_strip(const char *conninfo, const char *database, char **out,
                                    struct hf_secret **out_password, struct hf_error *err)
{
    AUTO_OPTIONS options = NULL;
    HF_AUTO(hf_buf) text = HF_BUF_INIT;
    HF_AUTO_PTR(hf_secret) password = NULL;
    const char *inside;
    const char *stripped;

    HF_TRY(parse(conninfo, &options, err));
    if (value_of(options, "sslpassword"))
        return hf_error_set(err, HF_CONFIG,
                            "sslpassword cannot be used: pg_dump would have to be given it where "
                            "everybody can read it; use a client key without one");
    inside = value_of(options, "password");
    if (inside && out_password)
        HF_TRY(hf_secret_new(inside, strlen(inside), &password, err));
    HF_TRY(strip(options, database, &text, err));
    HF_TRY(hf_buf_cstr(&text, &stripped, err));
    HF_TRY(hf_text_copy(stripped, out, err));
    if (out_password) {
        *out_password = password;
        password = NULL;
    }
    return HF_OK;
}

enum hf_status hf_pg_conninfo_get(const char *conninfo, const char *key, char **out,
                                  struct hf_error *err)
{
    AUTO_OPTIONS options = NULL;
    const char *value;
    char *copy = NULL;

    HF_TRY(parse(conninfo, &options, err));
    value = value_of(options, key);
    if (value)
        HF_TRY(hf_text_copy(value, &copy, err));
    *out = copy;
    return HF_OK;
}

void hf_pg_redact(struct hf_error *err, const char *secret)
{
    static const char stars[] = "***";
    size_t len = secret ? strlen(secret) : 0;
    char text[HF_ERROR_TEXT_MAX];
    const char *from = err->text;
    size_t used = 0;

    if (len == 0 || !strstr(err->text, secret))
        return;
    while (*from && used + sizeof stars < sizeof text) {
        if (strncmp(from, secret, len) == 0) {
            memcpy(text + used, stars, sizeof stars - 1);
            used += sizeof stars - 1;
            from += len;
        } else {
            text[used++] = *from++;
        }
    }
    text[used] = '\0';
    memcpy(err->text, text, used + 1);
}
