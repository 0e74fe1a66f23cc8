/*
 * What the store has under packs/, for those who compare it with the index. About 48 bytes a pack.
 * Objects with other names are passed over.
 */
#ifndef HF_REPOSITORY_PACK_LIST_H
#define HF_REPOSITORY_PACK_LIST_H

#include "storage/repository/pack.h"
#include "storage/store.h"

struct hf_listed_pack {
    struct hf_chunk_id id;
    uint64_t size;
    int64_t mtime; /* by the store's clock, ns */
};

struct hf_pack_list {
    struct hf_listed_pack *items; /* owned, sorted by id */
    size_t count, cap;
};

/* list: zeroed. hf_pack_list_done it in any case. Fails as hf_store_list does. */
enum hf_status hf_pack_list_load(struct hf_pack_list *list, struct hf_store *store,
                                 struct hf_error *err) HF_WARN_UNUSED;
/* NULL: not listed. */
const struct hf_listed_pack *hf_pack_list_find(const struct hf_pack_list *list,
                                               const struct hf_chunk_id *id);
void hf_pack_list_done(struct hf_pack_list *list);

#endif
