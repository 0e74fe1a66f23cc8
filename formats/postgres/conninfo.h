/*
 * Connection strings: "postgresql://…" and "key=value …", as libpq reads them. Pure.
 *
 * Errors are HF_CONFIG and never quote the string, which may hold a password.
 */
#ifndef HF_POSTGRES_CONNINFO_H
#define HF_POSTGRES_CONNINFO_H

#include "base/error.h"
#include "base/secret.h"

/* conninfo as "key='value' …" without password and application_name (a child's comes from
 * PGAPPNAME) and with another database if one is given: fit for an argument list. *out_password
 * (may be NULL) is the one that was inside, or NULL. HF_CONFIG for a sslpassword, which nothing but
 * the string could carry to a child. */
enum hf_status hf_pg_conninfo_strip(const char *conninfo, const char *database, char **out,
                                    struct hf_secret **out_password,
                                    struct hf_error *err) HF_WARN_UNUSED;

/* The value of a key ("dbname", "host"), NULL where the string does not say. Owned by the caller.
 */
enum hf_status hf_pg_conninfo_get(const char *conninfo, const char *key, char **out,
                                  struct hf_error *err) HF_WARN_UNUSED;

/* Replaces every occurrence of secret (NULL: none) in the error's text by "***". */
void hf_pg_redact(struct hf_error *err, const char *secret);

#endif
