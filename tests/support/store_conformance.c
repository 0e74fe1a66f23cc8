#include "tests/support/store_conformance.h"

#include "base/clock.h"
#include "base/pool.h"
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void put(struct hf_store *store, const char *key, const char *text, enum hf_put_mode mode)
{
    struct hf_error err = HF_ERROR_INIT;
    if (hf_store_put(store, key, text, strlen(text), mode, &err) != HF_OK)
        fail_msg("put %s: %s", key, err.text);
}

static void expect(struct hf_store *store, const char *key, const char *text)
{
    HF_AUTO(hf_buf) out = HF_BUF_INIT;
    struct hf_error err = HF_ERROR_INIT;
    if (hf_store_get_all(store, key, 1 << 20, &out, &err) != HF_OK)
        fail_msg("get %s: %s", key, err.text);
    assert_int_equal(out.len, strlen(text));
    assert_memory_equal(out.data, text, out.len);
}

static void put_and_get_all_return_the_bytes(struct hf_store *store)
{
    put(store, "one", "content", HF_PUT_CREATE);
    put(store, "deep/er/two", "other", HF_PUT_CREATE);
    expect(store, "one", "content");
    expect(store, "deep/er/two", "other");
}

static void put_empty_object_is_one(struct hf_store *store)
{
    struct hf_store_stat stat = {.size = 1};
    struct hf_error err = HF_ERROR_INIT;
    put(store, "empty", "", HF_PUT_CREATE);
    expect(store, "empty", "");
    assert_int_equal(hf_store_stat(store, "empty", &stat, &err), HF_OK);
    assert_int_equal(stat.size, 0);
}

static void put_large_object_comes_back(struct hf_store *store)
{
    const size_t len = 5 << 20;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) out = HF_BUF_INIT;
    uint8_t *data = malloc(len);
    assert_non_null(data);
    for (size_t i = 0; i < len; i++)
        data[i] = (uint8_t)(i * 7 + i / 251);
    assert_int_equal(hf_store_put(store, "large", data, len, HF_PUT_CREATE, &err), HF_OK);
    assert_int_equal(hf_store_get_all(store, "large", len, &out, &err), HF_OK);
    assert_int_equal(out.len, len);
    assert_memory_equal(out.data, data, len);
    free(data);
}

static void put_create_of_taken_key_is_refused(struct hf_store *store)
{
    struct hf_error err = HF_ERROR_INIT;
    put(store, "a/key", "first", HF_PUT_CREATE);
    assert_int_equal(hf_store_put(store, "a/key", "second", 6, HF_PUT_CREATE, &err), HF_EXISTS);
    assert_non_null(strstr(err.text, "a/key"));
    expect(store, "a/key", "first");
}

static void put_replace_replaces(struct hf_store *store)
{
    put(store, "k", "first, and longer", HF_PUT_REPLACE);
    put(store, "k", "second", HF_PUT_REPLACE);
    expect(store, "k", "second");
}

/* Under this name nobody puts other bytes: whoever comes second need not be told. */
static void put_named_twice_is_there_once(struct hf_store *store)
{
    struct hf_error err = HF_ERROR_INIT;
    put(store, "index/named", "content", HF_PUT_NAMED);
    enum hf_status status = hf_store_put(store, "index/named", "content", 7, HF_PUT_NAMED, &err);
    assert_true(status == HF_OK || status == HF_EXISTS);
    expect(store, "index/named", "content");
}

static void put_within_a_time_creates(struct hf_store *store)
{
    struct hf_error err = HF_ERROR_INIT;
    const int64_t time = 60 * HF_NS_PER_S;
    if (hf_store_put_within(store, "in/time", "1", 1, HF_PUT_CREATE, time, &err) != HF_OK)
        fail_msg("%s", err.text);
    assert_int_equal(hf_store_put_within(store, "in/time", "2", 1, HF_PUT_CREATE, time, &err),
                     HF_EXISTS);
    expect(store, "in/time", "1");
}

static void get_range_appends_exactly_it(struct hf_store *store)
{
    HF_AUTO(hf_buf) out = HF_BUF_INIT;
    struct hf_error err = HF_ERROR_INIT;
    put(store, "r", "0123456789", HF_PUT_CREATE);
    assert_int_equal(hf_store_get(store, "r", 2, 3, &out, &err), HF_OK);
    assert_int_equal(hf_store_get(store, "r", 8, 2, &out, &err), HF_OK);
    assert_int_equal(hf_store_get(store, "r", 10, 0, &out, &err), HF_OK);
    assert_int_equal(out.len, 5);
    assert_memory_equal(out.data, "23489", 5);
}

static void get_range_beyond_the_end_is_damage(struct hf_store *store)
{
    HF_AUTO(hf_buf) out = HF_BUF_INIT;
    struct hf_error err = HF_ERROR_INIT;
    put(store, "r", "0123456789", HF_PUT_CREATE);
    assert_int_equal(hf_store_get(store, "r", 8, 3, &out, &err), HF_DAMAGED);
    assert_int_equal(hf_store_get(store, "r", 11, 0, &out, &err), HF_DAMAGED);
    assert_int_equal(hf_store_get(store, "r", UINT64_MAX, 2, &out, &err), HF_DAMAGED);
    assert_int_equal(hf_store_get(store, "r", 0, SIZE_MAX, &out, &err), HF_DAMAGED);
    assert_int_equal(out.len, 0);
}

static void get_all_larger_than_max_is_damage(struct hf_store *store)
{
    HF_AUTO(hf_buf) out = HF_BUF_INIT;
    struct hf_error err = HF_ERROR_INIT;
    put(store, "r", "0123456789", HF_PUT_CREATE);
    assert_int_equal(hf_store_get_all(store, "r", 9, &out, &err), HF_DAMAGED);
    assert_int_equal(hf_store_get_all(store, "r", 10, &out, &err), HF_OK);
    assert_int_equal(out.len, 10);
}

static void absent_key_is_not_found(struct hf_store *store)
{
    HF_AUTO(hf_buf) out = HF_BUF_INIT;
    struct hf_store_stat stat;
    struct hf_error err = HF_ERROR_INIT;
    put(store, "there/it", "is", HF_PUT_CREATE);
    assert_int_equal(hf_store_get(store, "not", 0, 1, &out, &err), HF_NOT_FOUND);
    assert_non_null(strstr(err.text, "not"));
    assert_non_null(strstr(err.text, hf_store_name(store)));
    assert_int_equal(hf_store_get_all(store, "there/not", 1, &out, &err), HF_NOT_FOUND);
    assert_int_equal(hf_store_stat(store, "not", &stat, &err), HF_NOT_FOUND);
    assert_int_equal(hf_store_stat(store, "there", &stat, &err), HF_NOT_FOUND);
    assert_int_equal(hf_store_get_all(store, "there", 9, &out, &err), HF_NOT_FOUND);
}

static void stat_tells_size_and_time(struct hf_store *store)
{
    const int64_t slack = 60 * HF_NS_PER_S;
    struct hf_store_stat stat = {.size = 0};
    struct hf_error err = HF_ERROR_INIT;
    put(store, "s", "12345", HF_PUT_CREATE);
    assert_int_equal(hf_store_stat(store, "s", &stat, &err), HF_OK);
    assert_int_equal(stat.size, 5);
    assert_true(stat.mtime > hf_clock_now() - slack && stat.mtime < hf_clock_now() + slack);
}

static void delete_removes_and_takes_absent_keys(struct hf_store *store)
{
    struct hf_store_stat stat;
    struct hf_error err = HF_ERROR_INIT;
    put(store, "x/y", "gone soon", HF_PUT_CREATE);
    assert_int_equal(hf_store_delete(store, "x/y", &err), HF_OK);
    assert_int_equal(hf_store_stat(store, "x/y", &stat, &err), HF_NOT_FOUND);
    assert_int_equal(hf_store_delete(store, "x/y", &err), HF_OK);
    assert_int_equal(hf_store_delete(store, "never/was", &err), HF_OK);
    put(store, "x/y", "again", HF_PUT_CREATE);
    expect(store, "x/y", "again");
}

static enum hf_status collect(void *ctx, const char *key, const struct hf_store_stat *stat,
                              struct hf_error *err)
{
    assert_int_equal(stat->size, 1);
    return hf_strings_add(ctx, key, err);
}

static void expect_list(struct hf_store *store, const char *prefix, size_t count,
                        const char *const *keys)
{
    HF_AUTO(hf_strings) found = HF_STRINGS_INIT;
    struct hf_error err = HF_ERROR_INIT;
    assert_int_equal(hf_store_list(store, prefix, collect, &found, &err), HF_OK);
    assert_int_equal(found.count, count);
    for (size_t i = 0; i < count; i++)
        assert_true(hf_strings_contain(&found, keys[i]));
}

static void delete_many_removes_all_and_takes_absent_keys(struct hf_store *store)
{
    const char *const keys[] = {"m/a", "m/b", "m/absent", "n"};
    struct hf_error err = HF_ERROR_INIT;
    struct hf_store_stat stat;
    put(store, "m/a", "1", HF_PUT_CREATE);
    put(store, "m/b", "1", HF_PUT_CREATE);
    put(store, "m/kept", "1", HF_PUT_CREATE);
    put(store, "n", "1", HF_PUT_CREATE);
    if (hf_store_delete_many(store, keys, sizeof keys / sizeof keys[0], &err) != HF_OK)
        fail_msg("%s", err.text);
    assert_int_equal(hf_store_stat(store, "m/a", &stat, &err), HF_NOT_FOUND);
    assert_int_equal(hf_store_stat(store, "m/b", &stat, &err), HF_NOT_FOUND);
    assert_int_equal(hf_store_stat(store, "n", &stat, &err), HF_NOT_FOUND);
    expect(store, "m/kept", "1");
    assert_int_equal(hf_store_delete_many(store, NULL, 0, &err), HF_OK);
    assert_int_equal(hf_store_delete_many(store, (const char *const[]){"m/kept", "../x"}, 2, &err),
                     HF_USAGE);
    expect(store, "m/kept", "1");
}

static void protect_locks_only_where_the_store_does(struct hf_store *store)
{
    struct hf_error err = HF_ERROR_INIT;
    if (hf_store_protects(store))
        return; /* with locks nothing could be cleaned up */
    put(store, "p", "1", HF_PUT_CREATE);
    assert_int_equal(hf_store_protect(store, "p", &err), HF_OK);
    assert_int_equal(hf_store_delete(store, "p", &err), HF_OK);
}

static void list_finds_what_begins_with_the_prefix(struct hf_store *store)
{
    static const char *const keys[] = {"packs/ab/abcd", "packs/ab/abff", "packs/ac/acff",
                                       "packsaddle", "top"};
    expect_list(store, "", 0, NULL);
    expect_list(store, "packs/", 0, NULL);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        put(store, keys[i], "1", HF_PUT_CREATE);
    expect_list(store, "", 5, keys);
    expect_list(store, "packs/", 3, keys);
    expect_list(store, "packs", 4, keys);
    expect_list(store, "packs/ab/", 2, keys);
    expect_list(store, "packs/ab/ab", 2, keys);
    expect_list(store, "packs/ab/abc", 1, keys);
    expect_list(store, "to", 1, keys + 4);
    expect_list(store, "other/", 0, NULL);
}

static void probe_leaves_nothing(struct hf_store *store)
{
    struct hf_store_traits traits;
    struct hf_error err = HF_ERROR_INIT;
    if (hf_store_probe(store, &traits, &err) != HF_OK)
        fail_msg("%s", err.text);
    assert_int_equal(traits.protects, hf_store_protects(store));
    expect_list(store, "", 0, NULL);
}

static enum hf_status stop_at_first(void *ctx, const char *key, const struct hf_store_stat *stat,
                                    struct hf_error *err)
{
    unsigned *calls = ctx;
    (void)stat;
    (*calls)++;
    return hf_error_set(err, HF_MISMATCH, "stop at %s", key);
}

static void list_ends_with_the_callers_error(struct hf_store *store)
{
    unsigned calls = 0;
    struct hf_error err = HF_ERROR_INIT;
    put(store, "a", "1", HF_PUT_CREATE);
    put(store, "b", "1", HF_PUT_CREATE);
    assert_int_equal(hf_store_list(store, "", stop_at_first, &calls, &err), HF_MISMATCH);
    assert_int_equal(calls, 1);
    assert_int_equal(err.status, HF_MISMATCH);
}

static void invalid_keys_are_refused(struct hf_store *store)
{
    static const char *const bad[] = {"",    "/",    "/a",     "a/",       "a//b",
                                      ".",   "..",   "a/../b", "a/.",      "../a",
                                      "a b", "a\\b", "a\nb",   "\xc3\xa4", "tmp/x",
                                      "tmp", "a:b",  "a%b",    "~",        "a/b/c/d/e/f/g/h/i"};
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) out = HF_BUF_INIT;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(hf_store_put(store, bad[i], "x", 1, HF_PUT_CREATE, &err), HF_USAGE);
        assert_int_equal(hf_store_get_all(store, bad[i], 9, &out, &err), HF_USAGE);
        assert_int_equal(hf_store_delete(store, bad[i], &err), HF_USAGE);
    }
    char longest[HF_STORE_KEY_MAX + 2];
    memset(longest, 'k', sizeof longest);
    longest[HF_STORE_KEY_MAX + 1] = '\0';
    assert_int_equal(hf_store_put(store, longest, "x", 1, HF_PUT_CREATE, &err), HF_USAGE);
    longest[HF_STORE_KEY_MAX] = '\0';
    put(store, longest, "fits", HF_PUT_CREATE);
    expect(store, longest, "fits");
}

static void valid_keys_are_taken(struct hf_store *store)
{
    static const char *const good[] = {"a",    "...",   ".hidden",        "A-b_c.d",
                                       "tmpx", "q/tmp", "b/1/2/3/4/5/6/7"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        put(store, good[i], "1", HF_PUT_CREATE);
        expect(store, good[i], "1");
    }
    expect_list(store, "", sizeof good / sizeof good[0], good);
}

enum { THREADS = 4, ROUNDS = 40 };

struct race {
    struct hf_store *store;
    atomic_uint created;
};

static enum hf_status create_same_keys(void *arg, size_t index, struct hf_error *err)
{
    struct race *race = arg;
    for (int i = 0; i < ROUNDS; i++) {
        char key[32];
        char text[32];
        (void)snprintf(key, sizeof key, "race/%02d/key", i);
        (void)snprintf(text, sizeof text, "thread %zu", index);
        enum hf_status status =
            hf_store_put(race->store, key, text, strlen(text), HF_PUT_CREATE, err);
        if (status == HF_OK)
            atomic_fetch_add(&race->created, 1);
        else if (status != HF_EXISTS)
            return status;
    }
    return HF_OK;
}

static enum hf_status replace_same_key(void *arg, size_t index, struct hf_error *err)
{
    struct race *race = arg;
    uint8_t data[4096];
    memset(data, (int)('a' + index), sizeof data);
    for (int i = 0; i < ROUNDS; i++) {
        HF_AUTO(hf_buf) out = HF_BUF_INIT;
        HF_TRY(hf_store_put(race->store, "same", data, 1024 * (index + 1), HF_PUT_REPLACE, err));
        HF_TRY(hf_store_get_all(race->store, "same", sizeof data, &out, err));
        size_t expected = 1024 * (size_t)(out.data[0] - 'a' + 1);
        if (out.len != expected || memcmp(out.data, out.data + 1, out.len - 1) != 0)
            return hf_error_set(err, HF_DAMAGED, "a mixture was read");
    }
    return HF_OK;
}

static void run_threads(struct race *race, hf_pool_fn *fn)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_cancel) cancel = NULL;
    struct hf_pool *pool = NULL;
    assert_int_equal(hf_cancel_new(&cancel, &err), HF_OK);
    assert_int_equal(hf_pool_start(THREADS, fn, NULL, race, cancel, &pool, &err), HF_OK);
    if (hf_pool_join(pool, &err) != HF_OK)
        fail_msg("%s", err.text);
}

static void create_by_many_threads_happens_once(struct hf_store *store)
{
    struct race race = {.store = store};
    run_threads(&race, create_same_keys);
    assert_int_equal(atomic_load(&race.created), ROUNDS);
}

static void replace_by_many_threads_is_never_torn(struct hf_store *store)
{
    struct race race = {.store = store};
    run_threads(&race, replace_same_key);
}

#define TEST(function)                                                                             \
    {                                                                                              \
        .name = #function, .run = (function)                                                       \
    }
const struct hf_store_test hf_store_tests[] = {
    TEST(put_and_get_all_return_the_bytes),
    TEST(put_empty_object_is_one),
    TEST(put_large_object_comes_back),
    TEST(put_create_of_taken_key_is_refused),
    TEST(put_replace_replaces),
    TEST(put_named_twice_is_there_once),
    TEST(put_within_a_time_creates),
    TEST(get_range_appends_exactly_it),
    TEST(get_range_beyond_the_end_is_damage),
    TEST(get_all_larger_than_max_is_damage),
    TEST(absent_key_is_not_found),
    TEST(stat_tells_size_and_time),
    {.name = "delete_removes_and_takes_absent_keys",
     .run = delete_removes_and_takes_absent_keys,
     .removes = true},
    TEST(probe_leaves_nothing),
    {.name = "delete_many_removes_all_and_takes_absent_keys",
     .run = delete_many_removes_all_and_takes_absent_keys,
     .removes = true},
    TEST(protect_locks_only_where_the_store_does),
    TEST(list_finds_what_begins_with_the_prefix),
    TEST(list_ends_with_the_callers_error),
    TEST(invalid_keys_are_refused),
    TEST(valid_keys_are_taken),
    {.name = "create_by_many_threads_happens_once",
     .run = create_by_many_threads_happens_once,
     .race = true},
    {.name = "replace_by_many_threads_is_never_torn",
     .run = replace_by_many_threads_is_never_torn,
     .race = true},
};
const size_t hf_store_tests_count = sizeof hf_store_tests / sizeof hf_store_tests[0];
