#include "formats/redis/replica.h"

#include "base/clock.h"
#include "formats/redis/server_error.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LINE_BYTES = 1024,
    /* A server that makes a dump says so with an empty line a second or rarer: a day of them. */
    KEEPALIVES_MAX = 86400,
};

static enum hf_status no_replication(struct hf_redis *redis, const char *line, struct hf_error *err)
{
    return hf_error_set(err, HF_DAMAGED, "%s: this is no answer to PSYNC: \"%.60s\"",
                        hf_redis_where(redis), line);
}

/* The next line that is not a keepalive. */
static enum hf_status line_past_keepalives(struct hf_redis *redis, const char **out,
                                           struct hf_error *err)
{
    for (unsigned i = 0; i < KEEPALIVES_MAX; i++) {
        HF_TRY(hf_redis_line(redis, LINE_BYTES, out, err));
        if (**out)
            return HF_OK;
    }
    return hf_error_set(err, HF_UNREACHABLE, "%s: the server only keeps us waiting",
                        hf_redis_where(redis));
}

/* An older server that does not know an option says so, and that is all right. */
static enum hf_status offer(struct hf_redis *redis, const char *option, const char *value,
                            struct hf_error *err)
{
    HF_AUTO_REPLY reply = NULL;

    HF_TRY(hf_redis_queue_words(redis, err, "REPLCONF", option, value, NULL));
    HF_TRY(hf_redis_flush(redis, err));
    HF_TRY(hf_redis_reply(redis, &reply, err));
    if (reply->type != REDIS_REPLY_ERROR || strncmp(reply->str, "ERR Unrec", 9) == 0)
        return HF_OK;
    return hf_redis_server_error(hf_redis_where(redis), reply->str, err);
}

/* "+FULLRESYNC id offset". */
static enum hf_status take_position(struct hf_redis *redis, const char *line,
                                    struct hf_redis_replication *out, struct hf_error *err)
{
    static const char label[] = "+FULLRESYNC ";
    const char *id = line + sizeof label - 1;
    size_t len;
    char *end;

    if (strncmp(line, label, sizeof label - 1) != 0)
        return no_replication(redis, line, err);
    len = strcspn(id, " ");
    if (len >= sizeof out->id || id[len] != ' ')
        return no_replication(redis, line, err);
    out->offset = strtoll(id + len + 1, &end, 10);
    if (end == id + len + 1 || *end)
        return no_replication(redis, line, err);
    (void)snprintf(out->id, sizeof out->id, "%.*s", (int)len, id);
    return HF_OK;
}

/* Valkey writes a dump that a replica of that version can read; we read its own. */
static enum hf_status offer_version(const struct hf_redis_server *server, struct hf_error *err)
{
    char version[16];

    (void)snprintf(version, sizeof version, "%u.%u.%u", server->version / 10000,
                   server->version / 100 % 100, server->version % 100);
    return server->valkey ? offer(server->redis, "version", version, err) : HF_OK;
}

enum hf_status hf_redis_replica_ask(const struct hf_redis_server *server,
                                    struct hf_redis_replication *out, struct hf_error *err)
{
    struct hf_redis *redis = server->redis;
    const char *line;

    *out = (struct hf_redis_replication){.offset = -1};
    HF_TRY(offer(redis, "capa", "eof", err));
    HF_TRY(offer(redis, "rdb-only", "1", err));
    HF_TRY(offer_version(server, err));
    HF_TRY(hf_redis_queue_words(redis, err, "PSYNC", "?", "-1", NULL));
    HF_TRY(hf_redis_flush(redis, err));
    HF_TRY(line_past_keepalives(redis, &line, err));
    if (line[0] == '-')
        return hf_redis_server_error(hf_redis_where(redis), line + 1, err);
    out->time = hf_clock_now();
    return take_position(redis, line, out, err);
}

/* So many bytes, as announced. */
static enum hf_status read_length(struct hf_redis *redis, struct hf_rdb *rdb, uint64_t left,
                                  struct hf_error *err)
{
    while (left > 0) {
        const uint8_t *data;
        size_t len;

        HF_TRY(hf_redis_peek(redis, &data, &len, err));
        len = len < left ? len : (size_t)left;
        HF_TRY(hf_rdb_feed(rdb, data, len, err));
        hf_redis_take(redis, len);
        left -= len;
    }
    return HF_OK;
}

/* The last bytes that came, kept back as they may be the mark. */
struct tail {
    uint8_t bytes[HF_REDIS_MARK];
    size_t len;
};

static enum hf_status feed_behind(struct tail *tail, struct hf_rdb *rdb, const uint8_t *data,
                                  size_t len, struct hf_error *err)
{
    size_t all = tail->len + len;
    size_t out = all > sizeof tail->bytes ? all - sizeof tail->bytes : 0;
    size_t from_tail = out < tail->len ? out : tail->len;

    HF_TRY(hf_rdb_feed(rdb, tail->bytes, from_tail, err));
    memmove(tail->bytes, tail->bytes + from_tail, tail->len - from_tail);
    tail->len -= from_tail;
    HF_TRY(hf_rdb_feed(rdb, data, out - from_tail, err));
    data += out - from_tail;
    len -= out - from_tail;
    memcpy(tail->bytes + tail->len, data, len);
    tail->len += len;
    return HF_OK;
}

/* Until the mark, which is the last that a server sends before it hears of us again. */
static enum hf_status read_to_mark(struct hf_redis *redis, struct hf_rdb *rdb, const char *mark,
                                   struct hf_error *err)
{
    struct tail tail = {.len = 0};

    while (tail.len < sizeof tail.bytes || memcmp(tail.bytes, mark, sizeof tail.bytes) != 0) {
        const uint8_t *data;
        size_t len;

        HF_TRY(hf_redis_peek(redis, &data, &len, err));
        HF_TRY(feed_behind(&tail, rdb, data, len, err));
        hf_redis_take(redis, len);
    }
    return HF_OK;
}

enum hf_status hf_redis_replica_read(struct hf_redis *redis, struct hf_rdb *rdb,
                                     struct hf_redis_replication *replication, struct hf_error *err)
{
    char mark[HF_REDIS_MARK];
    const char *line;
    char *end;
    uint64_t len;

    HF_TRY(line_past_keepalives(redis, &line, err));
    if (line[0] == '-')
        return hf_redis_server_error(hf_redis_where(redis), line + 1, err);
    if (strncmp(line, "$EOF:", 5) == 0 && strlen(line) == 5 + sizeof mark) {
        memcpy(mark, line + 5, sizeof mark);
        HF_TRY(read_to_mark(redis, rdb, mark, err));
    } else {
        len = strtoull(line + 1, &end, 10);
        if (line[0] != '$' || end == line + 1 || *end || line[1] == '-')
            return no_replication(redis, line, err);
        HF_TRY(read_length(redis, rdb, len, err));
    }
    if (hf_rdb_end(rdb, &replication->checked, err) != HF_OK)
        return hf_error_prefix(err, "%s", hf_redis_where(redis));
    return HF_OK;
}
