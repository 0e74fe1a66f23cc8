/*
 * The keys that requests to an S3 store are signed with, and who keeps them fresh.
 *
 * A provider holds the current credentials and fetches new ones from its source before they
 * expire, in the course of hf_s3_provider_acquire: one thread fetches, the others go on with the
 * old ones while these are still good. Any thread may call anything but hf_s3_provider_free.
 *
 * Here: the provider itself and the source of fixed keys. The sources of the chain (environment,
 * shared files, container, web identity, EC2) are struct hf_s3_source of their own, and know
 * nothing of caching, expiry or threads.
 */
#ifndef HF_STORAGE_S3_CREDENTIALS_H
#define HF_STORAGE_S3_CREDENTIALS_H

#include "base/error.h"
#include "base/secret.h"

#include <stdint.h>

/* Immutable once handed out. */
struct hf_s3_credentials {
    struct hf_secret *access_key;
    struct hf_secret *secret_key;
    struct hf_secret *session_token; /* NULL: none */
    int64_t expires;                 /* ns since 1970; 0: never */
};

#define HF_S3_CREDENTIALS_INIT                                                                     \
    {                                                                                              \
        .access_key = NULL                                                                         \
    }
/* Frees the secrets, not the struct. */
void hf_s3_credentials_done(struct hf_s3_credentials *credentials);
static inline void hf_s3_credentials_auto(struct hf_s3_credentials *credentials)
{
    hf_s3_credentials_done(credentials);
}

/* Where credentials come from. The provider owns it and calls it from one thread at a time. */
struct hf_s3_source {
    void *ctx;
    /* New credentials; out is empty before, and stays so on failure. What can pass was retried, a
     * cancel is the source's own to watch. Errors say where was looked and what to do. */
    enum hf_status (*fetch)(void *ctx, struct hf_s3_credentials *out, struct hf_error *err);
    void (*free)(void *ctx); /* may be NULL */
};

struct hf_s3_provider;

/* Takes the source over, on success only. */
enum hf_status hf_s3_provider_new(const struct hf_s3_source *source, struct hf_s3_provider **out,
                                  struct hf_error *err) HF_WARN_UNUSED;
/* Fixed keys, copied; session_token may be NULL. */
enum hf_status hf_s3_provider_new_static(const struct hf_secret *access_key,
                                         const struct hf_secret *secret_key,
                                         const struct hf_secret *session_token,
                                         struct hf_s3_provider **out,
                                         struct hf_error *err) HF_WARN_UNUSED;
/* No credentials may be out. Takes NULL. */
void hf_s3_provider_free(struct hf_s3_provider *provider);
HF_DEFINE_AUTO_PTR(hf_s3_provider, hf_s3_provider_free)

/*
 * The current credentials, fetched or fetched anew where needed; they last until they are given
 * back. New ones are fetched HF_S3_REFRESH_S before the old ones expire, and up to
 * HF_S3_REFRESH_JITTER_S sooner, so that many agents with one role do not come at once. Should that
 * fail, the old ones are handed out for as long as they are good, and it is tried again after
 * HF_S3_RETRY_S.
 */
enum { HF_S3_REFRESH_S = 300, HF_S3_REFRESH_JITTER_S = 60, HF_S3_RETRY_S = 20 };
enum hf_status hf_s3_provider_acquire(struct hf_s3_provider *provider,
                                      const struct hf_s3_credentials **out,
                                      struct hf_error *err) HF_WARN_UNUSED;
void hf_s3_provider_release(struct hf_s3_provider *provider,
                            const struct hf_s3_credentials *credentials);
/* The server said that these have expired: they are not handed out again, if they are still the
 * current ones. */
void hf_s3_provider_expire(struct hf_s3_provider *provider,
                           const struct hf_s3_credentials *credentials);

#endif
