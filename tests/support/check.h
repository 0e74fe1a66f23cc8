/*
 * Assertions on statuses and errors that show the error's text when they fail, and a private
 * folder for tests of files. Include after <cmocka.h>.
 */
#ifndef HF_TESTS_CHECK_H
#define HF_TESTS_CHECK_H

#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define assert_ok(call, err)                                                                       \
    do {                                                                                           \
        enum hf_status check_status_ = (call);                                                     \
        if (check_status_ != HF_OK)                                                                \
            fail_msg("%s: %s", #call, (err)->text);                                                \
    } while (0)

/* Returned, and set in the error too. */
#define assert_fails(call, expected, err)                                                          \
    do {                                                                                           \
        assert_int_equal((call), (expected));                                                      \
        assert_int_equal((err)->status, (expected));                                               \
    } while (0)

#define assert_contains(text, part)                                                                \
    do {                                                                                           \
        if (!strstr((text), (part)))                                                               \
            fail_msg("\"%s\" is not in \"%s\"", (part), (text));                                   \
    } while (0)

enum { CHECK_PATH = 128 };

/* A new empty folder; the caller removes it. */
static inline void check_folder(char path[CHECK_PATH])
{
    (void)snprintf(path, CHECK_PATH, "/tmp/hf-test-XXXXXX");
    assert_non_null(mkdtemp(path));
}

#endif
