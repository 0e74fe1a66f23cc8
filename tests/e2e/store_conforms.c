/*
 * The tests that every store must pass, on an S3 server: store_conforms SETTINGS [NAME=VALUE...]
 * (tests/support/server_store.h). Each has a prefix of its own. Ends with 77 where no server was
 * started. NAME=VALUE "weak=1": the server promises nothing where two write the same key at once.
 */
#include "base/clock.h"
#include "base/random.h"
#include "tests/support/server_store.h"
#include "tests/support/store_conformance.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SETTINGS_MAX = 16, SKIPPED = 77 };

static struct {
    const char *path;
    const char *more[SETTINGS_MAX + 1];
    size_t count;
    bool weak;
    char run[64]; /* prefix=conformance/<what no other run has>/ */
} server;

static enum hf_status open_one(size_t number, struct hf_store **out, struct hf_error *err)
{
    char prefix[96];
    (void)snprintf(prefix, sizeof prefix, "%s%zu", server.run, number);
    server.more[server.count] = prefix;
    return hf_server_store_open(server.path, server.more, server.count + 1, out, err);
}

static void store_conforms(void **state)
{
    (void)state;
    for (size_t i = 0; i < hf_store_tests_count; i++) {
        struct hf_error err = HF_ERROR_INIT;
        HF_AUTO_PTR(hf_store) store = NULL;
        if (server.weak && hf_store_tests[i].race)
            continue;
        if (open_one(i, &store, &err) != HF_OK)
            fail_msg("%s", err.text);
        if (hf_store_protects(store) && hf_store_tests[i].removes)
            continue;
        print_message("  %s\n", hf_store_tests[i].name);
        hf_store_tests[i].run(store);
    }
}

/* Objects are locked, and until then they stay; leases and the index come and go all the same. */
static void locked_objects_stay(void **state)
{
    const int64_t hours = 3600 * HF_NS_PER_S;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_store) store = NULL;
    struct hf_store_stat stat;
    struct hf_store_traits traits;
    const char *const keys[] = {"snapshots/1", "index/1"};
    (void)state;
    assert_int_equal(open_one(hf_store_tests_count, &store, &err), HF_OK);
    if (hf_store_probe(store, &traits, &err) != HF_OK)
        fail_msg("%s", err.text);
    assert_true(traits.protects);
    assert_int_equal(hf_store_put(store, keys[0], "1", 1, HF_PUT_CREATE, &err), HF_OK);
    assert_int_equal(hf_store_put(store, keys[1], "1", 1, HF_PUT_CREATE, &err), HF_OK);
    assert_int_equal(hf_store_stat(store, keys[0], &stat, &err), HF_OK);
    assert_true(stat.locked_until > hf_clock_now() + 23 * hours);
    assert_true(stat.locked_until < hf_clock_now() + 25 * hours);
    const int64_t until = stat.locked_until;
    assert_int_equal(hf_store_protect(store, keys[0], &err), HF_OK);
    assert_int_equal(hf_store_stat(store, keys[0], &stat, &err), HF_OK);
    assert_true(stat.locked_until >= until);
    assert_int_equal(hf_store_delete(store, keys[0], &err), HF_DENIED);
    assert_non_null(strstr(err.text, "locked until"));
    assert_int_equal(hf_store_delete_many(store, keys, 2, &err), HF_DENIED);
    assert_int_equal(hf_store_stat(store, keys[0], &stat, &err), HF_OK);
    assert_int_equal(hf_store_stat(store, keys[1], &stat, &err), HF_NOT_FOUND);
    assert_int_equal(hf_store_protect(store, "snapshots/2", &err), HF_NOT_FOUND);
}

static bool read_arguments(int argc, char **argv)
{
    if (argc < 2 || argc - 2 > SETTINGS_MAX)
        return false;
    server.path = argv[1];
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "weak=1") == 0)
            server.weak = true;
        else
            server.more[server.count++] = argv[i];
    }
    uint64_t random;
    hf_random_bytes(&random, sizeof random);
    (void)snprintf(server.run, sizeof server.run, "prefix=conformance/%016llx/",
                   (unsigned long long)random);
    return true;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(store_conforms)};
    const struct CMUnitTest locked[] = {cmocka_unit_test(store_conforms),
                                        cmocka_unit_test(locked_objects_stay)};
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_store) store = NULL;
    if (!read_arguments(argc, argv))
        return 2;
    enum hf_status status = open_one(0, &store, &err);
    if (status != HF_OK) {
        (void)fprintf(stderr, "%s\n", err.text);
        return status == HF_NOT_FOUND ? SKIPPED : 1;
    }
    if (hf_store_protects(store))
        return cmocka_run_group_tests(locked, NULL, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
