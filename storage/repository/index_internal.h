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
    bool revived; /* does not count any more; stays in its place, which objects refer to */
    bool aside;   /* of this index in memory alone (hf_index_set_aside): no object says it */
};

/* An object in the store, and what it says. */
struct hf_index_object {
    char *key;       /* owned */
    uint64_t size;   /* bytes */
    bool readable;   /* false: what it says is not known, and its lists are empty */
    uint32_t *packs; /* numbers; in order only while objects are compared (index_merge.c) */
    size_t pack_count;
    uint32_t *drops; /* places in the list of drops; the same */
    size_t drop_count;
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
    bool stale; /* frames does not prefer live packs any more */
    /* What was loaded and written, for whoever holds flushing or is the only one (load). */
    struct hf_index_object *objects;
    size_t object_count;
    size_t object_cap;
};

void hf_index_item_free(struct hf_index_item *item);
/* Takes the item over on success, also when the pack is known (it is freed then). out_number: the
 * pack's. Under the lock. */
enum hf_status hf_index_take(struct hf_index *index, struct hf_index_item *item,
                             uint32_t *out_number, struct hf_error *err) HF_WARN_UNUSED;
/* out_at: the drop's place in the list. Under the lock. */
enum hf_status hf_index_note_drop(struct hf_index *index, const struct hf_chunk_id *pack,
                                  bool pending, uint32_t *out_at,
                                  struct hf_error *err) HF_WARN_UNUSED;

/* index_object.c: one object's bytes. */

/* Items that are to be written, and drops (places in the list). Items stay the index's. */
struct hf_index_batch {
    struct hf_index_item **items;
    size_t count;
    uint32_t *drops;
    size_t drop_count;
};
void hf_index_batch_done(struct hf_index_batch *batch);
/* hf_index_parse; object NULL or with empty lists, which are set to what the bytes say. */
enum hf_status hf_index_parse_object(struct hf_index *index, const void *data, size_t len,
                                     struct hf_index_object *object,
                                     struct hf_error *err) HF_WARN_UNUSED;
/* "index/<SHA-256 of the object>" */
enum hf_status hf_index_object_name(const void *sealed, size_t len, char out[HF_INDEX_NAME],
                                    struct hf_error *err) HF_WARN_UNUSED;
/* One object of all of the batch, added to index->objects once it is durable. *stored grows by its
 * size. Under flushing. */
enum hf_status hf_index_write_object(struct hf_index *index, struct hf_repo *repo,
                                     const struct hf_index_batch *batch, uint64_t *stored,
                                     struct hf_error *err) HF_WARN_UNUSED;

/* As many objects as it takes for all of the batch. Under flushing. */
enum hf_status hf_index_write_batch(struct hf_index *index, struct hf_repo *repo,
                                    const struct hf_index_batch *batch, uint64_t *stored,
                                    struct hf_error *err) HF_WARN_UNUSED;
/* index_merge.c: forgets objects that others removed since. Under flushing. */
enum hf_status hf_index_forget_gone(struct hf_index *index, struct hf_repo *repo,
                                    struct hf_error *err) HF_WARN_UNUSED;

/* index_load.c: the list of objects. */

void hf_index_object_done(struct hf_index_object *object);
/* Takes the object over on success. */
enum hf_status hf_index_add_object(struct hf_index *index, struct hf_index_object *object,
                                   struct hf_error *err) HF_WARN_UNUSED;
/* Takes an object off the list; the last of the list takes its place. */
void hf_index_forget_object(struct hf_index *index, size_t at);
/* Removes it from the store as well. */
enum hf_status hf_index_remove_object(struct hf_index *index, struct hf_repo *repo, size_t at,
                                      struct hf_error *err) HF_WARN_UNUSED;

#endif
