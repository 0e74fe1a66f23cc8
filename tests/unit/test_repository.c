#include "base/clock.h"
#include "base/pool.h"
#include "storage/repository/key_store.h"
#include "storage/repository/repository_internal.h"
#include "tests/support/repo_fixture.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/check.h"

static struct hf_store *new_store(void)
{
    struct hf_store *store = NULL;
    struct hf_error err = HF_ERROR_INIT;
    assert_ok(hf_memory_store_new(&store, &err), &err);
    return store;
}

static void init_and_open_make_a_reader(void **state)
{
    (void)state;
    HF_AUTO_PTR(hf_store) store = NULL;
    HF_AUTO_PTR(hf_repo) repo = NULL;
    hf_test_make_repo(&store, &repo);
    assert_int_equal(hf_repo_role(repo), HF_ROLE_READER);
    assert_ptr_equal(hf_repo_store(repo), store);
    assert_int_equal(strlen(hf_repo_id(repo)), 32);
    assert_int_equal(strlen(hf_repo_fingerprint(repo)), 64);
    assert_int_equal(hf_memory_store_count(store, ""), 2);
    assert_int_equal(repo->header.chunk_max, HF_CHUNK_MAX);
}

static void init_twice_is_refused(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_store) store = new_store();
    assert_ok(hf_test_init(store, "one", &err), &err);
    assert_fails(hf_test_init(store, "two", &err), HF_EXISTS, &err);
    assert_int_equal(hf_memory_store_count(store, ""), 2);
}

static void init_among_other_files_is_refused(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_store) store = new_store();
    assert_ok(hf_store_put(store, "letters/to-mother.txt", "Dear", 4, HF_PUT_CREATE, &err), &err);
    assert_fails(hf_test_init(store, "one", &err), HF_USAGE, &err);
    assert_contains(err.text, "letters/to-mother.txt");
    assert_int_equal(hf_memory_store_count(store, ""), 1);
}

static void init_bad_options_are_refused(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_store) store = new_store();
    HF_AUTO_PTR(hf_secret) secret = hf_test_secret("pass");
    struct hf_repo_options options = hf_test_repo_options();
    struct hf_credential credential = {.passphrase = NULL};
    assert_fails(hf_repo_init(store, &options, &credential, &err), HF_USAGE, &err);
    assert_fails(hf_test_init(store, "", &err), HF_USAGE, &err);
    credential.passphrase = secret;
    options.cipher = (enum hf_repo_cipher)9;
    assert_fails(hf_repo_init(store, &options, &credential, &err), HF_USAGE, &err);
    assert_int_equal(hf_memory_store_count(store, ""), 0);
}

/* Whatever fails, and at whichever operation: init can be run again, and the result opens. */
static void init_failing_at_every_operation_can_be_repeated(void **state)
{
    (void)state;
    const enum hf_fault faults[] = {HF_FAULT_BEFORE, HF_FAULT_AFTER};
    for (size_t k = 0; k < 2; k++) {
        bool failed = true;
        for (unsigned n = 1; failed; n++) {
            struct hf_error err = HF_ERROR_INIT;
            HF_AUTO_PTR(hf_store) store = new_store();
            HF_AUTO_PTR(hf_repo) repo = NULL;
            hf_memory_store_fail(store, n, faults[k], HF_UNREACHABLE);
            enum hf_status status = hf_test_init(store, "pass", &err);
            failed = hf_memory_store_operations(store) >= n;
            hf_memory_store_fail(store, 0, HF_FAULT_BEFORE, HF_OK);
            if (status != HF_OK) {
                assert_int_equal(status, HF_UNREACHABLE);
                status = hf_test_init(store, "pass", &err);
                /* the header was there, only the answer got lost */
                if (faults[k] == HF_FAULT_AFTER && status == HF_EXISTS)
                    status = HF_OK;
            }
            assert_int_equal(status, HF_OK);
            assert_ok(hf_test_open(store, "pass", &repo, &err), &err);
            assert_int_equal(hf_memory_store_count(store, "holdfast"), 1);
            assert_true(n < 20);
        }
    }
}

static void init_removes_the_keys_of_a_killed_one(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_store) store = new_store();
    assert_ok(hf_test_init(store, "first", &err), &err);
    assert_ok(hf_store_delete(store, HF_HEADER_KEY, &err), &err); /* as if killed before it */
    assert_ok(hf_test_init(store, "second", &err), &err);
    assert_int_equal(hf_memory_store_count(store, "keys/"), 1);
    HF_AUTO_PTR(hf_repo) repo = NULL;
    assert_ok(hf_test_open(store, "second", &repo, &err), &err);
}

enum { MAKERS = 4, RACES = 6 };

struct making {
    struct hf_store *store;
    atomic_uint made;
    atomic_uint winner;
};

static enum hf_status make_one(void *arg, size_t index, struct hf_error *err)
{
    struct making *making = arg;
    struct hf_error why = HF_ERROR_INIT;
    char passphrase[16];
    (void)snprintf(passphrase, sizeof passphrase, "maker %zu", index);
    enum hf_status status = hf_test_init(making->store, passphrase, &why);
    if (status == HF_EXISTS || status == HF_BUSY)
        return HF_OK;
    if (status != HF_OK) {
        *err = why;
        return status;
    }
    atomic_fetch_add(&making->made, 1);
    atomic_store(&making->winner, (unsigned)index);
    return HF_OK;
}

/* On a store where the second of two creators overwrites what the first made. */
static void init_by_many_at_once_makes_one_that_opens(void **state)
{
    (void)state;
    for (int i = 0; i < RACES; i++) {
        struct hf_error err = HF_ERROR_INIT;
        HF_AUTO_PTR(hf_store) store = new_store();
        HF_AUTO_PTR(hf_repo) repo = NULL;
        HF_AUTO_PTR(hf_cancel) cancel = NULL;
        struct making making = {.store = store};
        struct hf_pool *pool = NULL;
        char passphrase[16];
        hf_memory_store_ignore_create(store);
        assert_ok(hf_cancel_new(&cancel, &err), &err);
        assert_ok(hf_pool_start(MAKERS, make_one, NULL, &making, cancel, &pool, &err), &err);
        assert_ok(hf_pool_join(pool, &err), &err);
        assert_int_equal(atomic_load(&making.made), 1);
        (void)snprintf(passphrase, sizeof passphrase, "maker %u", atomic_load(&making.winner));
        assert_ok(hf_test_open(store, passphrase, &repo, &err), &err);
        assert_int_equal(hf_memory_store_count(store, "keys/"), 1);
        assert_int_equal(hf_memory_store_count(store, "init/"), 0);
    }
}

/* Where the store decides there is no claim, and none of others counts. */
static void init_on_a_store_that_creates_needs_no_claim(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_store) store = new_store();
    const char *claim = HF_INIT_PREFIX "00000000000000000000000000000000";
    assert_ok(hf_store_put(store, claim, "", 0, HF_PUT_REPLACE, &err), &err);
    assert_ok(hf_test_init(store, "pass", &err), &err);
}

static void init_beside_another_steps_back_until_that_is_dead(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_store) store = new_store();
    const char *claim = HF_INIT_PREFIX "00000000000000000000000000000000";
    hf_memory_store_ignore_create(store);
    assert_ok(hf_store_put(store, claim, "", 0, HF_PUT_REPLACE, &err), &err);
    assert_fails(hf_test_init(store, "pass", &err), HF_BUSY, &err);
    assert_int_equal(hf_memory_store_count(store, ""), 1);
    hf_memory_store_advance(store, (HF_INIT_CLAIM_S + 1) * HF_NS_PER_S);
    assert_ok(hf_test_init(store, "pass", &err), &err);
    assert_int_equal(hf_memory_store_count(store, HF_INIT_PREFIX), 0);
}

/* An init whose put of the header fails. */
static struct hf_store *fail_header(enum hf_fault fault)
{
    for (unsigned n = 1;; n++) {
        struct hf_error err = HF_ERROR_INIT;
        HF_AUTO_PTR(hf_store) store = new_store();
        hf_memory_store_ignore_create(store);
        hf_memory_store_fail(store, n, fault, HF_UNREACHABLE);
        enum hf_status status = hf_test_init(store, "pass", &err);
        if (hf_memory_store_within(store) == INT64_MAX)
            continue;
        assert_true(hf_memory_store_within(store) <= HF_INIT_CLAIM_S / 2 * HF_NS_PER_S);
        assert_int_equal(status, fault == HF_FAULT_BEFORE ? HF_UNREACHABLE : HF_OK);
        struct hf_store *found = store;
        store = NULL;
        return found;
    }
}

/* The put may still be done by the server: nobody makes another repository before it cannot. */
static void init_that_gave_up_its_header_keeps_others_out(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_store) store = fail_header(HF_FAULT_BEFORE);
    HF_AUTO_PTR(hf_repo) repo = NULL;
    assert_int_equal(hf_memory_store_count(store, HF_INIT_PREFIX), 1);
    assert_fails(hf_test_init(store, "other", &err), HF_BUSY, &err);
    hf_memory_store_advance(store, (HF_INIT_CLAIM_S + 1) * HF_NS_PER_S);
    assert_ok(hf_test_init(store, "other", &err), &err);
    assert_ok(hf_test_open(store, "other", &repo, &err), &err);
}

static void init_whose_header_was_put_unheard_is_done(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_store) store = fail_header(HF_FAULT_AFTER);
    HF_AUTO_PTR(hf_repo) repo = NULL;
    assert_int_equal(hf_memory_store_count(store, HF_INIT_PREFIX), 0);
    assert_ok(hf_test_open(store, "pass", &repo, &err), &err);
}

/* One that hung in the server for all of the claim, and was done at the last moment. */
static void init_whose_header_was_overwritten_says_so(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_store) others = NULL;
    HF_AUTO_PTR(hf_repo) repo = NULL;
    HF_AUTO(hf_buf) header = HF_BUF_INIT;
    hf_test_make_repo(&others, &repo);
    assert_ok(hf_store_get_all(others, HF_HEADER_KEY, HF_HEADER_MAX, &header, &err), &err);
    HF_AUTO_PTR(hf_store) store = new_store();
    hf_memory_store_ignore_create(store);
    hf_memory_store_after_put(store, HF_HEADER_KEY, header.data, header.len);
    assert_fails(hf_test_init(store, "pass", &err), HF_EXISTS, &err);
    assert_int_equal(hf_memory_store_count(store, HF_KEYS_PREFIX), 0);
}

static void open_nothing_there_is_not_found(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_store) store = new_store();
    HF_AUTO_PTR(hf_repo) repo = NULL;
    assert_fails(hf_test_open(store, "x", &repo, &err), HF_NOT_FOUND, &err);
    assert_contains(err.text, "holdfast init");
}

static void open_wrong_passphrase_is_denied_and_says_so(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_store) store = NULL;
    HF_AUTO_PTR(hf_repo) repo = NULL;
    HF_AUTO_PTR(hf_repo) again = NULL;
    hf_test_make_repo(&store, &repo);
    assert_fails(hf_test_open(store, "wrong", &again, &err), HF_DENIED, &err);
    assert_string_equal(err.text, "memory: no key of this repository opens with this passphrase");
}

static void open_newer_format_is_unsupported(void **state)
{
    (void)state;
    static const char newer[] = "{\"format\":2,\"type\":\"holdfast repository\"}";
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_store) store = NULL;
    HF_AUTO_PTR(hf_repo) repo = NULL;
    HF_AUTO_PTR(hf_repo) again = NULL;
    hf_test_make_repo(&store, &repo);
    assert_true(hf_memory_store_overwrite(store, HF_HEADER_KEY, newer, sizeof newer - 1));
    assert_fails(hf_test_open(store, HF_TEST_PASSPHRASE, &again, &err), HF_UNSUPPORTED, &err);
    assert_contains(err.text, "newer holdfast");
    assert_contains(err.text, "memory");
}

static void key_object(const struct hf_repo *repo, char out[HF_KEY_OBJECT_TEXT])
{
    (void)snprintf(out, HF_KEY_OBJECT_TEXT, "keys/%s", repo->key_id);
}

/* The header, signed by the repository, with another meaning: what an attacker would do. */
static void open_header_of_another_repository_is_damage(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_store) store = NULL;
    HF_AUTO_PTR(hf_repo) repo = NULL;
    HF_AUTO_PTR(hf_repo) again = NULL;
    HF_AUTO_PTR(hf_keyset) others = NULL;
    HF_AUTO(hf_buf) bytes = HF_BUF_INIT;
    hf_test_make_repo(&store, &repo);
    struct hf_repo_header header = repo->header;
    assert_ok(hf_keyset_generate(header.id, &others, &err), &err);
    header.chunk_avg *= 2;
    hf_header_sign(&header, others->sign_sk);
    assert_ok(hf_header_render(&header, &bytes, &err), &err);
    assert_true(hf_memory_store_overwrite(store, HF_HEADER_KEY, bytes.data, bytes.len));
    assert_fails(hf_test_open(store, HF_TEST_PASSPHRASE, &again, &err), HF_DAMAGED, &err);
    assert_contains(err.text, "signed");
}

static void open_every_byte_flipped_is_a_clean_error(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_store) store = NULL;
    HF_AUTO_PTR(hf_repo) repo = NULL;
    char key[HF_KEY_OBJECT_TEXT];
    hf_test_make_repo(&store, &repo);
    key_object(repo, key);
    const char *const objects[] = {HF_HEADER_KEY, key};
    for (size_t k = 0; k < 2; k++) {
        HF_AUTO(hf_buf) bytes = HF_BUF_INIT;
        hf_test_get(store, objects[k], &bytes);
        for (size_t i = 0; i < bytes.len; i++) {
            HF_AUTO_PTR(hf_repo) again = NULL;
            bytes.data[i] ^= 0x20;
            assert_true(hf_memory_store_overwrite(store, objects[k], bytes.data, bytes.len));
            enum hf_status status = hf_test_open(store, HF_TEST_PASSPHRASE, &again, &err);
            assert_true(status == HF_DAMAGED || status == HF_UNSUPPORTED);
            assert_null(again);
            assert_contains(err.text, objects[k]);
            bytes.data[i] ^= 0x20;
        }
        assert_true(hf_memory_store_overwrite(store, objects[k], bytes.data, bytes.len));
    }
    HF_AUTO_PTR(hf_repo) again = NULL;
    assert_ok(hf_test_open(store, HF_TEST_PASSPHRASE, &again, &err), &err);
}

static void open_without_key_records_is_damage(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_store) store = NULL;
    HF_AUTO_PTR(hf_repo) repo = NULL;
    HF_AUTO_PTR(hf_repo) again = NULL;
    char key[HF_KEY_OBJECT_TEXT];
    hf_test_make_repo(&store, &repo);
    key_object(repo, key);
    assert_ok(hf_store_delete(store, key, &err), &err);
    assert_fails(hf_test_open(store, HF_TEST_PASSPHRASE, &again, &err), HF_DAMAGED, &err);
}

static void put_key(struct hf_store *store, char digit, const void *data, size_t len)
{
    struct hf_error err = HF_ERROR_INIT;
    char key[HF_KEY_OBJECT_TEXT] = HF_KEYS_PREFIX;
    memset(key + 5, digit, 32);
    key[37] = '\0';
    assert_ok(hf_store_put(store, key, data, len, HF_PUT_CREATE, &err), &err);
}

static void open_bad_records_never_block_a_good_one(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_store) store = NULL;
    HF_AUTO_PTR(hf_repo) repo = NULL;
    HF_AUTO_PTR(hf_store) other_store = NULL;
    HF_AUTO_PTR(hf_repo) other = NULL;
    HF_AUTO_PTR(hf_repo) again = NULL;
    HF_AUTO_PTR(hf_repo) denied = NULL;
    HF_AUTO(hf_buf) own = HF_BUF_INIT;
    HF_AUTO(hf_buf) foreign = HF_BUF_INIT;
    char key[HF_KEY_OBJECT_TEXT];
    hf_test_make_repo(&store, &repo);
    hf_test_make_repo(&other_store, &other);
    key_object(repo, key);
    hf_test_get(store, key, &own);
    key_object(other, key);
    hf_test_get(other_store, key, &foreign);
    put_key(store, '0', "", 0);
    put_key(store, '1', "garbage", 7);
    put_key(store, '2', own.data, own.len);     /* ours, under another's name */
    put_key(store, '3', own.data, own.len / 2); /* truncated */
    assert_ok(hf_store_put(store, key, foreign.data, foreign.len, HF_PUT_CREATE, &err), &err);
    assert_ok(hf_store_put(store, "keys/README", "hi", 2, HF_PUT_CREATE, &err), &err);
    assert_ok(hf_test_open(store, HF_TEST_PASSPHRASE, &again, &err), &err);
    assert_string_equal(hf_repo_id(again), hf_repo_id(repo));
    assert_fails(hf_test_open(store, "wrong", &denied, &err), HF_DENIED, &err);
    assert_contains(err.text, "4 key records could not be read");
}

/* A record that asks for a terabyte, or for years, costs nothing but a refusal. */
static void open_hostile_cost_is_refused_at_once(void **state)
{
    (void)state;
    enum { AT_MEM_OF_FIRST = 84 + 5 + 1 + 4 }; /* its label is "first" */
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_store) store = NULL;
    HF_AUTO_PTR(hf_repo) repo = NULL;
    HF_AUTO_PTR(hf_repo) again = NULL;
    HF_AUTO(hf_buf) bytes = HF_BUF_INIT;
    char key[HF_KEY_OBJECT_TEXT];
    hf_test_make_repo(&store, &repo);
    key_object(repo, key);
    hf_test_get(store, key, &bytes);
    hf_store_u64(bytes.data + AT_MEM_OF_FIRST, UINT64_C(1) << 40);
    (void)crypto_hash_sha256(bytes.data + bytes.len - 32, bytes.data, bytes.len - 32);
    assert_true(hf_memory_store_overwrite(store, key, bytes.data, bytes.len));
    assert_fails(hf_test_open(store, HF_TEST_PASSPHRASE, &again, &err), HF_DAMAGED, &err);
    assert_contains(err.text, "out of bounds");
}

static void open_pinned_fingerprint_decides(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_store) store = NULL;
    HF_AUTO_PTR(hf_repo) repo = NULL;
    HF_AUTO_PTR(hf_repo) right = NULL;
    HF_AUTO_PTR(hf_repo) wrong = NULL;
    HF_AUTO_PTR(hf_secret) secret = hf_test_secret(HF_TEST_PASSPHRASE);
    hf_test_make_repo(&store, &repo);
    struct hf_credential credential = {.passphrase = secret,
                                       .fingerprint = hf_repo_fingerprint(repo)};
    assert_ok(hf_repo_open(store, &credential, &right, &err), &err);
    char other[65];
    memset(other, 'a', 64);
    other[64] = '\0';
    credential.fingerprint = other;
    assert_fails(hf_repo_open(store, &credential, &wrong, &err), HF_DENIED, &err);
    assert_contains(err.text, "fingerprint");
}

static void open_failing_store_is_not_a_wrong_passphrase(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_store) store = NULL;
    HF_AUTO_PTR(hf_repo) repo = NULL;
    hf_test_make_repo(&store, &repo);
    for (unsigned n = 1; n <= 3; n++) {
        HF_AUTO_PTR(hf_repo) again = NULL;
        hf_memory_store_fail(store, n, HF_FAULT_BEFORE, HF_UNREACHABLE);
        assert_fails(hf_test_open(store, HF_TEST_PASSPHRASE, &again, &err), HF_UNREACHABLE, &err);
    }
}

static void init_for_an_identity_opens_with_it(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_store) store = new_store();
    HF_AUTO_PTR(hf_secret) identity = NULL;
    HF_AUTO_FREE char *recipient = NULL;
    HF_AUTO_PTR(hf_repo) repo = NULL;
    assert_ok(hf_crypto_init(&err), &err);
    assert_ok(hf_identity_new(&identity, &recipient, &err), &err);
    const struct hf_repo_options options = hf_test_repo_options();
    const struct hf_credential credential = {.identity = identity};
    assert_ok(hf_repo_init(store, &options, &credential, &err), &err);
    assert_ok(hf_test_open_identity(store, identity, NULL, &repo, &err), &err);
    assert_int_equal(hf_repo_role(repo), HF_ROLE_READER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(init_and_open_make_a_reader),
        cmocka_unit_test(init_twice_is_refused),
        cmocka_unit_test(init_among_other_files_is_refused),
        cmocka_unit_test(init_bad_options_are_refused),
        cmocka_unit_test(init_failing_at_every_operation_can_be_repeated),
        cmocka_unit_test(init_removes_the_keys_of_a_killed_one),
        cmocka_unit_test(init_for_an_identity_opens_with_it),
        cmocka_unit_test(init_by_many_at_once_makes_one_that_opens),
        cmocka_unit_test(init_on_a_store_that_creates_needs_no_claim),
        cmocka_unit_test(init_beside_another_steps_back_until_that_is_dead),
        cmocka_unit_test(init_that_gave_up_its_header_keeps_others_out),
        cmocka_unit_test(init_whose_header_was_put_unheard_is_done),
        cmocka_unit_test(init_whose_header_was_overwritten_says_so),
        cmocka_unit_test(open_nothing_there_is_not_found),
        cmocka_unit_test(open_wrong_passphrase_is_denied_and_says_so),
        cmocka_unit_test(open_newer_format_is_unsupported),
        cmocka_unit_test(open_header_of_another_repository_is_damage),
        cmocka_unit_test(open_every_byte_flipped_is_a_clean_error),
        cmocka_unit_test(open_without_key_records_is_damage),
        cmocka_unit_test(open_bad_records_never_block_a_good_one),
        cmocka_unit_test(open_hostile_cost_is_refused_at_once),
        cmocka_unit_test(open_pinned_fingerprint_decides),
        cmocka_unit_test(open_failing_store_is_not_a_wrong_passphrase),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
