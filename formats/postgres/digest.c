#include "formats/postgres/digest.h"

#include "base/random.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

_Static_assert(HF_PG_DIGEST_KEY == crypto_shorthash_siphashx24_KEYBYTES, "size of the key");

void hf_pg_digest_key_make(struct hf_pg_digest_key *key)
{
    hf_random_bytes(key->bytes, sizeof key->bytes);
}

void hf_pg_digest_init(struct hf_pg_digest *digest, const struct hf_pg_digest_key *key)
{
    *digest = (struct hf_pg_digest){.key = key, .partial = HF_BUF_INIT};
}

void hf_pg_digest_done(struct hf_pg_digest *digest)
{
    hf_buf_free(&digest->partial);
}

void hf_pg_digest_add(struct hf_pg_digest_sum *sum, const struct hf_pg_digest_sum *other)
{
    sum->rows += other->rows;
    sum->low += other->low;
    sum->high += other->high + (sum->low < other->low ? 1 : 0);
}

static void add_line(struct hf_pg_digest *digest, const uint8_t *line, size_t len)
{
    uint8_t hash[crypto_shorthash_siphashx24_BYTES];
    struct hf_pg_digest_sum one = {.rows = 1};

    if (!digest->key) {
        digest->sum.rows++;
        return;
    }
    (void)crypto_shorthash_siphashx24(hash, line, len, digest->key->bytes);
    one.low = hf_load_u64(hash);
    one.high = hf_load_u64(hash + 8);
    hf_pg_digest_add(&digest->sum, &one);
}

/* Ends the line that began in an earlier piece. Returns the bytes of data that belonged to it. */
static enum hf_status end_partial(struct hf_pg_digest *digest, const uint8_t *data, size_t len,
                                  size_t *out_used, struct hf_error *err)
{
    const uint8_t *newline = memchr(data, '\n', len);
    size_t used = newline ? (size_t)(newline - data) + 1 : len;

    HF_TRY(hf_buf_append(&digest->partial, data, used, err));
    if (newline) {
        add_line(digest, digest->partial.data, digest->partial.len - 1);
        digest->partial.len = 0;
    }
    *out_used = used;
    return HF_OK;
}

enum hf_status hf_pg_digest_feed(struct hf_pg_digest *digest, const void *data, size_t len,
                                 struct hf_error *err)
{
    const uint8_t *at = data;
    const uint8_t *end = at + len;
    const uint8_t *newline;
    size_t used = 0;

    if (len == 0)
        return HF_OK;
    if (digest->partial.len > 0) {
        HF_TRY(end_partial(digest, at, len, &used, err));
        at += used;
    }
    while (at < end && (newline = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        add_line(digest, at, (size_t)(newline - at));
        at = newline + 1;
    }
    if (at < end)
        HF_TRY(hf_buf_append(&digest->partial, at, (size_t)(end - at), err));
    return HF_OK;
}

enum hf_status hf_pg_digest_end(struct hf_pg_digest *digest, struct hf_pg_digest_sum *out,
                                struct hf_error *err)
{
    if (digest->partial.len > 0)
        return hf_error_set(err, HF_DAMAGED, "the rows end in the middle of a line");
    *out = digest->sum;
    return HF_OK;
}

bool hf_pg_digest_equal(const struct hf_pg_digest_sum *a, const struct hf_pg_digest_sum *b)
{
    return a->rows == b->rows && a->low == b->low && a->high == b->high;
}

void hf_pg_digest_text(char text[HF_PG_DIGEST_TEXT], const struct hf_pg_digest_sum *sum)
{
    (void)snprintf(text, HF_PG_DIGEST_TEXT, "%016" PRIx64 "%016" PRIx64, sum->high, sum->low);
}
