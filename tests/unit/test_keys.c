#include "storage/repository/envelope.h"
#include "storage/repository/key_store.h"
#include "storage/repository/keys.h"
#include "storage/repository/repository_internal.h"
#include "tests/support/repo_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/check.h"

static void object_of(const char *id, char out[HF_KEY_OBJECT_TEXT])
{
    (void)snprintf(out, HF_KEY_OBJECT_TEXT, HF_KEYS_PREFIX "%s", id);
}

static struct hf_repo *open_ok(struct hf_store *store, const char *passphrase)
{
    struct hf_repo *repo = NULL;
    struct hf_error err = HF_ERROR_INIT;
    assert_ok(hf_test_open(store, passphrase, &repo, &err), &err);
    return repo;
}

static size_t generations(struct hf_store *store, const char *passphrase)
{
    HF_AUTO_PTR(hf_repo) repo = open_ok(store, passphrase);
    return repo->keys->count;
}

static void add_writer_opens_without_readers_secrets(void **state)
{
    struct repo_fixture *f = *state;
    static const uint8_t zero[HF_SIGN_SK];
    char id[HF_KEY_ID_TEXT];
    hf_test_add_key(f->repo, HF_ROLE_WRITER, "writer", id);
    HF_AUTO_PTR(hf_repo) writer = open_ok(f->store, "writer");
    assert_int_equal(hf_repo_role(writer), HF_ROLE_WRITER);
    assert_string_equal(writer->key_id, id);
    assert_memory_equal(writer->keys->sign_sk, zero, HF_SIGN_SK);
    assert_memory_equal(writer->keys->generations[0].data_sk, zero, HF_KEY_SIZE);
    assert_memory_equal(writer->keys->id_key, f->repo->keys->id_key, HF_KEY_SIZE);
    assert_string_equal(hf_repo_fingerprint(writer), hf_repo_fingerprint(f->repo));
    assert_int_equal(hf_memory_store_count(f->store, "leases/"), 0);
}

static void change_by_a_writer_is_denied(void **state)
{
    struct repo_fixture *f = *state;
    char id[HF_KEY_ID_TEXT];
    uint32_t generation = 0;
    struct hf_error err = HF_ERROR_INIT;
    hf_test_add_key(f->repo, HF_ROLE_WRITER, "writer", id);
    HF_AUTO_PTR(hf_repo) writer = open_ok(f->store, "writer");
    HF_AUTO_PTR(hf_secret) secret = hf_test_secret("more");
    const struct hf_key_new key = {.role = HF_ROLE_WRITER, .passphrase = secret};
    assert_fails(hf_key_add(writer, &key, id, &err), HF_DENIED, &err);
    assert_fails(hf_key_remove(writer, id, &err), HF_DENIED, &err);
    assert_fails(hf_key_rotate(writer, &generation, &err), HF_DENIED, &err);
}

static void add_recipient_opens_with_its_identity_only(void **state)
{
    struct repo_fixture *f = *state;
    struct hf_error err = HF_ERROR_INIT;
    char id[HF_KEY_ID_TEXT];
    HF_AUTO_PTR(hf_secret) identity = NULL;
    HF_AUTO_PTR(hf_secret) other = NULL;
    HF_AUTO_FREE char *recipient = NULL;
    HF_AUTO_FREE char *other_recipient = NULL;
    assert_ok(hf_identity_new(&identity, &recipient, &err), &err);
    assert_ok(hf_identity_new(&other, &other_recipient, &err), &err);
    assert_contains(hf_secret_text(identity), recipient);
    const struct hf_key_new key = {.role = HF_ROLE_READER, .recipient = recipient};
    assert_ok(hf_key_add(f->repo, &key, id, &err), &err);
    assert_fails(hf_key_add(f->repo, &key, id, &err), HF_EXISTS, &err);

    HF_AUTO_PTR(hf_repo) repo = NULL;
    HF_AUTO_PTR(hf_repo) pinned = NULL;
    HF_AUTO_PTR(hf_repo) wrong = NULL;
    assert_ok(hf_test_open_identity(f->store, identity, NULL, &repo, &err), &err);
    assert_string_equal(repo->key_id, id);
    assert_ok(
        hf_test_open_identity(f->store, identity, hf_repo_fingerprint(f->repo), &pinned, &err),
        &err);
    assert_fails(hf_test_open_identity(f->store, other, NULL, &wrong, &err), HF_DENIED, &err);
    assert_contains(err.text, "identity");
}

static void add_bad_arguments_are_refused(void **state)
{
    struct repo_fixture *f = *state;
    struct hf_error err = HF_ERROR_INIT;
    char id[HF_KEY_ID_TEXT];
    HF_AUTO_PTR(hf_secret) secret = hf_test_secret("more");
    const struct hf_key_new bad[] = {
        {.role = HF_ROLE_READER},
        {.role = HF_ROLE_READER, .passphrase = secret, .recipient = "x"},
        {.role = HF_ROLE_READER, .recipient = "holdfast-recipient-1aaaa"},
        {.role = HF_ROLE_READER, .recipient = "ssh-ed25519 AAAA"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_fails(hf_key_add(f->repo, &bad[i], id, &err), HF_USAGE, &err);
    assert_int_equal(hf_memory_store_count(f->store, ""), 2);
}

static void add_passphrase_of_another_key_is_refused(void **state)
{
    struct repo_fixture *f = *state;
    struct hf_error err = HF_ERROR_INIT;
    char id[HF_KEY_ID_TEXT];
    HF_AUTO_PTR(hf_secret) secret = hf_test_secret(HF_TEST_PASSPHRASE);
    const struct hf_key_new key = {.role = HF_ROLE_WRITER, .passphrase = secret};
    assert_fails(hf_key_add(f->repo, &key, id, &err), HF_EXISTS, &err);
    assert_contains(err.text, f->repo->key_id);
}

static void identity_file_other_than_one_identity_is_refused(void **state)
{
    struct repo_fixture *f = *state;
    struct hf_error err = HF_ERROR_INIT;
    static const char *const bad[] = {"", "# only a comment\n", "holdfast-identity-1abc\n",
                                      "AGE-SECRET-KEY-1QQQQ\n"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        HF_AUTO_PTR(hf_secret) text = hf_test_secret(bad[i]);
        HF_AUTO_PTR(hf_repo) repo = NULL;
        assert_fails(hf_test_open_identity(f->store, text, NULL, &repo, &err), HF_USAGE, &err);
        assert_null(strstr(err.text, "QQQQ"));
    }
}

static void list_tells_who_can_open(void **state)
{
    struct repo_fixture *f = *state;
    struct hf_error err = HF_ERROR_INIT;
    char id[HF_KEY_ID_TEXT];
    struct hf_key_info *list = NULL;
    size_t count = 0;
    hf_test_add_key(f->repo, HF_ROLE_WRITER, "writer", id);
    assert_ok(hf_key_list(f->repo, &list, &count, &err), &err);
    assert_int_equal(count, 2);
    assert_string_equal(list[0].label, "first");
    assert_true(list[0].current && list[0].trusted && list[0].role == HF_ROLE_READER);
    assert_string_equal(list[1].id, id);
    assert_string_equal(list[1].label, "writer");
    assert_true(!list[1].current && list[1].trusted && list[1].role == HF_ROLE_WRITER);
    assert_int_equal(list[1].generations, 1);
    assert_true(list[0].created <= list[1].created);
    free(list);
}

/* A record made with other keys for this repository's id: it is shown, and never trusted. */
static void record_of_an_intruder_is_not_trusted(void **state)
{
    struct repo_fixture *f = *state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_key_info *list = NULL;
    size_t count = 0;
    uint32_t generation = 0;
    char object[HF_KEY_OBJECT_TEXT];
    HF_AUTO_PTR(hf_keyset) others = NULL;
    HF_AUTO_PTR(hf_secret) secret = hf_test_secret("intruder");
    HF_AUTO(hf_key_record) record = HF_KEY_RECORD_INIT;
    assert_ok(hf_keyset_generate(f->repo->header.id, &others, &err), &err);
    const struct hf_key_record_new options = {
        .role = HF_ROLE_READER, .passphrase = secret, .kdf_ops = 1, .kdf_mem = 8192};
    assert_ok(hf_key_record_create(others, &options, &record, &err), &err);
    hf_key_object(object, record.id);
    assert_ok(
        hf_store_put(f->store, object, record.bytes.data, record.bytes.len, HF_PUT_CREATE, &err),
        &err);

    assert_ok(hf_key_list(f->repo, &list, &count, &err), &err);
    assert_int_equal(count, 2);
    assert_true(list[0].trusted != list[1].trusted);
    free(list);
    assert_ok(hf_key_rotate(f->repo, &generation, &err), &err);
    HF_AUTO(hf_buf) after = HF_BUF_INIT;
    hf_test_get(f->store, object, &after);
    assert_int_equal(after.len, record.bytes.len); /* no grant */
    /* and whoever is lured into using that passphrase is told */
    HF_AUTO_PTR(hf_repo) lured = NULL;
    assert_fails(hf_test_open(f->store, "intruder", &lured, &err), HF_DAMAGED, &err);
    /* the real one opens, and the intruder does not count as a reader */
    assert_fails(hf_key_remove(f->repo, f->repo->key_id, &err), HF_USAGE, &err);
    HF_AUTO_PTR(hf_repo) again = open_ok(f->store, HF_TEST_PASSPHRASE);
}

static void remove_key_cannot_open_any_more(void **state)
{
    struct repo_fixture *f = *state;
    struct hf_error err = HF_ERROR_INIT;
    char id[HF_KEY_ID_TEXT];
    char shortened[HF_KEY_ID_TEXT] = "";
    HF_AUTO_PTR(hf_repo) gone = NULL;
    hf_test_add_key(f->repo, HF_ROLE_WRITER, "writer", id);
    memcpy(shortened, id, 12);
    assert_ok(hf_key_remove(f->repo, shortened, &err), &err);
    assert_fails(hf_test_open(f->store, "writer", &gone, &err), HF_DENIED, &err);
    assert_fails(hf_key_remove(f->repo, shortened, &err), HF_NOT_FOUND, &err);
    assert_fails(hf_key_remove(f->repo, "", &err), HF_NOT_FOUND, &err);
}

static void remove_last_reader_is_refused(void **state)
{
    struct repo_fixture *f = *state;
    struct hf_error err = HF_ERROR_INIT;
    char id[HF_KEY_ID_TEXT];
    hf_test_add_key(f->repo, HF_ROLE_WRITER, "writer", id);
    assert_fails(hf_key_remove(f->repo, f->repo->key_id, &err), HF_USAGE, &err);
    assert_contains(err.text, "last key");
    hf_test_add_key(f->repo, HF_ROLE_READER, "reader", id);
    assert_ok(hf_key_remove(f->repo, f->repo->key_id, &err), &err);
    HF_AUTO_PTR(hf_repo) reader = open_ok(f->store, "reader");
}

static void remove_ambiguous_id_is_refused(void **state)
{
    struct repo_fixture *f = *state;
    struct hf_error err = HF_ERROR_INIT;
    char id[HF_KEY_ID_TEXT];
    char shortened[2] = "";
    /* 17 ids, 16 first digits: two share one */
    char firsts[17];
    for (size_t i = 0; i < 16; i++) {
        char passphrase[] = {'k', (char)('a' + i), '\0'};
        hf_test_add_key(f->repo, HF_ROLE_WRITER, passphrase, id);
        firsts[i] = id[0];
        if (memchr(firsts, id[0], i) || f->repo->key_id[0] == id[0])
            shortened[0] = id[0];
    }
    assert_fails(hf_key_remove(f->repo, shortened, &err), HF_USAGE, &err);
    assert_contains(err.text, "more than one");
}

static void export_put_back_opens_again(void **state)
{
    struct repo_fixture *f = *state;
    struct hf_error err = HF_ERROR_INIT;
    char id[HF_KEY_ID_TEXT];
    char object[HF_KEY_OBJECT_TEXT];
    HF_AUTO(hf_buf) bytes = HF_BUF_INIT;
    hf_test_add_key(f->repo, HF_ROLE_READER, "spare", id);
    object_of(id, object);
    assert_ok(hf_key_export(f->repo, id, &bytes, &err), &err);
    assert_ok(hf_store_delete(f->store, object, &err), &err);
    assert_ok(hf_store_put(f->store, object, bytes.data, bytes.len, HF_PUT_CREATE, &err), &err);
    HF_AUTO_PTR(hf_repo) spare = open_ok(f->store, "spare");
    assert_fails(hf_key_export(f->repo, "zz", &bytes, &err), HF_NOT_FOUND, &err);
}

static void rotate_reaches_every_record(void **state)
{
    struct repo_fixture *f = *state;
    struct hf_error err = HF_ERROR_INIT;
    char id[HF_KEY_ID_TEXT];
    uint32_t generation = 0;
    HF_AUTO_PTR(hf_secret) identity = NULL;
    HF_AUTO_FREE char *recipient = NULL;
    hf_test_add_key(f->repo, HF_ROLE_WRITER, "writer", id);
    assert_ok(hf_identity_new(&identity, &recipient, &err), &err);
    const struct hf_key_new key = {.role = HF_ROLE_READER, .recipient = recipient};
    assert_ok(hf_key_add(f->repo, &key, id, &err), &err);

    assert_ok(hf_key_rotate(f->repo, &generation, &err), &err);
    assert_int_equal(generation, 2);
    assert_int_equal(hf_keyset_current(f->repo->keys)->number, 2);
    assert_ok(hf_key_rotate(f->repo, &generation, &err), &err);
    assert_int_equal(generation, 3);
    assert_int_equal(generations(f->store, HF_TEST_PASSPHRASE), 3);
    assert_int_equal(generations(f->store, "writer"), 3);
    HF_AUTO_PTR(hf_repo) by_identity = NULL;
    assert_ok(hf_test_open_identity(f->store, identity, NULL, &by_identity, &err), &err);
    assert_int_equal(by_identity->keys->count, 3);
    assert_memory_equal(by_identity->keys->generations, f->repo->keys->generations,
                        3 * sizeof(struct hf_generation));
    /* keys made later hold the earlier generations too */
    hf_test_add_key(f->repo, HF_ROLE_WRITER, "late", id);
    assert_int_equal(generations(f->store, "late"), 3);
}

static void rotate_after_remove_leaves_the_old_writer_out(void **state)
{
    struct repo_fixture *f = *state;
    struct hf_error err = HF_ERROR_INIT;
    char id[HF_KEY_ID_TEXT];
    char object[HF_KEY_OBJECT_TEXT];
    uint32_t generation = 0;
    HF_AUTO(hf_buf) kept = HF_BUF_INIT;
    HF_AUTO(hf_buf) sealed = HF_BUF_INIT;
    HF_AUTO(hf_buf) out = HF_BUF_INIT;
    hf_test_add_key(f->repo, HF_ROLE_WRITER, "old", id);
    HF_AUTO_PTR(hf_repo) old = open_ok(f->store, "old");
    object_of(id, object);
    hf_test_get(f->store, object, &kept);
    assert_ok(hf_key_remove(f->repo, id, &err), &err);
    assert_ok(hf_key_rotate(f->repo, &generation, &err), &err);

    assert_ok(hf_envelope_seal(f->repo->keys, HF_SEALED_MANIFEST, NULL, "new", 3, &sealed, &err),
              &err);
    assert_fails(
        hf_envelope_open(old->keys, HF_SEALED_MANIFEST, NULL, sealed.data, sealed.len, &out, &err),
        HF_DENIED, &err);
    /* It has write access and puts its record back: no later rotation reaches it. */
    assert_ok(hf_store_put(f->store, object, kept.data, kept.len, HF_PUT_CREATE, &err), &err);
    assert_ok(hf_key_rotate(f->repo, &generation, &err), &err);
    assert_int_equal(generations(f->store, "old"), 1);
}

/* Rotations that fail at each operation in turn: what is left opens with every key, can be rotated
 * again, and then every key holds every generation. */
static void rotate_failing_at_every_operation_can_be_repeated(void **state)
{
    struct repo_fixture *f = *state;
    const enum hf_fault faults[] = {HF_FAULT_BEFORE, HF_FAULT_AFTER};
    char id[HF_KEY_ID_TEXT];
    hf_test_add_key(f->repo, HF_ROLE_WRITER, "writer", id);
    hf_test_add_key(f->repo, HF_ROLE_READER, "reader", id);
    for (size_t k = 0; k < 2; k++) {
        bool failed = true;
        for (unsigned n = 1; failed; n++) {
            struct hf_error err = HF_ERROR_INIT;
            uint32_t generation = 0;
            HF_AUTO_PTR(hf_store) store = NULL;
            assert_ok(hf_memory_store_copy(f->store, &store, &err), &err);
            {
                HF_AUTO_PTR(hf_repo) repo = open_ok(store, HF_TEST_PASSPHRASE);
                unsigned before = hf_memory_store_operations(store);
                hf_memory_store_fail(store, n, faults[k], HF_IO);
                (void)!hf_key_rotate(repo, &generation, &err);
                failed = hf_memory_store_operations(store) - before >= n;
                hf_memory_store_fail(store, 0, HF_FAULT_BEFORE, HF_OK);
            }
            assert_true(generations(store, "writer") >= 1); /* as if killed: still opens */
            HF_AUTO_PTR(hf_repo) repo = open_ok(store, HF_TEST_PASSPHRASE);
            hf_memory_store_advance(store, INT64_C(3600) * 1000000000); /* leases left behind */
            assert_ok(hf_key_rotate(repo, &generation, &err), &err);
            assert_int_equal(generation, repo->keys->count);
            assert_int_equal(generations(store, "writer"), generation);
            assert_int_equal(generations(store, "reader"), generation);
            assert_true(n < 60);
        }
    }
}

/* The one who began holds the new generation alone: others are told whom to ask. */
static void rotate_begun_by_another_key_is_finished_by_it(void **state)
{
    struct repo_fixture *f = *state;
    struct hf_error err = HF_ERROR_INIT;
    uint32_t generation = 0;
    char id[HF_KEY_ID_TEXT];
    hf_test_add_key(f->repo, HF_ROLE_READER, "reader", id);
    HF_AUTO_PTR(hf_repo) other = open_ok(f->store, "reader");
    /* put and list leases; list keys, read two; store the own record; the 7th is the other's */
    hf_memory_store_fail(f->store, 7, HF_FAULT_BEFORE, HF_IO);
    enum hf_status status = hf_key_rotate(f->repo, &generation, &err);
    hf_memory_store_fail(f->store, 0, HF_FAULT_BEFORE, HF_OK);
    assert_int_equal(status, HF_IO);
    assert_contains(err.text, "run it again");

    HF_AUTO_PTR(hf_secret) secret = hf_test_secret("more");
    const struct hf_key_new key = {.role = HF_ROLE_WRITER, .passphrase = secret};
    assert_fails(hf_key_rotate(other, &generation, &err), HF_BUSY, &err);
    assert_fails(hf_key_add(other, &key, id, &err), HF_BUSY, &err);
    assert_fails(hf_key_remove(other, f->repo->key_id, &err), HF_USAGE, &err);
    assert_contains(err.text, "only reader key that holds");

    HF_AUTO_PTR(hf_repo) again = open_ok(f->store, HF_TEST_PASSPHRASE);
    assert_ok(hf_key_rotate(again, &generation, &err), &err);
    assert_int_equal(generation, 3);
    assert_int_equal(generations(f->store, "reader"), 3);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, hf_test_repo_setup, hf_test_repo_teardown)
    const struct CMUnitTest tests[] = {
        TEST(add_writer_opens_without_readers_secrets),
        TEST(change_by_a_writer_is_denied),
        TEST(add_recipient_opens_with_its_identity_only),
        TEST(add_bad_arguments_are_refused),
        TEST(add_passphrase_of_another_key_is_refused),
        TEST(identity_file_other_than_one_identity_is_refused),
        TEST(list_tells_who_can_open),
        TEST(record_of_an_intruder_is_not_trusted),
        TEST(remove_key_cannot_open_any_more),
        TEST(remove_last_reader_is_refused),
        TEST(remove_ambiguous_id_is_refused),
        TEST(export_put_back_opens_again),
        TEST(rotate_reaches_every_record),
        TEST(rotate_after_remove_leaves_the_old_writer_out),
        TEST(rotate_failing_at_every_operation_can_be_repeated),
        TEST(rotate_begun_by_another_key_is_finished_by_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
