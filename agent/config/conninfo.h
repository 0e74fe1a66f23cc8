/*
 * PostgreSQL connection strings, as they are given by a person: taken apart so that the password
 * goes one way (a secret) and the rest another (text that may be shown).
 */
#ifndef HF_AGENT_CONFIG_CONNINFO_H
#define HF_AGENT_CONFIG_CONNINFO_H

#include "base/buffer.h"
#include "base/secret.h"

struct hf_conninfo {
    char *text;                 /* "key='value' ...", without the password */
    char *dbname;               /* or NULL */
    char *host;                 /* or NULL */
    struct hf_secret *password; /* or NULL */
};

/* dsn: a URL, or "key=value ...". Errors are HF_CONFIG and do not quote it. */
enum hf_status hf_conninfo_parse(const char *dsn, struct hf_conninfo *out,
                                 struct hf_error *err) HF_WARN_UNUSED;
void hf_conninfo_done(struct hf_conninfo *info);
static inline void hf_conninfo_auto(struct hf_conninfo *info)
{
    hf_conninfo_done(info);
}

/* Appends "key='value'", quoted as libpq wants it. */
enum hf_status hf_conninfo_add(struct hf_buf *text, const char *key, const char *value,
                               struct hf_error *err) HF_WARN_UNUSED;

/* Begins with postgresql:// or postgres://. */
bool hf_conninfo_is_url(const char *text);

#endif
