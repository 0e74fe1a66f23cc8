#include "formats/redis/target.h"

#include "formats/redis/crc64.h"
#include "formats/redis/payload.h"
#include "formats/redis/server_error.h"
#include "formats/redis/tally.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER = 24 };

enum hf_status hf_redis_target_init(struct hf_redis_target *target, struct hf_redis_server *server,
                                    struct hf_error *err)
{
    *target = (struct hf_redis_target){.database = -1};
    target->pending = calloc(HF_REDIS_IN_FLIGHT, sizeof *target->pending);
    if (!target->pending)
        return hf_error_memory(err);
    target->server = *server;
    hf_redis_server_init(server);
    return HF_OK;
}

void hf_redis_target_done(struct hf_redis_target *target)
{
    hf_redis_server_done(&target->server);
    free(target->pending);
}

static enum hf_status failed(const struct hf_redis_target *target,
                             const struct hf_redis_pending *pending, const char *text,
                             struct hf_error *err)
{
    HF_AUTO(hf_buf) name = HF_BUF_INIT;
    struct hf_error ignored = HF_ERROR_INIT;
    const char *key;

    if (hf_redis_key_text(&name, pending->key, pending->len, &ignored) != HF_OK ||
        hf_buf_cstr(&name, &key, &ignored) != HF_OK)
        key = "?";
    (void)hf_redis_server_error(hf_redis_where(target->server.redis), text, err);
    return hf_error_prefix(err, "database %" PRIu32 ", key %s", pending->database, key);
}

static enum hf_status take_reply(struct hf_redis_target *target, struct hf_error *err)
{
    struct hf_redis_pending *pending = &target->pending[target->first];
    HF_AUTO_REPLY reply = NULL;

    HF_TRY(hf_redis_reply(target->server.redis, &reply, err));
    if (reply->type == REDIS_REPLY_ERROR)
        return failed(target, pending, reply->str, err);
    target->first = (target->first + 1) % HF_REDIS_IN_FLIGHT;
    target->count--;
    target->bytes -= pending->bytes;
    return HF_OK;
}

enum hf_status hf_redis_target_drain(struct hf_redis_target *target, struct hf_error *err)
{
    HF_TRY(hf_redis_flush(target->server.redis, err));
    while (target->count > 0)
        HF_TRY(take_reply(target, err));
    return HF_OK;
}

/* Before one more of so many bytes. Half of what is there may stay in flight meanwhile, so that the
 * server never waits for us. */
static enum hf_status make_room(struct hf_redis_target *target, uint64_t bytes,
                                struct hf_error *err)
{
    if (target->count < HF_REDIS_IN_FLIGHT && target->bytes + bytes <= HF_REDIS_BYTES_IN_FLIGHT)
        return HF_OK;
    HF_TRY(hf_redis_flush(target->server.redis, err));
    while (target->count > HF_REDIS_IN_FLIGHT / 2 ||
           (target->count > 0 && target->bytes + bytes > HF_REDIS_BYTES_IN_FLIGHT / 2))
        HF_TRY(take_reply(target, err));
    return HF_OK;
}

static void note(struct hf_redis_target *target, const struct hf_rdb_key *key, uint64_t bytes)
{
    size_t at = (target->first + target->count) % HF_REDIS_IN_FLIGHT;
    struct hf_redis_pending *pending = &target->pending[at];

    pending->len = (uint8_t)(key->len < HF_REDIS_NAME_SHOWN ? key->len : HF_REDIS_NAME_SHOWN);
    memcpy(pending->key, key->text, pending->len);
    pending->database = key->database;
    pending->bytes = bytes;
    target->count++;
    target->bytes += bytes;
}

enum hf_status hf_redis_target_select(struct hf_redis_target *target, uint32_t database,
                                      struct hf_error *err)
{
    HF_AUTO_REPLY reply = NULL;
    char number[NUMBER];

    if (target->database == database || target->server.cluster)
        return HF_OK;
    HF_TRY(hf_redis_target_drain(target, err));
    (void)snprintf(number, sizeof number, "%" PRIu32, database);
    if (hf_redis_call(target->server.redis, &reply, err, "SELECT", number, NULL) != HF_OK)
        return hf_error_prefix(err, "database %" PRIu32, database);
    target->database = database;
    return HF_OK;
}

static size_t word_count(const struct hf_redis_put *put)
{
    return 5U + (put->replace ? 1 : 0) + (put->key.idle >= 0 || put->key.freq >= 0 ? 2 : 0);
}

static enum hf_status number_word(struct hf_redis *redis, int64_t number, struct hf_error *err)
{
    char text[NUMBER];
    int len = snprintf(text, sizeof text, "%" PRId64, number);

    return hf_redis_word(redis, text, (size_t)len, err);
}

/* RESTORE key expiry payload ABSTTL [REPLACE] [IDLETIME s | FREQ n]; an expiry of 0 is none. */
enum hf_status hf_redis_target_begin(struct hf_redis_target *target, const struct hf_redis_put *put,
                                     uint64_t len, struct hf_error *err)
{
    struct hf_redis *redis = target->server.redis;
    const struct hf_rdb_key *key = &put->key;

    HF_TRY(hf_redis_target_select(target, key->database, err));
    HF_TRY(make_room(target, len, err));
    note(target, key, len);
    HF_TRY(hf_redis_begin(redis, word_count(put), err));
    HF_TRY(hf_redis_word(redis, "RESTORE", 7, err));
    HF_TRY(hf_redis_word(redis, key->text, key->len, err));
    HF_TRY(number_word(redis, key->expiry > 0 ? key->expiry : 0, err));
    return hf_redis_word_begin(redis, len + HF_REDIS_FOOTER, err);
}

enum hf_status hf_redis_target_piece(struct hf_redis_target *target, const void *data, size_t len,
                                     struct hf_error *err)
{
    return hf_redis_piece(target->server.redis, data, len, err);
}

enum hf_status hf_redis_target_end(struct hf_redis_target *target, const struct hf_redis_put *put,
                                   uint64_t crc, struct hf_error *err)
{
    struct hf_redis *redis = target->server.redis;
    uint8_t footer[HF_REDIS_FOOTER];

    hf_redis_footer(footer, put->version, crc);
    HF_TRY(hf_redis_piece(redis, footer, sizeof footer, err));
    HF_TRY(hf_redis_word_end(redis, err));
    HF_TRY(hf_redis_word(redis, "ABSTTL", 6, err));
    if (put->replace)
        HF_TRY(hf_redis_word(redis, "REPLACE", 7, err));
    if (put->key.freq >= 0) {
        HF_TRY(hf_redis_word(redis, "FREQ", 4, err));
        return number_word(redis, put->key.freq, err);
    }
    if (put->key.idle < 0)
        return HF_OK;
    HF_TRY(hf_redis_word(redis, "IDLETIME", 8, err));
    return number_word(redis, put->key.idle, err);
}

enum hf_status hf_redis_target_put(struct hf_redis_target *target, const struct hf_redis_put *put,
                                   const void *payload, size_t len, struct hf_error *err)
{
    HF_TRY(hf_redis_target_begin(target, put, len, err));
    HF_TRY(hf_redis_target_piece(target, payload, len, err));
    return hf_redis_target_end(target, put, hf_crc64(0, payload, len), err);
}
