#include "storage/s3/s3_internal.h"

#include "base/clock.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

static const uint64_t default_part = UINT64_C(64) << 20;
static const uint64_t smallest_part = UINT64_C(5) << 20; /* S3 takes no smaller one but the last */
static const uint64_t largest_part = UINT64_C(5) << 30;

static const struct hf_retry_policy default_retry = {
    .base = HF_NS_PER_S / 10, .cap = 10 * HF_NS_PER_S, .budget = 300 * HF_NS_PER_S};

static void s3_close(struct hf_store *store)
{
    struct hf_s3 *s3 = hf_s3_of(store);
    hf_s3_connections_free(s3);
    hf_s3_provider_free(s3->provider);
    hf_s3_endpoint_done(&s3->endpoint);
    hf_limit_done(&s3->up);
    hf_limit_done(&s3->down);
    (void)pthread_cond_destroy(&s3->given);
    (void)pthread_mutex_destroy(&s3->mutex);
    free(s3->kms_key_id);
    free(s3->storage_class);
    free(s3->tagging);
    free(s3->ca_file);
    free(s3->proxy);
    free(s3);
}

static bool s3_protects(const struct hf_store *store)
{
    return ((const struct hf_s3 *)store)->lock != HF_S3_LOCK_NONE;
}

static void s3_watch(struct hf_store *store, struct hf_cancel *cancel)
{
    atomic_store(&hf_s3_of(store)->cancel, cancel);
}

static const struct hf_store_driver s3_driver = {
    .put = hf_s3_put,
    .put_within = hf_s3_put_within,
    .get = hf_s3_get,
    .get_all = hf_s3_get_all,
    .list = hf_s3_list,
    .stat = hf_s3_stat,
    .remove = hf_s3_remove,
    .close = s3_close,
    .remove_many = hf_s3_remove_many,
    .protects = s3_protects,
    .protect = hf_s3_protect,
    .probe = hf_s3_probe,
    .watch = s3_watch,
};

/* A value of a header: what is not printable ASCII is no name of a class or key. */
static enum hf_status copy_plain(const char *what, const char *text, char **out,
                                 struct hf_error *err)
{
    if (!text || !*text)
        return HF_OK;
    for (const char *c = text; *c; c++)
        if (*c <= ' ' || *c > '~')
            return hf_error_set(err, HF_CONFIG, "the S3 %s has characters that no such has", what);
    return hf_text_copy(text, out, err);
}

static enum hf_status set_tags(struct hf_s3 *s3, const struct hf_s3_config *config,
                               struct hf_error *err)
{
    HF_AUTO(hf_buf) tagging = HF_BUF_INIT;
    const char *text = NULL;
    if (config->tag_count == 0)
        return HF_OK;
    if (config->tag_count > HF_S3_TAGS_MAX)
        return hf_error_set(err, HF_CONFIG, "an S3 object has at most %d tags", HF_S3_TAGS_MAX);
    for (size_t i = 0; i < config->tag_count; i++) {
        if (i > 0)
            HF_TRY(hf_buf_append_str(&tagging, "&", err));
        HF_TRY(hf_http_escape(&tagging, config->tags[i].key, false, err));
        HF_TRY(hf_buf_append_str(&tagging, "=", err));
        HF_TRY(hf_http_escape(&tagging, config->tags[i].value, false, err));
    }
    HF_TRY(hf_buf_cstr(&tagging, &text, err));
    return hf_text_copy(text, &s3->tagging, err);
}

static enum hf_status set_lock(struct hf_s3 *s3, const struct hf_s3_config *config,
                               struct hf_error *err)
{
    s3->lock = config->lock;
    s3->lock_days = config->lock_days;
    if (config->lock == HF_S3_LOCK_NONE)
        return HF_OK;
    if (config->lock_days == 0 || config->lock_days > HF_S3_LOCK_DAYS_MAX)
        return hf_error_set(err, HF_CONFIG, "S3 object lock: days are 1 to %d",
                            HF_S3_LOCK_DAYS_MAX);
    return HF_OK;
}

/* AUTO becomes what fits the server. AWS takes no locked object without a checksum. */
static enum hf_s3_checksum choose_checksum(const struct hf_s3 *s3,
                                           const struct hf_s3_config *config)
{
    if (config->checksum == HF_S3_CHECKSUM_NONE && config->lock != HF_S3_LOCK_NONE)
        return HF_S3_CHECKSUM_MD5;
    if (config->checksum != HF_S3_CHECKSUM_AUTO)
        return config->checksum;
    if (s3->endpoint.aws)
        return HF_S3_CHECKSUM_SHA256;
    bool wanted = config->unsigned_payload || config->lock != HF_S3_LOCK_NONE;
    return wanted ? HF_S3_CHECKSUM_MD5 : HF_S3_CHECKSUM_NONE;
}

static enum hf_status set_numbers(struct hf_s3 *s3, const struct hf_s3_config *config,
                                  struct hf_error *err)
{
    if (config->connections > HF_S3_CONNECTIONS_MAX)
        return hf_error_set(err, HF_CONFIG, "at most %d S3 connections", HF_S3_CONNECTIONS_MAX);
    s3->connections_max = config->connections ? config->connections : HF_S3_CONNECTIONS;
    s3->part_size = config->part_size ? config->part_size : default_part;
    if (s3->part_size < smallest_part || s3->part_size > largest_part)
        return hf_error_set(err, HF_CONFIG, "parts of S3 objects have 5 MiB to 5 GiB");
    s3->retry = config->retry.budget > 0 ? config->retry : default_retry;
    s3->stall_s = config->stall_s;
    s3->sse = config->sse;
    s3->checksum = choose_checksum(s3, config);
    s3->unsigned_payload = config->unsigned_payload;
    s3->observer = config->observer;
    if (config->unsigned_payload && !s3->endpoint.https)
        return hf_error_set(err, HF_CONFIG,
                            "an unsigned payload is for https only: over http nothing else "
                            "protects it");
    return HF_OK;
}

static enum hf_status fill(struct hf_s3 *s3, const struct hf_s3_config *config,
                           struct hf_error *err)
{
    HF_AUTO_FREE char *name = NULL;
    HF_TRY(hf_s3_endpoint_init(&s3->endpoint, config, err));
    HF_TRY(set_numbers(s3, config, err));
    HF_TRY(set_lock(s3, config, err));
    HF_TRY(set_tags(s3, config, err));
    HF_TRY(copy_plain("KMS key id", config->kms_key_id, &s3->kms_key_id, err));
    HF_TRY(copy_plain("storage class", config->storage_class, &s3->storage_class, err));
    if (config->ca_file)
        HF_TRY(hf_text_copy(config->ca_file, &s3->ca_file, err));
    if (config->proxy)
        HF_TRY(hf_text_copy(config->proxy, &s3->proxy, err));
    HF_TRY(hf_s3_endpoint_name(&s3->endpoint, &name, err));
    return hf_store_setup(&s3->store, &s3_driver, name, err);
}

enum hf_status hf_s3_open(const struct hf_s3_config *config, struct hf_s3_provider *provider,
                          struct hf_store **out, struct hf_error *err)
{
    struct hf_s3 *s3 = calloc(1, sizeof *s3);
    if (!s3)
        return hf_error_memory(err);
    (void)pthread_mutex_init(&s3->mutex, NULL); /* cannot fail with default attributes */
    (void)pthread_cond_init(&s3->given, NULL);
    hf_limit_init(&s3->up, config->limit);
    hf_limit_init(&s3->down, config->limit);
    enum hf_status status = fill(s3, config, err);
    if (status != HF_OK) {
        s3_close(&s3->store);
        return status;
    }
    s3->provider = provider;
    *out = &s3->store;
    return HF_OK;
}
