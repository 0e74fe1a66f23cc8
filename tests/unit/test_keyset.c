#include "storage/repository/keyset.h"
#include "storage/repository/subkey.h"

#include "base/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t repo_id[HF_REPO_ID] = "a repository's i";

static struct hf_keyset *generate(void)
{
    struct hf_keyset *keys = NULL;
    struct hf_error err = HF_ERROR_INIT;
    assert_int_equal(hf_crypto_init(&err), HF_OK);
    assert_int_equal(hf_keyset_generate(repo_id, &keys, &err), HF_OK);
    return keys;
}

static void add(struct hf_keyset *keys, uint32_t number)
{
    struct hf_generation g;
    struct hf_error err = HF_ERROR_INIT;
    hf_generation_random(number, &g);
    assert_int_equal(hf_keyset_add(keys, &g, &err), HF_OK);
}

static void generate_makes_a_reader_with_generation_one(void **state)
{
    (void)state;
    HF_AUTO_PTR(hf_keyset) keys = generate();
    HF_AUTO_PTR(hf_keyset) other = generate();
    assert_int_equal(keys->role, HF_ROLE_READER);
    assert_int_equal(hf_keyset_current(keys)->number, 1);
    assert_memory_equal(keys->repo_id, repo_id, sizeof repo_id);
    assert_memory_not_equal(keys->id_key, other->id_key, HF_KEY_SIZE);
    assert_memory_not_equal(keys->generations[0].meta_key, other->generations[0].meta_key,
                            HF_KEY_SIZE);
}

static void add_any_order_keeps_numbers_sorted(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_keyset) keys = generate();
    add(keys, 7);
    add(keys, 3);
    add(keys, 5);
    assert_int_equal(keys->count, 4);
    assert_int_equal(hf_keyset_current(keys)->number, 7);
    for (uint32_t n = 0; n < 9; n++) {
        const struct hf_generation *g = hf_keyset_find(keys, n);
        bool there = n == 1 || n == 3 || n == 5 || n == 7;
        assert_int_equal(g != NULL, there);
        assert_int_equal(hf_keyset_get(keys, n, "pack 12", &g, &err), there ? HF_OK : HF_DENIED);
    }
    assert_non_null(strstr(err.text, "pack 12"));
}

static void add_twice_or_zero_is_damage(void **state)
{
    (void)state;
    struct hf_generation g;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_keyset) keys = generate();
    hf_generation_random(1, &g);
    assert_int_equal(hf_keyset_add(keys, &g, &err), HF_DAMAGED);
    g.number = 0;
    assert_int_equal(hf_keyset_add(keys, &g, &err), HF_DAMAGED);
    assert_int_equal(keys->count, 1);
}

static void add_too_many_is_refused(void **state)
{
    (void)state;
    struct hf_generation g;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_keyset) keys = generate();
    hf_generation_random(2, &g);
    for (g.number = 2; g.number <= HF_GENERATIONS_MAX; g.number++)
        assert_int_equal(hf_keyset_add(keys, &g, &err), HF_OK);
    assert_int_equal(hf_keyset_add(keys, &g, &err), HF_UNSUPPORTED);
}

static void id_subkey_differs_by_use(void **state)
{
    (void)state;
    uint8_t data[HF_KEY_SIZE];
    uint8_t meta[HF_KEY_SIZE];
    uint8_t chunker[HF_KEY_SIZE];
    HF_AUTO_PTR(hf_keyset) keys = generate();
    hf_keyset_id_subkey(keys, HF_ID_DATA, data);
    hf_keyset_id_subkey(keys, HF_ID_META, meta);
    hf_keyset_id_subkey(keys, HF_ID_CHUNKER, chunker);
    assert_memory_not_equal(data, meta, HF_KEY_SIZE);
    assert_memory_not_equal(data, chunker, HF_KEY_SIZE);
    assert_memory_not_equal(meta, chunker, HF_KEY_SIZE);
}

/* HMAC-SHA-256 by another implementation (Python's hmac), so that the format stands still. */
static void subkey_known_answer(void **state)
{
    (void)state;
    static const uint8_t expected[HF_SUBKEY] = {0x49, 0x77, 0xbf, 0x26, 0xb8, 0x01, 0x74, 0x48,
                                                0x9f, 0x50, 0xd7, 0xea, 0xf1, 0x13, 0xea, 0xcd,
                                                0x93, 0xcc, 0x19, 0x6f, 0x20, 0xd1, 0x97, 0x8f,
                                                0x49, 0x2d, 0x28, 0x50, 0xb3, 0x47, 0x83, 0x04};
    uint8_t key[HF_SUBKEY];
    uint8_t out[HF_SUBKEY];
    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)i;
    hf_subkey(key, "holdfast 1 id data", out);
    assert_memory_equal(out, expected, sizeof out);
}

static void grant_round_trip_keeps_every_key(void **state)
{
    (void)state;
    static const uint8_t ids[2][16] = {{1}, {2}};
    const struct hf_roster roster = {.ids = ids, .count = 2};
    uint8_t plain[HF_GRANT_PLAIN_MAX];
    size_t len = 0;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_keyset) keys = generate();
    HF_AUTO_PTR(hf_keyset) again = NULL;
    assert_int_equal(hf_grant_encode(keys, 1, HF_ROLE_READER, &roster, plain, &len, &err), HF_OK);
    assert_int_equal(hf_keyset_new(HF_ROLE_READER, repo_id, keys->sign_pk, &again, &err), HF_OK);
    assert_int_equal(hf_grant_decode(again, 1, plain, len, &err), HF_OK);
    assert_memory_equal(again->id_key, keys->id_key, HF_KEY_SIZE);
    assert_memory_equal(again->sign_sk, keys->sign_sk, HF_SIGN_SK);
    assert_memory_equal(&again->generations[0], &keys->generations[0], sizeof keys->generations[0]);
    assert_int_equal(again->roster.count, 2);
    assert_memory_equal(again->roster.ids, ids, sizeof ids);
}

static void grant_to_writer_holds_no_readers_secret(void **state)
{
    (void)state;
    static const uint8_t zero[HF_SIGN_SK];
    uint8_t plain[HF_GRANT_PLAIN_MAX];
    size_t len = 0;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_keyset) keys = generate();
    HF_AUTO_PTR(hf_keyset) writer = NULL;
    assert_int_equal(hf_grant_encode(keys, 1, HF_ROLE_WRITER, NULL, plain, &len, &err), HF_OK);
    assert_int_equal(len, HF_GRANT_PLAIN_WRITER);
    assert_int_equal(hf_keyset_new(HF_ROLE_WRITER, repo_id, keys->sign_pk, &writer, &err), HF_OK);
    assert_int_equal(hf_grant_decode(writer, 1, plain, len, &err), HF_OK);
    assert_memory_equal(writer->sign_sk, zero, HF_SIGN_SK);
    assert_memory_equal(writer->generations[0].data_sk, zero, HF_KEY_SIZE);
    /* and cannot make a reader's */
    assert_int_equal(hf_grant_encode(writer, 1, HF_ROLE_READER, NULL, plain, &len, &err),
                     HF_DENIED);
}

static void grant_decode_every_byte_flipped_or_length_is_refused(void **state)
{
    (void)state;
    uint8_t plain[HF_GRANT_PLAIN_MAX];
    size_t len = 0;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_keyset) keys = generate();
    assert_int_equal(hf_grant_encode(keys, 1, HF_ROLE_READER, NULL, plain, &len, &err), HF_OK);
    for (size_t cut = 0; cut <= len + 1; cut++) {
        HF_AUTO_PTR(hf_keyset) again = NULL;
        assert_int_equal(hf_keyset_new(HF_ROLE_READER, repo_id, keys->sign_pk, &again, &err),
                         HF_OK);
        assert_int_equal(hf_grant_decode(again, 1, plain, cut, &err),
                         cut == len ? HF_OK : HF_DAMAGED);
        assert_int_equal(again->count, cut == len ? 1 : 0);
    }
    /* Pairs belong together; id_key and meta_key are vouched for by the signature only. */
    for (size_t i = 2 * HF_KEY_SIZE; i < len; i++) {
        HF_AUTO_PTR(hf_keyset) again = NULL;
        assert_int_equal(hf_keyset_new(HF_ROLE_READER, repo_id, keys->sign_pk, &again, &err),
                         HF_OK);
        plain[i] ^= 0x10;
        assert_int_equal(hf_grant_decode(again, 1, plain, len, &err), HF_DAMAGED);
        plain[i] ^= 0x10;
    }
}

static void grant_decode_other_id_key_is_refused(void **state)
{
    (void)state;
    uint8_t plain[HF_GRANT_PLAIN_MAX];
    size_t len = 0;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_keyset) keys = generate();
    HF_AUTO_PTR(hf_keyset) again = NULL;
    assert_int_equal(hf_grant_encode(keys, 1, HF_ROLE_WRITER, NULL, plain, &len, &err), HF_OK);
    assert_int_equal(hf_keyset_new(HF_ROLE_WRITER, repo_id, keys->sign_pk, &again, &err), HF_OK);
    assert_int_equal(hf_grant_decode(again, 1, plain, len, &err), HF_OK);
    plain[0] ^= 1;
    assert_int_equal(hf_grant_decode(again, 2, plain, len, &err), HF_DAMAGED);
    assert_int_equal(again->count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(generate_makes_a_reader_with_generation_one),
        cmocka_unit_test(add_any_order_keeps_numbers_sorted),
        cmocka_unit_test(add_twice_or_zero_is_damage),
        cmocka_unit_test(add_too_many_is_refused),
        cmocka_unit_test(id_subkey_differs_by_use),
        cmocka_unit_test(subkey_known_answer),
        cmocka_unit_test(grant_round_trip_keeps_every_key),
        cmocka_unit_test(grant_to_writer_holds_no_readers_secret),
        cmocka_unit_test(grant_decode_every_byte_flipped_or_length_is_refused),
        cmocka_unit_test(grant_decode_other_id_key_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
