/*
 * What storage/store.h promises, as tests that every store must pass. Each takes an open, empty
 * store and leaves it in any state.
 */
#ifndef HF_TESTS_STORE_CONFORMANCE_H
#define HF_TESTS_STORE_CONFORMANCE_H

#include "storage/store.h"

#include <stddef.h>

struct hf_store_test {
    const char *name;
    void (*run)(struct hf_store *store); /* asserts with cmocka */
    /* Of two at the same moment: not what a server without conditional put promises, or one with a
     * single copy of everything that it moves while it is read. */
    bool race;
    bool removes; /* not where objects are locked */
};

/* hf_store_tests_count of them. */
extern const struct hf_store_test hf_store_tests[];
extern const size_t hf_store_tests_count;

#endif
