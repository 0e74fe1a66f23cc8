/*
 * A store around another one that keeps copies of small objects in a folder of this machine, so
 * that they are asked for once: index objects, manifests, proofs and marks, which never change
 * under their names. They are kept as they are in the store: sealed. Everything else passes
 * through.
 *
 *   FOLDER/<the repository's name>/<key, '/' written ','>  the object, then the SHA-256 (32 bytes)
 *                                                          of key, NUL, object
 *
 * What is read from the folder is trusted no more than what comes from the store. A copy whose sum
 * does not fit is fetched again; an object whose own name is its hash is kept only if it fits. When
 * the store lists what there is, copies of all else are removed; so are folders of repositories
 * that nobody has used for HF_CACHE_UNUSED_DAYS.
 *
 * Nothing that is wrong with the folder is an error: a copy that cannot be read or written is done
 * without, with one note. Any number of processes may share a folder: files appear whole, by
 * rename, and are never changed. Folders are 0700, files 0600.
 */
#ifndef HF_STORAGE_CACHE_H
#define HF_STORAGE_CACHE_H

#include "base/observer.h"
#include "storage/store.h"

enum { HF_CACHE_UNUSED_DAYS = 90 };
#define HF_CACHE_SIZE (UINT64_C(1) << 30) /* default of hf_cache_options.most */

struct hf_cache_options {
    const char *folder;
    const char *repository;             /* 32 hexadecimal digits that no other one has */
    uint64_t most;                      /* bytes of copies of this repository; 0: HF_CACHE_SIZE */
    bool refresh;                       /* read from the store only, but keep what was read */
    enum hf_note_level level;           /* of the note when the folder is of no use */
    const struct hf_observer *observer; /* may be NULL; borrowed until the store is closed */
};

/* Takes inner over on success: closing *out closes it. Until hf_cache_attach, it only passes
 * through: the repository has to be opened to know its id. */
enum hf_status hf_cache_open(struct hf_store *inner, struct hf_store **out,
                             struct hf_error *err) HF_WARN_UNUSED;
/* From here on copies are used, if that can be. Once, before other threads use the store. What
 * options point to is borrowed for the call, but for the observer. */
void hf_cache_attach(struct hf_store *cache, const struct hf_cache_options *options);

struct hf_cache_counts {
    uint64_t hits;   /* objects that were not asked of the store */
    uint64_t misses; /* that were */
};
void hf_cache_count(struct hf_store *cache, struct hf_cache_counts *out);

/* $XDG_CACHE_HOME/holdfast or ~/.cache/holdfast; HF_NOT_FOUND where there is neither. *out is
 * malloc'ed. */
enum hf_status hf_cache_default_folder(char **out, struct hf_error *err) HF_WARN_UNUSED;

#endif
