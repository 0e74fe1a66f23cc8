/*
 * The middle of a capture: runs of entries that one thread finds, several fill in, and that go into
 * the list in the order in which they were found.
 *
 *   walk ─► batches ─► [ small files of a batch │ a part of a large one ] × readers ─► list
 *
 * Where one batch ends and the next begins, and so what a bundle holds, depends on paths and sizes
 * alone. Memory: HF_VOL_BATCH_ENTRIES entries a batch, and twice as many batches as readers.
 */
#ifndef HF_VOLUME_BATCH_H
#define HF_VOLUME_BATCH_H

#include "formats/source.h"
#include "formats/volume/content.h"
#include "formats/volume/list.h"

enum {
    HF_VOL_BATCH_BYTES = 16 << 20, /* to be read; then a cut may come */
    HF_VOL_BATCH_BYTES_MOST = 64 << 20,
    HF_VOL_BATCH_ENTRIES = 16384,
    HF_VOL_LARGE = 16 << 20, /* a file of its own, read in parts */
    HF_VOL_READERS_MAX = 16,
};
#define HF_VOL_PART ((uint64_t)256 << 20)

/* What was put into the list. */
struct hf_vol_counts {
    uint64_t files, directories, symlinks, hard_links, devices, fifos;
    uint64_t bytes;      /* of files, holes included */
    uint64_t read_files; /* this time */
    uint64_t read_bytes;
};

struct hf_vol_batches;

struct hf_vol_batches_options {
    const struct hf_sink *sink;
    const struct hf_work *work;
    struct hf_vol_noted *notes;
    int root;
    unsigned readers;
    bool skip_unreadable;
    uint32_t first_bundle;
};

/* Starts the readers. options' pointers are borrowed. */
enum hf_status hf_vol_batches_start(const struct hf_vol_batches_options *options,
                                    struct hf_vol_batches **out,
                                    struct hf_error *err) HF_WARN_UNUSED;
/* For what the next entry points to, until it is added. */
struct hf_vol_arena *hf_vol_batches_arena(struct hf_vol_batches *batches);
/* In tree order. must_read: the content is to be read, and with it stat and attributes anew.
 * Waits while enough is on its way. */
enum hf_status hf_vol_batches_add(struct hf_vol_batches *batches, const struct hf_vol_entry *entry,
                                  bool must_read, struct hf_error *err) HF_WARN_UNUSED;
/* After the last entry, or (failed: why, else NULL) an error of the caller's: ends readers and list
 * and frees all. The first error of any thread. */
enum hf_status hf_vol_batches_finish(struct hf_vol_batches *batches, const struct hf_error *failed,
                                     struct hf_vol_counts *out,
                                     struct hf_error *err) HF_WARN_UNUSED;

#endif
