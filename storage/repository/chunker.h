/*
 * Where a stream is cut into chunks: by its content, so that what stays the same keeps its chunks
 * when something before it grows or shrinks. docs/format.md, "Cutting".
 *
 * A gear hash runs over the bytes: h = 2h + table[byte], 64 bits, so it knows the last 64 bytes
 * and no more. The table comes from a subkey of id_key: whoever does not hold it cannot tell
 * content from chunk sizes. A cut comes after the first byte, from the least length on, at which
 * the hash has so many leading zero bits: more of them before the average length and fewer after
 * it, which draws sizes together (normalised chunking). In HF_STREAM_ROWS streams the cut moves to
 * the end of the row that byte is in.
 *
 * A chunk that reaches the greatest length is cut there; of rows, after the last whole row in it,
 * or there where a single row is that long.
 *
 * All that depends on the stream's bytes alone, never on how they were written.
 */
#ifndef HF_REPOSITORY_CHUNKER_H
#define HF_REPOSITORY_CHUNKER_H

#include "base/error.h"
#include "base/stream.h"
#include "storage/repository/keyset.h"

#include <stddef.h>
#include <stdint.h>

/* The same for all streams of a repository; constant once set up. */
struct hf_chunker {
    uint32_t min; /* bytes */
    uint32_t avg;
    uint32_t max;
    uint64_t mask_early; /* a cut before avg: these bits of the hash are zero */
    uint64_t mask_late;
    uint64_t table[256];
};

/* HF_USAGE unless min < avg < max and avg is a power of two; bounds as in header.h. Wipe the table
 * after use: it is derived from a key. */
enum hf_status hf_chunker_init(struct hf_chunker *chunker, const uint8_t seed[HF_KEY_SIZE],
                               uint32_t min, uint32_t avg, uint32_t max,
                               struct hf_error *err) HF_WARN_UNUSED;

/* How far one chunk was looked at. All zeroes at its start. */
struct hf_chunk_scan {
    uint64_t hash;
    size_t at;     /* bytes looked at */
    bool cut_here; /* rows: the condition held, the row's end is what is missing */
};

/*
 * Looks on in a chunk of which len bytes are there (at most max, and never fewer than the last
 * time). The length of the chunk once it is known, at most len; 0 while more bytes are needed,
 * which with len == max cannot be. Bytes past the cut are the next chunk's.
 */
size_t hf_chunker_scan(const struct hf_chunker *chunker, enum hf_stream_kind kind,
                       struct hf_chunk_scan *scan, const uint8_t *data, size_t len);

#endif
