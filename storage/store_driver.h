/*
 * What a store implementation provides. A driver's struct begins with a struct hf_store, set up
 * by hf_store_setup; keys are valid (checked in storage/store.c) before a driver sees them.
 * Semantics of every function: storage/store.h.
 */
#ifndef HF_STORAGE_STORE_DRIVER_H
#define HF_STORAGE_STORE_DRIVER_H

#include "storage/store.h"

struct hf_store_driver {
    enum hf_status (*put)(struct hf_store *store, const char *key, const void *data, size_t len,
                          enum hf_put_mode mode, struct hf_error *err);
    enum hf_status (*get)(struct hf_store *store, const char *key, uint64_t offset, size_t len,
                          struct hf_buf *out, struct hf_error *err);
    enum hf_status (*get_all)(struct hf_store *store, const char *key, size_t max,
                              struct hf_buf *out, struct hf_error *err);
    enum hf_status (*list)(struct hf_store *store, const char *prefix, hf_store_list_fn *fn,
                           void *ctx, struct hf_error *err);
    enum hf_status (*stat)(struct hf_store *store, const char *key, struct hf_store_stat *out,
                           struct hf_error *err);
    enum hf_status (*remove)(struct hf_store *store, const char *key, struct hf_error *err);
    void (*close)(struct hf_store *store); /* frees the driver's struct */

    /* What a store need not have; NULL does what is said. */
    enum hf_status (*put_within)(struct hf_store *store, const char *key, const void *data,
                                 size_t len, enum hf_put_mode mode, int64_t ns,
                                 struct hf_error *err); /* put: nothing waits here */
    enum hf_status (*remove_many)(struct hf_store *store, const char *const *keys, size_t count,
                                  struct hf_error *err); /* remove, for each */
    bool (*protects)(const struct hf_store *store);      /* false */
    enum hf_status (*protect)(struct hf_store *store, const char *key,
                              struct hf_error *err); /* HF_OK */
    enum hf_status (*probe)(struct hf_store *store, struct hf_store_traits *out,
                            struct hf_error *err); /* creates atomically; what protects says */
    void (*watch)(struct hf_store *store, struct hf_cancel *cancel); /* nothing waits here */
};

struct hf_store {
    const struct hf_store_driver *driver;
    char *name; /* owned; freed by hf_store_close before driver->close */
};

/* Sets up the part that begins a driver's struct; name is copied. Undo with free(store->name). */
enum hf_status hf_store_setup(struct hf_store *store, const struct hf_store_driver *driver,
                              const char *name, struct hf_error *err) HF_WARN_UNUSED;

/* What an object is for, as the first part of its key says: a store may treat kinds differently. */
enum hf_store_kind {
    HF_STORE_BULK,    /* packs/: large, many, named by the SHA-256 of their bytes (last part) */
    HF_STORE_PASSING, /* leases/, marks/, init/, tmp/: replaced and removed all the time */
    HF_STORE_DERIVED, /* index/: what packs say, too; merged and removed as backups go on */
    HF_STORE_RECORD,  /* everything else */
};
enum hf_store_kind hf_store_kind(const char *key);
/* Is it of those that are locked, where objects are? Not what is removed all the time: locked, it
 * would only pile up. */
bool hf_store_kind_locked(enum hf_store_kind kind);

/* What hf_store_put and the others demand of a key: for drivers that find names (list). */
bool hf_store_key_valid(const char *key);

#endif
