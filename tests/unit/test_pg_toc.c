#include "tests/support/toc_builder.h"

#include "base/file.h"

#include <stdlib.h>

static const struct toc_item items[] = {
    {7, HF_PG_SECTION_PRE_DATA, "SCHEMA", NULL, "sales", .defn = "CREATE SCHEMA sales;\n"},
    {3, HF_PG_SECTION_PRE_DATA, "TABLE", "sales", "order \"x\"", .deps = {7}},
    {9, HF_PG_SECTION_POST_DATA, "INDEX", "sales", "i", .deps = {3, 7}},
    {12, HF_PG_SECTION_NONE, "COMMENT", NULL, "DATABASE shop", .deps = {0}},
};
enum { ITEMS = sizeof items / sizeof *items };

static void check_items(const struct hf_pg_toc *toc, unsigned minor)
{
    assert_int_equal(toc->minor, minor);
    assert_string_equal(toc->database, "shop");
    assert_string_equal(toc->server_version, "15.4");
    assert_int_equal(toc->count, ITEMS);
    assert_string_equal(toc->entries[0].nspace, "");
    assert_string_equal(toc->entries[0].defn, "CREATE SCHEMA sales;\n");
    assert_string_equal(toc->entries[1].tag, "order \"x\"");
    assert_string_equal(toc->entries[1].owner, "app");
    assert_int_equal(toc->entries[2].section, HF_PG_SECTION_POST_DATA);
    assert_int_equal(toc->entries[2].deps_count, 2);
    assert_int_equal(toc->entries[2].deps[1], 7);
    assert_int_equal(hf_pg_toc_find(toc, 9), 2);
    assert_int_equal(hf_pg_toc_find(toc, 8), ITEMS);
    assert_true(hf_pg_toc_is_special(&toc->entries[3]));
    assert_false(hf_pg_toc_is_special(&toc->entries[0]));
}

static void parse_known_versions_gives_entries(void **state)
{
    (void)state;
    for (unsigned minor = 14; minor <= 16; minor++) {
        struct hf_error err = HF_ERROR_INIT;
        HF_AUTO(hf_buf) b = HF_BUF_INIT;
        HF_AUTO_PTR(hf_pg_toc) toc = NULL;

        toc_build(&b, minor, "15.4", items, ITEMS);
        assert_int_equal(hf_pg_toc_parse(b.data, b.len, &toc, &err), HF_OK);
        check_items(toc, minor);
    }
}

static void settle_date_of_two_dumps_makes_them_equal(void **state)
{
    (void)state;
    for (unsigned minor = 14; minor <= 16; minor++) {
        size_t second =
            minor >= 15 ? 13 : 17; /* the magnitude of the first of the date's numbers */
        struct hf_error err = HF_ERROR_INIT;
        HF_AUTO(hf_buf) a = HF_BUF_INIT;
        HF_AUTO(hf_buf) b = HF_BUF_INIT;
        HF_AUTO_PTR(hf_pg_toc) toc = NULL;

        toc_build(&a, minor, "15.4", items, ITEMS);
        toc_build(&b, minor, "15.4", items, ITEMS);
        b.data[second] = 59;
        assert_memory_not_equal(a.data, b.data, a.len);
        hf_pg_toc_settle_date(a.data);
        hf_pg_toc_settle_date(b.data);
        assert_memory_equal(a.data, b.data, a.len);
        assert_int_equal(hf_pg_toc_parse(a.data, a.len, &toc, &err), HF_OK);
        check_items(toc, minor);
    }
}

static void parse_other_version_is_unsupported(void **state)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) b = HF_BUF_INIT;
    struct hf_pg_toc *toc = NULL;

    (void)state;
    toc_build(&b, 17, "19.0", items, ITEMS);
    assert_int_equal(hf_pg_toc_parse(b.data, b.len, &toc, &err), HF_UNSUPPORTED);
    assert_non_null(strstr(err.text, "1.17"));
    assert_null(toc);
}

static void parse_truncated_anywhere_is_damaged(void **state)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) b = HF_BUF_INIT;

    (void)state;
    toc_build(&b, 16, "17.0", items, ITEMS);
    for (size_t len = 0; len < b.len; len++) {
        struct hf_pg_toc *toc = NULL;
        uint8_t *copy = malloc(len + 1); /* exact, so that a read past its end is seen */

        assert_non_null(copy);
        memcpy(copy, b.data, len);
        assert_int_equal(hf_pg_toc_parse(copy, len, &toc, &err), HF_DAMAGED);
        assert_null(toc);
        free(copy);
    }
}

static void parse_flipped_bytes_never_reads_outside(void **state)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) b = HF_BUF_INIT;

    (void)state;
    toc_build(&b, 15, "16.0", items, ITEMS);
    for (size_t i = 0; i < b.len; i++)
        for (int bit = 0; bit < 8; bit++) {
            HF_AUTO_PTR(hf_pg_toc) toc = NULL;

            b.data[i] ^= (uint8_t)(1u << bit);
            if (hf_pg_toc_parse(b.data, b.len, &toc, &err) != HF_OK)
                assert_null(toc);
            b.data[i] ^= (uint8_t)(1u << bit);
        }
}

static void parse_same_id_twice_is_damaged(void **state)
{
    static const struct toc_item twice[] = {
        {4, HF_PG_SECTION_PRE_DATA, "TABLE", "public", "a", .deps = {0}},
        {4, HF_PG_SECTION_PRE_DATA, "TABLE", "public", "b", .deps = {0}},
    };
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) b = HF_BUF_INIT;
    struct hf_pg_toc *toc = NULL;

    (void)state;
    toc_build(&b, 14, "15.4", twice, 2);
    assert_int_equal(hf_pg_toc_parse(b.data, b.len, &toc, &err), HF_DAMAGED);
}

/* As pg_dump itself wrote them. */
static void parse_archives_of_pg_dump_gives_all_entries(void **state)
{
    static const struct {
        const char *path;
        unsigned minor;
        const char *version;
    } archives[] = {
        {HF_SOURCE_DIR "/tests/fuzz/seeds/toc/pg_dump-15", 14, "15."},
        {HF_SOURCE_DIR "/tests/fuzz/seeds/toc/pg_dump-18", 16, "18."},
    };

    (void)state;
    for (size_t i = 0; i < sizeof archives / sizeof *archives; i++) {
        struct hf_error err = HF_ERROR_INIT;
        HF_AUTO(hf_buf) bytes = HF_BUF_INIT;
        HF_AUTO_PTR(hf_pg_toc) toc = NULL;
        bool attached = false;

        assert_int_equal(hf_file_read(archives[i].path, 1 << 20, &bytes, &err), HF_OK);
        assert_int_equal(hf_pg_toc_parse(bytes.data, bytes.len, &toc, &err), HF_OK);
        assert_int_equal(toc->minor, archives[i].minor);
        assert_memory_equal(toc->dump_version, archives[i].version, 3);
        assert_memory_equal(toc->server_version, "15.", 3);
        for (size_t e = 0; e < toc->count; e++)
            if (strcmp(toc->entries[e].desc, "TABLE ATTACH") == 0) {
                attached = true;
                assert_string_equal(toc->entries[e].tag, "p1");
                assert_int_equal(toc->entries[e].deps_count, 2);
            }
        assert_true(attached);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse_known_versions_gives_entries),
        cmocka_unit_test(parse_archives_of_pg_dump_gives_all_entries),
        cmocka_unit_test(settle_date_of_two_dumps_makes_them_equal),
        cmocka_unit_test(parse_other_version_is_unsupported),
        cmocka_unit_test(parse_truncated_anywhere_is_damaged),
        cmocka_unit_test(parse_flipped_bytes_never_reads_outside),
        cmocka_unit_test(parse_same_id_twice_is_damaged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
