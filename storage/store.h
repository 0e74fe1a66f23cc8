/*
 * A store: the dumb object space below a repository. Objects are immutable byte strings under
 * '/'-separated keys of [A-Za-z0-9._-] (no part empty, "." or ".."), at most HF_STORE_KEY_MAX
 * bytes and HF_STORE_KEY_PARTS parts, and no key is also a folder of another. "tmp" as the first
 * part is the stores' own. Another key is HF_USAGE. Nothing here knows of chunks, packs or keys.
 *
 * An object is visible whole or not at all, and durable when put returns. Any thread may call any
 * function of an open store at the same time, several processes may use one store.
 * Errors name the store and the key. HF_NOT_FOUND, HF_EXISTS, HF_DENIED, HF_NO_SPACE and
 * HF_UNREACHABLE are told apart; what can pass was retried before it is reported.
 *
 * Implementers see storage/store_driver.h.
 */
#ifndef HF_STORAGE_STORE_H
#define HF_STORAGE_STORE_H

#include "base/buffer.h"
#include "base/cancel.h"
#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

struct hf_store;

enum { HF_STORE_KEY_MAX = 255, HF_STORE_KEY_PARTS = 8 };

enum hf_put_mode {
    HF_PUT_CREATE,  /* HF_EXISTS when the key is taken */
    HF_PUT_REPLACE, /* put in its place at once; a reader sees the old or the new one */
    /* The key is a hash of the bytes, so that whoever puts it puts the same: HF_EXISTS where the
     * store notices by itself, else as HF_PUT_REPLACE. Either is success. */
    HF_PUT_NAMED,
};

struct hf_store_stat {
    uint64_t size;
    int64_t mtime; /* ns since 1970 UTC, by the store's clock */
    /* It cannot be removed before, ns; 0: it can be. Of hf_store_stat only: listings do not tell.
     */
    int64_t locked_until;
};

/* Called for each object in no particular order; an error ends the listing. key is borrowed. */
typedef enum hf_status hf_store_list_fn(void *ctx, const char *key,
                                        const struct hf_store_stat *stat, struct hf_error *err);

enum hf_status hf_store_put(struct hf_store *store, const char *key, const void *data, size_t len,
                            enum hf_put_mode mode, struct hf_error *err) HF_WARN_UNUSED;
/* The same, done or given up within so many ns: nothing is sent after that. What the server has in
 * hand by then it may still do. For small objects. */
enum hf_status hf_store_put_within(struct hf_store *store, const char *key, const void *data,
                                   size_t len, enum hf_put_mode mode, int64_t ns,
                                   struct hf_error *err) HF_WARN_UNUSED;
/* Exactly len bytes from offset, appended to out; fewer there: HF_DAMAGED. */
enum hf_status hf_store_get(struct hf_store *store, const char *key, uint64_t offset, size_t len,
                            struct hf_buf *out, struct hf_error *err) HF_WARN_UNUSED;
/* The whole object, appended to out; larger than max: HF_DAMAGED. */
enum hf_status hf_store_get_all(struct hf_store *store, const char *key, size_t max,
                                struct hf_buf *out, struct hf_error *err) HF_WARN_UNUSED;
/* Every key that begins with prefix ("packs/", "" for all). Leftover temporary objects of a
 * killed writer are not listed. */
enum hf_status hf_store_list(struct hf_store *store, const char *prefix, hf_store_list_fn *fn,
                             void *ctx, struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_store_stat(struct hf_store *store, const char *key, struct hf_store_stat *out,
                             struct hf_error *err) HF_WARN_UNUSED;
/* An absent key is no error. HF_DENIED says until when an object is locked that is. */
enum hf_status hf_store_delete(struct hf_store *store, const char *key,
                               struct hf_error *err) HF_WARN_UNUSED;
/* All of them, in as few steps as the store can. Goes on behind a key that cannot be removed, and
 * is the first of such errors at the end. */
enum hf_status hf_store_delete_many(struct hf_store *store, const char *const *keys, size_t count,
                                    struct hf_error *err) HF_WARN_UNUSED;

/* Are objects of this store locked against removal when they are put (but leases and the index)? */
bool hf_store_protects(const struct hf_store *store);
/* Locks an object that is there for as long as one that is put now; never for shorter than it is.
 * Nothing to do where objects are not locked. HF_NOT_FOUND; HF_DENIED says what to check. */
enum hf_status hf_store_protect(struct hf_store *store, const char *key,
                                struct hf_error *err) HF_WARN_UNUSED;

/* What a store does, tried out once: writes and removes an object of the store's own. */
struct hf_store_traits {
    /* HF_PUT_CREATE is decided by the store. Else it is a look and then a put, and of two that
     * create at the same moment both may succeed. */
    bool creates_atomically;
    bool protects; /* hf_store_protects, and the store is ready for it */
};
enum hf_status hf_store_probe(struct hf_store *store, struct hf_store_traits *out,
                              struct hf_error *err) HF_WARN_UNUSED;

/*
 * What stops operations that wait (for a server that does not answer, between two tries): they end
 * with HF_CANCELLED soon after it fires. One that begins later gets a single try and a few seconds,
 * so that work which was stopped can still clean up. NULL: nothing. Borrowed until it is replaced
 * or the store is closed; replace it while no operation runs.
 */
void hf_store_watch(struct hf_store *store, struct hf_cancel *cancel);
/* "directory /var/lib/holdfast"; borrowed from the store. */
const char *hf_store_name(const struct hf_store *store);
void hf_store_close(struct hf_store *store);
HF_DEFINE_AUTO_PTR(hf_store, hf_store_close)

#endif
