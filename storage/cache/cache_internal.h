/* The two halves of the cache: cache.c (the store), cache_folder.c (the copies). */
#ifndef HF_STORAGE_CACHE_INTERNAL_H
#define HF_STORAGE_CACHE_INTERNAL_H

#include "base/text.h"
#include "storage/cache/cache.h"

#include <stdatomic.h>

/* The folder of one repository. Any thread may call anything but attach and detach. Nothing here
 * fails: what cannot be done is not done. */
struct hf_cache_folder {
    int fd; /* -1: there is none */
    uint64_t most;
    enum hf_note_level level;
    const struct hf_observer *observer;
    _Atomic uint64_t bytes; /* of copies, about: other processes add and remove too */
    atomic_bool noted;
};

void hf_cache_folder_attach(struct hf_cache_folder *folder, const struct hf_cache_options *options);
void hf_cache_folder_detach(struct hf_cache_folder *folder);

/* Is it of a kind that is kept? */
bool hf_cache_keeps(const char *key);
/* The copy, appended to out, if there is one of at most max bytes that is right. */
bool hf_cache_folder_read(struct hf_cache_folder *folder, const char *key, size_t max,
                          struct hf_buf *out);
void hf_cache_folder_write(struct hf_cache_folder *folder, const char *key, const void *data,
                           size_t len);
void hf_cache_folder_remove(struct hf_cache_folder *folder, const char *key);
/* Removes copies of keys that begin with prefix and are not among keys, which it sorts. */
void hf_cache_folder_prune(struct hf_cache_folder *folder, const char *prefix,
                           struct hf_strings *keys);

#endif
