/*
 * Reads every key back that was restored, by DUMP, and compares its content (digest.h) and its
 * expiry with what the snapshot holds (restore_job.h). The snapshot is read a second time for that,
 * so nothing is remembered between writing and comparing, and keys that others have do not matter.
 *
 * A key that is not there any more although it was restored is all right when its time has come.
 */
#include "base/clock.h"
#include "base/random.h"
#include "formats/redis/payload.h"
#include "formats/redis/restore_job.h"
#include "formats/redis/scan.h"
#include "formats/redis/tally.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BATCH_KEYS = 128, /* asked for at once: their values wait in the server's memory */
    BATCH_BYTES = 4 << 20,
    EXACT_EXPIRY_SINCE = 70000,
    SLACK_MS = 5000,             /* of an expiry that is told as time left, by older servers */
    HORIZON_MS = 60 * 60 * 1000, /* fields that expire sooner than in an hour are not compared */
};

struct expected {
    size_t at, len;        /* of the key's text, in texts */
    struct hf_rdb_key key; /* without its text; database as in the snapshot */
    struct hf_redis_sum value;
    struct hf_redis_target *target;
};

struct comparing {
    struct hf_redis_job *job;
    struct hf_redis_digest *digest;
    struct expected batch[BATCH_KEYS];
    size_t count;
    struct expected missing[BATCH_KEYS]; /* of the batch */
    size_t missing_count;
    uint64_t bytes; /* of values, in the batch */
    bool skip;      /* the key of the snapshot that is being read had expired before */
    struct hf_buf texts;
    struct hf_rdb reader; /* of what is read back */
    enum hf_rdb_flavour flavour;
    struct hf_redis_sum found; /* the value that was read back */
    uint8_t found_type;
};

static const char *key_text(struct hf_buf *out, const struct comparing *comparing,
                            const struct expected *expected)
{
    struct hf_error ignored = HF_ERROR_INIT;
    const char *text = "?";

    if (hf_buf_printf(out, &ignored, "%" PRIu32 ":", expected->key.database) != HF_OK ||
        hf_redis_key_text(out, comparing->texts.data + expected->at, expected->len, &ignored) !=
            HF_OK ||
        hf_buf_cstr(out, &text, &ignored) != HF_OK)
        return "?";
    return text;
}

static enum hf_status differs(struct comparing *comparing, const struct expected *expected,
                              struct hf_redis_restored *database, const char *what,
                              const char *wanted, const char *found, struct hf_error *err)
{
    HF_AUTO(hf_buf) text = HF_BUF_INIT;

    database->different++;
    return hf_redis_job_differs(comparing->job, what, key_text(&text, comparing, expected), wanted,
                                found, err);
}

static enum hf_status missing(struct comparing *comparing, const struct expected *expected,
                              struct hf_redis_restored *database, struct hf_error *err)
{
    int64_t now;

    HF_TRY(hf_redis_server_time(expected->target->server.redis, &now, err));
    if ((expected->key.expiry >= 0 && expected->key.expiry <= now) || expected->value.count == 0) {
        database->expired++;
        return HF_OK;
    }
    return differs(comparing, expected, database, "key",
                   hf_rdb_kind_name(hf_rdb_kind(expected->key.type)), NULL, err);
}

static bool same_expiry(const struct expected *expected, int64_t found)
{
    int64_t wanted = expected->key.expiry > 0 ? expected->key.expiry : -1;

    if (expected->target->server.version >= EXACT_EXPIRY_SINCE)
        return wanted == found;
    return (wanted < 0) == (found < 0) && llabs(wanted - found) <= SLACK_MS;
}

static enum hf_status judge(struct comparing *comparing, const struct expected *expected,
                            struct hf_redis_restored *database, int64_t expiry,
                            struct hf_error *err)
{
    const uint8_t *text = comparing->texts.data + expected->at;
    enum hf_rdb_kind kind = hf_rdb_kind(expected->key.type);
    enum hf_rdb_kind found_kind = hf_rdb_kind(comparing->found_type);
    bool expiry_is_same = same_expiry(expected, expiry);
    struct hf_redis_sum fed, found;
    char wanted_text[64], found_text[64];

    hf_redis_digest_key(comparing->digest, text, expected->len, kind, expected->key.expiry,
                        &expected->value, &fed);
    hf_redis_digest_key(comparing->digest, text, expected->len, found_kind,
                        expiry_is_same ? expected->key.expiry : expiry, &comparing->found, &found);
    hf_redis_sum_add(&database->fed, &fed);
    hf_redis_sum_add(&database->found, &found);
    if (!expiry_is_same) {
        (void)snprintf(wanted_text, sizeof wanted_text, "%" PRId64, expected->key.expiry);
        (void)snprintf(found_text, sizeof found_text, "%" PRId64, expiry);
        return differs(comparing, expected, database, "expiry", wanted_text, found_text, err);
    }
    if (hf_redis_sum_equal(&fed, &found))
        return HF_OK;
    (void)snprintf(wanted_text, sizeof wanted_text, "%s, %" PRIu64 " elements",
                   hf_rdb_kind_name(kind), expected->value.count);
    (void)snprintf(found_text, sizeof found_text, "%s, %" PRIu64 " elements%s",
                   hf_rdb_kind_name(found_kind), comparing->found.count,
                   comparing->found.count == expected->value.count ? ", other content" : "");
    return differs(comparing, expected, database, "value", wanted_text, found_text, err);
}

/* "PEXPIRETIME" gives the moment, "PTTL" the time left; -1: none, -2: no such key. */
static enum hf_status read_expiry(struct hf_redis_target *target, int64_t *out,
                                  struct hf_error *err)
{
    const char *line;
    int64_t now = 0;

    HF_TRY(hf_redis_line(target->server.redis, 1024, &line, err));
    if (line[0] != ':')
        return hf_error_set(err, HF_FAILED, "%s: the server did not tell a key's expiry: %.100s",
                            hf_redis_where(target->server.redis), line);
    *out = strtoll(line + 1, NULL, 10);
    if (*out >= 0 && target->server.version < EXACT_EXPIRY_SINCE)
        now = hf_clock_now() / 1000000;
    *out = *out < 0 ? -1 : *out + now;
    return HF_OK;
}

/* What is read back. */

static enum hf_status on_found(void *ctx, const struct hf_rdb_key *key, struct hf_error *err)
{
    struct comparing *comparing = ctx;

    (void)err;
    comparing->found_type = key->type;
    hf_redis_digest_begin(comparing->digest, comparing->flavour, key->type);
    return HF_OK;
}

static enum hf_status on_found_end(void *ctx, struct hf_error *err)
{
    struct comparing *comparing = ctx;

    return hf_redis_digest_value(comparing->digest, &comparing->found, err);
}

static enum hf_status compare_one(struct comparing *comparing, const struct expected *expected,
                                  struct hf_error *err)
{
    struct hf_rdb_key key = {.database = expected->key.database};
    struct hf_redis_restored *database;
    int64_t expiry = -1;
    bool found = false;

    HF_TRY(hf_redis_job_database(comparing->job, expected->key.database, &database, err));
    HF_TRY(read_expiry(expected->target, &expiry, err));
    HF_TRY(hf_redis_payload_read(expected->target->server.redis, &comparing->reader, &key, &found,
                                 err));
    if (found)
        return judge(comparing, expected, database, expiry, err);
    comparing->missing[comparing->missing_count++] = *expected;
    return HF_OK;
}

/* Asks for all that is in the batch, and compares. What is missing is looked at when every answer
 * is in, as that needs a question of its own. */
static enum hf_status compare_batch(struct comparing *comparing, struct hf_error *err)
{
    struct hf_redis_job *job = comparing->job;
    struct hf_redis_restored *database;

    comparing->missing_count = 0;
    for (size_t i = 0; i < job->target_count; i++)
        HF_TRY(hf_redis_flush(job->targets[i].server.redis, err));
    for (size_t i = 0; i < comparing->count; i++)
        HF_TRY(compare_one(comparing, &comparing->batch[i], err));
    for (size_t i = 0; i < comparing->missing_count; i++) {
        HF_TRY(hf_redis_job_database(job, comparing->missing[i].key.database, &database, err));
        HF_TRY(missing(comparing, &comparing->missing[i], database, err));
    }
    hf_observe_advance(job->work->observer, comparing->bytes, comparing->count);
    comparing->count = comparing->bytes = comparing->texts.len = 0;
    return HF_OK;
}

/* What was fed. */

static enum hf_status queue_question(struct hf_redis_target *target, const char *command,
                                     const struct hf_rdb_key *key, struct hf_error *err)
{
    const void *words[] = {command, key->text};
    const size_t lens[] = {strlen(command), key->len};

    return hf_redis_queue(target->server.redis, 2, words, lens, err);
}

static enum hf_status on_key(void *ctx, const struct hf_rdb_key *key, enum hf_rdb_flavour flavour,
                             uint64_t value_len, struct hf_error *err)
{
    struct comparing *comparing = ctx;
    struct hf_redis_job *job = comparing->job;
    struct hf_redis_target *target = hf_redis_job_target(job, key);
    struct hf_redis_restored *database;
    struct expected *next;

    HF_TRY(hf_redis_job_database(job, key->database, &database, err));
    comparing->skip = key->expiry >= 0 && key->expiry <= job->now;
    if (comparing->skip) {
        hf_redis_digest_begin(comparing->digest, flavour, key->type); /* it is told of all keys */
        return HF_OK;
    }
    if (comparing->count == BATCH_KEYS || comparing->bytes + value_len > BATCH_BYTES ||
        (!target->server.cluster && target->database != database->into))
        HF_TRY(compare_batch(comparing, err));
    HF_TRY(hf_redis_target_select(target, database->into, err));
    next = &comparing->batch[comparing->count];
    *next = (struct expected){
        .at = comparing->texts.len, .len = key->len, .key = *key, .target = target};
    HF_TRY(hf_buf_append(&comparing->texts, key->text, key->len, err));
    HF_TRY(queue_question(
        target, target->server.version >= EXACT_EXPIRY_SINCE ? "PEXPIRETIME" : "PTTL", key, err));
    HF_TRY(queue_question(target, "DUMP", key, err));
    hf_redis_digest_begin(comparing->digest, flavour, key->type);
    return HF_OK;
}

static enum hf_status on_value(void *ctx, const uint8_t *data, size_t len, struct hf_error *err)
{
    struct comparing *comparing = ctx;

    (void)data;
    (void)err;
    comparing->bytes += len;
    return HF_OK;
}

static enum hf_status on_key_end(void *ctx, struct hf_error *err)
{
    struct comparing *comparing = ctx;

    if (comparing->skip)
        return HF_OK;
    return hf_redis_digest_value(comparing->digest, &comparing->batch[comparing->count++].value,
                                 err);
}

/* Keys that nobody restored: in databases that were empty before. */
static enum hf_status count_others(struct hf_redis_job *job, struct hf_error *err)
{
    for (size_t i = 0; i < job->restored_count && !job->options->replace; i++) {
        const struct hf_redis_restored *database = &job->restored[i];
        char name[32], expected[32], found[32];
        uint64_t size = 0;

        for (size_t t = 0; t < job->target_count; t++) {
            HF_AUTO_REPLY reply = NULL;

            HF_TRY(hf_redis_target_select(&job->targets[t], database->into, err));
            HF_TRY(hf_redis_call(job->targets[t].server.redis, &reply, err, "DBSIZE", NULL));
            size += reply->type == REDIS_REPLY_INTEGER ? (uint64_t)reply->integer : 0;
        }
        if (size <= database->keys)
            continue;
        (void)snprintf(name, sizeof name, "%" PRIu32, database->into);
        (void)snprintf(expected, sizeof expected, "%" PRIu64, database->keys);
        (void)snprintf(found, sizeof found, "%" PRIu64, size);
        HF_TRY(hf_redis_job_differs(job, "number of keys", name, expected, found, err));
    }
    return HF_OK;
}

static enum hf_status compare_all(struct comparing *comparing, struct hf_error *err)
{
    struct hf_redis_job *job = comparing->job;
    const struct hf_redis_taker taker = {.ctx = comparing,
                                         .key = on_key,
                                         .value = on_value,
                                         .key_end = on_key_end,
                                         .visitor = &hf_redis_digest_visitor,
                                         .visitor_ctx = comparing->digest};

    HF_TRY(hf_redis_read_keys(job->feed, &job->selection, -1, job->work->cancel, &taker, err));
    HF_TRY(compare_batch(comparing, err));
    return count_others(job, err);
}

enum hf_status hf_redis_compare(struct hf_redis_job *job, struct hf_error *err)
{
    struct comparing *comparing = calloc(1, sizeof *comparing);
    struct hf_rdb_handler found = {.ctx = comparing,
                                   .key = on_found,
                                   .key_end = on_found_end,
                                   .visitor = &hf_redis_digest_visitor};
    unsigned version = hf_redis_rdb_version(&job->targets[0].server);
    uint8_t key[HF_REDIS_DIGEST_KEY];
    enum hf_status status;

    if (!comparing)
        return hf_error_memory(err);
    comparing->job = job;
    comparing->flavour = hf_rdb_flavour(version);
    hf_random_bytes(key, sizeof key);
    status = hf_redis_digest_new(key, job->now + HORIZON_MS, &comparing->digest, err);
    found.visitor_ctx = comparing->digest;
    hf_rdb_init_records(&comparing->reader, &found, version, 0);
    if (status == HF_OK)
        status = compare_all(comparing, err);
    hf_rdb_done(&comparing->reader);
    hf_redis_digest_free(comparing->digest);
    hf_buf_free(&comparing->texts);
    free(comparing);
    return status == HF_OK ? HF_OK : hf_error_prefix(err, "comparing what was restored");
}
