/*
 * Reading the content of many files out of a snapshot, several bundles at once.
 *
 * Pieces of content are asked for in any order and come sorted by where they lie; neighbours in a
 * bundle are one request, which reads the chunks between the first and the last of them once. What
 * lies far apart is apart.
 */
#ifndef HF_VOLUME_FETCH_H
#define HF_VOLUME_FETCH_H

#include "base/cancel.h"
#include "base/stream.h"
#include "formats/volume/entry.h"

enum {
    HF_VOL_GAP_MAX = 1 << 20,      /* read over, rather than asking twice */
    HF_VOL_REQUEST_MAX = 32 << 20, /* bytes, but for a piece that is larger */
};

/* A piece of content and whose it is. */
struct hf_vol_wanted {
    struct hf_vol_part part;
    void *file;         /* the caller's */
    uint64_t position;  /* of the piece in the file's content, holes left out */
    uint8_t digest[16]; /* the caller's */
};

/* By bundle and offset. */
void hf_vol_wanted_sort(struct hf_vol_wanted **wanted, size_t count);
/* How many of them, from the first on, are one request. At least 1. */
size_t hf_vol_wanted_run(struct hf_vol_wanted *const *wanted, size_t count);

/* Gets the content of each piece: its beginning, its bytes, its end. */
struct hf_vol_taker {
    void *ctx;
    enum hf_status (*begin)(void *ctx, struct hf_vol_wanted *wanted, struct hf_error *err);
    enum hf_status (*data)(void *ctx, const uint8_t *data, size_t len, struct hf_error *err);
    enum hf_status (*end)(void *ctx, struct hf_error *err);
};
/* Reads one request. */
enum hf_status hf_vol_fetch(const struct hf_feed *feed, struct hf_cancel *cancel,
                            struct hf_vol_wanted *const *wanted, size_t count,
                            const struct hf_vol_taker *taker, struct hf_error *err) HF_WARN_UNUSED;

#endif
