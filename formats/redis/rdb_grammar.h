/*
 * What the items of an RDB are made of, by opcode and type: each has a short program that says
 * which tokens follow, so that all of them are walked by one machine (rdb_walk.h).
 *
 *   s  a string            l  a length              d  a double as text
 *   1 4 8 x  so many bytes (x: 16)                  m  a module's fields, to their end
 *   (…)  a length, then what is between so many times
 *
 * Sources: rdb.h and rdb.c of Redis (versions 9 to 12) and of Valkey (80), whose numbers from 22 to
 * 243 mean different things.
 */
#ifndef HF_REDIS_RDB_GRAMMAR_H
#define HF_REDIS_RDB_GRAMMAR_H

#include <stdbool.h>
#include <stdint.h>

enum hf_rdb_flavour { HF_RDB_REDIS, HF_RDB_VALKEY };

enum hf_rdb_type {
    HF_RDB_STRING = 0,
    HF_RDB_LIST = 1,
    HF_RDB_SET = 2,
    HF_RDB_ZSET = 3,
    HF_RDB_HASH = 4,
    HF_RDB_ZSET_2 = 5,
    HF_RDB_MODULE_2 = 7,
    HF_RDB_HASH_ZIPMAP = 9,
    HF_RDB_LIST_ZIPLIST = 10,
    HF_RDB_SET_INTSET = 11,
    HF_RDB_ZSET_ZIPLIST = 12,
    HF_RDB_HASH_ZIPLIST = 13,
    HF_RDB_LIST_QUICKLIST = 14,
    HF_RDB_STREAM_1 = 15,
    HF_RDB_HASH_LISTPACK = 16,
    HF_RDB_ZSET_LISTPACK = 17,
    HF_RDB_LIST_QUICKLIST_2 = 18,
    HF_RDB_STREAM_2 = 19,
    HF_RDB_SET_LISTPACK = 20,
    HF_RDB_STREAM_3 = 21,
    HF_RDB_HASH_EXPIRY_RC = 22, /* Redis 7.4 before its release; of Valkey: a hash with expiry */
    HF_RDB_HASH_LISTPACK_EXPIRY_RC = 23,
    HF_RDB_HASH_EXPIRY = 24,
    HF_RDB_HASH_LISTPACK_EXPIRY = 25,
};

enum hf_rdb_opcode {
    HF_RDB_SLOT_IMPORT = 243, /* Valkey */
    HF_RDB_SLOT_INFO = 244,
    HF_RDB_FUNCTION = 245,
    HF_RDB_MODULE_AUX = 247,
    HF_RDB_IDLE = 248,
    HF_RDB_FREQ = 249,
    HF_RDB_AUX = 250,
    HF_RDB_RESIZEDB = 251,
    HF_RDB_EXPIRY_MS = 252,
    HF_RDB_EXPIRY_S = 253,
    HF_RDB_SELECTDB = 254,
    HF_RDB_EOF = 255,
};

/* What a value is to its users. */
enum hf_rdb_kind {
    HF_RDB_KIND_STRING,
    HF_RDB_KIND_LIST,
    HF_RDB_KIND_SET,
    HF_RDB_KIND_ZSET,
    HF_RDB_KIND_HASH,
    HF_RDB_KIND_STREAM,
    HF_RDB_KIND_MODULE,
    HF_RDB_KINDS,
};

/* NULL: not known. */
const char *hf_rdb_type_program(enum hf_rdb_flavour flavour, uint8_t type);
const char *hf_rdb_opcode_program(enum hf_rdb_flavour flavour, uint8_t opcode);

/* Of a known type. */
enum hf_rdb_kind hf_rdb_kind(uint8_t type);
/* "string", "zset" */
const char *hf_rdb_kind_name(enum hf_rdb_kind kind);

static inline enum hf_rdb_flavour hf_rdb_flavour(unsigned version)
{
    return version >= 80 ? HF_RDB_VALKEY : HF_RDB_REDIS;
}

#endif
