/*
 * Reference lists that were walked without a fault, so that a thousand snapshots which share them
 * cost one walk. One thread.
 */
#ifndef HF_REPOSITORY_CLEAN_SET_H
#define HF_REPOSITORY_CLEAN_SET_H

#include "storage/repository/reflist.h"

struct hf_clean_set {
    struct hf_reflist_root *cells; /* depth 0: empty (lists without nodes are not kept) */
    size_t cap;
    size_t used;
};
#define HF_CLEAN_SET_INIT                                                                          \
    {                                                                                              \
        .cells = NULL                                                                              \
    }
void hf_clean_set_free(struct hf_clean_set *set);
static inline void hf_clean_set_auto(struct hf_clean_set *set)
{
    hf_clean_set_free(set);
}
/* The very same list: root, depth, chunks and bytes. */
bool hf_clean_set_has(const struct hf_clean_set *set, const struct hf_reflist_root *root);
enum hf_status hf_clean_set_add(struct hf_clean_set *set, const struct hf_reflist_root *root,
                                struct hf_error *err) HF_WARN_UNUSED;

#endif
