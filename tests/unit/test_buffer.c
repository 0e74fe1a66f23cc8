#include "base/buffer.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/support/check.h"

static void buf_append_many_pieces_are_joined(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) buf = HF_BUF_INIT;
    for (uint32_t i = 0; i < 10000; i++)
        assert_ok(hf_buf_u32(&buf, i, &err), &err);
    assert_int_equal(buf.len, 40000);
    for (uint32_t i = 0; i < 10000; i++)
        assert_int_equal(hf_load_u32(buf.data + 4 * (size_t)i), i);
}

static void buf_append_nothing_is_ok(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) buf = HF_BUF_INIT;
    assert_ok(hf_buf_append(&buf, NULL, 0, &err), &err);
    assert_ok(hf_buf_append_str(&buf, "", &err), &err);
    assert_ok(hf_buf_reserve(&buf, 0, &err), &err);
    assert_int_equal(buf.len, 0);
}

static void buf_reserve_impossible_size_is_no_memory(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) buf = HF_BUF_INIT;
    assert_ok(hf_buf_append_str(&buf, "kept", &err), &err);
    assert_fails(hf_buf_reserve(&buf, SIZE_MAX, &err), HF_NO_MEMORY, &err);
    assert_fails(hf_buf_reserve(&buf, SIZE_MAX / 2, &err), HF_NO_MEMORY, &err);
    assert_memory_equal(buf.data, "kept", 4);
    assert_int_equal(buf.len, 4);
}

static void buf_printf_text_is_appended_without_its_end(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) buf = HF_BUF_INIT;
    const char *text;
    assert_ok(hf_buf_printf(&buf, &err, "%s-%d", "a", 5), &err);
    assert_ok(hf_buf_printf(&buf, &err, "%0100d", 7), &err);
    assert_int_equal(buf.len, 103);
    assert_ok(hf_buf_cstr(&buf, &text, &err), &err);
    assert_int_equal(strlen(text), 103);
    assert_memory_equal(text, "a-5000", 6);
}

static void buf_cstr_empty_buffer_is_empty_text(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) buf = HF_BUF_INIT;
    const char *text;
    assert_ok(hf_buf_cstr(&buf, &text, &err), &err);
    assert_string_equal(text, "");
    assert_int_equal(buf.len, 0);
}

static void buf_fields_are_little_endian(void **state)
{
    (void)state;
    static const uint8_t expected[] = {1, 3, 2, 7, 6, 5, 4, 15, 14, 13, 12, 11, 10, 9, 8};
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) buf = HF_BUF_INIT;
    assert_ok(hf_buf_u8(&buf, 1, &err), &err);
    assert_ok(hf_buf_u16(&buf, 0x0203, &err), &err);
    assert_ok(hf_buf_u32(&buf, 0x04050607, &err), &err);
    assert_ok(hf_buf_u64(&buf, UINT64_C(0x08090a0b0c0d0e0f), &err), &err);
    assert_int_equal(buf.len, sizeof expected);
    assert_memory_equal(buf.data, expected, sizeof expected);
}

static void load_extremes_come_back(void **state)
{
    (void)state;
    uint8_t at[8];
    hf_store_u16(at, UINT16_MAX);
    assert_int_equal(hf_load_u16(at), UINT16_MAX);
    hf_store_u32(at, UINT32_MAX);
    assert_int_equal(hf_load_u32(at), UINT32_MAX);
    hf_store_u64(at, UINT64_MAX - 1);
    assert_true(hf_load_u64(at) == UINT64_MAX - 1);
}

static void reader_fields_in_order_are_read_to_the_end(void **state)
{
    (void)state;
    static const uint8_t data[] = {1, 3, 2, 7, 6, 5, 4, 15, 14, 13, 12, 11, 10, 9, 8, 'x'};
    struct hf_reader r;
    hf_reader_init(&r, data, sizeof data);
    assert_int_equal(hf_reader_u8(&r), 1);
    assert_int_equal(hf_reader_u16(&r), 0x0203);
    assert_int_equal(hf_reader_u32(&r), 0x04050607);
    assert_true(hf_reader_u64(&r) == UINT64_C(0x08090a0b0c0d0e0f));
    assert_true(hf_reader_ok(&r));
    assert_false(hf_reader_done(&r));
    assert_ptr_equal(hf_reader_bytes(&r, 1), data + 15);
    assert_true(hf_reader_done(&r));
}

static void reader_past_the_end_stays_bad(void **state)
{
    (void)state;
    static const uint8_t data[] = {1, 2, 3};
    struct hf_reader r;
    hf_reader_init(&r, data, sizeof data);
    assert_int_equal(hf_reader_u32(&r), 0);
    assert_false(hf_reader_ok(&r));
    assert_int_equal(hf_reader_u8(&r), 0); /* although it is there */
    assert_null(hf_reader_bytes(&r, 0));
    assert_false(hf_reader_done(&r));
}

static void reader_bytes_huge_length_is_bad(void **state)
{
    (void)state;
    static const uint8_t data[4];
    struct hf_reader r;
    hf_reader_init(&r, data, sizeof data);
    assert_null(hf_reader_bytes(&r, SIZE_MAX));
    assert_false(hf_reader_ok(&r));
}

static void reader_of_nothing_is_done(void **state)
{
    (void)state;
    struct hf_reader r;
    hf_reader_init(&r, NULL, 0);
    assert_non_null(hf_reader_bytes(&r, 0));
    assert_true(hf_reader_done(&r));
}

static void hex_there_and_back_is_the_same(void **state)
{
    (void)state;
    static const uint8_t data[] = {0x00, 0x01, 0xab, 0xff};
    uint8_t back[4];
    char text[9];
    hf_hex(text, data, sizeof data);
    assert_string_equal(text, "0001abff");
    assert_true(hf_unhex(back, sizeof back, text));
    assert_memory_equal(back, data, sizeof data);
    assert_true(hf_unhex(back, sizeof back, "0001ABFF"));
    assert_memory_equal(back, data, sizeof data);
}

static void unhex_wrong_text_is_refused_untouched(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "0", "000", "00000", "0g00", "00 0", "0x00", "000-"};
    uint8_t data[2] = {7, 7};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(hf_unhex(data, sizeof data, wrong[i]));
        assert_int_equal(data[0], 7);
    }
    assert_true(hf_unhex(data, 0, ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buf_append_many_pieces_are_joined),
        cmocka_unit_test(buf_append_nothing_is_ok),
        cmocka_unit_test(buf_reserve_impossible_size_is_no_memory),
        cmocka_unit_test(buf_printf_text_is_appended_without_its_end),
        cmocka_unit_test(buf_cstr_empty_buffer_is_empty_text),
        cmocka_unit_test(buf_fields_are_little_endian),
        cmocka_unit_test(load_extremes_come_back),
        cmocka_unit_test(reader_fields_in_order_are_read_to_the_end),
        cmocka_unit_test(reader_past_the_end_stays_bad),
        cmocka_unit_test(reader_bytes_huge_length_is_bad),
        cmocka_unit_test(reader_of_nothing_is_done),
        cmocka_unit_test(hex_there_and_back_is_the_same),
        cmocka_unit_test(unhex_wrong_text_is_refused_untouched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
