/* The list of files: there and back, and what is refused. */
#include "formats/volume/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "formats/volume/path.h"
#include "tests/support/check.h"

/* One stream in memory, read in pieces of a few bytes. */
struct hf_sink_stream {
    struct hf_buf data;
    size_t cuts;
};
static struct hf_sink_stream stream;
static size_t reading;
static size_t piece_len;

static enum hf_status sink_open(void *ctx, const char *name, enum hf_stream_kind kind,
                                struct hf_sink_stream **out, struct hf_error *err)
{
    (void)ctx;
    (void)err;
    assert_string_equal(name, "files");
    assert_int_equal(kind, HF_STREAM_META);
    *out = &stream;
    return HF_OK;
}

static enum hf_status sink_write(struct hf_sink_stream *to, const void *data, size_t len,
                                 struct hf_error *err)
{
    return hf_buf_append(&to->data, data, len, err);
}

static enum hf_status sink_cut(struct hf_sink_stream *to, struct hf_error *err)
{
    (void)err;
    to->cuts++;
    return HF_OK;
}

static enum hf_status sink_close(struct hf_sink_stream *to, uint64_t records, const json_t *attrs,
                                 struct hf_error *err)
{
    (void)to;
    (void)records;
    (void)attrs;
    (void)err;
    return HF_OK;
}

static void sink_abandon(struct hf_sink_stream *to)
{
    (void)to;
}

static enum hf_status feed_open(void *ctx, const char *name, struct hf_feed_stream **out,
                                struct hf_error *err)
{
    (void)ctx;
    (void)name;
    (void)err;
    reading = 0;
    *out = (struct hf_feed_stream *)&reading;
    return HF_OK;
}

static enum hf_status feed_next(struct hf_feed_stream *from, const uint8_t **data, size_t *len,
                                struct hf_error *err)
{
    (void)from;
    (void)err;
    size_t left = stream.data.len - reading;
    *data = stream.data.data + reading;
    *len = left < piece_len ? left : piece_len;
    reading += *len;
    return HF_OK;
}

static void feed_close(struct hf_feed_stream *from)
{
    (void)from;
}

static const struct hf_sink sink = {.open = sink_open,
                                    .write = sink_write,
                                    .close = sink_close,
                                    .abandon = sink_abandon,
                                    .cut = sink_cut};
static const struct hf_feed feed = {.open = feed_open, .next = feed_next, .close = feed_close};

static int tear_down(void **state)
{
    (void)state;
    hf_buf_free(&stream.data);
    stream.cuts = 0;
    return 0;
}

static const struct hf_vol_part parts[] = {{3, 0, 1000}, {70000, UINT32_MAX, 24}};
static const struct hf_vol_extent extents[] = {{10, 24}, {5000, 1000}};
static const uint8_t xattrs[] = {1, 0, 'a', 2, 0, 0, 0, 'x', 0, 2, 0, 'b', 'c', 0, 0, 0, 0};

static const struct hf_vol_entry entries[] = {
    {.path = "", .type = HF_VOL_DIRECTORY, .mode = 0755},
    {.path = "a",
     .type = HF_VOL_FILE,
     .mode = 04755,
     .uid = 7,
     .gid = UINT32_MAX,
     .mtime = {-5, 999999999},
     .ctime = {INT64_MAX, 1},
     .inode = UINT64_MAX,
     .size = 1024,
     .flags = HF_VOL_TORN,
     .parts = parts,
     .part_count = 2},
    {.path = "a-b",
     .type = HF_VOL_FILE,
     .size = 1 << 20,
     .parts = parts,
     .part_count = 2,
     .sparse = true,
     .extents = extents,
     .extent_count = 2,
     .xattrs = xattrs,
     .xattrs_len = sizeof xattrs,
     .xattr_count = 2},
    {.path = "b", .type = HF_VOL_DIRECTORY, .mode = 01777},
    {.path = "b/c", .type = HF_VOL_DIRECTORY},
    {.path = "b/c/link", .type = HF_VOL_SYMLINK, .target = "../../\xff"},
    {.path = "b/c-d", .type = HF_VOL_HARD_LINK, .target = "a"},
    {.path = "n", .type = HF_VOL_CHARACTER, .major = 1, .minor = 1 << 30},
    {.path = "o", .type = HF_VOL_FIFO},
};
enum { ENTRIES = sizeof entries / sizeof entries[0] };

static enum hf_status write_list(const struct hf_vol_entry *list, size_t count,
                                 struct hf_error *err)
{
    HF_AUTO_PTR(hf_vol_list_writer) writer = NULL;
    struct hf_vol_list_writer *finishing;
    stream.data.len = 0;
    HF_TRY(hf_vol_list_create(&sink, &writer, err));
    for (size_t i = 0; i < count; i++)
        HF_TRY(hf_vol_list_add(writer, &list[i], err));
    finishing = writer;
    writer = NULL;
    return hf_vol_list_finish(finishing, err);
}

static enum hf_status read_list(size_t *out_count, struct hf_error *err)
{
    HF_AUTO_PTR(hf_vol_list) list = NULL;
    const struct hf_vol_entry *entry;
    *out_count = 0;
    HF_TRY(hf_vol_list_open(&feed, &list, err));
    for (;;) {
        HF_TRY(hf_vol_list_next(list, &entry, err));
        if (!entry)
            return HF_OK;
        ++*out_count;
    }
}

static void assert_same(const struct hf_vol_entry *a, const struct hf_vol_entry *b)
{
    assert_string_equal(a->path, b->path);
    assert_int_equal(a->type, b->type);
    assert_int_equal(a->flags, b->flags);
    assert_int_equal(a->mode, b->mode);
    assert_int_equal(a->uid, b->uid);
    assert_int_equal(a->gid, b->gid);
    assert_true(hf_vol_time_equal(a->mtime, b->mtime));
    assert_true(hf_vol_time_equal(a->ctime, b->ctime));
    assert_int_equal(a->size, b->size);
    assert_int_equal(a->inode, b->inode);
    assert_int_equal(a->part_count, b->part_count);
    for (size_t i = 0; i < a->part_count; i++) {
        assert_int_equal(a->parts[i].bundle, b->parts[i].bundle);
        assert_int_equal(a->parts[i].offset, b->parts[i].offset);
        assert_int_equal(a->parts[i].len, b->parts[i].len);
    }
    assert_int_equal(a->sparse, b->sparse);
    assert_int_equal(a->extent_count, b->extent_count);
    for (size_t i = 0; i < a->extent_count; i++) {
        assert_int_equal(a->extents[i].offset, b->extents[i].offset);
        assert_int_equal(a->extents[i].len, b->extents[i].len);
    }
    if (a->target)
        assert_string_equal(a->target, b->target);
    assert_int_equal(a->major, b->major);
    assert_int_equal(a->minor, b->minor);
    assert_int_equal(a->xattr_count, b->xattr_count);
    assert_int_equal(a->xattrs_len, b->xattrs_len);
    if (a->xattrs_len)
        assert_memory_equal(a->xattrs, b->xattrs, a->xattrs_len);
}

static void list_comes_back_whatever_the_pieces(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    assert_ok(write_list(entries, ENTRIES, &err), &err);
    for (piece_len = 1; piece_len < 400; piece_len++) {
        HF_AUTO_PTR(hf_vol_list) list = NULL;
        const struct hf_vol_entry *entry;
        assert_ok(hf_vol_list_open(&feed, &list, &err), &err);
        for (size_t i = 0; i < ENTRIES; i++) {
            assert_ok(hf_vol_list_next(list, &entry, &err), &err);
            assert_non_null(entry);
            assert_same(&entries[i], entry);
        }
        assert_ok(hf_vol_list_next(list, &entry, &err), &err);
        assert_null(entry);
    }
}

static void list_of_many_is_cut_where_paths_say(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    enum { MANY = 20000 };
    static char names[MANY][24];
    struct hf_vol_entry *many = calloc(MANY + 1, sizeof *many);
    size_t count;
    assert_non_null(many);
    many[0] = entries[0];
    for (size_t i = 0; i < MANY; i++) {
        (void)snprintf(names[i], sizeof names[i], "file %06zu", i);
        many[i + 1] = (struct hf_vol_entry){.path = names[i], .type = HF_VOL_FIFO, .inode = i};
    }
    assert_ok(write_list(many, MANY + 1, &err), &err);
    assert_true(stream.cuts > 2);
    piece_len = 65536;
    assert_ok(read_list(&count, &err), &err);
    assert_int_equal(count, MANY + 1);
    free(many);
}

/* What a list must not say, so that nothing in it can be reached through something else. */
static void list_that_leads_elsewhere_is_damaged(void **state)
{
    (void)state;
    static const struct {
        const char *first, *second, *target;
        enum hf_vol_type first_type, second_type;
    } bad[] = {
        {"a", "../b", NULL, HF_VOL_DIRECTORY, HF_VOL_FILE},
        {"a", "a/../../b", NULL, HF_VOL_DIRECTORY, HF_VOL_FILE},
        {"a", "a//b", NULL, HF_VOL_DIRECTORY, HF_VOL_FILE},
        {"a", "a/", NULL, HF_VOL_DIRECTORY, HF_VOL_FILE},
        {"a", "a/.", NULL, HF_VOL_DIRECTORY, HF_VOL_FILE},
        {"a", "/etc/passwd", NULL, HF_VOL_DIRECTORY, HF_VOL_FILE},
        {"a", "a/b", NULL, HF_VOL_SYMLINK, HF_VOL_FILE}, /* through a link */
        {"a", "a/b", NULL, HF_VOL_FIFO, HF_VOL_FILE},
        {"a", "a", NULL, HF_VOL_DIRECTORY, HF_VOL_FILE}, /* twice */
        {"b", "a", NULL, HF_VOL_DIRECTORY, HF_VOL_FILE},
        {"a", "b/c", NULL, HF_VOL_DIRECTORY, HF_VOL_FILE}, /* in no directory */
        {"a", "a/b/c", NULL, HF_VOL_DIRECTORY, HF_VOL_FILE},
        {"a", "b", "../../etc/passwd", HF_VOL_DIRECTORY, HF_VOL_HARD_LINK},
        {"a", "b", "/etc/passwd", HF_VOL_DIRECTORY, HF_VOL_HARD_LINK},
        {"a", "b", "c", HF_VOL_DIRECTORY, HF_VOL_HARD_LINK}, /* not listed before */
    };
    piece_len = 1000;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct hf_error err = HF_ERROR_INIT;
        size_t count;
        const struct hf_vol_entry list[] = {
            entries[0],
            {.path = bad[i].first, .type = bad[i].first_type, .target = "t"},
            {.path = bad[i].second, .type = bad[i].second_type, .target = bad[i].target},
        };
        assert_ok(write_list(list, 3, &err), &err);
        assert_fails(read_list(&count, &err), HF_DAMAGED, &err);
    }
}

static void list_cut_short_or_changed_never_crashes(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    size_t count;
    piece_len = 64;
    assert_ok(write_list(entries, ENTRIES, &err), &err);
    size_t len = stream.data.len;
    for (size_t n = 0; n < len; n++) {
        struct hf_error why = HF_ERROR_INIT;
        stream.data.len = n;
        if (read_list(&count, &why) == HF_OK)
            assert_true(count < ENTRIES); /* at the end of a record */
    }
    stream.data.len = len;
    for (size_t n = 0; n < len; n++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            struct hf_error why = HF_ERROR_INIT;
            stream.data.data[n] ^= (uint8_t)(1u << bit);
            (void)!read_list(&count, &why);
            stream.data.data[n] ^= (uint8_t)(1u << bit);
        }
    }
}

static void path_order_is_that_of_a_walk(void **state)
{
    (void)state;
    static const char *const order[] = {"", "a", "a/b", "a/b/c", "a/bb", "a b", "a-", "b"};
    enum { ORDER = sizeof order / sizeof order[0] };
    for (int i = 0; i < ORDER; i++) {
        for (int j = 0; j < ORDER; j++) {
            int found = hf_vol_path_compare(order[i], order[j]);
            assert_int_equal((found > 0) - (found < 0), (i > j) - (i < j));
        }
    }
}

static void path_text_is_readable_whatever_it_is(void **state)
{
    (void)state;
    char text[HF_VOL_PATH_TEXT];
    char large[5000];
    assert_string_equal(hf_vol_path_text(text, ""), ".");
    assert_string_equal(hf_vol_path_text(text, "a/\xff\n\303\244"), "a/\\xff\\x0a\303\244");
    memset(large, 'x', sizeof large);
    memcpy(large + sizeof large - 5, "/end", 5);
    assert_contains(hf_vol_path_text(text, large), "...");
    assert_contains(text, "/end");
    memset(large, 1, sizeof large - 1);
    assert_true(strlen(hf_vol_path_text(text, large)) < sizeof text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(list_comes_back_whatever_the_pieces, tear_down),
        cmocka_unit_test_teardown(list_of_many_is_cut_where_paths_say, tear_down),
        cmocka_unit_test_teardown(list_that_leads_elsewhere_is_damaged, tear_down),
        cmocka_unit_test_teardown(list_cut_short_or_changed_never_crashes, tear_down),
        cmocka_unit_test(path_order_is_that_of_a_walk),
        cmocka_unit_test(path_text_is_readable_whatever_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
