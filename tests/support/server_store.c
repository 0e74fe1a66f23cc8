#include "tests/support/server_store.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/secret.h"
#include "base/text.h"
#include "storage/s3/s3.h"

#include <stdlib.h>
#include <string.h>

struct settings {
    struct hf_s3_config config;
    struct hf_s3_tag tag;
    const char *access_key;
    const char *secret_key;
    const char *session_token;
    const char *tls_endpoint;
    const char *host_endpoint;
    const char *locked_bucket;
    const char *kms_key;
    const char *cold_class;
};

struct word {
    const char *name;
    int value;
};

/* Texts that go into the configuration as they are. */
static const struct {
    const char *name;
    size_t at;
} texts[] = {
    {"endpoint", offsetof(struct settings, config.endpoint)},
    {"region", offsetof(struct settings, config.region)},
    {"bucket", offsetof(struct settings, config.bucket)},
    {"prefix", offsetof(struct settings, config.prefix)},
    {"ca_file", offsetof(struct settings, config.ca_file)},
    {"kms_key_id", offsetof(struct settings, config.kms_key_id)},
    {"storage_class", offsetof(struct settings, config.storage_class)},
    {"access_key", offsetof(struct settings, access_key)},
    {"secret_key", offsetof(struct settings, secret_key)},
    {"session_token", offsetof(struct settings, session_token)},
    {"tls_endpoint", offsetof(struct settings, tls_endpoint)},
    {"host_endpoint", offsetof(struct settings, host_endpoint)},
    {"locked_bucket", offsetof(struct settings, locked_bucket)},
    {"kms_key", offsetof(struct settings, kms_key)},
    {"cold_class", offsetof(struct settings, cold_class)},
};

static bool set_text(struct settings *settings, const char *name, const char *value)
{
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (strcmp(name, texts[i].name) == 0) {
            *(const char **)((char *)settings + texts[i].at) = value;
            return true;
        }
    return false;
}

static bool set_number(struct settings *settings, const char *name, const char *value)
{
    struct hf_s3_config *config = &settings->config;
    const int64_t ms = HF_NS_PER_S / 1000;
    unsigned long long n = strtoull(value, NULL, 10);
    if (strcmp(name, "lock_days") == 0)
        config->lock_days = (unsigned)n;
    else if (strcmp(name, "connections") == 0)
        config->connections = (unsigned)n;
    else if (strcmp(name, "limit") == 0)
        config->limit = n;
    else if (strcmp(name, "part_size") == 0)
        config->part_size = n;
    else if (strcmp(name, "stall_s") == 0)
        config->stall_s = (unsigned)n;
    else if (strcmp(name, "unsigned") == 0)
        config->unsigned_payload = n != 0;
    else if (strcmp(name, "retry_base_ms") == 0)
        config->retry.base = (int64_t)n * ms;
    else if (strcmp(name, "retry_cap_ms") == 0)
        config->retry.cap = (int64_t)n * ms;
    else if (strcmp(name, "retry_budget_ms") == 0)
        config->retry.budget = (int64_t)n * ms;
    else
        return false;
    return true;
}

static bool find_word(const struct word *words, const char *value, int *out)
{
    for (; words->name; words++)
        if (strcmp(words->name, value) == 0) {
            *out = words->value;
            return true;
        }
    return false;
}

static bool set_word(struct settings *settings, const char *name, const char *value)
{
    static const struct word styles[] = {
        {"path", HF_S3_STYLE_PATH}, {"virtual", HF_S3_STYLE_VIRTUAL}, {NULL, 0}};
    static const struct word locks[] = {
        {"governance", HF_S3_LOCK_GOVERNANCE}, {"compliance", HF_S3_LOCK_COMPLIANCE}, {NULL, 0}};
    static const struct word sums[] = {{"md5", HF_S3_CHECKSUM_MD5},
                                       {"sha256", HF_S3_CHECKSUM_SHA256},
                                       {"crc32c", HF_S3_CHECKSUM_CRC32C},
                                       {"none", HF_S3_CHECKSUM_NONE},
                                       {NULL, 0}};
    static const struct word sse[] = {
        {"aes256", HF_S3_SSE_AES256}, {"kms", HF_S3_SSE_KMS}, {NULL, 0}};
    struct hf_s3_config *config = &settings->config;
    int found = 0;
    if (strcmp(name, "style") == 0 && find_word(styles, value, &found))
        config->style = (enum hf_s3_style)found;
    else if (strcmp(name, "lock") == 0 && find_word(locks, value, &found))
        config->lock = (enum hf_s3_lock)found;
    else if (strcmp(name, "checksum") == 0 && find_word(sums, value, &found))
        config->checksum = (enum hf_s3_checksum)found;
    else if (strcmp(name, "sse") == 0 && find_word(sse, value, &found))
        config->sse = (enum hf_s3_sse)found;
    else
        return false;
    return true;
}

static bool set_tag(struct settings *settings, const char *name, char *value)
{
    char *equals = strchr(value, '=');
    if (strcmp(name, "tag") != 0 || !equals)
        return false;
    *equals = '\0';
    settings->tag = (struct hf_s3_tag){.key = value, .value = equals + 1};
    settings->config.tags = &settings->tag;
    settings->config.tag_count = 1;
    return true;
}

/* Another endpoint of the same server, or bucket, or what else it has. */
static bool use(struct settings *settings, const char *name, const char *value)
{
    struct hf_s3_config *config = &settings->config;
    if (strcmp(name, "use") != 0)
        return false;
    if (strcmp(value, "tls") == 0)
        config->endpoint = settings->tls_endpoint;
    else if (strcmp(value, "host") == 0)
        config->endpoint = settings->host_endpoint;
    else if (strcmp(value, "locked") == 0)
        config->bucket = settings->locked_bucket;
    else if (strcmp(value, "cold") == 0)
        config->storage_class = settings->cold_class;
    else if (strcmp(value, "kms") == 0) {
        config->sse = HF_S3_SSE_KMS;
        config->kms_key_id = settings->kms_key;
    } else
        return false;
    return true;
}

static enum hf_status set(struct settings *settings, char *line, struct hf_error *err)
{
    char *equals = strchr(line, '=');
    if (!equals)
        return hf_error_set(err, HF_USAGE, "no setting: %s", line);
    *equals = '\0';
    char *value = equals + 1;
    if (use(settings, line, value) || set_text(settings, line, value) ||
        set_number(settings, line, value) || set_word(settings, line, value) ||
        set_tag(settings, line, value))
        return HF_OK;
    return hf_error_set(err, HF_USAGE, "no such setting: %s=%s", line, value);
}

static enum hf_status open_store(const struct settings *settings, struct hf_store **out,
                                 struct hf_error *err)
{
    HF_AUTO_PTR(hf_secret) access = NULL;
    HF_AUTO_PTR(hf_secret) secret = NULL;
    HF_AUTO_PTR(hf_secret) token = NULL;
    HF_AUTO_PTR(hf_s3_provider) provider = NULL;
    if (!settings->access_key || !settings->secret_key)
        return hf_error_set(err, HF_USAGE, "no access_key and secret_key");
    HF_TRY(hf_crypto_init(err));
    HF_TRY(hf_secret_new(settings->access_key, strlen(settings->access_key), &access, err));
    HF_TRY(hf_secret_new(settings->secret_key, strlen(settings->secret_key), &secret, err));
    if (settings->session_token)
        HF_TRY(
            hf_secret_new(settings->session_token, strlen(settings->session_token), &token, err));
    HF_TRY(hf_s3_provider_new_static(access, secret, token, &provider, err));
    HF_TRY(hf_s3_open(&settings->config, provider, out, err));
    provider = NULL; /* the store's now */
    return HF_OK;
}

enum hf_status hf_server_store_open(const char *path, const char *const *more, size_t count,
                                    struct hf_store **out, struct hf_error *err)
{
    struct settings settings = {.access_key = NULL};
    HF_AUTO(hf_buf) text = HF_BUF_INIT;
    HF_TRY(hf_file_read(path, 1 << 20, &text, err));
    for (size_t i = 0; i < count; i++)
        HF_TRY(hf_buf_printf(&text, err, "\n%s", more[i]));
    HF_TRY(hf_buf_u8(&text, 0, err));
    char *rest = NULL;
    for (char *line = strtok_r((char *)text.data, "\n", &rest); line;
         line = strtok_r(NULL, "\n", &rest))
        HF_TRY(set(&settings, line, err));
    return open_store(&settings, out, err);
}
