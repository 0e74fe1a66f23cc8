/* What the parts of a restore into servers share: restore.c, restore_check.c, functions.c,
 * compare.c. */
#ifndef HF_REDIS_RESTORE_JOB_H
#define HF_REDIS_RESTORE_JOB_H

#include "formats/redis/digest.h"
#include "formats/redis/reader.h"
#include "formats/redis/redis.h"
#include "formats/redis/slots.h"
#include "formats/redis/target.h"

struct hf_redis_restored {
    uint32_t database, into;
    uint64_t keys, expired; /* expired: of the keys, those whose time had come */
    struct hf_redis_sum fed, found;
    uint64_t different;
};

struct hf_redis_job {
    const struct hf_redis_config *config;
    const json_t *properties;
    const struct hf_feed *feed;
    const struct hf_restore_options *options;
    const struct hf_work *work;
    struct hf_redis_selection selection;
    struct hf_redis_target *targets; /* one, or one a shard */
    size_t target_count;
    uint16_t slots[HF_REDIS_SLOTS]; /* which target, in a cluster */
    int into;                       /* the database that all keys go to; -1: as it was */
    int64_t now;                    /* of the first target when the restore began, ms */
    bool replace;
    struct hf_redis_restored *restored; /* a database each */
    size_t restored_count;
    json_t *differences, *notes;
};

enum { HF_REDIS_DIFFERENCES_MAX = 1000 };

/* The target that a key belongs to. */
struct hf_redis_target *hf_redis_job_target(struct hf_redis_job *job, const struct hf_rdb_key *key);
/* Of a database of the snapshot; made when it is new. */
enum hf_status hf_redis_job_database(struct hf_redis_job *job, uint32_t database,
                                     struct hf_redis_restored **out,
                                     struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_redis_job_note(struct hf_redis_job *job, struct hf_error *err, const char *format,
                                 ...) HF_PRINTF(3, 4) HF_WARN_UNUSED;
/* expected and found may be NULL. */
enum hf_status hf_redis_job_differs(struct hf_redis_job *job, const char *what, const char *name,
                                    const char *expected, const char *found,
                                    struct hf_error *err) HF_WARN_UNUSED;

/* restore_check.c: everything that can be known before something is written. */
enum hf_status hf_redis_check_target(struct hf_redis_job *job, struct hf_error *err) HF_WARN_UNUSED;

/* functions.c */
enum hf_status hf_redis_restore_functions(struct hf_redis_job *job,
                                          struct hf_error *err) HF_WARN_UNUSED;

/* compare.c: reads everything back. Differences go into the job; HF_OK also when there are some. */
enum hf_status hf_redis_compare(struct hf_redis_job *job, struct hf_error *err) HF_WARN_UNUSED;

#endif
