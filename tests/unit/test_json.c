#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/support/check.h"

static json_t *parse(const char *text)
{
    struct hf_error err = HF_ERROR_INIT;
    json_t *json;
    assert_ok(hf_json_parse_object(text, strlen(text), 1000, "it", &json, &err), &err);
    return json;
}

static void json_parse_object_whole_object_is_taken(void **state)
{
    (void)state;
    HF_AUTO_JSON json = parse(" {\"a\": [1, 2], \"b\": {}} \n");
    assert_int_equal(json_object_size(json), 2);
}

static void json_parse_object_anything_else_is_damaged(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",
                                        "{",
                                        "[]",
                                        "1",
                                        "null",
                                        "{} {}",
                                        "{}x",
                                        "{\"a\":1,\"a\":2}",
                                        "{\"a\":\"secret-word\xff\"}",
                                        "{\"a\":\"\\u0000\"}",
                                        "{\"a\":secret-word}",
                                        "{\"a\":99999999999999999999}"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct hf_error err = HF_ERROR_INIT;
        json_t *json = NULL;
        assert_fails(
            hf_json_parse_object(wrong[i], strlen(wrong[i]), 1000, "the header", &json, &err),
            HF_DAMAGED, &err);
        assert_null(json);
        assert_contains(err.text, "the header");
        assert_null(strstr(err.text, "secret-word"));
    }
}

static void json_parse_object_limits_are_kept(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    static char deep[100000];
    json_t *json = NULL;
    assert_fails(hf_json_parse_object("{}", 2, 1, "it", &json, &err), HF_DAMAGED, &err);
    assert_fails(hf_json_parse_object(NULL, 0, 1, "it", &json, &err), HF_DAMAGED, &err);
    memset(deep, '[', sizeof deep);
    memcpy(deep, "{\"a\":", 5);
    assert_fails(hf_json_parse_object(deep, sizeof deep, sizeof deep, "it", &json, &err),
                 HF_DAMAGED, &err);
}

static void json_dump_is_compact_and_sorted(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) buf = HF_BUF_INIT;
    HF_AUTO_JSON json = parse("{\"b\": 1, \"a\": [true, null, \"\xc3\xa9\"]}");
    const char *text;
    assert_ok(hf_buf_append_str(&buf, "x", &err), &err);
    assert_ok(hf_json_dump(json, &buf, &err), &err);
    assert_ok(hf_buf_cstr(&buf, &text, &err), &err);
    assert_string_equal(text, "x{\"a\":[true,null,\"\xc3\xa9\"],\"b\":1}");
}

static void json_dump_what_cannot_be_written_leaves_the_buffer(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) buf = HF_BUF_INIT;
    HF_AUTO_JSON loop = json_object();
    HF_AUTO_JSON inner = json_object();
    assert_int_equal(json_object_set(loop, "x", inner), 0);
    assert_int_equal(json_object_set(inner, "x", loop), 0);
    assert_ok(hf_buf_append_str(&buf, "kept", &err), &err);
    assert_fails(hf_json_dump(loop, &buf, &err), HF_FAILED, &err);
    assert_int_equal(buf.len, 4);
    assert_int_equal(json_object_clear(inner), 0);
}

static void json_pack_values_are_packed(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_JSON json = NULL;
    const char *text;
    int64_t number;
    assert_ok(hf_json_pack(&json, &err, "{s:s, s:I}", "name", "x", "size", (json_int_t)5), &err);
    assert_ok(hf_json_string(json, "name", &text, &err), &err);
    assert_string_equal(text, "x");
    assert_ok(hf_json_i64(json, "size", &number, &err), &err);
    assert_int_equal(number, 5);
}

static void json_pack_text_that_is_not_utf8_fails(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    json_t *json = NULL;
    assert_fails(hf_json_pack(&json, &err, "{s:s}", "name", "\xff"), HF_FAILED, &err);
    assert_null(json);
}

static const char all_types[] = "{\"s\":\"text\",\"i\":-5,\"n\":7,\"b\":true,\"o\":{},\"a\":[],"
                                "\"r\":1.0,\"z\":null,\"h\":\"00fF\"}";

static void json_getters_right_types_are_read(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_JSON json = parse(all_types);
    const char *text;
    uint64_t u;
    int64_t i;
    bool b;
    json_t *child;
    uint8_t bytes[2];
    assert_ok(hf_json_string(json, "s", &text, &err), &err);
    assert_string_equal(text, "text");
    assert_ok(hf_json_i64(json, "i", &i, &err), &err);
    assert_int_equal(i, -5);
    assert_ok(hf_json_u64(json, "n", 7, &u, &err), &err);
    assert_int_equal(u, 7);
    assert_ok(hf_json_bool(json, "b", &b, &err), &err);
    assert_true(b);
    assert_ok(hf_json_object(json, "o", &child, &err), &err);
    assert_ok(hf_json_array(json, "a", &child, &err), &err);
    assert_ok(hf_json_hex(json, "h", bytes, 2, &err), &err);
    assert_int_equal(bytes[1], 0xff);
}

static void json_getters_missing_or_wrong_fields_are_named(void **state)
{
    (void)state;
    static const char *const keys[] = {"gone", "s", "i", "n", "b", "o", "a", "r", "z"};
    HF_AUTO_JSON json = parse(all_types);
    for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++) {
        const char *key = keys[k];
        const char *text;
        uint64_t u;
        int64_t i;
        bool b;
        json_t *child;
        struct hf_error err = HF_ERROR_INIT;
        char named[16];
        (void)snprintf(named, sizeof named, "\"%s\"", key);
        int fitting = (hf_json_string(json, key, &text, &err) == HF_OK) +
                      (hf_json_i64(json, key, &i, &err) == HF_OK) +
                      (hf_json_bool(json, key, &b, &err) == HF_OK) +
                      (hf_json_object(json, key, &child, &err) == HF_OK) +
                      (hf_json_array(json, key, &child, &err) == HF_OK);
        assert_int_equal(fitting, strchr("sinboa", *key) ? 1 : 0);
        assert_int_equal(err.status, HF_DAMAGED);
        assert_contains(err.text, named);
        if (*key != 'n')
            assert_fails(hf_json_u64(json, key, UINT64_MAX, &u, &err), HF_DAMAGED, &err);
    }
}

static void json_u64_above_the_bound_is_damaged(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_JSON json = parse(all_types);
    uint64_t u = 1;
    assert_fails(hf_json_u64(json, "n", 6, &u, &err), HF_DAMAGED, &err);
    assert_int_equal(u, 1);
}

static void json_hex_wrong_length_or_digits_is_damaged(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_JSON json = parse(all_types);
    uint8_t bytes[3] = {9, 9, 9};
    assert_fails(hf_json_hex(json, "h", bytes, 1, &err), HF_DAMAGED, &err);
    assert_fails(hf_json_hex(json, "h", bytes, 3, &err), HF_DAMAGED, &err);
    assert_fails(hf_json_hex(json, "s", bytes, 2, &err), HF_DAMAGED, &err);
    assert_int_equal(bytes[0], 9);
}

static void json_string_optional_absent_stays_and_wrong_fails(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_JSON json = parse(all_types);
    const char *text = "default";
    assert_ok(hf_json_string_optional(json, "gone", &text, &err), &err);
    assert_ok(hf_json_string_optional(json, "z", &text, &err), &err);
    assert_string_equal(text, "default");
    assert_ok(hf_json_string_optional(json, "s", &text, &err), &err);
    assert_string_equal(text, "text");
    assert_fails(hf_json_string_optional(json, "i", &text, &err), HF_DAMAGED, &err);
}

static void json_time_never_is_null_and_others_are_text(void **state)
{
    (void)state;
    HF_AUTO_JSON never = hf_json_time(0);
    HF_AUTO_JSON second = hf_json_time(INT64_C(1000000000));
    assert_true(json_is_null(never));
    assert_string_equal(json_string_value(second), "1970-01-01T00:00:01Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_parse_object_whole_object_is_taken),
        cmocka_unit_test(json_parse_object_anything_else_is_damaged),
        cmocka_unit_test(json_parse_object_limits_are_kept),
        cmocka_unit_test(json_dump_is_compact_and_sorted),
        cmocka_unit_test(json_dump_what_cannot_be_written_leaves_the_buffer),
        cmocka_unit_test(json_pack_values_are_packed),
        cmocka_unit_test(json_pack_text_that_is_not_utf8_fails),
        cmocka_unit_test(json_getters_right_types_are_read),
        cmocka_unit_test(json_getters_missing_or_wrong_fields_are_named),
        cmocka_unit_test(json_u64_above_the_bound_is_damaged),
        cmocka_unit_test(json_time_never_is_null_and_others_are_text),
        cmocka_unit_test(json_hex_wrong_length_or_digits_is_damaged),
        cmocka_unit_test(json_string_optional_absent_stays_and_wrong_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
