#include "storage/repository/pack.h"

#include "base/buffer.h"
#include "base/random.h"
#include "base/secret.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/check.h"

enum { FRAMES = 5, CAPACITY = 64 << 10 };

static struct hf_keyset *keys;

static int set_up(void **state)
{
    struct hf_error err = HF_ERROR_INIT;
    const uint8_t repo_id[HF_REPO_ID] = {1, 2, 3};
    (void)state;
    return hf_crypto_init(&err) == HF_OK && hf_keyset_generate(repo_id, &keys, &err) == HF_OK ? 0
                                                                                              : -1;
}

static int tear_down(void **state)
{
    (void)state;
    hf_keyset_free(keys);
    return 0;
}

/* A pack of raw chunks "chunk 0", "chunk 1", … */
static struct hf_pack_builder *build(enum hf_chunk_class class, struct hf_pack *out)
{
    struct hf_pack_builder *builder;
    struct hf_frame_coder *coder;
    struct hf_error err = HF_ERROR_INIT;
    assert_ok(hf_pack_builder_new(CAPACITY, &builder, &err), &err);
    assert_ok(hf_frame_coder_new(0, &coder, &err), &err);
    assert_ok(hf_pack_builder_begin(builder, keys, class, HF_CIPHER_XCHACHA20_POLY1305, &err),
              &err);
    for (uint32_t i = 0; i < FRAMES; i++) {
        char plain[16];
        int len = snprintf(plain, sizeof plain, "chunk %u", i);
        struct hf_frame frame = {.plain_len = (uint32_t)len,
                                 .stored_len = (uint32_t)len + HF_FRAME_TAG,
                                 .codec = HF_CODEC_RAW};
        memset(frame.id.bytes, (int)i, HF_CHUNK_ID);
        uint8_t *place = hf_pack_builder_reserve(builder, &frame);
        assert_non_null(place);
        assert_int_equal(frame.number, i);
        assert_ok(hf_frame_seal(coder, hf_pack_builder_key(builder), &frame, (const uint8_t *)plain,
                                place, &err),
                  &err);
    }
    assert_ok(hf_pack_builder_finish(builder, keys, out, &err), &err);
    hf_frame_coder_free(coder);
    return builder;
}

/* The directory of a whole object. */
static enum hf_status parse(const uint8_t *object, size_t len, struct hf_pack_directory *out,
                            struct hf_error *err)
{
    size_t tail;
    if (len < HF_PACK_FOOTER)
        return hf_error_set(err, HF_DAMAGED, "short");
    HF_TRY(hf_pack_tail_size(object + len - HF_PACK_FOOTER, len, &tail, err));
    uint8_t *exact = malloc(tail);
    assert_non_null(exact);
    memcpy(exact, object + len - tail, tail);
    enum hf_status status = hf_pack_tail_parse(keys, exact, tail, len, out, err);
    free(exact);
    return status;
}

static void assert_chunks_come_back(const struct hf_pack *pack,
                                    const struct hf_pack_directory *directory)
{
    struct hf_pack_key key;
    struct hf_frame_coder *coder;
    struct hf_error err = HF_ERROR_INIT;
    assert_int_equal(directory->frame_count, FRAMES);
    assert_ok(hf_pack_slot_open(keys, &directory->slots[0], "the pack", &key, &err), &err);
    assert_ok(hf_frame_coder_new(0, &coder, &err), &err);
    for (uint32_t i = 0; i < FRAMES; i++) {
        char expected[16];
        uint8_t plain[16];
        int len = snprintf(expected, sizeof expected, "chunk %u", i);
        const struct hf_frame *frame = &directory->frames[i];
        assert_int_equal(frame->plain_len, len);
        assert_ok(hf_frame_open(coder, &key, frame, pack->data + frame->offset, plain, &err), &err);
        assert_memory_equal(plain, expected, (size_t)len);
    }
    hf_frame_coder_free(coder);
}

static void pack_of_each_class_comes_back(void **state)
{
    (void)state;
    for (int class = HF_CHUNK_DATA; class <= HF_CHUNK_META; class ++) {
        struct hf_error err = HF_ERROR_INIT;
        struct hf_pack pack;
        struct hf_pack_slot_info info;
        HF_AUTO(hf_pack_directory) directory = HF_PACK_DIRECTORY_INIT;
        HF_AUTO_PTR(hf_pack_builder) builder = build((enum hf_chunk_class) class, &pack);
        uint8_t hash[32];
        crypto_hash_sha256(hash, pack.data, pack.len);
        assert_memory_equal(hash, pack.id.bytes, sizeof hash);
        assert_ok(parse(pack.data, pack.len, &directory, &err), &err);
        assert_ok(hf_pack_slot_read(&directory.slots[0], &info, &err), &err);
        assert_int_equal(info.class, class);
        assert_chunks_come_back(&pack, &directory);
    }
}

static void builder_begins_anew_after_finish(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_pack pack;
    HF_AUTO_PTR(hf_pack_builder) builder = build(HF_CHUNK_DATA, &pack);
    struct hf_frame frame = {.plain_len = 1, .stored_len = 1 + HF_FRAME_TAG};
    assert_ok(hf_pack_builder_begin(builder, keys, HF_CHUNK_META, HF_CIPHER_AES_256_GCM, &err),
              &err);
    assert_int_equal(hf_pack_builder_frames(builder), 0);
    assert_non_null(hf_pack_builder_reserve(builder, &frame));
    assert_int_equal(frame.number, 0);
    assert_int_equal(frame.offset, HF_PACK_MAGIC);
}

static void reserve_full_pack_gives_null_and_finishes_within_capacity(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_pack_builder) builder = NULL;
    struct hf_pack pack;
    HF_AUTO(hf_pack_directory) directory = HF_PACK_DIRECTORY_INIT;
    assert_ok(hf_pack_builder_new(CAPACITY, &builder, &err), &err);
    assert_ok(
        hf_pack_builder_begin(builder, keys, HF_CHUNK_DATA, HF_CIPHER_XCHACHA20_POLY1305, &err),
        &err);
    struct hf_frame large = {.plain_len = CAPACITY, .stored_len = CAPACITY};
    assert_null(hf_pack_builder_reserve(builder, &large));
    struct hf_frame frame = {.plain_len = 100, .stored_len = 100 + HF_FRAME_TAG};
    size_t count = 0;
    while (hf_pack_builder_reserve(builder, &frame))
        count++;
    assert_int_equal(hf_pack_builder_frames(builder), count);
    assert_ok(hf_pack_builder_finish(builder, keys, &pack, &err), &err);
    assert_in_range(pack.len, CAPACITY - 300, CAPACITY);
    assert_ok(parse(pack.data, pack.len, &directory, &err), &err);
    assert_int_equal(directory.frame_count, count);
}

/* What a reader of the pack finds out: damage of slots, directory or footer by parsing them, of a
 * frame by opening it. */
static void assert_damage_found(uint8_t *object, size_t len, size_t frames_end, size_t at)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_pack_directory) directory = HF_PACK_DIRECTORY_INIT;
    enum hf_status status = parse(object, len, &directory, &err);
    if (at >= frames_end) {
        /* A changed version or generation is a version or generation that is not known here. */
        assert_true(status == HF_DAMAGED || status == HF_UNSUPPORTED || status == HF_DENIED);
        return;
    }
    assert_ok(status, &err);
}

static void parse_every_byte_flipped_is_damage(void **state)
{
    (void)state;
    struct hf_pack pack;
    HF_AUTO_PTR(hf_pack_builder) builder = build(HF_CHUNK_META, &pack);
    size_t frames_end = pack.frames[FRAMES - 1].offset + (size_t)pack.frames[FRAMES - 1].stored_len;
    uint8_t *object = malloc(pack.len);
    assert_non_null(object);
    memcpy(object, pack.data, pack.len);
    for (size_t i = 0; i < pack.len; i++) {
        for (int bit = 0; bit < 8; bit += 7) {
            object[i] ^= (uint8_t)(1 << bit);
            assert_damage_found(object, pack.len, frames_end, i);
            object[i] ^= (uint8_t)(1 << bit);
        }
    }
    free(object);
}

static void parse_truncated_anywhere_is_damage(void **state)
{
    (void)state;
    struct hf_pack pack;
    HF_AUTO_PTR(hf_pack_builder) builder = build(HF_CHUNK_META, &pack);
    for (size_t len = 0; len < pack.len; len++) {
        struct hf_error err = HF_ERROR_INIT;
        struct hf_pack_directory directory;
        assert_fails(parse(pack.data, len, &directory, &err), HF_DAMAGED, &err);
    }
}

static void slot_open_by_writer_is_denied(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_pack pack;
    struct hf_pack_key key;
    HF_AUTO_PTR(hf_pack_builder) builder = build(HF_CHUNK_DATA, &pack);
    keys->role = HF_ROLE_WRITER;
    enum hf_status status = hf_pack_slot_open(keys, &pack.slots[0], "the pack", &key, &err);
    keys->role = HF_ROLE_READER;
    assert_int_equal(status, HF_DENIED);
    assert_contains(err.text, "reader key");
}

static void slot_open_every_byte_flipped_fails(void **state)
{
    (void)state;
    for (int class = HF_CHUNK_DATA; class <= HF_CHUNK_META; class ++) {
        struct hf_pack pack;
        HF_AUTO_PTR(hf_pack_builder) builder = build((enum hf_chunk_class) class, &pack);
        for (size_t i = 0; i < HF_PACK_SLOT; i++) {
            struct hf_error err = HF_ERROR_INIT;
            struct hf_pack_slot slot = pack.slots[0];
            struct hf_pack_key key;
            /* Byte 1 is the cipher: another one opens the key and fails at the frame; bytes 4 to 7
             * of a meta slot repeat what its envelope says. */
            if (i == 1 || (class == HF_CHUNK_META && i >= 4 && i < 8))
                continue;
            slot.raw[i] ^= 0x10;
            assert_int_not_equal(hf_pack_slot_open(keys, &slot, "the pack", &key, &err), HF_OK);
        }
    }
}

static void name_comes_back_and_others_refused(void **state)
{
    (void)state;
    struct hf_chunk_id id, back;
    char name[HF_PACK_NAME];
    hf_random_bytes(id.bytes, sizeof id.bytes);
    hf_pack_name(&id, name);
    assert_int_equal(strlen(name), HF_PACK_NAME - 1);
    assert_true(hf_pack_name_parse(name, &back));
    assert_true(hf_chunk_id_equal(&id, &back));
    name[6] = name[6] == '0' ? '1' : '0';
    assert_false(hf_pack_name_parse(name, &back));
    assert_false(hf_pack_name_parse("packs/ab/abcd", &back));
    assert_false(hf_pack_name_parse("", &back));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pack_of_each_class_comes_back),
        cmocka_unit_test(builder_begins_anew_after_finish),
        cmocka_unit_test(reserve_full_pack_gives_null_and_finishes_within_capacity),
        cmocka_unit_test(parse_every_byte_flipped_is_damage),
        cmocka_unit_test(parse_truncated_anywhere_is_damage),
        cmocka_unit_test(slot_open_by_writer_is_denied),
        cmocka_unit_test(slot_open_every_byte_flipped_fails),
        cmocka_unit_test(name_comes_back_and_others_refused),
    };
    return cmocka_run_group_tests_name("pack", tests, set_up, tear_down);
}
