#include "agent/config/s3.h"

#include "storage/s3/endpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of a tag, in bytes; AWS counts characters, of which there are no more. */
enum { TAG_KEY_MAX = 128, TAG_VALUE_MAX = 256 };

#define RATE_MIN (UINT64_C(1) << 10)
#define RATE_MAX (UINT64_C(1) << 40)

/* In the order of their enums. */
static const char *const styles[] = {"auto", "path", "virtual", NULL};
static const char *const encryptions[] = {"none", "AES256", "aws:kms", NULL};
static const char *const checksums[] = {"auto", "md5", "sha256", "crc32c", "none", NULL};
static const char *const lock_modes[] = {"none", "governance", "compliance", NULL};

_Static_assert(HF_S3_STYLE_VIRTUAL == 2 && HF_S3_SSE_KMS == 2 && HF_S3_CHECKSUM_NONE == 4 &&
                   HF_S3_LOCK_COMPLIANCE == 2,
               "the tables above are in the order of the enums");
/* A choice is stored as an unsigned. */
_Static_assert(sizeof(enum hf_s3_style) == sizeof(unsigned), "an enum is as large as an unsigned");

static enum hf_status read_tags(const struct hf_fields_file *file, const struct hf_yaml *value,
                                const char *where, void *out, struct hf_error *err);
static enum hf_status read_lock(const struct hf_fields_file *file, const struct hf_yaml *value,
                                const char *where, void *out, struct hf_error *err);

#define FIELD(name, kind, ...)                                                                     \
    {                                                                                              \
        .key = #name, .type = HF_FIELD_##kind, .offset = offsetof(struct hf_config_s3, name),      \
        __VA_ARGS__                                                                                \
    }

static const struct hf_field fields[] = {
    FIELD(endpoint, TEXT, .min = 0),
    FIELD(region, TEXT, .min = 0),
    FIELD(bucket, TEXT, .required = true),
    FIELD(prefix, TEXT, .min = 0),
    FIELD(style, CHOICE, .choices = styles),
    FIELD(profile, TEXT, .min = 0),
    FIELD(access_key, SECRET, .min = 0),
    FIELD(secret_key, SECRET, .min = 0),
    FIELD(session_token, SECRET, .min = 0),
    FIELD(ca_file, PATH, .min = 0),
    FIELD(proxy, SECRET, .min = 0),
    FIELD(connections, NUMBER, .min = 1, .max = HF_S3_CONNECTIONS_MAX),
    FIELD(limit, RATE, .min = RATE_MIN, .max = RATE_MAX),
    FIELD(unsigned_payload, BOOL, .min = 0),
    FIELD(checksum, CHOICE, .choices = checksums),
    FIELD(sse, CHOICE, .choices = encryptions),
    FIELD(sse_kms_key_id, TEXT, .min = 0),
    FIELD(storage_class, TEXT, .min = 0),
    {.key = "tags", .type = HF_FIELD_OTHER, .read = read_tags},
    {.key = "lock", .type = HF_FIELD_OTHER, .read = read_lock},
    {.key = NULL},
};

static const struct hf_field lock_fields[] = {
    {.key = "mode",
     .type = HF_FIELD_CHOICE,
     .required = true,
     .offset = offsetof(struct hf_config_s3, lock),
     .choices = lock_modes},
    {.key = "days",
     .type = HF_FIELD_NUMBER,
     .required = true,
     .offset = offsetof(struct hf_config_s3, lock_days),
     .min = 1,
     .max = HF_S3_LOCK_DAYS_MAX},
    {.key = NULL},
};

void hf_config_s3_free(struct hf_config_s3 *s3)
{
    if (!s3)
        return;
    char *const texts[] = {s3->endpoint, s3->region,  s3->bucket,         s3->prefix,
                           s3->profile,  s3->ca_file, s3->sse_kms_key_id, s3->storage_class};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free(texts[i]);
    hf_secret_spec_done(&s3->access_key);
    hf_secret_spec_done(&s3->secret_key);
    hf_secret_spec_done(&s3->session_token);
    hf_secret_spec_done(&s3->proxy);
    for (size_t i = 0; i < s3->tag_count; i++) {
        free((char *)(uintptr_t)s3->tags[i].key);
        free((char *)(uintptr_t)s3->tags[i].value);
    }
    free(s3->tags);
    free(s3);
}

static enum hf_status read_tag(const struct hf_fields_file *file, const struct hf_yaml *key,
                               const struct hf_yaml *value, const char *where,
                               struct hf_config_s3 *s3, struct hf_error *err)
{
    struct hf_s3_tag *tag = &s3->tags[s3->tag_count++];
    HF_AUTO_FREE char *text = NULL;
    char *copy;

    HF_TRY(hf_fields_text(file, value, key->text, where, &text, err));
    if (!*key->text || strlen(key->text) > TAG_KEY_MAX || strlen(text) > TAG_VALUE_MAX)
        return hf_fields_error(file, key, err,
                               "tag \"%.40s\" %s: a key has 1 to %d bytes, a value at most %d",
                               key->text, where, TAG_KEY_MAX, TAG_VALUE_MAX);
    HF_TRY(hf_text_copy(key->text, &copy, err));
    tag->key = copy;
    tag->value = text;
    text = NULL;
    return HF_OK;
}

static enum hf_status read_tags(const struct hf_fields_file *file, const struct hf_yaml *value,
                                const char *where, void *out, struct hf_error *err)
{
    struct hf_config_s3 *s3 = out;

    if (value->type != HF_YAML_MAP || value->count == 0 || value->count / 2 > HF_S3_TAGS_MAX)
        return hf_fields_error(file, value, err,
                               "\"tags\" %s must be a group of 1 to %d keys with their values",
                               where, HF_S3_TAGS_MAX);
    s3->tags = calloc(value->count / 2, sizeof *s3->tags);
    if (!s3->tags)
        return hf_error_memory(err);
    for (size_t i = 0; i < value->count; i += 2)
        HF_TRY(read_tag(file, value->items[i], value->items[i + 1], where, s3, err));
    return HF_OK;
}

static enum hf_status read_lock(const struct hf_fields_file *file, const struct hf_yaml *value,
                                const char *where, void *out, struct hf_error *err)
{
    struct hf_config_s3 *s3 = out;

    HF_TRY(hf_fields_read(file, value, lock_fields, where, s3, err));
    if (s3->lock == HF_S3_LOCK_NONE)
        s3->lock_days = 0;
    return HF_OK;
}

static bool given(const struct hf_secret_spec *spec)
{
    return spec->from != HF_SECRET_NOWHERE;
}

static enum hf_status check_keys(const struct hf_fields_file *file, const struct hf_yaml *map,
                                 const char *where, const struct hf_config_s3 *s3,
                                 struct hf_error *err)
{
    const char *lonely = given(&s3->access_key) && !given(&s3->secret_key)      ? "access_key"
                         : !given(&s3->access_key) && given(&s3->secret_key)    ? "secret_key"
                         : !given(&s3->access_key) && given(&s3->session_token) ? "session_token"
                                                                                : NULL;

    if (lonely)
        return hf_fields_error(file, hf_fields_key(map, lonely), err,
                               "\"%s\" %s is given without \"%s\"", lonely, where,
                               strcmp(lonely, "access_key") == 0 ? "secret_key" : "access_key");
    if (s3->profile && given(&s3->access_key))
        return hf_fields_error(file, hf_fields_key(map, "profile"), err,
                               "\"profile\" and \"access_key\" %s cannot be given together", where);
    return HF_OK;
}

static enum hf_status check_uses(const struct hf_fields_file *file, const struct hf_yaml *map,
                                 const char *where, const struct hf_config_s3 *s3,
                                 struct hf_error *err)
{
    if (s3->sse_kms_key_id && s3->sse != HF_S3_SSE_KMS)
        return hf_fields_error(file, hf_fields_key(map, "sse_kms_key_id"), err,
                               "\"sse_kms_key_id\" %s is of use with \"sse: aws:kms\" only", where);
    if (s3->unsigned_payload && s3->endpoint && strncmp(s3->endpoint, "http://", 7) == 0)
        return hf_fields_error(file, hf_fields_key(map, "unsigned_payload"), err,
                               "\"unsigned_payload\" %s is for https only: over http nothing would "
                               "protect what is sent",
                               where);
    return HF_OK;
}

/* Endpoint, region, bucket and prefix, as the store will see them. */
static enum hf_status check_address(const struct hf_fields_file *file, const struct hf_yaml *map,
                                    const char *where, const struct hf_config_s3 *s3,
                                    struct hf_error *err)
{
    struct hf_s3_config config;
    struct hf_s3_endpoint endpoint;
    struct hf_error why = HF_ERROR_INIT;

    hf_config_s3_options(s3, &config);
    if (hf_s3_endpoint_init(&endpoint, &config, &why) == HF_OK) {
        hf_s3_endpoint_done(&endpoint);
        return HF_OK;
    }
    if (why.status != HF_CONFIG) {
        *err = why;
        return err->status;
    }
    return hf_fields_error(file, map, err, "%s (%s)", why.text, where);
}

enum hf_status hf_config_read_s3(const struct hf_fields_file *file, const struct hf_yaml *map,
                                 const char *where, struct hf_config_s3 **out, struct hf_error *err)
{
    struct hf_config_s3 *s3 = calloc(1, sizeof *s3);

    if (!s3)
        return hf_error_memory(err);
    *out = s3;
    HF_TRY(hf_fields_read(file, map, fields, where, s3, err));
    HF_TRY(check_keys(file, map, where, s3, err));
    HF_TRY(check_uses(file, map, where, s3, err));
    return check_address(file, map, where, s3, err);
}

enum hf_status hf_config_s3_place(const struct hf_config_s3 *s3, char **out, struct hf_error *err)
{
    const char *prefix = s3->prefix ? s3->prefix : "";

    while (*prefix == '/')
        prefix++;
    return hf_text_format(out, err, "s3://%s%s%s%s%s", s3->bucket, *prefix ? "/" : "", prefix,
                          s3->endpoint ? "?endpoint=" : "", s3->endpoint ? s3->endpoint : "");
}

void hf_config_s3_options(const struct hf_config_s3 *s3, struct hf_s3_config *out)
{
    *out = (struct hf_s3_config){.endpoint = s3->endpoint,
                                 .region = s3->region,
                                 .bucket = s3->bucket,
                                 .prefix = s3->prefix,
                                 .style = s3->style,
                                 .ca_file = s3->ca_file,
                                 .sse = s3->sse,
                                 .kms_key_id = s3->sse_kms_key_id,
                                 .storage_class = s3->storage_class,
                                 .tags = s3->tags,
                                 .tag_count = s3->tag_count,
                                 .checksum = s3->checksum,
                                 .unsigned_payload = s3->unsigned_payload,
                                 .lock = s3->lock,
                                 .lock_days = s3->lock_days,
                                 .connections = s3->connections,
                                 .limit = s3->limit};
}

bool hf_config_s3_is_url(const char *text)
{
    return strncmp(text, "s3://", 5) == 0;
}
