#include "formats/redis/rdb_grammar.h"

#include <stddef.h>

static const struct {
    enum hf_rdb_kind kind;
    const char *program;
} types[] = {
    [HF_RDB_STRING] = {HF_RDB_KIND_STRING, "s"},
    [HF_RDB_LIST] = {HF_RDB_KIND_LIST, "(s)"},
    [HF_RDB_SET] = {HF_RDB_KIND_SET, "(s)"},
    [HF_RDB_ZSET] = {HF_RDB_KIND_ZSET, "(sd)"},
    [HF_RDB_HASH] = {HF_RDB_KIND_HASH, "(ss)"},
    [HF_RDB_ZSET_2] = {HF_RDB_KIND_ZSET, "(s8)"},
    [HF_RDB_MODULE_2] = {HF_RDB_KIND_MODULE, "lm"},
    [HF_RDB_HASH_ZIPMAP] = {HF_RDB_KIND_HASH, "s"},
    [HF_RDB_LIST_ZIPLIST] = {HF_RDB_KIND_LIST, "s"},
    [HF_RDB_SET_INTSET] = {HF_RDB_KIND_SET, "s"},
    [HF_RDB_ZSET_ZIPLIST] = {HF_RDB_KIND_ZSET, "s"},
    [HF_RDB_HASH_ZIPLIST] = {HF_RDB_KIND_HASH, "s"},
    [HF_RDB_LIST_QUICKLIST] = {HF_RDB_KIND_LIST, "(s)"},
    /* Of streams: nodes (first id, entries); number of entries, last id; [first id, greatest
     * deleted id, entries ever added;] groups: name, last id, [entries read,] pending (id, time,
     * times), consumers: name, seen, [active,] pending ids. In brackets: later versions. */
    [HF_RDB_STREAM_1] = {HF_RDB_KIND_STREAM, "(ss)lll(sll(x8l)(s8(x)))"},
    [HF_RDB_HASH_LISTPACK] = {HF_RDB_KIND_HASH, "s"},
    [HF_RDB_ZSET_LISTPACK] = {HF_RDB_KIND_ZSET, "s"},
    [HF_RDB_LIST_QUICKLIST_2] = {HF_RDB_KIND_LIST, "(ls)"},
    [HF_RDB_STREAM_2] = {HF_RDB_KIND_STREAM, "(ss)llllllll(slll(x8l)(s8(x)))"},
    [HF_RDB_SET_LISTPACK] = {HF_RDB_KIND_SET, "s"},
    [HF_RDB_STREAM_3] = {HF_RDB_KIND_STREAM, "(ss)llllllll(slll(x8l)(s88(x)))"},
    [HF_RDB_HASH_EXPIRY_RC] = {HF_RDB_KIND_HASH, "(lss)"},
    [HF_RDB_HASH_LISTPACK_EXPIRY_RC] = {HF_RDB_KIND_HASH, "s"},
    [HF_RDB_HASH_EXPIRY] = {HF_RDB_KIND_HASH, "8(lss)"},
    [HF_RDB_HASH_LISTPACK_EXPIRY] = {HF_RDB_KIND_HASH, "8s"},
};

static const char *const opcodes[256] = {
    [HF_RDB_SLOT_IMPORT] = "s(ll)",
    [HF_RDB_SLOT_INFO] = "lll",
    [HF_RDB_FUNCTION] = "s",
    [HF_RDB_MODULE_AUX] = "lllm",
    [HF_RDB_IDLE] = "l",
    [HF_RDB_FREQ] = "1",
    [HF_RDB_AUX] = "ss",
    [HF_RDB_RESIZEDB] = "ll",
    [HF_RDB_EXPIRY_MS] = "8",
    [HF_RDB_EXPIRY_S] = "4",
    [HF_RDB_SELECTDB] = "l",
    [HF_RDB_EOF] = "8",
};

const char *hf_rdb_type_program(enum hf_rdb_flavour flavour, uint8_t type)
{
    if (flavour == HF_RDB_VALKEY && type >= HF_RDB_HASH_EXPIRY_RC)
        return type == HF_RDB_HASH_EXPIRY_RC ? "(ss8)" : NULL;
    return type < sizeof types / sizeof *types ? types[type].program : NULL;
}

const char *hf_rdb_opcode_program(enum hf_rdb_flavour flavour, uint8_t opcode)
{
    if (flavour == HF_RDB_REDIS && opcode == HF_RDB_SLOT_IMPORT)
        return NULL; /* Redis keeps something else there, from version 13 on */
    return opcodes[opcode];
}

enum hf_rdb_kind hf_rdb_kind(uint8_t type)
{
    return types[type].kind;
}

const char *hf_rdb_kind_name(enum hf_rdb_kind kind)
{
    static const char *const names[HF_RDB_KINDS] = {"string", "list",   "set",   "zset",
                                                    "hash",   "stream", "module"};

    return names[kind];
}
