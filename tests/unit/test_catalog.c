#include "storage/repository/catalog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/shelf.h"

static void add(struct hf_catalog *catalog, const char *name, uint32_t seed)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_reflist_root root = {.depth = seed % 3, .chunks = seed, .bytes = 1000ull * seed};
    json_t *attrs = json_pack("{s:i, s:s}", "seed", (int)seed, "columns", "a,b,c");
    if (seed < 2)
        root.depth = 0;
    if (seed > 0)
        make_id(root.id, seed);
    assert_int_equal(hf_catalog_add(catalog, name, seed % 2 ? HF_STREAM_ROWS : HF_STREAM_BYTES,
                                    seed * 7ull, seed ? attrs : NULL, &root, &err),
                     HF_OK);
    json_decref(attrs);
}

/* Streams t000000 … in falling order, every other attribute of them depending on seed. */
static struct hf_reflist_root build(struct shelf *shelf, uint32_t count, uint32_t changed)
{
    struct hf_catalog catalog = HF_CATALOG_INIT;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_reflist_root root;
    for (uint32_t i = count; i-- > 0;) {
        char name[32];
        (void)snprintf(name, sizeof name, "data/public.t%06u", i);
        add(&catalog, name, i == changed ? i + 1 : i);
    }
    assert_int_equal(hf_catalog_write(&catalog, shelf_store, shelf, &root, &err), HF_OK);
    hf_catalog_free(&catalog);
    return root;
}

static void catalog_any_size_comes_back(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {0, 1, 2, 700, 20000};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        struct shelf shelf = {.nodes = NULL};
        struct hf_error err = HF_ERROR_INIT;
        struct hf_catalog catalog = HF_CATALOG_INIT;
        struct hf_reflist_root root = build(&shelf, sizes[s], UINT32_MAX);
        assert_int_equal(hf_catalog_read(&root, shelf_read, &shelf, &catalog, &err), HF_OK);
        assert_int_equal(catalog.count, sizes[s]);
        for (uint32_t i = 0; i < sizes[s]; i++) {
            const struct hf_stream_info *info = &catalog.items[i].info;
            uint8_t id[HF_REF_ID] = {0};
            if (i > 0)
                make_id(id, i);
            assert_int_equal(info->chunks, i);
            assert_int_equal(info->bytes, 1000ull * i);
            assert_int_equal(info->records, 7ull * i);
            assert_int_equal(info->kind, i % 2 ? HF_STREAM_ROWS : HF_STREAM_BYTES);
            assert_int_equal(json_object_size(info->attrs), i ? 2 : 0);
            assert_memory_equal(catalog.items[i].root.id, id, HF_REF_ID);
            assert_ptr_equal(hf_catalog_find(&catalog, info->name), &catalog.items[i]);
        }
        assert_null(hf_catalog_find(&catalog, "data/public.nothing"));
        hf_catalog_free(&catalog);
        shelf_done(&shelf);
    }
}

static void catalog_one_change_costs_one_piece(void **state)
{
    (void)state;
    struct shelf shelf = {.nodes = NULL};
    (void)build(&shelf, 20000, UINT32_MAX);
    size_t pieces = shelf.count;
    (void)build(&shelf, 20000, 9876);
    assert_true(pieces > 20);
    assert_true(shelf.count - pieces <= 2);
    shelf_done(&shelf);
}

static void catalog_add_twice_is_refused_at_write(void **state)
{
    (void)state;
    struct shelf shelf = {.nodes = NULL};
    struct hf_catalog catalog = HF_CATALOG_INIT;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_reflist_root root;
    add(&catalog, "schema", 1);
    add(&catalog, "data", 1);
    add(&catalog, "schema", 1);
    assert_int_equal(hf_catalog_write(&catalog, shelf_store, &shelf, &root, &err), HF_EXISTS);
    assert_non_null(strstr(err.text, "schema"));
    hf_catalog_free(&catalog);
    shelf_done(&shelf);
}

static void catalog_add_bad_name_is_refused(void **state)
{
    (void)state;
    struct hf_catalog catalog = HF_CATALOG_INIT;
    struct hf_reflist_root root = {.depth = 0};
    char big[HF_STREAM_NAME_MAX + 2];
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    const char *const bad[] = {"", big, "a\xff\xfe"};
    for (size_t i = 0; i < 3; i++) {
        struct hf_error err = HF_ERROR_INIT;
        assert_int_equal(hf_catalog_add(&catalog, bad[i], HF_STREAM_BYTES, 0, NULL, &root, &err),
                         HF_USAGE);
    }
    assert_int_equal(catalog.count, 0);
    hf_catalog_free(&catalog);
}

static void catalog_add_huge_attributes_are_refused(void **state)
{
    (void)state;
    struct hf_catalog catalog = HF_CATALOG_INIT;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_reflist_root root = {.depth = 0};
    char *text = malloc(HF_CATALOG_LINE_MAX + 1);
    assert_non_null(text);
    memset(text, 'x', HF_CATALOG_LINE_MAX);
    text[HF_CATALOG_LINE_MAX] = '\0';
    json_t *attrs = json_pack("{s:s}", "note", text);
    assert_int_equal(hf_catalog_add(&catalog, "s", HF_STREAM_BYTES, 0, attrs, &root, &err),
                     HF_USAGE);
    assert_int_equal(catalog.count, 0);
    json_decref(attrs);
    free(text);
    hf_catalog_free(&catalog);
}

#define LINE(fields) "{\"attrs\":{},\"kind\":\"rows\"," fields "}\n"

static void catalog_parse_bad_line_is_damaged(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "{}\n",
        "[]\n",
        "{\"attrs\":{}",
        LINE("\"name\":\"a\""),
        LINE("\"name\":\"\",\"bytes\":0,\"records\":0,\"chunks\":0,\"depth\":0"),
        LINE("\"name\":\"a\",\"bytes\":1,\"records\":0,\"chunks\":0,\"depth\":0"),
        LINE("\"name\":\"a\",\"bytes\":1,\"records\":0,\"chunks\":1,\"depth\":0"),
        LINE("\"name\":\"a\",\"bytes\":1,\"records\":0,\"chunks\":1,\"depth\":0,\"root\":\"12\""),
        LINE("\"name\":\"a\",\"bytes\":0,\"records\":0,\"chunks\":0,\"depth\":9"),
        LINE("\"name\":\"a\",\"bytes\":-1,\"records\":0,\"chunks\":0,\"depth\":0"),
        LINE("\"name\":\"a\",\"bytes\":0,\"records\":\"0\",\"chunks\":0,\"depth\":0"),
        LINE("\"name\":\"b\",\"bytes\":0,\"records\":0,\"chunks\":0,\"depth\":0")
            LINE("\"name\":\"a\",\"bytes\":0,\"records\":0,\"chunks\":0,\"depth\":0"),
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct hf_catalog catalog = HF_CATALOG_INIT;
        struct hf_error err = HF_ERROR_INIT;
        assert_int_equal(hf_catalog_parse(bad[i], strlen(bad[i]), &catalog, &err), HF_DAMAGED);
        hf_catalog_free(&catalog);
    }
}

/* Whatever a flipped byte does to a piece: an error or another catalog, never a crash. (That it is
 * noticed at all is the work of the chunk's id.) */
static void catalog_flipped_byte_is_survived(void **state)
{
    (void)state;
    struct shelf shelf = {.nodes = NULL};
    struct hf_reflist_root root = build(&shelf, 12, UINT32_MAX);
    assert_int_equal(shelf.count, 1);
    for (size_t i = 0; i < shelf.nodes[0].len; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            struct hf_catalog catalog = HF_CATALOG_INIT;
            struct hf_error err = HF_ERROR_INIT;
            shelf.nodes[0].data[i] ^= (uint8_t)(1u << bit);
            if (hf_catalog_read(&root, shelf_read, &shelf, &catalog, &err) == HF_OK)
                assert_int_equal(catalog.count, 12);
            hf_catalog_free(&catalog);
            shelf.nodes[0].data[i] ^= (uint8_t)(1u << bit);
        }
    }
    shelf_done(&shelf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(catalog_any_size_comes_back),
        cmocka_unit_test(catalog_one_change_costs_one_piece),
        cmocka_unit_test(catalog_add_twice_is_refused_at_write),
        cmocka_unit_test(catalog_add_bad_name_is_refused),
        cmocka_unit_test(catalog_add_huge_attributes_are_refused),
        cmocka_unit_test(catalog_parse_bad_line_is_damaged),
        cmocka_unit_test(catalog_flipped_byte_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
