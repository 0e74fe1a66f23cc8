/*
 * A store in memory, with faults on order and a clock of its own. Any thread.
 */
#ifndef HF_TESTS_MEMORY_STORE_H
#define HF_TESTS_MEMORY_STORE_H

#include "storage/store.h"

/* How an operation fails. */
enum hf_fault {
    HF_FAULT_BEFORE, /* nothing happened */
    HF_FAULT_AFTER,  /* it happened, but the answer got lost; reads fail like BEFORE */
};

enum hf_status hf_memory_store_new(struct hf_store **out, struct hf_error *err) HF_WARN_UNUSED;

/* The n-th operation from now (1: the next) fails with status. 0: none. Every call of a
 * function of storage/store.h but name and close counts. */
void hf_memory_store_fail(struct hf_store *store, unsigned n, enum hf_fault fault,
                          enum hf_status status);
/* Every operation from the n-th on fails. */
void hf_memory_store_fail_from(struct hf_store *store, unsigned n, enum hf_status status);
/* Operations so far. */
unsigned hf_memory_store_operations(struct hf_store *store);

/* Moves the clock of the store, which begins at the real time. */
void hf_memory_store_advance(struct hf_store *store, int64_t ns);

/* HF_PUT_CREATE overwrites from now on, as with servers that ignore If-None-Match. */
void hf_memory_store_ignore_create(struct hf_store *store);

/* The next put of this key is overwritten with other bytes at once, behind the writer's back. */
void hf_memory_store_after_put(struct hf_store *store, const char *key, const void *data,
                               size_t len);
/* The shortest time that a put was given (hf_store_put_within); INT64_MAX: none was. */
int64_t hf_memory_store_within(struct hf_store *store);

/* What is put or protected from now on (but leases and the index) cannot be removed for so long, by
 * the store's clock. 0: no locks, and none is extended; those that are there stay. */
void hf_memory_store_lock(struct hf_store *store, int64_t ns);
/* Every hf_store_protect from now on fails so; HF_OK: none. */
void hf_memory_store_fail_protect(struct hf_store *store, enum hf_status status);

/* Changes an object behind everybody's back: damage. Its mtime stays. False: there is none. */
bool hf_memory_store_overwrite(struct hf_store *store, const char *key, const void *data,
                               size_t len);
/* Number of objects that begin with prefix. */
size_t hf_memory_store_count(struct hf_store *store, const char *prefix);
/* A copy, with the same objects and without faults. */
enum hf_status hf_memory_store_copy(struct hf_store *store, struct hf_store **out,
                                    struct hf_error *err) HF_WARN_UNUSED;

#endif
