#include "storage/repository/key_layout.h"
#include "storage/repository/key_record.h"

#include "tests/support/repo_fixture.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t repo_id[HF_REPO_ID] = "a repository's i";

enum {
    LABEL = 5, /* length of "label" */
    AT_KIND = 9,
    AT_ROLE = 10,
    AT_LABEL_LEN = 11,
    AT_KDF = 84 + LABEL,
    AT_OPS = AT_KDF + 1,
    AT_MEM = AT_OPS + 4,
    AT_COUNT = AT_KDF + 133,
    AT_GENERATION = AT_COUNT + 2,
    AT_BOX_LEN = AT_GENERATION + 4,
};

struct fixture {
    struct hf_keyset *keys;
    struct hf_secret *passphrase;
    struct hf_key_record record;
};

static void begin(struct fixture *f, enum hf_role role)
{
    struct hf_error err = HF_ERROR_INIT;
    f->passphrase = hf_test_secret("a passphrase");
    assert_int_equal(hf_keyset_generate(repo_id, &f->keys, &err), HF_OK);
    const struct hf_key_record_new options = {
        .role = role, .label = "label", .passphrase = f->passphrase, .kdf_ops = 1, .kdf_mem = 8192};
    f->record = (struct hf_key_record)HF_KEY_RECORD_INIT;
    if (hf_key_record_create(f->keys, &options, &f->record, &err) != HF_OK)
        fail_msg("%s", err.text);
}

static void end(struct fixture *f)
{
    hf_key_record_done(&f->record);
    hf_keyset_free(f->keys);
    hf_secret_free(f->passphrase);
}

/* Opens with a passphrase all the way: parse, unwrap, keys. */
static enum hf_status open_bytes(const uint8_t *data, size_t len,
                                 const struct hf_secret *passphrase, struct hf_keyset **out)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_key_record) record = HF_KEY_RECORD_INIT;
    HF_AUTO_PTR(hf_secret) plain = NULL;
    HF_TRY(hf_key_record_parse(data, len, &record, &err));
    HF_TRY(hf_key_record_unwrap(&record, passphrase, &plain, &err));
    return hf_key_record_open(&record, plain->data, plain->data + HF_KEY_SIZE, out, &err);
}

/* What an attacker can do too. */
static void fix_sum(uint8_t *data, size_t len)
{
    (void)crypto_hash_sha256(data + len - HF_RECORD_SUM, data, len - HF_RECORD_SUM);
}

static void create_and_open_give_the_same_keys(void **state)
{
    (void)state;
    struct fixture f;
    HF_AUTO_PTR(hf_keyset) keys = NULL;
    begin(&f, HF_ROLE_READER);
    assert_int_equal(f.record.kind, HF_KEY_PASSPHRASE);
    assert_string_equal(f.record.label, "label");
    assert_int_equal(f.record.grant_count, 1);
    assert_int_equal(open_bytes(f.record.bytes.data, f.record.bytes.len, f.passphrase, &keys),
                     HF_OK);
    assert_int_equal(keys->role, HF_ROLE_READER);
    assert_memory_equal(keys->id_key, f.keys->id_key, HF_KEY_SIZE);
    assert_memory_equal(keys->sign_sk, f.keys->sign_sk, HF_SIGN_SK);
    assert_memory_equal(keys->generations, f.keys->generations, sizeof *keys->generations);
    end(&f);
}

static void create_layout_is_the_documented_one(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, HF_ROLE_WRITER);
    const uint8_t *at = f.record.bytes.data;
    assert_memory_equal(at, "HFKEYREC\1\1\1\5", 12);
    assert_memory_equal(at + 20, repo_id, sizeof repo_id);
    assert_memory_equal(at + 84, "label", LABEL);
    assert_int_equal(at[AT_KDF], 1);
    assert_int_equal(hf_load_u32(at + AT_OPS), 1);
    assert_int_equal(hf_load_u64(at + AT_MEM), 8192);
    assert_int_equal(hf_load_u16(at + AT_COUNT), 1);
    assert_int_equal(hf_load_u32(at + AT_GENERATION), 1);
    assert_int_equal(hf_load_u32(at + AT_BOX_LEN), 144);
    assert_int_equal(f.record.bytes.len, AT_BOX_LEN + 4 + 144 + 64 + 32);
    end(&f);
}

static void parse_every_bit_flipped_is_damage(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, HF_ROLE_READER);
    uint8_t *data = f.record.bytes.data;
    for (size_t i = 0; i < f.record.bytes.len; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            HF_AUTO(hf_key_record) record = HF_KEY_RECORD_INIT;
            struct hf_error err = HF_ERROR_INIT;
            data[i] ^= (uint8_t)(1u << bit);
            assert_int_equal(hf_key_record_parse(data, f.record.bytes.len, &record, &err),
                             HF_DAMAGED);
            data[i] ^= (uint8_t)(1u << bit);
        }
    }
    end(&f);
}

/* With a sum that fits: what somebody with write access can make of it. Never opens. */
static void open_every_byte_forged_fails(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, HF_ROLE_READER);
    size_t len = f.record.bytes.len;
    HF_AUTO(hf_buf) copy = HF_BUF_INIT;
    struct hf_error err = HF_ERROR_INIT;
    assert_int_equal(hf_buf_append(&copy, f.record.bytes.data, len, &err), HF_OK);
    for (size_t i = 0; i < len - HF_RECORD_SUM; i++) {
        HF_AUTO_PTR(hf_keyset) keys = NULL;
        uint8_t before = copy.data[i];
        bool cost = i >= AT_OPS && i < AT_MEM + 8;
        copy.data[i] ^= 0x80;
        fix_sum(copy.data, len);
        /* A cost within bounds would only take long; those are tried by themselves. */
        if (!cost) {
            enum hf_status status = open_bytes(copy.data, len, f.passphrase, &keys);
            assert_true(status == HF_DAMAGED || status == HF_DENIED || status == HF_UNSUPPORTED);
        }
        assert_null(keys);
        copy.data[i] = before;
    }
    end(&f);
}

static void parse_every_truncation_is_damage(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, HF_ROLE_WRITER);
    for (size_t len = 0; len < f.record.bytes.len; len++) {
        HF_AUTO(hf_key_record) record = HF_KEY_RECORD_INIT;
        HF_AUTO(hf_buf) copy = HF_BUF_INIT;
        struct hf_error err = HF_ERROR_INIT;
        assert_int_equal(hf_buf_append(&copy, f.record.bytes.data, len, &err), HF_OK);
        assert_int_equal(hf_key_record_parse(copy.data, len, &record, &err), HF_DAMAGED);
        if (len < HF_RECORD_SUM)
            continue;
        fix_sum(copy.data, len); /* and with a sum that fits */
        assert_int_equal(hf_key_record_parse(copy.data, len, &record, &err), HF_DAMAGED);
    }
    end(&f);
}

struct change {
    size_t at;
    size_t len;
    uint64_t value;
    enum hf_status expected;
};

static void parse_out_of_bounds_is_refused(void **state)
{
    (void)state;
    static const struct change changes[] = {
        {8, 1, 2, HF_UNSUPPORTED}, /* version */
        {AT_KIND, 1, 0, HF_UNSUPPORTED},
        {AT_KIND, 1, 3, HF_UNSUPPORTED},
        {AT_ROLE, 1, 0, HF_DAMAGED},
        {AT_ROLE, 1, 3, HF_DAMAGED},
        {AT_LABEL_LEN, 1, 101, HF_DAMAGED},
        {84, 1, '\n', HF_DAMAGED}, /* label */
        {AT_KDF, 1, 2, HF_UNSUPPORTED},
        {AT_OPS, 4, 0, HF_DAMAGED},
        {AT_OPS, 4, 21, HF_DAMAGED},
        {AT_OPS, 4, UINT32_MAX, HF_DAMAGED},
        {AT_MEM, 8, 8191, HF_DAMAGED},
        {AT_MEM, 8, (1u << 30) + 1, HF_DAMAGED},
        {AT_MEM, 8, UINT64_MAX, HF_DAMAGED},
        {AT_COUNT, 2, 0, HF_DAMAGED},
        {AT_COUNT, 2, 2, HF_DAMAGED},
        {AT_COUNT, 2, 0xffff, HF_DAMAGED},
        {AT_GENERATION, 4, 0, HF_DAMAGED},
        {AT_BOX_LEN, 4, 143, HF_DAMAGED},
        {AT_BOX_LEN, 4, 145, HF_DAMAGED},
        {AT_BOX_LEN, 4, HF_GRANT_BOX_MAX + 1, HF_DAMAGED},
        {AT_BOX_LEN, 4, UINT32_MAX, HF_DAMAGED},
    };
    struct fixture f;
    begin(&f, HF_ROLE_WRITER);
    size_t len = f.record.bytes.len;
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        HF_AUTO(hf_buf) copy = HF_BUF_INIT;
        HF_AUTO(hf_key_record) record = HF_KEY_RECORD_INIT;
        struct hf_error err = HF_ERROR_INIT;
        uint8_t value[8];
        assert_int_equal(hf_buf_append(&copy, f.record.bytes.data, len, &err), HF_OK);
        hf_store_u64(value, changes[i].value);
        memcpy(copy.data + changes[i].at, value, changes[i].len);
        fix_sum(copy.data, len);
        assert_int_equal(hf_key_record_parse(copy.data, len, &record, &err), changes[i].expected);
    }
    end(&f);
}

static void parse_bytes_behind_the_grants_is_damage(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, HF_ROLE_WRITER);
    HF_AUTO(hf_buf) copy = HF_BUF_INIT;
    HF_AUTO(hf_key_record) record = HF_KEY_RECORD_INIT;
    struct hf_error err = HF_ERROR_INIT;
    assert_int_equal(hf_buf_append(&copy, f.record.bytes.data, f.record.bytes.len, &err), HF_OK);
    assert_int_equal(hf_buf_u8(&copy, 0, &err), HF_OK);
    fix_sum(copy.data, copy.len);
    assert_int_equal(hf_key_record_parse(copy.data, copy.len, &record, &err), HF_DAMAGED);
    end(&f);
}

static void unwrap_wrong_passphrase_is_denied(void **state)
{
    (void)state;
    struct fixture f;
    struct hf_error err = HF_ERROR_INIT;
    begin(&f, HF_ROLE_READER);
    HF_AUTO_PTR(hf_secret) wrong = hf_test_secret("a passphrase ");
    HF_AUTO_PTR(hf_secret) plain = NULL;
    assert_int_equal(hf_key_record_unwrap(&f.record, wrong, &plain, &err), HF_DENIED);
    assert_null(plain);
    end(&f);
}

/* Somebody with write access knows the public key, and makes a grant of keys of his own. */
static void open_grant_signed_by_another_is_damage(void **state)
{
    (void)state;
    struct fixture f;
    struct hf_error err = HF_ERROR_INIT;
    begin(&f, HF_ROLE_READER);
    HF_AUTO_PTR(hf_keyset) others = NULL;
    HF_AUTO_PTR(hf_keyset) keys = NULL;
    HF_AUTO(hf_buf) forged = HF_BUF_INIT;
    assert_int_equal(hf_keyset_generate(repo_id, &others, &err), HF_OK);
    struct hf_generation second;
    hf_generation_random(2, &second);
    assert_int_equal(hf_keyset_add(others, &second, &err), HF_OK);
    assert_int_equal(hf_key_record_grant(&f.record, others, 2, NULL, &forged, &err), HF_OK);
    assert_int_equal(open_bytes(forged.data, forged.len, f.passphrase, &keys), HF_DAMAGED);
    end(&f);
}

static void grant_adds_a_generation_in_order(void **state)
{
    (void)state;
    struct fixture f;
    struct hf_error err = HF_ERROR_INIT;
    begin(&f, HF_ROLE_WRITER);
    for (uint32_t n = 2; n <= 4; n++) {
        struct hf_generation g;
        hf_generation_random(n, &g);
        assert_int_equal(hf_keyset_add(f.keys, &g, &err), HF_OK);
    }
    const uint32_t order[] = {3, 2, 4};
    for (size_t i = 0; i < 3; i++) {
        HF_AUTO(hf_buf) bytes = HF_BUF_INIT;
        struct hf_key_record next = HF_KEY_RECORD_INIT;
        assert_false(hf_key_record_has(&f.record, order[i]));
        assert_int_equal(hf_key_record_grant(&f.record, f.keys, order[i], NULL, &bytes, &err),
                         HF_OK);
        assert_int_equal(hf_key_record_parse(bytes.data, bytes.len, &next, &err), HF_OK);
        hf_key_record_done(&f.record);
        f.record = next;
        assert_true(hf_key_record_has(&f.record, order[i]));
    }
    HF_AUTO_PTR(hf_keyset) keys = NULL;
    assert_int_equal(open_bytes(f.record.bytes.data, f.record.bytes.len, f.passphrase, &keys),
                     HF_OK);
    assert_int_equal(keys->count, 4);
    assert_memory_equal(hf_keyset_find(keys, 3)->meta_key, hf_keyset_find(f.keys, 3)->meta_key,
                        HF_KEY_SIZE);
    end(&f);
}

static void create_bad_options_are_refused(void **state)
{
    (void)state;
    struct fixture f;
    struct hf_error err = HF_ERROR_INIT;
    begin(&f, HF_ROLE_READER);
    HF_AUTO_PTR(hf_secret) empty = hf_test_secret("");
    char label[HF_KEY_LABEL_MAX + 2];
    memset(label, 'x', sizeof label);
    label[HF_KEY_LABEL_MAX + 1] = '\0';
    const struct hf_key_record_new bad[] = {
        {.role = HF_ROLE_READER, .passphrase = empty, .kdf_ops = 1, .kdf_mem = 8192},
        {.role = HF_ROLE_READER, .passphrase = f.passphrase, .kdf_ops = 21, .kdf_mem = 8192},
        {.role = HF_ROLE_READER, .passphrase = f.passphrase, .kdf_ops = 1, .kdf_mem = 8191},
        {.role = HF_ROLE_READER,
         .passphrase = f.passphrase,
         .label = label,
         .kdf_ops = 1,
         .kdf_mem = 8192},
        {.role = HF_ROLE_READER,
         .passphrase = f.passphrase,
         .label = "a\x1b[2J",
         .kdf_ops = 1,
         .kdf_mem = 8192},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        HF_AUTO(hf_key_record) record = HF_KEY_RECORD_INIT;
        assert_int_equal(hf_key_record_create(f.keys, &bad[i], &record, &err), HF_USAGE);
    }
    static const uint8_t low_order[HF_KEY_SIZE];
    const struct hf_key_record_new recipient = {.role = HF_ROLE_WRITER, .recipient_pk = low_order};
    HF_AUTO(hf_key_record) record = HF_KEY_RECORD_INIT;
    assert_int_equal(hf_key_record_create(f.keys, &recipient, &record, &err), HF_USAGE);
    end(&f);
}

static void text_round_trip_and_every_mistype_is_found(void **state)
{
    (void)state;
    uint8_t key[HF_KEY_SIZE];
    uint8_t again[HF_KEY_SIZE];
    char text[HF_KEY_TEXT_MAX];
    struct hf_error err = HF_ERROR_INIT;
    assert_int_equal(hf_crypto_init(&err), HF_OK);
    randombytes_buf(key, sizeof key);
    hf_key_text_encode(HF_RECIPIENT_PREFIX, key, text);
    size_t len = strlen(text);
    assert_int_equal(len, strlen(HF_RECIPIENT_PREFIX) + 56);
    assert_int_equal(hf_key_text_decode(HF_RECIPIENT_PREFIX, text, len, again, &err), HF_OK);
    assert_memory_equal(again, key, sizeof key);
    for (size_t i = 0; i < len; i++) {
        char before = text[i];
        text[i] = before == 'q' ? 'r' : 'q';
        assert_int_equal(hf_key_text_decode(HF_RECIPIENT_PREFIX, text, len, again, &err), HF_USAGE);
        text[i] = before;
        assert_int_equal(hf_key_text_decode(HF_RECIPIENT_PREFIX, text, i, again, &err), HF_USAGE);
    }
    assert_int_equal(hf_key_text_decode(HF_IDENTITY_PREFIX, text, len, again, &err), HF_USAGE);
}

/* By Python: base64.b32encode(key + sha256(prefix + key)[:3]). */
static void text_known_answer(void **state)
{
    (void)state;
    uint8_t key[HF_KEY_SIZE];
    char text[HF_KEY_TEXT_MAX];
    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)(7 * i);
    hf_key_text_encode(HF_RECIPIENT_PREFIX, key, text);
    assert_string_equal(text, HF_RECIPIENT_PREFIX
                        "aadq4fi4emvdcob7izgviw3cnfyho7ufrsjzviniv63l3rgl2lmzjfrj");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(create_and_open_give_the_same_keys),
        cmocka_unit_test(create_layout_is_the_documented_one),
        cmocka_unit_test(parse_every_bit_flipped_is_damage),
        cmocka_unit_test(open_every_byte_forged_fails),
        cmocka_unit_test(parse_every_truncation_is_damage),
        cmocka_unit_test(parse_out_of_bounds_is_refused),
        cmocka_unit_test(parse_bytes_behind_the_grants_is_damage),
        cmocka_unit_test(unwrap_wrong_passphrase_is_denied),
        cmocka_unit_test(open_grant_signed_by_another_is_damage),
        cmocka_unit_test(grant_adds_a_generation_in_order),
        cmocka_unit_test(create_bad_options_are_refused),
        cmocka_unit_test(text_round_trip_and_every_mistype_is_found),
        cmocka_unit_test(text_known_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
