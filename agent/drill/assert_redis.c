#include "agent/drill/assert.h"
#include "formats/redis/server.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 4 };

/* Appends the answer to found, cut where it ends. */
static void write_reply(char found[HF_DRILL_FOUND_MAX], const redisReply *reply, int depth)
{
    size_t used = strlen(found), room = HF_DRILL_FOUND_MAX - used;
    char *at = found + used;

    switch (reply->type) {
    case REDIS_REPLY_INTEGER:
        (void)snprintf(at, room, "%lld", reply->integer);
        return;
    case REDIS_REPLY_NIL:
        (void)snprintf(at, room, "nil");
        return;
    case REDIS_REPLY_ARRAY:
        for (size_t i = 0; i < reply->elements && depth < DEPTH_MAX; i++) {
            if (i > 0)
                (void)strncat(found, ", ", HF_DRILL_FOUND_MAX - 1 - strlen(found));
            write_reply(found, reply->element[i], depth + 1);
        }
        return;
    default:
        (void)snprintf(at, room, "%s%.*s", reply->type == REDIS_REPLY_ERROR ? "error: " : "",
                       (int)(reply->len < room ? reply->len : room), reply->str);
    }
}

static bool holds(const struct hf_drill_ask *ask, const redisReply *reply)
{
    if (reply->type == REDIS_REPLY_ERROR)
        return false;
    if (ask->assertion->equals)
        return strcmp(ask->found, ask->assertion->equals) == 0;
    return reply->type != REDIS_REPLY_NIL && ask->found[0] != '\0' && strcmp(ask->found, "0") != 0;
}

static enum hf_status select_database(struct hf_redis *redis, const char *database,
                                      struct hf_error *err)
{
    HF_AUTO_REPLY reply = NULL;

    return database ? hf_redis_call(redis, &reply, err, "SELECT", database, NULL) : HF_OK;
}

static enum hf_status send_command(struct hf_redis *redis, const struct hf_strings *words,
                                   struct hf_error *err)
{
    HF_TRY(hf_redis_begin(redis, words->count, err));
    for (size_t i = 0; i < words->count; i++)
        HF_TRY(hf_redis_word(redis, words->items[i], strlen(words->items[i]), err));
    return hf_redis_flush(redis, err);
}

enum hf_status hf_drill_ask_redis(struct hf_drill_ask *ask, struct hf_error *err)
{
    struct hf_redis_config config = ask->scratch->target.as.redis.config; /* borrowed */
    const char *host = config.socket ? NULL : config.hosts.items[0];
    HF_AUTO_PTR(hf_redis) redis = NULL;
    HF_AUTO_REPLY reply = NULL;

    config.timeout = ask->timeout;
    HF_TRY(hf_redis_reach(&config, host, false, ask->request->session->cancel, &redis, err));
    HF_TRY(select_database(redis, ask->assertion->database, err));
    HF_TRY(send_command(redis, &ask->assertion->redis, err));
    HF_TRY(hf_redis_reply(redis, &reply, err));
    write_reply(ask->found, reply, 0);
    ask->holds = holds(ask, reply);
    return HF_OK;
}
