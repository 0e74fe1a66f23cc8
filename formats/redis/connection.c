#include "formats/redis/connection.h"

#include "base/text.h"
#include "formats/redis/server_error.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS_MAX = 24, LINE_MAX_BYTES = 64 << 10, OUT_SPARE = 64 };

struct hf_redis {
    struct hf_redis_transport *transport;
    redisReader *reader;
    redisReplyObjectFunctions functions; /* of the reader, with arrays bounded */
    void *(*create_array)(const redisReadTask *, int);
    uint8_t *in; /* HF_REDIS_WINDOW bytes, of which [at, end) have not been taken */
    size_t at, end;
    struct hf_buf out;
    struct hf_buf line;
};

const char *hf_redis_where(const struct hf_redis *redis)
{
    return hf_redis_transport_where(redis->transport);
}

void hf_redis_close(struct hf_redis *redis)
{
    if (!redis)
        return;
    if (redis->reader)
        redisReaderFree(redis->reader);
    hf_redis_transport_close(redis->transport);
    if (redis->out.data) /* it held the password once */
        explicit_bzero(redis->out.data, redis->out.cap);
    hf_buf_free(&redis->out);
    hf_buf_free(&redis->line);
    free(redis->in);
    free(redis);
}

/* Reading. */

static enum hf_status fill(struct hf_redis *redis, struct hf_error *err)
{
    size_t got;

    HF_TRY(hf_redis_transport_read(redis->transport, redis->in, HF_REDIS_WINDOW, &got, err));
    if (got == 0)
        return hf_error_set(err, HF_UNREACHABLE, "%s: the server closed the connection",
                            hf_redis_where(redis));
    redis->at = 0;
    redis->end = got;
    return HF_OK;
}

/* hiredis takes the announced count on trust. Its elements are pointers; we know what we ask. */
static void *bounded_array(const redisReadTask *task, int elements)
{
    const struct hf_redis *redis = task->privdata;

    return elements > HF_REDIS_ELEMENTS_MAX ? NULL : redis->create_array(task, elements);
}

static enum hf_status new_reader(struct hf_redis *redis, struct hf_error *err)
{
    redis->reader = redisReaderCreate();
    if (!redis->reader)
        return hf_error_memory(err);
    redis->functions = *redis->reader->fn;
    redis->create_array = redis->functions.createArray;
    redis->functions.createArray = bounded_array;
    redis->reader->fn = &redis->functions;
    redis->reader->privdata = redis;
    return HF_OK;
}

static enum hf_status no_resp(struct hf_redis *redis, const char *why, struct hf_error *err)
{
    return hf_error_set(err, HF_DAMAGED, "%s: this is no answer of a Redis server: %s",
                        hf_redis_where(redis), why);
}

enum hf_status hf_redis_reply(struct hf_redis *redis, redisReply **out, struct hf_error *err)
{
    void *reply = NULL;

    for (;;) {
        if (redisReaderGetReply(redis->reader, &reply) != REDIS_OK)
            return no_resp(redis, redis->reader->errstr, err);
        if (reply)
            break;
        if (redis->reader->len - redis->reader->pos > HF_REDIS_REPLY_MAX)
            return no_resp(redis, "it is too long", err);
        if (redis->at == redis->end)
            HF_TRY(fill(redis, err));
        if (redisReaderFeed(redis->reader, (const char *)redis->in + redis->at,
                            redis->end - redis->at) != REDIS_OK)
            return hf_error_memory(err);
        redis->at = redis->end;
    }
    *out = reply;
    return HF_OK;
}

/* What the reader has too much, back into the window: raw bytes follow. They came out of the
 * window, so there is room. */
static enum hf_status unread(struct hf_redis *redis, struct hf_error *err)
{
    size_t left = redis->reader->len - redis->reader->pos;

    if (left == 0)
        return HF_OK;
    if (left > HF_REDIS_WINDOW || redis->at != redis->end)
        return no_resp(redis, "it goes on where it should end", err);
    memcpy(redis->in, redis->reader->buf + redis->reader->pos, left);
    redis->at = 0;
    redis->end = left;
    redisReaderFree(redis->reader);
    redis->reader = NULL;
    return new_reader(redis, err);
}

enum hf_status hf_redis_peek(struct hf_redis *redis, const uint8_t **data, size_t *len,
                             struct hf_error *err)
{
    HF_TRY(unread(redis, err));
    if (redis->at == redis->end)
        HF_TRY(fill(redis, err));
    *data = redis->in + redis->at;
    *len = redis->end - redis->at;
    return HF_OK;
}

void hf_redis_take(struct hf_redis *redis, size_t len)
{
    redis->at += len;
}

enum hf_status hf_redis_line(struct hf_redis *redis, size_t max, const char **out,
                             struct hf_error *err)
{
    const uint8_t *data, *end;
    size_t len;

    redis->line.len = 0;
    do {
        size_t used;

        HF_TRY(hf_redis_peek(redis, &data, &len, err));
        end = memchr(data, '\n', len);
        used = end ? (size_t)(end - data) : len;
        if (redis->line.len + used > max)
            return no_resp(redis, "a line does not end", err);
        HF_TRY(hf_buf_append(&redis->line, data, used, err));
        hf_redis_take(redis, used + (end ? 1 : 0));
    } while (!end);
    while (redis->line.len > 0 && redis->line.data[redis->line.len - 1] == '\r')
        redis->line.len--;
    return hf_buf_cstr(&redis->line, out, err);
}

enum hf_status hf_redis_bulk(struct hf_redis *redis, int64_t *out, struct hf_error *err)
{
    const char *line;
    char *end;
    int64_t len;

    HF_TRY(hf_redis_line(redis, LINE_MAX_BYTES, &line, err));
    if (line[0] == '-')
        return hf_redis_server_error(hf_redis_where(redis), line + 1, err);
    len = strtoll(line + 1, &end, 10);
    if (line[0] != '$' || end == line + 1 || *end || len < -1)
        return no_resp(redis, "a string was expected", err);
    *out = len;
    return HF_OK;
}

enum hf_status hf_redis_bulk_end(struct hf_redis *redis, struct hf_error *err)
{
    const char *line;

    HF_TRY(hf_redis_line(redis, 1, &line, err));
    return *line ? no_resp(redis, "a string is longer than it said", err) : HF_OK;
}

/* Writing. */

enum hf_status hf_redis_flush(struct hf_redis *redis, struct hf_error *err)
{
    HF_TRY(hf_redis_transport_write(redis->transport, redis->out.data, redis->out.len, err));
    redis->out.len = 0;
    return HF_OK;
}

static enum hf_status header(struct hf_redis *redis, char kind, uint64_t count,
                             struct hf_error *err)
{
    uint8_t text[24];
    size_t at = sizeof text;

    text[--at] = '\n';
    text[--at] = '\r';
    do {
        text[--at] = (uint8_t)('0' + count % 10);
        count /= 10;
    } while (count > 0);
    text[--at] = (uint8_t)kind;
    return hf_buf_append(&redis->out, text + at, sizeof text - at, err);
}

enum hf_status hf_redis_begin(struct hf_redis *redis, size_t count, struct hf_error *err)
{
    return header(redis, '*', count, err);
}

enum hf_status hf_redis_word_begin(struct hf_redis *redis, uint64_t len, struct hf_error *err)
{
    return header(redis, '$', len, err);
}

enum hf_status hf_redis_piece(struct hf_redis *redis, const void *data, size_t len,
                              struct hf_error *err)
{
    if (redis->out.len + len > HF_REDIS_WINDOW)
        HF_TRY(hf_redis_flush(redis, err));
    if (len > HF_REDIS_WINDOW)
        return hf_redis_transport_write(redis->transport, data, len, err);
    return hf_buf_append(&redis->out, data, len, err);
}

enum hf_status hf_redis_word_end(struct hf_redis *redis, struct hf_error *err)
{
    return hf_redis_piece(redis, "\r\n", 2, err);
}

enum hf_status hf_redis_word(struct hf_redis *redis, const void *data, size_t len,
                             struct hf_error *err)
{
    HF_TRY(hf_redis_word_begin(redis, len, err));
    HF_TRY(hf_redis_piece(redis, data, len, err));
    return hf_redis_word_end(redis, err);
}

enum hf_status hf_redis_queue(struct hf_redis *redis, size_t count, const void *const *words,
                              const size_t *lens, struct hf_error *err)
{
    HF_TRY(hf_redis_begin(redis, count, err));
    for (size_t i = 0; i < count; i++)
        HF_TRY(hf_redis_word(redis, words[i], lens[i], err));
    return HF_OK;
}

static enum hf_status queue_list(struct hf_redis *redis, const char *word, va_list args,
                                 struct hf_error *err)
{
    const void *words[WORDS_MAX];
    size_t lens[WORDS_MAX];
    size_t count = 0;

    for (; word && count < WORDS_MAX; word = va_arg(args, const char *)) {
        words[count] = word;
        lens[count++] = strlen(word);
    }
    return hf_redis_queue(redis, count, words, lens, err);
}

enum hf_status hf_redis_queue_words(struct hf_redis *redis, struct hf_error *err, const char *word,
                                    ...)
{
    enum hf_status status;
    va_list args;

    va_start(args, word);
    status = queue_list(redis, word, args, err);
    va_end(args);
    return status;
}

/* Calls. */

static enum hf_status call_list(struct hf_redis *redis, redisReply **out, const char *word,
                                va_list args, struct hf_error *err)
{
    HF_AUTO_REPLY reply = NULL;

    HF_TRY(queue_list(redis, word, args, err));
    HF_TRY(hf_redis_flush(redis, err));
    HF_TRY(hf_redis_reply(redis, &reply, err));
    if (reply->type == REDIS_REPLY_ERROR)
        return hf_redis_server_error(hf_redis_where(redis), reply->str, err);
    *out = reply;
    reply = NULL;
    return HF_OK;
}

enum hf_status hf_redis_call(struct hf_redis *redis, redisReply **out, struct hf_error *err,
                             const char *word, ...)
{
    enum hf_status status;
    va_list args;

    va_start(args, word);
    status = call_list(redis, out, word, args, err);
    va_end(args);
    return status;
}

enum hf_status hf_redis_call_text(struct hf_redis *redis, char **out, struct hf_error *err,
                                  const char *word, ...)
{
    HF_AUTO_REPLY reply = NULL;
    enum hf_status status;
    va_list args;

    va_start(args, word);
    status = call_list(redis, &reply, word, args, err);
    va_end(args);
    HF_TRY(status);
    if (!reply || (reply->type != REDIS_REPLY_STRING && reply->type != REDIS_REPLY_STATUS))
        return hf_error_set(err, HF_FAILED, "%s: %s was not answered by a text",
                            hf_redis_where(redis), word);
    return hf_text_copy(reply->str, out, err);
}

static enum hf_status log_in(struct hf_redis *redis, const struct hf_redis_login *login,
                             struct hf_error *err)
{
    const char *password = login->password ? hf_secret_text(login->password) : "";
    HF_AUTO_REPLY reply = NULL;

    if (!login->password && !login->user)
        return HF_OK;
    if (login->user)
        return hf_redis_call(redis, &reply, err, "AUTH", login->user, password, NULL);
    return hf_redis_call(redis, &reply, err, "AUTH", password, NULL);
}

static enum hf_status new_connection(struct hf_redis **out, struct hf_error *err)
{
    HF_AUTO_PTR(hf_redis) redis = calloc(1, sizeof *redis);

    if (!redis)
        return hf_error_memory(err);
    redis->in = malloc(HF_REDIS_WINDOW);
    if (!redis->in)
        return hf_error_memory(err);
    HF_TRY(new_reader(redis, err));
    /* All of it now: a block that grew later would leave copies of the password behind. */
    HF_TRY(hf_buf_reserve(&redis->out, HF_REDIS_WINDOW + OUT_SPARE, err));
    *out = redis;
    redis = NULL;
    return HF_OK;
}

enum hf_status hf_redis_adopt(int fd, const char *where, struct hf_cancel *cancel,
                              struct hf_redis **out, struct hf_error *err)
{
    HF_AUTO_PTR(hf_redis) redis = NULL;

    HF_TRY(new_connection(&redis, err));
    HF_TRY(hf_redis_transport_adopt(fd, where, cancel, &redis->transport, err));
    *out = redis;
    redis = NULL;
    return HF_OK;
}

enum hf_status hf_redis_connect(const struct hf_redis_place *place,
                                const struct hf_redis_login *login, struct hf_cancel *cancel,
                                struct hf_redis **out, struct hf_error *err)
{
    HF_AUTO_PTR(hf_redis) redis = NULL;

    HF_TRY(new_connection(&redis, err));
    HF_TRY(hf_redis_transport_open(place, cancel, &redis->transport, err));
    HF_TRY(log_in(redis, login, err));
    explicit_bzero(redis->out.data, redis->out.cap);
    *out = redis;
    redis = NULL;
    return HF_OK;
}
