/*
 * The configuration file, read strictly (docs/configuration.md has every key).
 *
 * Errors are HF_CONFIG and begin "file:line:column: "; the first one found is reported. Secrets
 * are not fetched here: a struct hf_secret_spec says where they are.
 */
#ifndef HF_AGENT_CONFIG_CONFIG_H
#define HF_AGENT_CONFIG_CONFIG_H

#include "agent/config/agent.h"
#include "agent/config/history.h"
#include "agent/config/http.h"
#include "agent/config/job.h"
#include "agent/config/notify.h"
#include "agent/config/secret_spec.h"
#include "agent/config/substitute.h"
#include "formats/postgres/postgres.h"
#include "formats/redis/redis.h"
#include "formats/volume/volume.h"

#include <stddef.h>
#include <stdint.h>

enum { HF_CONFIG_NAME_MAX = 100 };

#define HF_CONFIG_MEMORY_MIN (UINT64_C(64) << 20)
#define HF_CONFIG_MEMORY_MAX (UINT64_C(1) << 40)
#define HF_CONFIG_CACHE_MIN (UINT64_C(1) << 20)
#define HF_CONFIG_CACHE_MAX (UINT64_C(1) << 50)
#define HF_CONFIG_SPLIT_MIN (UINT64_C(1) << 20)
#define HF_CONFIG_SPLIT_MAX (UINT64_C(1) << 40)
enum {
    HF_CONFIG_THREADS_MAX = 128,
    HF_CONFIG_LEVEL_MAX = 19,
    HF_CONFIG_JOBS_MAX = 64,
    HF_CONFIG_LOCK_TIMEOUT_MAX = 86400,
    HF_CONFIG_TIME_LIMIT_MAX = 86400,
};

struct hf_config_s3; /* agent/config/s3.h */

/* In a directory or in a bucket. */
struct hf_config_repository {
    char *name;
    char *path;              /* or NULL */
    struct hf_config_s3 *s3; /* or NULL */
    char *place;             /* the path, or the bucket as its URL */
    struct hf_secret_spec passphrase;
    char *identity_file; /* or NULL */
    char *fingerprint;   /* or NULL */
    bool cache; /* keep copies of small objects; false for a directory unless it was said */
};

/* Where copies of what repositories hold are kept (storage/cache/cache.h). */
struct hf_config_cache {
    char *path;    /* or NULL: the user's */
    uint64_t size; /* bytes of one repository; 0: the default */
};

struct hf_config_postgres {
    struct hf_pg_config config;     /* without the password */
    char *dbname;                   /* the one database, or NULL */
    struct hf_secret_spec password; /* of the server */
};

struct hf_config_redis {
    struct hf_redis_config config; /* without the passwords */
    struct hf_secret_spec password, sentinel_password;
};

struct hf_kind; /* agent/kind.h */

struct hf_config_source {
    char *name;
    const struct hf_kind *kind; /* which member of as is meant; NULL: nothing was read yet */
    union {                     /* each begins with what formats/ takes */
        struct hf_config_postgres postgres;
        struct hf_config_redis redis;
        struct hf_volume_config volume;
    } as;
};

struct hf_config {
    char *file; /* or NULL: there is none */
    uint64_t memory;
    unsigned threads;
    unsigned level;
    struct hf_config_cache cache;
    struct hf_config_agent agent;
    struct hf_config_history history;
    struct hf_config_http http;
    struct hf_config_notifies notify;
    struct hf_config_repository *repositories;
    size_t repository_count;
    struct hf_config_source *sources;
    size_t source_count;
    struct hf_config_job *jobs;
    size_t job_count;
};

/* file NULL: ./holdfast.yaml, then /etc/holdfast/holdfast.yaml, and an empty configuration if
 * neither is there. Variables come from the environment. */
enum hf_status hf_config_load(const char *file, struct hf_config **out,
                              struct hf_error *err) HF_WARN_UNUSED;
/* The same, and keeps the file's text as it was read, for processes that are started later: they
 * get the descriptor (*out_copy) and its number in HOLDFAST_CONFIG_COPY, and read that instead of
 * the file, whatever has become of it. HF_CONFIG when there is no file. */
#define HF_CONFIG_COPY_VARIABLE "HOLDFAST_CONFIG_COPY"
enum hf_status hf_config_load_copy(const char *file, int *out_copy, struct hf_config **out,
                                   struct hf_error *err) HF_WARN_UNUSED;
/* From bytes, for hf_config_load and its tests. name is how errors name the file; relative paths
 * begin in folder. */
enum hf_status hf_config_parse(const char *name, const char *folder, const void *data, size_t len,
                               hf_lookup_fn *lookup, void *lookup_ctx, struct hf_config **out,
                               struct hf_error *err) HF_WARN_UNUSED;
void hf_config_free(struct hf_config *config);
HF_DEFINE_AUTO_PTR(hf_config, hf_config_free)

/* By name, or NULL. */
const struct hf_config_repository *hf_config_repository(const struct hf_config *config,
                                                        const char *name);
const struct hf_config_source *hf_config_source(const struct hf_config *config, const char *name);
const struct hf_config_job *hf_config_job(const struct hf_config *config, const char *name);
/* The repository that the jobs of a source store it in; NULL when it is in none, or when they do
 * not agree. */
const char *hf_config_home(const struct hf_config *config, const char *source);

/* The job or source whose name somebody who wrote this may have meant; NULL when none is near.
 * Borrowed. */
enum hf_status hf_config_nearest(const struct hf_config *config, const char *name, const char **out,
                                 struct hf_error *err) HF_WARN_UNUSED;

void hf_config_source_done(struct hf_config_source *source);

#endif
