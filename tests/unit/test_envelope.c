#include "storage/repository/envelope.h"

#include "base/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t repo_id[HF_REPO_ID] = "a repository's i";
static const char text[] = "what a manifest says";

static struct hf_keyset *generate(const uint8_t id[HF_REPO_ID])
{
    struct hf_keyset *keys = NULL;
    struct hf_error err = HF_ERROR_INIT;
    assert_int_equal(hf_crypto_init(&err), HF_OK);
    assert_int_equal(hf_keyset_generate(id, &keys, &err), HF_OK);
    return keys;
}

static void seal(const struct hf_keyset *keys, const struct hf_context *context, struct hf_buf *out)
{
    struct hf_error err = HF_ERROR_INIT;
    assert_int_equal(
        hf_envelope_seal(keys, HF_SEALED_MANIFEST, context, text, sizeof text, out, &err), HF_OK);
}

static enum hf_status open_as(const struct hf_keyset *keys, enum hf_sealed_type type,
                              const struct hf_context *context, const struct hf_buf *sealed)
{
    HF_AUTO(hf_buf) out = HF_BUF_INIT;
    struct hf_error err = HF_ERROR_INIT;
    assert_int_equal(hf_buf_append(&out, "before", 6, &err), HF_OK);
    enum hf_status status =
        hf_envelope_open(keys, type, context, sealed->data, sealed->len, &out, &err);
    assert_memory_equal(out.data, "before", 6);
    assert_int_equal(out.len, status == HF_OK ? 6 + sizeof text : 6);
    if (status == HF_OK)
        assert_memory_equal(out.data + 6, text, sizeof text);
    return status;
}

static void seal_and_open_give_the_same_bytes(void **state)
{
    (void)state;
    HF_AUTO_PTR(hf_keyset) keys = generate(repo_id);
    HF_AUTO(hf_buf) sealed = HF_BUF_INIT;
    HF_AUTO(hf_buf) again = HF_BUF_INIT;
    seal(keys, NULL, &sealed);
    seal(keys, NULL, &again);
    assert_int_equal(sealed.len, sizeof text + HF_ENVELOPE_OVERHEAD);
    assert_memory_not_equal(sealed.data, again.data, sealed.len); /* another nonce */
    assert_int_equal(open_as(keys, HF_SEALED_MANIFEST, NULL, &sealed), HF_OK);
}

static void seal_nothing_opens_to_nothing(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_keyset) keys = generate(repo_id);
    HF_AUTO(hf_buf) sealed = HF_BUF_INIT;
    HF_AUTO(hf_buf) out = HF_BUF_INIT;
    assert_int_equal(hf_envelope_seal(keys, HF_SEALED_PROOF, NULL, NULL, 0, &sealed, &err), HF_OK);
    assert_int_equal(
        hf_envelope_open(keys, HF_SEALED_PROOF, NULL, sealed.data, sealed.len, &out, &err), HF_OK);
    assert_int_equal(out.len, 0);
}

static void open_every_byte_flipped_fails(void **state)
{
    (void)state;
    HF_AUTO_PTR(hf_keyset) keys = generate(repo_id);
    HF_AUTO(hf_buf) sealed = HF_BUF_INIT;
    seal(keys, NULL, &sealed);
    for (size_t i = 0; i < sealed.len; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            sealed.data[i] ^= (uint8_t)(1u << bit);
            enum hf_status status = open_as(keys, HF_SEALED_MANIFEST, NULL, &sealed);
            bool version = i == 8;
            bool generation = i >= 12 && i < 16;
            assert_int_equal(status, version      ? HF_UNSUPPORTED
                                     : generation ? HF_DENIED
                                                  : HF_DAMAGED);
            sealed.data[i] ^= (uint8_t)(1u << bit);
        }
    }
    assert_int_equal(open_as(keys, HF_SEALED_MANIFEST, NULL, &sealed), HF_OK);
}

static void open_every_truncation_fails(void **state)
{
    (void)state;
    HF_AUTO_PTR(hf_keyset) keys = generate(repo_id);
    HF_AUTO(hf_buf) sealed = HF_BUF_INIT;
    seal(keys, NULL, &sealed);
    for (size_t len = sealed.len; sealed.len > 0;) {
        sealed.len = --len;
        assert_int_equal(open_as(keys, HF_SEALED_MANIFEST, NULL, &sealed), HF_DAMAGED);
    }
}

static void open_as_another_type_fails(void **state)
{
    (void)state;
    HF_AUTO_PTR(hf_keyset) keys = generate(repo_id);
    HF_AUTO(hf_buf) sealed = HF_BUF_INIT;
    seal(keys, NULL, &sealed);
    assert_int_equal(open_as(keys, HF_SEALED_INDEX, NULL, &sealed), HF_DAMAGED);
    sealed.data[9] = HF_SEALED_INDEX; /* not even when it says that it is one */
    assert_int_equal(open_as(keys, HF_SEALED_INDEX, NULL, &sealed), HF_DAMAGED);
}

static void open_in_another_context_or_repository_fails(void **state)
{
    (void)state;
    static const uint8_t other_id[HF_REPO_ID] = "another reposito";
    const struct hf_context slots = {.data = "slots", .len = 5};
    const struct hf_context other = {.data = "slotz", .len = 5};
    HF_AUTO_PTR(hf_keyset) keys = generate(repo_id);
    HF_AUTO(hf_buf) sealed = HF_BUF_INIT;
    seal(keys, &slots, &sealed);
    assert_int_equal(open_as(keys, HF_SEALED_MANIFEST, &slots, &sealed), HF_OK);
    assert_int_equal(open_as(keys, HF_SEALED_MANIFEST, &other, &sealed), HF_DAMAGED);
    assert_int_equal(open_as(keys, HF_SEALED_MANIFEST, NULL, &sealed), HF_DAMAGED);
    memcpy(keys->repo_id, other_id, sizeof other_id);
    assert_int_equal(open_as(keys, HF_SEALED_MANIFEST, &slots, &sealed), HF_DAMAGED);
}

static void open_by_generation_takes_the_named_one(void **state)
{
    (void)state;
    struct hf_generation second;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_keyset) old = generate(repo_id);
    HF_AUTO_PTR(hf_keyset) keys = NULL;
    HF_AUTO(hf_buf) first_sealed = HF_BUF_INIT;
    HF_AUTO(hf_buf) second_sealed = HF_BUF_INIT;
    seal(old, NULL, &first_sealed);
    assert_int_equal(hf_keyset_copy(old, &keys, &err), HF_OK);
    hf_generation_random(2, &second);
    assert_int_equal(hf_keyset_add(keys, &second, &err), HF_OK);
    seal(keys, NULL, &second_sealed);
    assert_int_equal(open_as(keys, HF_SEALED_MANIFEST, NULL, &first_sealed), HF_OK);
    assert_int_equal(open_as(keys, HF_SEALED_MANIFEST, NULL, &second_sealed), HF_OK);
    assert_int_equal(open_as(old, HF_SEALED_MANIFEST, NULL, &second_sealed), HF_DENIED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seal_and_open_give_the_same_bytes),
        cmocka_unit_test(seal_nothing_opens_to_nothing),
        cmocka_unit_test(open_every_byte_flipped_fails),
        cmocka_unit_test(open_every_truncation_fails),
        cmocka_unit_test(open_as_another_type_fails),
        cmocka_unit_test(open_in_another_context_or_repository_fails),
        cmocka_unit_test(open_by_generation_takes_the_named_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
