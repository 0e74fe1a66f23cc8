/*
 * The content digest of rows: how many there are, and the sum mod 2^128 of the keyed
 * SipHash-2-4-128 of each line of COPY text. It does not depend on the order of the rows, so
 * parts of a table may be digested apart and added. The key is random for each restore: equal
 * digests of unequal rows cannot be prepared beforehand, and digests of two restores cannot be
 * compared.
 *
 * One thread feeds one struct hf_pg_digest.
 */
#ifndef HF_POSTGRES_DIGEST_H
#define HF_POSTGRES_DIGEST_H

#include "base/buffer.h"
#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

enum { HF_PG_DIGEST_KEY = 16, HF_PG_DIGEST_TEXT = 33 };

struct hf_pg_digest_key {
    uint8_t bytes[HF_PG_DIGEST_KEY];
};

struct hf_pg_digest_sum {
    uint64_t rows;
    uint64_t low, high;
};

struct hf_pg_digest {
    const struct hf_pg_digest_key *key; /* borrowed; NULL: rows are counted only */
    struct hf_pg_digest_sum sum;
    struct hf_buf partial; /* a line that goes on in the next piece */
};

void hf_pg_digest_key_make(struct hf_pg_digest_key *key);

void hf_pg_digest_init(struct hf_pg_digest *digest, const struct hf_pg_digest_key *key);
void hf_pg_digest_done(struct hf_pg_digest *digest);

/* Any piece of COPY text: lines end with a newline and may go over pieces. */
enum hf_status hf_pg_digest_feed(struct hf_pg_digest *digest, const void *data, size_t len,
                                 struct hf_error *err) HF_WARN_UNUSED;
/* The end of the rows. A last line without a newline is HF_DAMAGED. */
enum hf_status hf_pg_digest_end(struct hf_pg_digest *digest, struct hf_pg_digest_sum *out,
                                struct hf_error *err) HF_WARN_UNUSED;

void hf_pg_digest_add(struct hf_pg_digest_sum *sum, const struct hf_pg_digest_sum *other);
bool hf_pg_digest_equal(const struct hf_pg_digest_sum *a, const struct hf_pg_digest_sum *b);
/* Hexadecimal, without the count. */
void hf_pg_digest_text(char text[HF_PG_DIGEST_TEXT], const struct hf_pg_digest_sum *sum);

#endif
