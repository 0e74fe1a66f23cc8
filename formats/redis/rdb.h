/*
 * Reads an RDB, or records of one (record.h), as its bytes come: pieces in, events out, in constant
 * memory but for a key's text. Versions 9 to 12 of Redis and 80 of Valkey are known in full; of
 * others, what these know. From the first opcode or type that is not known on, everything is rest:
 * told, counted, and not looked into. That is no failure.
 *
 * Bytes that cannot be an RDB are HF_DAMAGED, as is a checksum that does not fit.
 */
#ifndef HF_REDIS_RDB_H
#define HF_REDIS_RDB_H

#include "base/buffer.h"
#include "formats/redis/rdb_grammar.h"
#include "formats/redis/rdb_walk.h"

enum {
    HF_RDB_MAGIC = 9,          /* "REDIS0011" */
    HF_RDB_KEY_MAX = 16 << 20, /* bytes of a key's text; a longer one is HF_UNSUPPORTED */
    HF_RDB_LIBRARY_MAX = 4096, /* bytes that are told of a function library */
    HF_RDB_DATABASES_MAX = 1 << 20,
    HF_RDB_TRAILER = 9, /* opcode and checksum */
};

struct hf_rdb_key {
    uint32_t database;
    uint8_t type;
    const uint8_t *text;
    size_t len;
    int64_t expiry; /* ms since 1970; -1: none */
    int64_t idle;   /* s; -1: not told */
    int freq;       /* 0 to 255; -1: not told */
};

/* What has no key: the bytes of an item, opcode included, in one or more pieces. */
struct hf_rdb_other {
    uint8_t opcode; /* HF_RDB_AUX, HF_RDB_FUNCTION, HF_RDB_MODULE_AUX, HF_RDB_SLOT_… */
    const uint8_t *data;
    size_t len;
    bool last;
    /* With the last piece: texts of the item, as far as they are told; not NUL-ended. AUX: name and
     * value; FUNCTION: code. */
    const uint8_t *text[2];
    size_t text_len[2];
};

/* Any may be NULL. An error ends the reading and is given back. */
struct hf_rdb_handler {
    void *ctx;
    enum hf_status (*header)(void *ctx, const uint8_t magic[HF_RDB_MAGIC], unsigned version,
                             struct hf_error *err);
    enum hf_status (*other)(void *ctx, const struct hf_rdb_other *other, struct hf_error *err);
    /* A key: begins; its value's bytes in pieces, at least one; ends. */
    enum hf_status (*key)(void *ctx, const struct hf_rdb_key *key, struct hf_error *err);
    enum hf_status (*value)(void *ctx, const uint8_t *data, size_t len, struct hf_error *err);
    enum hf_status (*key_end)(void *ctx, struct hf_error *err);
    /* What is not understood, without opcode EOF and checksum at its end. database: in which it
     * began. */
    enum hf_status (*rest)(void *ctx, uint32_t database, const uint8_t *data, size_t len,
                           struct hf_error *err);
    /* Told of what is in values, as the bytes are passed over. */
    const struct hf_rdb_visitor *visitor;
    void *visitor_ctx;
};

enum hf_rdb_phase {
    HF_RDB_AT_HEADER,
    HF_RDB_AT_OPCODE,
    HF_RDB_IN_ITEM,
    HF_RDB_IN_KEY,
    HF_RDB_IN_VALUE,
    HF_RDB_IN_REST,
    HF_RDB_AT_END,
};

struct hf_rdb {
    const struct hf_rdb_handler *handler; /* borrowed */
    enum hf_rdb_phase phase;
    bool records; /* neither header nor end are expected */
    bool single;  /* nothing may follow the value */
    unsigned version;
    enum hf_rdb_flavour flavour;
    struct hf_rdb_key key; /* of the next key, as far as it is known; database always */
    uint8_t opcode;
    struct hf_rdb_walk walk;
    struct hf_buf text; /* strings of an item that is no value */
    size_t text_max, text_ends[2];
    unsigned texts;
    uint64_t numbers[4];
    unsigned number_count;
    uint8_t carry[HF_RDB_TOKEN_MAX]; /* a token that was cut */
    size_t carried;
    uint64_t crc; /* of all bytes but the last eight, which may be the checksum */
    uint8_t last[8];
    size_t last_len;
    uint8_t tail[HF_RDB_TRAILER]; /* of the rest, the last bytes: they may be the end */
    size_t tail_len;
    uint64_t expected_crc; /* as the end says */
    uint64_t total;        /* bytes fed */
    uint64_t rest;         /* bytes that were not understood */
};

/* A whole RDB. handler is borrowed for the reader's lifetime. */
void hf_rdb_init(struct hf_rdb *rdb, const struct hf_rdb_handler *handler);
/* Records of a database of an RDB of that version. */
void hf_rdb_init_records(struct hf_rdb *rdb, const struct hf_rdb_handler *handler, unsigned version,
                         uint32_t database);
void hf_rdb_done(struct hf_rdb *rdb);
static inline void hf_rdb_auto(struct hf_rdb *rdb)
{
    hf_rdb_done(rdb);
}

enum hf_status hf_rdb_feed(struct hf_rdb *rdb, const void *data, size_t len,
                           struct hf_error *err) HF_WARN_UNUSED;
/* In a reader of records: what is fed next is the value of a key alone, whose type is known
 * (HF_UNSUPPORTED if not); then its end. */
enum hf_status hf_rdb_begin_value(struct hf_rdb *rdb, const struct hf_rdb_key *key,
                                  struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_rdb_end_value(struct hf_rdb *rdb, struct hf_error *err) HF_WARN_UNUSED;
/* No more bytes. HF_DAMAGED when it should go on, or the checksum differs. *out_checked: it had a
 * checksum that could be checked (a server can be told to write none; that of a rest of an unknown
 * version may be elsewhere). */
enum hf_status hf_rdb_end(struct hf_rdb *rdb, bool *out_checked,
                          struct hf_error *err) HF_WARN_UNUSED;

#endif
