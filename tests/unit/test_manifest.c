#include "storage/repository/manifest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct hf_manifest sample(void)
{
    return (struct hf_manifest){
        .time = INT64_C(1795226400000000000),
        .finished = INT64_C(1795226460000000001),
        .source = "app",
        .kind = "postgres",
        .host = "db1",
        .streams = 3,
        .bytes = 123456789,
        .records = 1000,
        .stored_bytes = 4567,
        .properties = json_pack("{s:s, s:[i, i]}", "server", "15.4", "list", 1, 2),
        .catalog = {.id = {1, 2, 3, 0xff}, .depth = 1, .chunks = 9, .bytes = 1000},
    };
}

static void manifest_built_comes_back(void **state)
{
    (void)state;
    struct hf_manifest in = sample(), out;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) json = HF_BUF_INIT;
    assert_int_equal(hf_manifest_build(&in, &json, &err), HF_OK);
    assert_int_equal(hf_manifest_parse(json.data, json.len, &out, &err), HF_OK);
    assert_true(in.time == out.time && in.finished == out.finished);
    assert_string_equal(in.source, out.source);
    assert_string_equal(in.kind, out.kind);
    assert_string_equal(in.host, out.host);
    assert_true(in.streams == out.streams && in.bytes == out.bytes);
    assert_true(in.records == out.records && in.stored_bytes == out.stored_bytes);
    assert_true(json_equal(in.properties, out.properties));
    assert_memory_equal(in.catalog.id, out.catalog.id, HF_REF_ID);
    assert_int_equal(out.catalog.depth, 1);
    assert_true(out.catalog.chunks == 9 && out.catalog.bytes == 1000);
    hf_manifest_done(&out);
    json_decref(in.properties);
}

static void manifest_of_a_job_with_tags_comes_back(void **state)
{
    (void)state;
    struct hf_manifest in = sample(), out;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) json = HF_BUF_INIT;
    char job[] = "nightly", first[] = "release", second[] = "v1.2";
    char *tags[] = {first, second};
    in.job = job;
    in.tags = (struct hf_strings){.items = tags, .count = 2};
    in.leased = 5;
    in.stored = 7;
    assert_int_equal(hf_manifest_build(&in, &json, &err), HF_OK);
    assert_int_equal(hf_manifest_parse(json.data, json.len, &out, &err), HF_OK);
    assert_string_equal(out.job, "nightly");
    assert_int_equal(out.tags.count, 2);
    assert_string_equal(out.tags.items[1], "v1.2");
    assert_true(out.leased == 5 && out.stored == 7);
    hf_manifest_done(&out);
    json_decref(in.properties);
}

static void manifest_optional_field_of_another_type_is_damage(void **state)
{
    static const char *const wrong[] = {
        "\"job\":1",       "\"job\":\"\"",     "\"tags\":\"x\"", "\"tags\":[1]",
        "\"tags\":[\"\"]", "\"stored\":\"x\"", "\"stored\":1",   "\"stored\":1,\"leased\":\"x\""};
    struct hf_manifest in = sample();
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) json = HF_BUF_INIT;
    (void)state;
    assert_int_equal(hf_manifest_build(&in, &json, &err), HF_OK);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        HF_AUTO(hf_buf) text = HF_BUF_INIT;
        struct hf_manifest out;
        assert_int_equal(hf_buf_printf(&text, &err, "{%s,%.*s", wrong[i], (int)json.len - 1,
                                       (const char *)json.data + 1),
                         HF_OK);
        assert_int_equal(hf_manifest_parse(text.data, text.len, &out, &err), HF_DAMAGED);
    }
    json_decref(in.properties);
}

static void manifest_without_properties_has_an_empty_object(void **state)
{
    (void)state;
    struct hf_manifest in = sample(), out;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) json = HF_BUF_INIT;
    json_decref(in.properties);
    in.properties = NULL;
    assert_int_equal(hf_manifest_build(&in, &json, &err), HF_OK);
    assert_int_equal(hf_manifest_parse(json.data, json.len, &out, &err), HF_OK);
    assert_int_equal(json_object_size(out.properties), 0);
    hf_manifest_done(&out);
}

static void manifest_build_without_source_is_refused(void **state)
{
    (void)state;
    struct hf_manifest in = sample();
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) json = HF_BUF_INIT;
    in.source = "";
    assert_int_equal(hf_manifest_build(&in, &json, &err), HF_USAGE);
    assert_non_null(strstr(err.text, "source"));
    json_decref(in.properties);
}

/* Every field in turn is left out, and is the text "x" instead. */
static void manifest_parse_wrong_field_is_named(void **state)
{
    (void)state;
    struct hf_manifest in = sample();
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) json = HF_BUF_INIT;
    assert_int_equal(hf_manifest_build(&in, &json, &err), HF_OK);
    json_t *whole = json_loadb((char *)json.data, json.len, 0, NULL);
    const char *key;
    json_t *value;
    json_object_foreach (whole, key, value) {
        for (int wrong = 0; wrong < 2; wrong++) {
            struct hf_manifest out;
            json_t *copy = json_copy(whole);
            if (wrong)
                json_object_set_new(copy, key, json_true());
            else
                json_object_del(copy, key);
            char *text = json_dumps(copy, 0);
            assert_int_equal(hf_manifest_parse(text, strlen(text), &out, &err), HF_DAMAGED);
            assert_non_null(strstr(err.text, key));
            free(text);
            json_decref(copy);
        }
    }
    json_decref(whole);
    json_decref(in.properties);
}

static void manifest_parse_flipped_bits_are_survived(void **state)
{
    (void)state;
    struct hf_manifest in = sample();
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) json = HF_BUF_INIT;
    assert_int_equal(hf_manifest_build(&in, &json, &err), HF_OK);
    for (size_t i = 0; i < 8 * json.len; i++) {
        struct hf_manifest out;
        json.data[i / 8] ^= (uint8_t)(1u << i % 8);
        if (hf_manifest_parse(json.data, json.len, &out, &err) == HF_OK)
            hf_manifest_done(&out);
        json.data[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    json_decref(in.properties);
}

static void manifest_key_id_takes_only_its_form(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "snapshots/20261121T020000.123456Z",
        "snapshots/20261121T020000.123456Z-0123456789abcdef0123456789abcde",
        "snapshots/20261121T020000.123456Z-0123456789abcdef0123456789abcdef0",
        "snapshots/20261121T020000.123456Z-0123456789abcdef0123456789abcdeG",
        "snapshots/20261121T020000.123456Z-0123456789ABCDEF0123456789ABCDEF",
        "snapshots/0123456789abcdef0123456789abcdef",
        "packs/20261121T020000.123456Z-0123456789abcdef0123456789abcdef",
        "snapshots/a/20261121T020000.123456Z-0123456789abcdef0123456789abcdef",
        "",
    };
    char id[HF_SNAPSHOT_ID_TEXT];
    assert_true(hf_manifest_key_id(
        "snapshots/20261121T020000.123456Z-0123456789abcdef0123456789abcdef", id));
    assert_string_equal(id, "0123456789abcdef0123456789abcdef");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(hf_manifest_key_id(bad[i], id));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(manifest_built_comes_back),
        cmocka_unit_test(manifest_without_properties_has_an_empty_object),
        cmocka_unit_test(manifest_of_a_job_with_tags_comes_back),
        cmocka_unit_test(manifest_optional_field_of_another_type_is_damage),
        cmocka_unit_test(manifest_build_without_source_is_refused),
        cmocka_unit_test(manifest_parse_wrong_field_is_named),
        cmocka_unit_test(manifest_parse_flipped_bits_are_survived),
        cmocka_unit_test(manifest_key_id_takes_only_its_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
