/*
 * The `s3:` part of a repository: a bucket, how it is reached, and how objects are put there
 * (docs/configuration.md has every key).
 */
#ifndef HF_AGENT_CONFIG_S3_H
#define HF_AGENT_CONFIG_S3_H

#include "agent/config/config.h"
#include "agent/config/fields.h"
#include "storage/s3/s3.h"

/* As it was written; what is zero was not. Strings are owned, and NULL where not given. */
struct hf_config_s3 {
    char *endpoint;
    char *region;
    char *bucket;
    char *prefix;
    char *profile;
    char *ca_file;
    char *sse_kms_key_id;
    char *storage_class;
    struct hf_secret_spec access_key;
    struct hf_secret_spec secret_key;
    struct hf_secret_spec session_token;
    struct hf_secret_spec proxy; /* a URL, which may hold a password, or "none" */
    enum hf_s3_style style;
    enum hf_s3_sse sse;
    enum hf_s3_checksum checksum;
    enum hf_s3_lock lock;
    unsigned lock_days;
    bool unsigned_payload;
    unsigned connections;
    uint64_t limit;
    struct hf_s3_tag *tags; /* of owned strings */
    size_t tag_count;
};

/* Checked as a whole; *out is set as soon as there is something to be released, so also on
 * failure. */
enum hf_status hf_config_read_s3(const struct hf_fields_file *file, const struct hf_yaml *map,
                                 const char *where, struct hf_config_s3 **out,
                                 struct hf_error *err) HF_WARN_UNUSED;
/*
 * From the command line: s3://BUCKET[/PREFIX][?KEY=VALUE&...], percent-encoded, with the keys that
 * are one value and no secret. HF_USAGE says what is wrong.
 */
enum hf_status hf_config_s3_from_url(const char *url, struct hf_config_s3 **out,
                                     struct hf_error *err) HF_WARN_UNUSED;
/* Begins with s3://. */
bool hf_config_s3_is_url(const char *text);
/* Takes NULL. */
void hf_config_s3_free(struct hf_config_s3 *s3);
HF_DEFINE_AUTO_PTR(hf_config_s3, hf_config_s3_free)

/* "s3://bucket/prefix", "?endpoint=..." behind it where there is one; malloc'ed. */
enum hf_status hf_config_s3_place(const struct hf_config_s3 *s3, char **out,
                                  struct hf_error *err) HF_WARN_UNUSED;
/* As the store wants it; borrowed from s3. Without a proxy, which is a secret still to be fetched.
 */
void hf_config_s3_options(const struct hf_config_s3 *s3, struct hf_s3_config *out);

#endif
