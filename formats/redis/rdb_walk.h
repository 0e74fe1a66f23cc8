/*
 * Walks the bytes of one item of an RDB along its program (rdb_grammar.h), however they are cut
 * into pieces, in constant memory. What is in them is told to a visitor, if there is one; without
 * one, the contents of strings are passed over.
 */
#ifndef HF_REDIS_RDB_WALK_H
#define HF_REDIS_RDB_WALK_H

#include "base/error.h"
#include "formats/redis/lzf.h"

#include <stddef.h>
#include <stdint.h>

/* No token that is not a string's content is longer, so fewer bytes than these may be left over. */
enum { HF_RDB_TOKEN_MAX = 32 };

/* Any function may be NULL. */
struct hf_rdb_visitor {
    /* A length, also that of a loop that begins. */
    enum hf_status (*number)(void *ctx, uint64_t number, struct hf_error *err);
    enum hf_status (*bytes)(void *ctx, const uint8_t *data, size_t len, struct hf_error *err);
    /* A double as text, NUL-ended: "3.25", "nan", "inf", "-inf". */
    enum hf_status (*real)(void *ctx, const char *text, struct hf_error *err);
    /* A string, decompressed, integers as decimal text; at least one piece, maybe empty. */
    enum hf_status (*text)(void *ctx, const uint8_t *data, size_t len, bool last,
                           struct hf_error *err);
    /* A loop is over (right after number when it is empty). */
    enum hf_status (*loop_end)(void *ctx, struct hf_error *err);
};

enum { HF_RDB_LOOPS_MAX = 4 };

struct hf_rdb_walk {
    const char *at; /* the next token; "" at the end */
    struct {
        const char *body;
        uint64_t left;
    } loops[HF_RDB_LOOPS_MAX];
    unsigned depth;
    uint64_t skip;                        /* bytes of a string's content that are to come */
    bool packed;                          /* that string is compressed */
    const struct hf_rdb_visitor *visitor; /* or NULL */
    void *ctx;
    struct hf_lzf *lzf; /* made for a visitor when first needed */
};

void hf_rdb_walk_init(struct hf_rdb_walk *walk);
void hf_rdb_walk_done(struct hf_rdb_walk *walk);

/* visitor may be NULL. */
void hf_rdb_walk_begin(struct hf_rdb_walk *walk, const char *program,
                       const struct hf_rdb_visitor *visitor, void *ctx);
static inline bool hf_rdb_walk_ended(const struct hf_rdb_walk *walk)
{
    return *walk->at == '\0' && walk->skip == 0;
}

/* Walks over as many of the bytes as can be. What is left over (fewer than HF_RDB_TOKEN_MAX, unless
 * the item ended) must be given again with more behind it. HF_DAMAGED when it is none such. */
enum hf_status hf_rdb_walk_feed(struct hf_rdb_walk *walk, const uint8_t *data, size_t len,
                                size_t *out_used, struct hf_error *err) HF_WARN_UNUSED;

/* Lengths as RDB writes them. len bytes are there: how many of them it took; 0: more are needed; a
 * negative number: a special encoding, its number - 1 negated ("-1 - n"), one byte taken. */
int hf_rdb_length(const uint8_t *data, size_t len, uint64_t *out);
enum { HF_RDB_LENGTH_MAX = 9 };
/* Returns how many bytes it wrote. */
size_t hf_rdb_put_length(uint8_t data[HF_RDB_LENGTH_MAX], uint64_t length);

#endif
