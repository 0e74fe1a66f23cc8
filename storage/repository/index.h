/*
 * The index: which chunk is in which pack.
 *
 * In the store: index/<SHA-256 in hexadecimal>, envelopes (HF_SEALED_INDEX) that each hold the
 * directories of some packs. All numbers are little-endian.
 *
 *   packs (4), drops (4), then drops × 32: ids of packs that left the index, then of each pack:
 *   id (32), size (8), slots (4), frames (4), slots × 96 and frames × 48 as in pack.h
 *
 * The repository's index is what all its objects say together, whatever their order: a pack is
 * dropped when any of them drops it. A dropped pack (found missing or damaged) is not counted
 * on any more, so the next backup stores its chunks again; readers come back to it where a chunk
 * is nowhere else, in case it was missing for a moment only. So objects can be merged at any time
 * beside everybody else's work (index_merge.h).
 *
 * In memory: every frame, 52 bytes and a hash slot of 8 to 16. Any thread may call anything but
 * hf_index_free at any time; packs and frames handed out live as long as the index.
 */
#ifndef HF_REPOSITORY_INDEX_H
#define HF_REPOSITORY_INDEX_H

#include "base/error.h"
#include "base/observer.h"
#include "storage/repository/chunk.h"
#include "storage/repository/pack.h"
#include "storage/repository/repository.h"

#include <stddef.h>
#include <stdint.h>

enum {
    HF_INDEX_PACKS = 128,              /* pending, at which a backup under way writes them */
    HF_INDEX_OBJECT_TARGET = 12 << 20, /* bytes of an object, a pack's directory more at the most */
    HF_INDEX_OBJECT_MAX = 64 << 20,    /* of an object that is believed */
    HF_INDEX_NAME = 6 + 64 + 1,        /* "index/<64 hex>" and NUL */
};

struct hf_index;

struct hf_index_pack {
    struct hf_chunk_id id;
    uint64_t size; /* of the object */
    struct hf_pack_slot *slots;
    size_t slot_count;
    struct hf_frame *frames;
    size_t frame_count;
    size_t number; /* in the order they came into memory, from 0 */
    enum hf_chunk_class class;
};

struct hf_location {
    const struct hf_index_pack *pack;
    const struct hf_frame *frame;
    bool dropped;              /* the pack is in doubt, and the chunk is in no other */
    struct hf_repo *elsewhere; /* the replica that the pack is in (chunk_reader.h), or NULL */
};

enum hf_status hf_index_new(struct hf_index **out, struct hf_error *err) HF_WARN_UNUSED;
void hf_index_free(struct hf_index *index); /* takes NULL */
HF_DEFINE_AUTO_PTR(hf_index, hf_index_free)

/* Told of each object that could not be used: its key, and why (HF_DAMAGED, HF_NOT_FOUND,
 * HF_DENIED). What it holds is left out. fn may be NULL. */
struct hf_index_faults {
    void *ctx;
    void (*fn)(void *ctx, const char *object, const struct hf_error *why);
};

/* Reads every index object, one at a time, also those that objects which go away meanwhile are
 * merged into. faults NULL: the first fault is the error. */
enum hf_status hf_index_load(struct hf_index *index, struct hf_repo *repo,
                             const struct hf_index_faults *faults,
                             struct hf_error *err) HF_WARN_UNUSED;

struct hf_index_survey {
    uint64_t adopted; /* packs that no index object knew, now in this index */
    uint64_t lost;    /* packs that are gone or have another size, now dropped */
};
/*
 * Compares the index with the packs that are there: all of them (part ""), or those whose id begins
 * with the hexadecimal digits of part (at most HF_SURVEY_PART of them); a bucket is asked once for
 * every 1000. Packs no index knows (a killed backup left them, or an index object was lost) are
 * adopted by their directories. Load first: a pack is always stored before the index that names it.
 * faults: of packs that cannot be adopted.
 */
enum { HF_SURVEY_PART = 2 };
enum hf_status hf_index_survey(struct hf_index *index, struct hf_repo *repo, const char *part,
                               const struct hf_index_faults *faults, struct hf_index_survey *out,
                               struct hf_error *err) HF_WARN_UNUSED;

struct hf_lease;
/*
 * What who stores packs has to know: loads the index, sets aside what is marked to be removed
 * (marks.h), then surveys it. All packs, or where there
 * are more than HF_SURVEY_MOST (160 GB, say) a 16th or a 256th of them, another one each time,
 * since each host would ask a bucket for all of them each time. Unless there is reason to look at
 * all of them: traces of a killed run that lease found (hf_lease_found_traces), or an index that is
 * not whole. Of objects that are not used the observer (may be NULL) is told.
 */
enum { HF_SURVEY_MOST = 10000 };
enum hf_status hf_index_load_surveyed(struct hf_index *index, struct hf_repo *repo,
                                      const struct hf_lease *lease,
                                      const struct hf_observer *observer,
                                      struct hf_index_survey *out,
                                      struct hf_error *err) HF_WARN_UNUSED;

/* Where a chunk is. Live packs first, then dropped ones. */
bool hf_index_find(struct hf_index *index, const struct hf_chunk_id *id, struct hf_location *out);

/* A pack that is durable in the store; copied, and part of the next flush. One that is known
 * is left as it is. */
enum hf_status hf_index_add(struct hf_index *index, const struct hf_chunk_id *pack, uint64_t size,
                            const struct hf_pack_slot *slots, size_t slot_count,
                            const struct hf_frame *frames, size_t frame_count,
                            struct hf_error *err) HF_WARN_UNUSED;
/* A pack that is missing or damaged. Known to all with the next flush. One the index does not
 * know is remembered, so that it is not adopted. */
enum hf_status hf_index_drop(struct hf_index *index, const struct hf_chunk_id *pack,
                             struct hf_error *err) HF_WARN_UNUSED;
/* Not to be counted on by whoever has this index in memory, as if it were dropped; nobody else is
 * told. Also a pack that the index does not know. */
enum hf_status hf_index_set_aside(struct hf_index *index, const struct hf_chunk_id *pack,
                                  struct hf_error *err) HF_WARN_UNUSED;
/* A pack that was dropped and is whole again: it counts, and is adopted where it is found. True
 * when objects in the store still say that it is dropped: only hf_index_rewrite makes that known
 * to others. */
bool hf_index_revive(struct hf_index *index, const struct hf_chunk_id *pack);

/* Packs that were added or adopted since, and drops, that no object says yet. */
size_t hf_index_pending(struct hf_index *index);
/* Writes these; *out_bytes (may be NULL) is what was stored. Nothing pending: nothing written. */
enum hf_status hf_index_flush(struct hf_index *index, struct hf_repo *repo, uint64_t *out_bytes,
                              struct hf_error *err) HF_WARN_UNUSED;
/* Writes all of it anew, then deletes the objects that were there at load, readable or not. For
 * whoever holds the repository for himself. A crash in between leaves objects that say the same
 * thing twice. */
enum hf_status hf_index_rewrite(struct hf_index *index, struct hf_repo *repo,
                                struct hf_error *err) HF_WARN_UNUSED;

/*
 * Takes packs out of the index: writes anew, without them, the objects that name them, then deletes
 * these. gone: by number, count of them. For whoever holds the repository for himself (a merge that
 * goes on meanwhile would bring them back). Objects that are locked at the time now (ns) stay as
 * they are, and so do unreadable ones: then the packs are dropped instead, and known as that.
 * A crash in between leaves packs that the index names still. They stay in memory, set aside.
 */
enum hf_status hf_index_strip(struct hf_index *index, struct hf_repo *repo, const bool *gone,
                              size_t count, int64_t now, struct hf_error *err) HF_WARN_UNUSED;
/* Objects that were loaded and written, less those removed. */
size_t hf_index_objects(struct hf_index *index);

/* What it takes in memory, about. */
uint64_t hf_index_bytes(struct hf_index *index);
/* All packs by number; NULL past the last. */
const struct hf_index_pack *hf_index_pack(struct hf_index *index, size_t number);
const struct hf_index_pack *hf_index_find_pack(struct hf_index *index,
                                               const struct hf_chunk_id *pack);
bool hf_index_is_dropped(struct hf_index *index, const struct hf_chunk_id *pack);
/* Frames in live packs. */
size_t hf_index_frames(struct hf_index *index);

/* Parses one object's plaintext into index; for hf_index_load and the fuzzer. On HF_DAMAGED nothing
 * was added. */
enum hf_status hf_index_parse(struct hf_index *index, const void *data, size_t len,
                              struct hf_error *err) HF_WARN_UNUSED;

#endif
