/* The two halves of the local store: local.c (open, read, list), local_write.c (put, remove). */
#ifndef HF_STORAGE_LOCAL_INTERNAL_H
#define HF_STORAGE_LOCAL_INTERNAL_H

#include "storage/local/local.h"
#include "storage/store_driver.h"

#define HF_LOCAL_TMP "tmp"

struct hf_local {
    struct hf_store store;
    int root; /* descriptor of the directory; every path is relative to it */
};

static inline struct hf_local *hf_local_of(struct hf_store *store)
{
    return (struct hf_local *)store;
}

enum hf_status hf_local_put(struct hf_store *store, const char *key, const void *data, size_t len,
                            enum hf_put_mode mode, struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_local_remove(struct hf_store *store, const char *key,
                               struct hf_error *err) HF_WARN_UNUSED;

enum hf_status hf_local_remove_many(struct hf_store *store, const char *const *keys, size_t count,
                                    struct hf_error *err) HF_WARN_UNUSED;

/* Removes what killed writers left behind more than a day ago. What cannot be removed stays. */
void hf_local_clean_tmp(struct hf_local *local);

#endif
