/*
 * Reading the content of files into bundles.
 *
 * A file is looked at before and after it is read; only when both looks agree does what was read
 * count. One that changes is read again, HF_VOL_READS times in all; then what was read last is
 * kept, marked as torn and named. What was read for nothing stays in the bundle as waste.
 */
#ifndef HF_VOLUME_CONTENT_H
#define HF_VOLUME_CONTENT_H

#include "base/cancel.h"
#include "base/observer.h"
#include "base/stream.h"
#include "formats/volume/arena.h"
#include "formats/volume/entry.h"
#include "formats/volume/notes.h"

enum {
    HF_VOL_READS = 3,
    HF_VOL_BUFFER = 1 << 20,
};

/* A bundle that is being written. The stream is opened with the first byte, so an empty one is
 * none. */
struct hf_vol_bundle {
    const struct hf_sink *sink;
    uint32_t number;
    struct hf_sink_stream *stream; /* or NULL */
    uint64_t len;
    uint64_t files;
};
enum hf_status hf_vol_bundle_close(struct hf_vol_bundle *bundle,
                                   struct hf_error *err) HF_WARN_UNUSED;
void hf_vol_bundle_abandon(struct hf_vol_bundle *bundle);

/* What a thread that reads has. */
struct hf_vol_reader {
    int root;
    uint8_t *buffer; /* HF_VOL_BUFFER bytes */
    struct hf_buf xattrs;
    struct hf_cancel *cancel;
    const struct hf_observer *observer;
    struct hf_vol_noted *notes;
    bool skip_unreadable;
};

/* How a file came out. */
enum hf_vol_outcome {
    HF_VOL_READ,
    HF_VOL_GONE,  /* vanished, or unreadable and to be skipped: noted, to be left out */
    HF_VOL_OTHER, /* it is not the file any more that was looked at */
};

/* A run of a file's bytes, read into a bundle. */
struct hf_vol_range {
    uint64_t start, end;           /* of the file */
    struct hf_vol_part part;       /* where it went; len 0: all of it is a hole */
    struct hf_vol_extent *extents; /* of what is no hole; owned */
    size_t extent_count;
    size_t extent_cap;
};
void hf_vol_range_done(struct hf_vol_range *range);

/* Reads a whole file into the bundle, as often as it takes; fills in the entry's stat, parts,
 * extents and attributes, from arena. Never HF_VOL_OTHER. */
enum hf_status hf_vol_read_file(struct hf_vol_reader *reader, struct hf_vol_bundle *bundle,
                                struct hf_vol_arena *arena, struct hf_vol_entry *entry,
                                enum hf_vol_outcome *out, struct hf_error *err) HF_WARN_UNUSED;

/* Reads one range of a file that several threads read, once. HF_VOL_OTHER when the file is not as
 * entry says, before or after. entry is not changed. */
enum hf_status hf_vol_read_range(struct hf_vol_reader *reader, struct hf_vol_bundle *bundle,
                                 const struct hf_vol_entry *entry, size_t extents_max,
                                 struct hf_vol_range *range, enum hf_vol_outcome *out,
                                 struct hf_error *err) HF_WARN_UNUSED;
/* The attributes of such a file. */
enum hf_status hf_vol_read_attributes(struct hf_vol_reader *reader, struct hf_vol_arena *arena,
                                      struct hf_vol_entry *entry, enum hf_vol_outcome *out,
                                      struct hf_error *err) HF_WARN_UNUSED;

/* Puts parts and extents of ranges, in order, into the entry. */
enum hf_status hf_vol_entry_set_ranges(struct hf_vol_entry *entry, struct hf_vol_arena *arena,
                                       const struct hf_vol_range *ranges, size_t count,
                                       struct hf_error *err) HF_WARN_UNUSED;

/* What cannot be read: an error, or noted where that is to be skipped. */
enum hf_status hf_vol_unreadable(struct hf_vol_noted *notes, bool skip, const char *path, int error,
                                 struct hf_error *err) HF_WARN_UNUSED;

#endif
