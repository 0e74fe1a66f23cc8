/*
 * A connection to a Redis or Valkey server, and questions to it, in RESP2.
 *
 * Ordinary replies are taken whole (hiredis' reader; at most HF_REDIS_REPLY_MAX bytes and elements
 * are accepted). What may be large is read raw: a line, then bytes as they come.
 *
 * Errors: those of transport.h; what the server says is turned into a status by server_error.h.
 * After HF_UNREACHABLE, HF_CANCELLED or HF_DAMAGED (no RESP) the connection is good for nothing but
 * close. One thread at a time.
 */
#ifndef HF_REDIS_CONNECTION_H
#define HF_REDIS_CONNECTION_H

#include "base/buffer.h"
#include "base/secret.h"
#include "formats/redis/transport.h"

#include <hiredis/hiredis.h>
#include <stdint.h>

enum {
    HF_REDIS_REPLY_MAX = 64 << 20,
    HF_REDIS_ELEMENTS_MAX = 1 << 20,
    HF_REDIS_WINDOW = 256 << 10, /* bytes read from the socket at a time */
};

struct hf_redis_login {
    const char *user;                 /* NULL: the default user */
    const struct hf_secret *password; /* NULL: none */
};

struct hf_redis;

/* Connects, and authenticates where there is a password. */
enum hf_status hf_redis_connect(const struct hf_redis_place *place,
                                const struct hf_redis_login *login, struct hf_cancel *cancel,
                                struct hf_redis **out, struct hf_error *err) HF_WARN_UNUSED;
/* Of a socket that is connected already, whoever may be at its other end; it is then owned. */
enum hf_status hf_redis_adopt(int fd, const char *where, struct hf_cancel *cancel,
                              struct hf_redis **out, struct hf_error *err) HF_WARN_UNUSED;
void hf_redis_close(struct hf_redis *redis); /* takes NULL */
HF_DEFINE_AUTO_PTR(hf_redis, hf_redis_close)
const char *hf_redis_where(const struct hf_redis *redis);

static inline void hf_redis_reply_auto(redisReply **reply)
{
    if (*reply)
        freeReplyObject(*reply);
}
#define HF_AUTO_REPLY __attribute__((unused, cleanup(hf_redis_reply_auto))) redisReply *

/* One command, words in a NULL-ended list, and its reply. An error reply is an error here. */
enum hf_status hf_redis_call(struct hf_redis *redis, redisReply **out, struct hf_error *err,
                             const char *word, ...) HF_WARN_UNUSED __attribute__((sentinel));
/* The same, for replies that are strings: as a heap string, NULs left as they are behind its end;
 * HF_FAILED when it is something else. */
enum hf_status hf_redis_call_text(struct hf_redis *redis, char **out, struct hf_error *err,
                                  const char *word, ...) HF_WARN_UNUSED __attribute__((sentinel));

/* Pipelining: what is queued goes out by flush (or when it has grown to HF_REDIS_WINDOW), replies
 * come in the order of commands. */
enum hf_status hf_redis_queue(struct hf_redis *redis, size_t count, const void *const *words,
                              const size_t *lens, struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_redis_queue_words(struct hf_redis *redis, struct hf_error *err, const char *word,
                                    ...) HF_WARN_UNUSED __attribute__((sentinel));
/* A command whose words are written one by one: begin, then as many words as said, each whole
 * (word) or in pieces (word_begin, piece…, word_end). */
enum hf_status hf_redis_begin(struct hf_redis *redis, size_t count,
                              struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_redis_word(struct hf_redis *redis, const void *data, size_t len,
                             struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_redis_word_begin(struct hf_redis *redis, uint64_t len,
                                   struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_redis_piece(struct hf_redis *redis, const void *data, size_t len,
                              struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_redis_word_end(struct hf_redis *redis, struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_redis_flush(struct hf_redis *redis, struct hf_error *err) HF_WARN_UNUSED;
/* The next reply as it is, also an error one. */
enum hf_status hf_redis_reply(struct hf_redis *redis, redisReply **out,
                              struct hf_error *err) HF_WARN_UNUSED;

/* Raw. The next line, without its end, at most max bytes; valid until the next call. */
enum hf_status hf_redis_line(struct hf_redis *redis, size_t max, const char **out,
                             struct hf_error *err) HF_WARN_UNUSED;
/* What has come, at least one byte, at most HF_REDIS_WINDOW; HF_UNREACHABLE at the end of the
 * connection. Stays until hf_redis_take. */
enum hf_status hf_redis_peek(struct hf_redis *redis, const uint8_t **data, size_t *len,
                             struct hf_error *err) HF_WARN_UNUSED;
void hf_redis_take(struct hf_redis *redis, size_t len);
/* The header of a bulk string: its length, or -1 for a null; an error reply is an error here. */
enum hf_status hf_redis_bulk(struct hf_redis *redis, int64_t *out,
                             struct hf_error *err) HF_WARN_UNUSED;
/* The end of the line behind a bulk string. */
enum hf_status hf_redis_bulk_end(struct hf_redis *redis, struct hf_error *err) HF_WARN_UNUSED;

#endif
