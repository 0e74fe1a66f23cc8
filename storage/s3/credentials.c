#include "storage/s3/credentials.h"

#include "base/clock.h"
#include "base/random.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

/* What is handed out, counted; the provider itself holds one. */
struct held {
    struct hf_s3_credentials credentials; /* first: what users see is this */
    unsigned users;
};

struct hf_s3_provider {
    struct hf_s3_source source;
    pthread_mutex_t lock;
    pthread_cond_t fetched;
    struct held *current; /* NULL: none yet, or expired */
    bool fetching;
    int64_t early;    /* ns before they expire that the current ones are renewed */
    int64_t retry_at; /* monotonic: not fetched before, while the current ones are good */
};

void hf_s3_credentials_done(struct hf_s3_credentials *credentials)
{
    hf_secret_free(credentials->access_key);
    hf_secret_free(credentials->secret_key);
    hf_secret_free(credentials->session_token);
    *credentials = (struct hf_s3_credentials)HF_S3_CREDENTIALS_INIT;
}

enum hf_status hf_s3_provider_new(const struct hf_s3_source *source, struct hf_s3_provider **out,
                                  struct hf_error *err)
{
    struct hf_s3_provider *provider = calloc(1, sizeof *provider);
    if (!provider)
        return hf_error_memory(err);
    provider->source = *source;
    (void)pthread_mutex_init(&provider->lock, NULL); /* cannot fail with default attributes */
    (void)pthread_cond_init(&provider->fetched, NULL);
    *out = provider;
    return HF_OK;
}

/* Under the lock. */
static void release(struct held *held)
{
    if (!held || --held->users > 0)
        return;
    hf_s3_credentials_done(&held->credentials);
    free(held);
}

void hf_s3_provider_free(struct hf_s3_provider *provider)
{
    if (!provider)
        return;
    release(provider->current);
    if (provider->source.free)
        provider->source.free(provider->source.ctx);
    (void)pthread_cond_destroy(&provider->fetched);
    (void)pthread_mutex_destroy(&provider->lock);
    free(provider);
}

static bool expires_within(const struct held *held, int64_t ns)
{
    int64_t expires = held->credentials.expires;
    return expires != 0 && expires - hf_clock_now() <= ns;
}

static bool usable(const struct hf_s3_provider *provider)
{
    return provider->current && !expires_within(provider->current, 0);
}

/* Is it this thread that has to fetch? Others do so already, or there is time. */
static bool due(const struct hf_s3_provider *provider)
{
    if (!usable(provider))
        return true;
    return !provider->fetching && expires_within(provider->current, provider->early) &&
           hf_clock_monotonic() >= provider->retry_at;
}

/* Without the lock while the source works. */
static enum hf_status fetch(struct hf_s3_provider *provider, struct hf_error *err)
{
    struct held *held = calloc(1, sizeof *held);
    if (!held)
        return hf_error_memory(err);
    provider->fetching = true;
    (void)pthread_mutex_unlock(&provider->lock);
    enum hf_status status = provider->source.fetch(provider->source.ctx, &held->credentials, err);
    (void)pthread_mutex_lock(&provider->lock);
    provider->fetching = false;
    provider->retry_at = hf_clock_monotonic() + HF_S3_RETRY_S * HF_NS_PER_S;
    (void)pthread_cond_broadcast(&provider->fetched);
    if (status != HF_OK) {
        free(held);
        return status;
    }
    held->users = 1;
    provider->early =
        (HF_S3_REFRESH_S + (int64_t)hf_random_below(HF_S3_REFRESH_JITTER_S)) * HF_NS_PER_S;
    release(provider->current);
    provider->current = held;
    /* Some sources give out credentials that expire soon: these are not fetched all the time. */
    if (!expires_within(held, provider->early))
        provider->retry_at = 0;
    if (!usable(provider))
        return hf_error_set(err, HF_DENIED,
                            "the S3 credentials that were just fetched have expired already: is "
                            "this machine's clock right?");
    return HF_OK;
}

/* Under the lock. */
static enum hf_status refresh(struct hf_s3_provider *provider, struct hf_error *err)
{
    while (!usable(provider) && provider->fetching)
        (void)pthread_cond_wait(&provider->fetched, &provider->lock);
    if (!due(provider))
        return HF_OK;
    struct hf_error why = HF_ERROR_INIT;
    if (fetch(provider, &why) == HF_OK || usable(provider))
        return HF_OK;
    *err = why;
    return why.status;
}

enum hf_status hf_s3_provider_acquire(struct hf_s3_provider *provider,
                                      const struct hf_s3_credentials **out, struct hf_error *err)
{
    (void)pthread_mutex_lock(&provider->lock);
    enum hf_status status = refresh(provider, err);
    if (status == HF_OK) {
        provider->current->users++;
        *out = &provider->current->credentials;
    }
    (void)pthread_mutex_unlock(&provider->lock);
    return status;
}

void hf_s3_provider_release(struct hf_s3_provider *provider,
                            const struct hf_s3_credentials *credentials)
{
    (void)pthread_mutex_lock(&provider->lock);
    release((struct held *)(uintptr_t)credentials);
    (void)pthread_mutex_unlock(&provider->lock);
}

void hf_s3_provider_expire(struct hf_s3_provider *provider,
                           const struct hf_s3_credentials *credentials)
{
    (void)pthread_mutex_lock(&provider->lock);
    if (provider->current && &provider->current->credentials == credentials) {
        release(provider->current);
        provider->current = NULL;
    }
    (void)pthread_mutex_unlock(&provider->lock);
}

/* Fixed keys: the source is the credentials. */

static enum hf_status copy_secret(const struct hf_secret *secret, struct hf_secret **out,
                                  struct hf_error *err)
{
    return secret ? hf_secret_new(secret->data, secret->len, out, err) : HF_OK;
}

static enum hf_status copy(void *ctx, struct hf_s3_credentials *out, struct hf_error *err)
{
    const struct hf_s3_credentials *from = ctx;
    enum hf_status status = copy_secret(from->access_key, &out->access_key, err);
    if (status == HF_OK)
        status = copy_secret(from->secret_key, &out->secret_key, err);
    if (status == HF_OK)
        status = copy_secret(from->session_token, &out->session_token, err);
    if (status != HF_OK)
        hf_s3_credentials_done(out);
    return status;
}

static void free_fixed(void *ctx)
{
    hf_s3_credentials_done(ctx);
    free(ctx);
}

enum hf_status hf_s3_provider_new_static(const struct hf_secret *access_key,
                                         const struct hf_secret *secret_key,
                                         const struct hf_secret *session_token,
                                         struct hf_s3_provider **out, struct hf_error *err)
{
    struct hf_s3_credentials given = {
        .access_key = (struct hf_secret *)(uintptr_t)access_key,
        .secret_key = (struct hf_secret *)(uintptr_t)secret_key,
        .session_token = (struct hf_secret *)(uintptr_t)session_token,
    };
    struct hf_s3_credentials *fixed = calloc(1, sizeof *fixed);
    if (!fixed)
        return hf_error_memory(err);
    struct hf_s3_source source = {.ctx = fixed, .fetch = copy, .free = free_fixed};
    enum hf_status status = copy(&given, fixed, err);
    if (status == HF_OK)
        status = hf_s3_provider_new(&source, out, err);
    if (status != HF_OK)
        free_fixed(fixed);
    return status;
}
