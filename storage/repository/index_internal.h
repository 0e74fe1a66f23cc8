/* The index in memory, for index*.c only. Locking: lock guards everything; flushing is held by
 * one flush or rewrite at a time, and taken before lock. */
#ifndef HF_REPOSITORY_INDEX_INTERNAL_H
#define HF_REPOSITORY_INDEX_INTERNAL_H

#include "base/text.h"
#include "storage/repository/id_table.h"
#include "storage/repository/index.h"

#include <pthread.h>

struct hf_index_item {
    struct hf_index_pack pack;
    bool dropped;
    bool pending; /* no object in the store says it yet */
};

struct hf_index_drop {
    struct hf_chunk_id pack;
    bool pending;
};

struct hf_index {
    pthread_rwlock_t lock;
    pthread_mutex_t flushing;
    struct hf_index_item **items; /* by number; an item never moves */
    size_t count;
    size_t cap;
    struct hf_index_drop *drops;
    size_t drop_count;
    size_t drop_cap;
    struct hf_id_table frames; /* (pack number, frame) */
    struct hf_id_table packs;  /* (pack number, 0) */
    struct hf_id_table dropped;
    size_t live_frames;
    bool stale;                /* frames does not prefer live packs any more */
    struct hf_strings objects; /* keys of the objects at load */
};

void hf_index_item_free(struct hf_index_item *item);
/* Takes the item over on success, also when the pack is known (it is freed then). Under the lock.
 */
enum hf_status hf_index_take(struct hf_index *index, struct hf_index_item *item,
                             struct hf_error *err) HF_WARN_UNUSED;
/* Under the lock. */
enum hf_status hf_index_note_drop(struct hf_index *index, const struct hf_chunk_id *pack,
                                  bool pending, struct hf_error *err) HF_WARN_UNUSED;

#endif
