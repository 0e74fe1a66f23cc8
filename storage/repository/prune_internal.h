/*
 * What the parts of a prune share: prune.c (order of steps), prune_packs.c (what packs there are,
 * and what becomes of each), prune_walk.c (which chunks are needed), prune_repack.c, prune_sweep.c.
 */
#ifndef HF_REPOSITORY_PRUNE_INTERNAL_H
#define HF_REPOSITORY_PRUNE_INTERNAL_H

#include "base/text.h"
#include "storage/repository/chunk_reader.h"
#include "storage/repository/index.h"
#include "storage/repository/lease.h"
#include "storage/repository/marks.h"
#include "storage/repository/prune.h"
#include "storage/repository/repository_internal.h"

#include <pthread.h>

enum hf_prune_fate {
    HF_PRUNE_ABSENT, /* not listed: gone, or too new */
    HF_PRUNE_NEEDED,
    HF_PRUNE_YOUNG,
    HF_PRUNE_MARK, /* nothing in it is needed: to be marked now */
    HF_PRUNE_WAITING,
    HF_PRUNE_DUE,
    HF_PRUNE_LOCKED,
    HF_PRUNE_DELETED,
};

/* Bits by frame; NULL: none is set. */
enum hf_prune_bits {
    HF_PRUNE_BITS_NEEDED,
    HF_PRUNE_BITS_WALKED, /* a node, and all below it */
    HF_PRUNE_BITS_PIECE,  /* a piece of a catalog, and all below it */
    HF_PRUNE_BITS,
};

struct hf_prune_pack {
    uint8_t *bits[HF_PRUNE_BITS]; /* owned */
    uint64_t needed_bytes;        /* stored */
    uint32_t needed_frames;
    enum hf_prune_fate fate;
    int64_t mtime; /* by the store's clock, ns */
    bool present;  /* listed, with the right size */
};

enum { HF_PRUNE_LATELY = 1 << 20, HF_PRUNE_LINES = 1 << 16 };

struct hf_prune {
    struct hf_repo *repo;
    const struct hf_prune_options *options;
    struct hf_prune_report *report;
    struct hf_lease *lease; /* NULL: a dry run where none can be had */
    int64_t now;            /* by the store's clock */
    struct hf_marks marks;
    struct hf_index *index;
    struct hf_chunk_reader *reader;
    struct hf_strings walked; /* keys of manifests, sorted */

    pthread_mutex_t lock;        /* of what follows, while snapshots are walked */
    struct hf_prune_pack *packs; /* by number of the index */
    size_t count;
    /* While snapshots are walked: HF_PRUNE_LATELY chunks that were noted, and HF_PRUNE_LINES lines
     * of catalogs that were walked, by their SHA-256. Each in the one place that its id says. */
    struct hf_chunk_id *lately;
    struct hf_chunk_id *lines;
};

/* prune_packs.c */
/* Lists the packs, loads the index, sets marked packs aside. */
enum hf_status hf_prune_load(struct hf_prune *prune, struct hf_error *err) HF_WARN_UNUSED;
/* As many packs as the index has now. Under the lock. */
enum hf_status hf_prune_grow(struct hf_prune *prune, struct hf_error *err) HF_WARN_UNUSED;
/* Of all its frames, stored. */
uint64_t hf_prune_frame_bytes(const struct hf_index_pack *pack);
/* Decides every pack's fate by what is needed of it, and counts. */
void hf_prune_decide(struct hf_prune *prune);
/* Marks packs of fate MARK, which wait from then on. */
enum hf_status hf_prune_mark(struct hf_prune *prune, struct hf_error *err) HF_WARN_UNUSED;
/* Reads the marks again, and writes them such that those of packs that are needed, deleted or
 * absent are gone. */
enum hf_status hf_prune_clean_marks(struct hf_prune *prune, struct hf_error *err) HF_WARN_UNUSED;
static inline void hf_prune_add(struct hf_prune_count *count, uint64_t bytes)
{
    count->packs++;
    count->bytes += bytes;
}
static inline bool hf_prune_has_bit(const struct hf_prune_pack *pack, enum hf_prune_bits kind,
                                    size_t frame)
{
    return pack->bits[kind] && (pack->bits[kind][frame / 8] & 1u << frame % 8) != 0;
}

/* prune_walk.c: what manifests need that were not walked yet. */
enum hf_status hf_prune_walk(struct hf_prune *prune, struct hf_error *err) HF_WARN_UNUSED;

/* prune_repack.c: packs that were emptied get fate MARK. */
enum hf_status hf_prune_repack(struct hf_prune *prune, struct hf_error *err) HF_WARN_UNUSED;

/* prune_sweep.c: what is due. */
enum hf_status hf_prune_sweep(struct hf_prune *prune, struct hf_error *err) HF_WARN_UNUSED;

#endif
