#include "storage/repository/replica.h"

#include "base/clock.h"
#include "storage/repository/key_store.h"
#include "storage/repository/keys.h"
#include "storage/repository/lease.h"
#include "storage/repository/repository_internal.h"
#include "tests/support/repo_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/check.h"

#define WRITER "only writes"

/* One repository in two stores. */
struct pair {
    struct hf_store *stores[2];
    struct hf_repo *repos[2];
    char warnings[4096];
    struct hf_observer observer;
};

static void take_note(void *ctx, enum hf_note_level level, const char *text)
{
    struct pair *pair = ctx;
    size_t used = strlen(pair->warnings);
    if (level == HF_NOTE_WARNING)
        (void)snprintf(pair->warnings + used, sizeof pair->warnings - used, "%s\n", text);
}

static struct hf_repo *open_ok(struct hf_store *store, const char *passphrase)
{
    struct hf_repo *repo = NULL;
    struct hf_error err = HF_ERROR_INIT;
    assert_ok(hf_test_open(store, passphrase, &repo, &err), &err);
    return repo;
}

static enum hf_status make(struct hf_repo *original, struct hf_store *store, const char *passphrase,
                           struct hf_error *err)
{
    HF_AUTO_PTR(hf_secret) secret = hf_test_secret(passphrase);
    const struct hf_credential credential = {.passphrase = secret};
    return hf_replica_init(original, store, &credential, err);
}

static int setup(void **state)
{
    struct hf_error err = HF_ERROR_INIT;
    struct pair *p = calloc(1, sizeof *p);
    assert_non_null(p);
    hf_test_make_repo(&p->stores[0], &p->repos[0]);
    assert_ok(hf_memory_store_new(&p->stores[1], &err), &err);
    assert_ok(make(p->repos[0], p->stores[1], HF_TEST_PASSPHRASE, &err), &err);
    p->repos[1] = open_ok(p->stores[1], HF_TEST_PASSPHRASE);
    p->observer = (struct hf_observer){.ctx = p, .note = take_note};
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct pair *p = *state;
    for (int i = 0; i < 2; i++) {
        hf_repo_close(p->repos[i]);
        hf_store_close(p->stores[i]);
    }
    free(p);
    return 0;
}

/* Opens both anew, as another run of the program would. */
static void reopen(struct pair *p)
{
    for (int i = 0; i < 2; i++) {
        hf_repo_close(p->repos[i]);
        p->repos[i] = open_ok(p->stores[i], HF_TEST_PASSPHRASE);
    }
}

static size_t carry(struct pair *p)
{
    struct hf_error err = HF_ERROR_INIT;
    size_t count = 0;
    p->warnings[0] = '\0';
    assert_ok(hf_replica_carry_keys(p->repos[0], p->repos[1], &p->observer, &count, &err), &err);
    return count;
}

static void rotate(struct hf_repo *repo)
{
    struct hf_error err = HF_ERROR_INIT;
    uint32_t generation;
    assert_ok(hf_key_rotate(repo, &generation, &err), &err);
}

static void check_same_objects(struct hf_store *a, struct hf_store *b, const char *key)
{
    HF_AUTO(hf_buf) one = HF_BUF_INIT;
    HF_AUTO(hf_buf) other = HF_BUF_INIT;
    hf_test_get(a, key, &one);
    hf_test_get(b, key, &other);
    assert_int_equal(one.len, other.len);
    assert_memory_equal(one.data, other.data, one.len);
}

static void check_same_keys(struct pair *p)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_strings) names = HF_STRINGS_INIT;
    HF_AUTO(hf_strings) others = HF_STRINGS_INIT;
    assert_ok(hf_key_names(p->stores[0], &names, &err), &err);
    assert_ok(hf_key_names(p->stores[1], &others, &err), &err);
    assert_int_equal(names.count, others.count);
    for (size_t i = 0; i < names.count; i++) {
        char object[HF_KEY_OBJECT_TEXT];
        (void)snprintf(object, sizeof object, HF_KEYS_PREFIX "%s", names.items[i]);
        check_same_objects(p->stores[0], p->stores[1], object);
    }
}

static void init_makes_the_same_repository(void **state)
{
    struct pair *p = *state;
    struct hf_error err = HF_ERROR_INIT;
    assert_string_equal(hf_repo_id(p->repos[0]), hf_repo_id(p->repos[1]));
    assert_string_equal(hf_repo_fingerprint(p->repos[0]), hf_repo_fingerprint(p->repos[1]));
    check_same_objects(p->stores[0], p->stores[1], HF_HEADER_KEY);
    check_same_keys(p);
    assert_ok(hf_replica_check(p->repos[0], p->repos[1], &err), &err);
    assert_int_equal(hf_repo_role(p->repos[1]), HF_ROLE_READER);
}

static void init_with_a_writer_key_copies_all_keys(void **state)
{
    struct pair *p = *state;
    struct hf_error err = HF_ERROR_INIT;
    char id[HF_KEY_ID_TEXT];
    HF_AUTO_PTR(hf_store) store = NULL;
    hf_test_add_key(p->repos[0], HF_ROLE_WRITER, WRITER, id);
    HF_AUTO_PTR(hf_repo) writer = open_ok(p->stores[0], WRITER);
    assert_ok(hf_memory_store_new(&store, &err), &err);
    assert_ok(make(writer, store, WRITER, &err), &err);
    HF_AUTO_PTR(hf_repo) as_writer = open_ok(store, WRITER);
    HF_AUTO_PTR(hf_repo) as_reader = open_ok(store, HF_TEST_PASSPHRASE);
    assert_int_equal(hf_repo_role(as_writer), HF_ROLE_WRITER);
    assert_int_equal(hf_repo_role(as_reader), HF_ROLE_READER);
}

static void init_with_a_credential_that_opens_nothing_writes_nothing(void **state)
{
    struct pair *p = *state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_store) store = NULL;
    assert_ok(hf_memory_store_new(&store, &err), &err);
    assert_fails(make(p->repos[0], store, "another", &err), HF_DENIED, &err);
    assert_contains(err.text, "key add");
    assert_int_equal(hf_memory_store_count(store, ""), 0);
}

static void init_over_something_is_refused(void **state)
{
    struct pair *p = *state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_store) store = NULL;
    assert_fails(make(p->repos[0], p->stores[1], HF_TEST_PASSPHRASE, &err), HF_EXISTS, &err);
    assert_ok(hf_memory_store_new(&store, &err), &err);
    assert_ok(hf_store_put(store, "letters/1", "x", 1, HF_PUT_CREATE, &err), &err);
    assert_fails(make(p->repos[0], store, HF_TEST_PASSPHRASE, &err), HF_USAGE, &err);
}

static void init_that_failed_anywhere_can_be_run_again(void **state)
{
    struct pair *p = *state;
    char id[HF_KEY_ID_TEXT];
    hf_test_add_key(p->repos[0], HF_ROLE_WRITER, WRITER, id);
    for (unsigned n = 1;; n++) {
        struct hf_error err = HF_ERROR_INIT;
        HF_AUTO_PTR(hf_store) store = NULL;
        assert_ok(hf_memory_store_new(&store, &err), &err);
        hf_memory_store_ignore_create(store);
        hf_memory_store_fail_from(store, n, HF_UNREACHABLE);
        enum hf_status status = make(p->repos[0], store, HF_TEST_PASSPHRASE, &err);
        hf_memory_store_fail_from(store, 0, HF_OK);
        hf_memory_store_advance(store, (HF_INIT_CLAIM_S + 1) * HF_NS_PER_S);
        if (status != HF_OK)
            assert_ok(make(p->repos[0], store, HF_TEST_PASSPHRASE, &err), &err);
        HF_AUTO_PTR(hf_repo) repo = open_ok(store, HF_TEST_PASSPHRASE);
        assert_int_equal(hf_memory_store_count(store, HF_KEYS_PREFIX), 2);
        if (status == HF_OK)
            return;
    }
}

static void check_of_another_repository_says_so(void **state)
{
    struct pair *p = *state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_store) store = NULL;
    HF_AUTO_PTR(hf_repo) repo = NULL;
    hf_test_make_repo(&store, &repo);
    assert_fails(hf_replica_check(p->repos[0], repo, &err), HF_USAGE, &err);
    assert_contains(err.text, "--replica-of");
}

static void check_after_two_rotations_tells_them_apart(void **state)
{
    struct pair *p = *state;
    struct hf_error err = HF_ERROR_INIT;
    rotate(p->repos[0]);
    rotate(p->repos[1]);
    assert_fails(hf_replica_check(p->repos[0], p->repos[1], &err), HF_MISMATCH, &err);
    assert_contains(err.text, "generation 2");
}

static void carry_with_nothing_new_writes_nothing(void **state)
{
    struct pair *p = *state;
    unsigned before = hf_memory_store_operations(p->stores[1]);
    assert_int_equal(carry(p), 0);
    /* A list, and the record. */
    assert_int_equal(hf_memory_store_operations(p->stores[1]) - before, 2);
    assert_string_equal(p->warnings, "");
}

static void carry_brings_new_keys_and_generations(void **state)
{
    struct pair *p = *state;
    char id[HF_KEY_ID_TEXT];
    hf_test_add_key(p->repos[0], HF_ROLE_WRITER, WRITER, id);
    assert_int_equal(carry(p), 1);
    rotate(p->repos[0]);
    assert_int_equal(carry(p), 2);
    check_same_keys(p);
    /* What is written there from now on is of the new generation, in this run already. */
    assert_int_equal(hf_keyset_current(p->repos[1]->keys)->number, 2);
    assert_int_equal(hf_repo_role(p->repos[1]), HF_ROLE_READER);
    HF_AUTO_PTR(hf_repo) writer = open_ok(p->stores[1], WRITER);
    assert_int_equal(writer->keys->count, 2);
    assert_int_equal(hf_memory_store_count(p->stores[1], "leases/"), 0);
    assert_int_equal(carry(p), 0);
}

static void carry_with_writer_keys_brings_readers_along(void **state)
{
    struct pair *p = *state;
    struct hf_error err = HF_ERROR_INIT;
    char id[HF_KEY_ID_TEXT];
    size_t count = 0;
    hf_test_add_key(p->repos[0], HF_ROLE_WRITER, WRITER, id);
    assert_int_equal(carry(p), 1);
    rotate(p->repos[0]);
    HF_AUTO_PTR(hf_repo) from = open_ok(p->stores[0], WRITER);
    HF_AUTO_PTR(hf_repo) to = open_ok(p->stores[1], WRITER);
    assert_ok(hf_replica_carry_keys(from, to, NULL, &count, &err), &err);
    assert_int_equal(count, 2);
    HF_AUTO_PTR(hf_repo) reader = open_ok(p->stores[1], HF_TEST_PASSPHRASE);
    assert_int_equal(reader->keys->count, 2);
    assert_int_equal(hf_repo_role(reader), HF_ROLE_READER);
}

/* A reader of to that got a generation from a writer of from cannot open its data, and must not
 * take data for damaged. */
static void carry_from_a_writer_makes_to_a_writer_of_what_is_new(void **state)
{
    struct pair *p = *state;
    struct hf_error err = HF_ERROR_INIT;
    char id[HF_KEY_ID_TEXT];
    size_t count = 0;
    hf_test_add_key(p->repos[0], HF_ROLE_WRITER, WRITER, id);
    rotate(p->repos[0]);
    HF_AUTO_PTR(hf_repo) from = open_ok(p->stores[0], WRITER);
    assert_ok(hf_replica_carry_keys(from, p->repos[1], NULL, &count, &err), &err);
    assert_int_equal(hf_repo_role(p->repos[1]), HF_ROLE_WRITER);
    reopen(p);
    assert_int_equal(hf_repo_role(p->repos[1]), HF_ROLE_READER);
}

static void carry_leaves_a_removed_key_removed_after_a_rotation(void **state)
{
    struct pair *p = *state;
    struct hf_error err = HF_ERROR_INIT;
    char id[HF_KEY_ID_TEXT], object[HF_KEY_OBJECT_TEXT];
    HF_AUTO(hf_buf) record = HF_BUF_INIT;
    hf_test_add_key(p->repos[0], HF_ROLE_WRITER, WRITER, id);
    (void)snprintf(object, sizeof object, HF_KEYS_PREFIX "%s", id);
    hf_test_get(p->stores[0], object, &record);
    assert_ok(hf_key_remove(p->repos[0], id, &err), &err);
    rotate(p->repos[0]);
    /* Somebody who can write to the store puts it back. */
    assert_ok(hf_store_put(p->stores[0], object, record.data, record.len, HF_PUT_CREATE, &err),
              &err);
    assert_int_equal(carry(p), 1);
    assert_int_equal(hf_memory_store_count(p->stores[1], HF_KEYS_PREFIX), 1);
}

static void carry_tells_of_keys_that_were_left_behind(void **state)
{
    struct pair *p = *state;
    struct hf_error err = HF_ERROR_INIT;
    char id[HF_KEY_ID_TEXT];
    hf_test_add_key(p->repos[0], HF_ROLE_WRITER, WRITER, id);
    assert_int_equal(carry(p), 1);
    assert_ok(hf_key_remove(p->repos[0], id, &err), &err);
    assert_int_equal(carry(p), 0);
    assert_string_equal(p->warnings, "");
    rotate(p->repos[0]);
    assert_int_equal(carry(p), 1);
    assert_contains(p->warnings, "key remove");
    /* It opens what it could open before, and nothing that is written from now on. */
    HF_AUTO_PTR(hf_repo) writer = open_ok(p->stores[1], WRITER);
    assert_int_equal(writer->keys->count, 1);
}

static void carry_keeps_keys_that_only_the_other_has(void **state)
{
    struct pair *p = *state;
    char id[HF_KEY_ID_TEXT];
    hf_test_add_key(p->repos[1], HF_ROLE_READER, "offsite only", id);
    rotate(p->repos[1]);
    assert_int_equal(carry(p), 0);
    assert_string_equal(p->warnings, "");
    HF_AUTO_PTR(hf_repo) repo = open_ok(p->stores[1], "offsite only");
    assert_int_equal(repo->keys->count, 2);
}

static void carry_puts_a_damaged_record_right(void **state)
{
    struct pair *p = *state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_strings) names = HF_STRINGS_INIT;
    char object[HF_KEY_OBJECT_TEXT];
    assert_ok(hf_key_names(p->stores[1], &names, &err), &err);
    (void)snprintf(object, sizeof object, HF_KEYS_PREFIX "%s", names.items[0]);
    assert_true(hf_memory_store_overwrite(p->stores[1], object, "rot", 3));
    assert_int_equal(carry(p), 1);
    check_same_keys(p);
}

static void carry_does_not_take_a_strangers_record(void **state)
{
    struct pair *p = *state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_store) store = NULL;
    HF_AUTO_PTR(hf_repo) repo = NULL;
    HF_AUTO(hf_strings) names = HF_STRINGS_INIT;
    HF_AUTO(hf_buf) record = HF_BUF_INIT;
    char object[HF_KEY_OBJECT_TEXT];
    hf_test_make_repo(&store, &repo);
    assert_ok(hf_key_names(store, &names, &err), &err);
    (void)snprintf(object, sizeof object, HF_KEYS_PREFIX "%s", names.items[0]);
    hf_test_get(store, object, &record);
    /* As if it were of this repository; its grants are signed with another key. */
    memcpy(record.data + 20, p->repos[0]->header.id, HF_REPO_ID);
    assert_ok(hf_store_put(p->stores[0], object, record.data, record.len, HF_PUT_CREATE, &err),
              &err);
    assert_int_equal(carry(p), 0);
    assert_int_equal(hf_memory_store_count(p->stores[1], HF_KEYS_PREFIX), 1);
}

static void carry_that_failed_anywhere_is_finished_by_the_next(void **state)
{
    struct pair *p = *state;
    char id[HF_KEY_ID_TEXT];
    hf_test_add_key(p->repos[0], HF_ROLE_WRITER, WRITER, id);
    rotate(p->repos[0]);
    for (unsigned n = 1;; n++) {
        struct hf_error err = HF_ERROR_INIT;
        struct hf_store *before = p->stores[1];
        size_t count = 0;
        assert_ok(hf_memory_store_copy(before, &p->stores[1], &err), &err);
        reopen(p);
        hf_memory_store_fail_from(p->stores[1], n, HF_UNREACHABLE);
        enum hf_status status = hf_replica_carry_keys(p->repos[0], p->repos[1], NULL, &count, &err);
        hf_memory_store_fail_from(p->stores[1], 0, HF_OK);
        hf_memory_store_advance(p->stores[1], (int64_t)HF_LEASE_TTL_S * 2 * HF_NS_PER_S);
        reopen(p); /* it opens, whatever happened */
        (void)carry(p);
        check_same_keys(p);
        hf_repo_close(p->repos[1]);
        hf_store_close(p->stores[1]);
        p->stores[1] = before;
        p->repos[1] = open_ok(before, HF_TEST_PASSPHRASE);
        if (status == HF_OK)
            return;
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(init_makes_the_same_repository),
        TEST(init_with_a_writer_key_copies_all_keys),
        TEST(init_with_a_credential_that_opens_nothing_writes_nothing),
        TEST(init_over_something_is_refused),
        TEST(init_that_failed_anywhere_can_be_run_again),
        TEST(check_of_another_repository_says_so),
        TEST(check_after_two_rotations_tells_them_apart),
        TEST(carry_with_nothing_new_writes_nothing),
        TEST(carry_brings_new_keys_and_generations),
        TEST(carry_with_writer_keys_brings_readers_along),
        TEST(carry_from_a_writer_makes_to_a_writer_of_what_is_new),
        TEST(carry_leaves_a_removed_key_removed_after_a_rotation),
        TEST(carry_tells_of_keys_that_were_left_behind),
        TEST(carry_keeps_keys_that_only_the_other_has),
        TEST(carry_puts_a_damaged_record_right),
        TEST(carry_does_not_take_a_strangers_record),
        TEST(carry_that_failed_anywhere_is_finished_by_the_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
