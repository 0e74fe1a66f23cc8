#include "storage/repository/chunker.h"

#include "storage/repository/header.h"

#include <sodium.h>
#include <string.h>

enum { WINDOW = 64 }; /* bytes the hash remembers: one a bit */

/* The table is a keystream: ChaCha20 under the seed, nonce zero, 8 bytes little-endian a word. */
static void fill_table(uint64_t table[256], const uint8_t seed[HF_KEY_SIZE])
{
    uint8_t stream[256 * 8];
    uint8_t nonce[crypto_stream_chacha20_ietf_NONCEBYTES] = {0};
    crypto_stream_chacha20_ietf(stream, sizeof stream, nonce, seed);
    for (size_t i = 0; i < 256; i++)
        table[i] = hf_load_u64(stream + 8 * i);
    sodium_memzero(stream, sizeof stream);
}

static uint64_t leading_bits(unsigned count)
{
    return ~UINT64_C(0) << (64 - count);
}

enum hf_status hf_chunker_init(struct hf_chunker *chunker, const uint8_t seed[HF_KEY_SIZE],
                               uint32_t min, uint32_t avg, uint32_t max, struct hf_error *err)
{
    if (min < HF_CHUNK_MIN_LOWEST || min >= avg || avg >= max || max > HF_CHUNK_MAX_HIGHEST ||
        (avg & (avg - 1)) != 0)
        return hf_error_set(err, HF_USAGE, "chunk sizes %u, %u, %u do not fit together", min, avg,
                            max);
    unsigned bits = (unsigned)__builtin_ctz(avg);
    *chunker = (struct hf_chunker){.min = min, .avg = avg, .max = max};
    /* One bit more before the average and two fewer after it: the mean comes out near avg. */
    chunker->mask_early = leading_bits(bits + 1);
    chunker->mask_late = leading_bits(bits - 2);
    fill_table(chunker->table, seed);
    return HF_OK;
}

/*
 * Runs the hash from *at to end; true, with *at behind the byte, when the condition held.
 * Four bytes a turn: the hashes in between are made from the first, so that the chain from turn
 * to turn is one shift and one add long and the processor works on all four at once.
 */
static bool roll(const uint64_t table[256], uint64_t mask, const uint8_t *data, size_t *at,
                 size_t end, uint64_t *hash)
{
    uint64_t h = *hash;
    size_t i = *at;
    for (; i + 4 <= end; i += 4) {
        uint64_t t0 = table[data[i]];
        uint64_t t1 = (t0 << 1) + table[data[i + 1]];
        uint64_t t2 = (t1 << 1) + table[data[i + 2]];
        uint64_t t3 = (t2 << 1) + table[data[i + 3]];
        uint64_t h0 = (h << 1) + t0;
        uint64_t h1 = (h << 2) + t1;
        uint64_t h2 = (h << 3) + t2;
        h = (h << 4) + t3;
        if (__builtin_expect(!(h0 & mask) || !(h1 & mask) || !(h2 & mask) || !(h & mask), 0)) {
            i += !(h0 & mask) ? 1 : !(h1 & mask) ? 2 : !(h2 & mask) ? 3 : 4;
            *at = i;
            *hash = h;
            return true;
        }
    }
    for (; i < end; i++) {
        h = (h << 1) + table[data[i]];
        if (!(h & mask)) {
            *at = i + 1;
            *hash = h;
            return true;
        }
    }
    *at = i;
    *hash = h;
    return false;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The hash over the bytes just before the least length, where no cut may come yet. */
static void warm_up(const struct hf_chunker *chunker, struct hf_chunk_scan *scan,
                    const uint8_t *data, size_t len)
{
    size_t start = chunker->min - WINDOW;
    size_t end = smaller(len, chunker->min - 1u);
    if (scan->at < start)
        scan->at = start;
    for (; scan->at < end; scan->at++)
        scan->hash = (scan->hash << 1) + chunker->table[data[scan->at]];
}

/* True, with scan->at behind the byte, when the condition held between the least length and len. */
static bool look(const struct hf_chunker *chunker, struct hf_chunk_scan *scan, const uint8_t *data,
                 size_t len)
{
    if (len <= chunker->min - WINDOW)
        return false;
    if (scan->at < chunker->min - 1u)
        warm_up(chunker, scan, data, len);
    size_t end = smaller(len, chunker->avg);
    if (scan->at < end &&
        roll(chunker->table, chunker->mask_early, data, &scan->at, end, &scan->hash))
        return true;
    return scan->at < len &&
           roll(chunker->table, chunker->mask_late, data, &scan->at, len, &scan->hash);
}

/* The end of the row that scan->at is in, 0 when it is not there yet. */
static size_t row_end(struct hf_chunk_scan *scan, const uint8_t *data, size_t len)
{
    const uint8_t *end = scan->at < len ? memchr(data + scan->at, '\n', len - scan->at) : NULL;
    scan->at = len;
    return end ? (size_t)(end - data) + 1 : 0;
}

/* A chunk that is as long as it may be. */
static size_t cut_full(enum hf_stream_kind kind, const uint8_t *data, size_t len)
{
    const uint8_t *end = kind == HF_STREAM_ROWS ? memrchr(data, '\n', len) : NULL;
    return end ? (size_t)(end - data) + 1 : len;
}

size_t hf_chunker_scan(const struct hf_chunker *chunker, enum hf_stream_kind kind,
                       struct hf_chunk_scan *scan, const uint8_t *data, size_t len)
{
    size_t cut = 0;
    if (!scan->cut_here && look(chunker, scan, data, len)) {
        if (kind != HF_STREAM_ROWS)
            return scan->at;
        scan->cut_here = true;
        scan->at--; /* that byte may be the row's end itself */
    }
    if (scan->cut_here)
        cut = row_end(scan, data, len);
    if (cut == 0 && len == chunker->max)
        cut = cut_full(kind, data, len);
    return cut;
}
