/* The RDB reader, on dumps of real servers (tests/fuzz/seeds/rdb) and on bytes made here. */
#include "formats/redis/rdb.h"

#include "base/file.h"
#include "formats/redis/crc64.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/support/check.h"

static const char *const dumps[] = {"redis7", "redis8", "valkey8", "valkey9"};
enum { DUMPS = sizeof dumps / sizeof *dumps, DUMP_MAX = 1 << 20 };

/* What was told, in one number, and some counts. */
struct told {
    unsigned version;
    uint64_t keys, expiries, kinds[HF_RDB_KINDS], functions, value_bytes, rest, others;
    uint64_t sum; /* of everything told, however it was cut */
    uint64_t texts;
    uint32_t database;
};

static enum hf_status on_header(void *ctx, const uint8_t magic[HF_RDB_MAGIC], unsigned version,
                                struct hf_error *err)
{
    struct told *told = ctx;

    (void)err;
    told->sum = hf_crc64(told->sum, magic, HF_RDB_MAGIC);
    told->version = version;
    return HF_OK;
}

static enum hf_status on_other(void *ctx, const struct hf_rdb_other *other, struct hf_error *err)
{
    struct told *told = ctx;

    (void)err;
    told->sum = hf_crc64(told->sum, other->data, other->len);
    told->others += other->last;
    if (!other->last)
        return HF_OK;
    told->functions += other->opcode == HF_RDB_FUNCTION;
    for (unsigned i = 0; i < 2; i++)
        told->sum = hf_crc64(told->sum, other->text[i], other->text_len[i]);
    return HF_OK;
}

static enum hf_status on_key(void *ctx, const struct hf_rdb_key *key, struct hf_error *err)
{
    struct told *told = ctx;

    (void)err;
    told->keys++;
    told->expiries += key->expiry >= 0;
    told->kinds[hf_rdb_kind(key->type)]++;
    told->sum = hf_crc64(told->sum, key->text, key->len);
    told->sum = hf_crc64(told->sum, &key->expiry, sizeof key->expiry);
    told->database = key->database;
    return HF_OK;
}

static enum hf_status on_value(void *ctx, const uint8_t *data, size_t len, struct hf_error *err)
{
    struct told *told = ctx;

    (void)err;
    told->value_bytes += len;
    told->sum = hf_crc64(told->sum, data, len);
    return HF_OK;
}

static enum hf_status on_rest(void *ctx, uint32_t database, const uint8_t *data, size_t len,
                              struct hf_error *err)
{
    struct told *told = ctx;

    (void)err;
    told->database = database;
    told->rest += len;
    told->sum = hf_crc64(told->sum, data, len);
    return HF_OK;
}

static enum hf_status on_text(void *ctx, const uint8_t *data, size_t len, bool last,
                              struct hf_error *err)
{
    struct told *told = ctx;

    (void)err;
    told->sum = hf_crc64(told->sum, data, len);
    told->texts += last;
    return HF_OK;
}

static const struct hf_rdb_visitor visitor = {.text = on_text};

static enum hf_status read_pieces(const uint8_t *data, size_t len, size_t piece,
                                  const struct hf_rdb_visitor *visit, struct told *told,
                                  bool *checked, struct hf_error *err)
{
    const struct hf_rdb_handler handler = {.ctx = told,
                                           .header = on_header,
                                           .other = on_other,
                                           .key = on_key,
                                           .value = visit ? NULL : on_value,
                                           .rest = on_rest,
                                           .visitor = visit,
                                           .visitor_ctx = told};
    HF_AUTO(hf_rdb) rdb;

    hf_rdb_init(&rdb, &handler);
    for (size_t at = 0; at < len; at += piece) {
        size_t part = piece < len - at ? piece : len - at;

        HF_TRY(hf_rdb_feed(&rdb, data + at, part, err));
    }
    return hf_rdb_end(&rdb, checked, err);
}

static void load(const char *name, struct hf_buf *out)
{
    struct hf_error err = HF_ERROR_INIT;
    char path[512];

    (void)snprintf(path, sizeof path, "%s/tests/fuzz/seeds/rdb/%s.rdb", HF_SOURCE_DIR, name);
    assert_ok(hf_file_read(path, DUMP_MAX, out, &err), &err);
}

static void feed_dump_counts_everything(void **state)
{
    (void)state;
    for (size_t i = 0; i < DUMPS; i++) {
        HF_AUTO(hf_buf) data = HF_BUF_INIT;
        struct told told = {.version = 0};
        struct hf_error err = HF_ERROR_INIT;
        bool checked = false;

        load(dumps[i], &data);
        assert_ok(read_pieces(data.data, data.len, data.len, NULL, &told, &checked, &err), &err);
        assert_true(checked);
        assert_int_equal(told.rest, 0);
        assert_int_equal(told.functions, 1);
        assert_int_equal(told.kinds[HF_RDB_KIND_STREAM], 3);
        assert_true(told.kinds[HF_RDB_KIND_SET] >= 4 && told.kinds[HF_RDB_KIND_ZSET] >= 3);
        assert_true(told.kinds[HF_RDB_KIND_LIST] >= 3 && told.kinds[HF_RDB_KIND_HASH] >= 3);
        assert_int_equal(told.expiries, 3); /* 1 in 0, 1 each in 3 and 15 */
        assert_int_equal(told.database, 15);
    }
}

static void feed_any_pieces_tells_the_same(void **state)
{
    static const size_t pieces[] = {1, 3, 31, 32, 33, 1000};

    (void)state;
    for (size_t i = 0; i < 2 * DUMPS; i++) {
        const struct hf_rdb_visitor *visit = i < DUMPS ? NULL : &visitor;
        HF_AUTO(hf_buf) data = HF_BUF_INIT;
        struct told whole = {.version = 0};
        struct hf_error err = HF_ERROR_INIT;
        bool checked = false;

        load(dumps[i % DUMPS], &data);
        assert_ok(read_pieces(data.data, data.len, data.len, visit, &whole, &checked, &err), &err);
        for (size_t p = 0; p < sizeof pieces / sizeof *pieces; p++) {
            struct told told = {.version = 0};

            assert_ok(read_pieces(data.data, data.len, pieces[p], visit, &told, &checked, &err),
                      &err);
            assert_int_equal(told.sum, whole.sum);
            assert_int_equal(told.keys, whole.keys);
            assert_int_equal(told.value_bytes, whole.value_bytes);
            assert_int_equal(told.texts, whole.texts);
        }
    }
}

static void feed_cut_dump_is_damaged(void **state)
{
    HF_AUTO(hf_buf) data = HF_BUF_INIT;

    (void)state;
    load("redis8", &data);
    for (size_t len = 0; len < data.len; len += len < 100 || len + 20 > data.len ? 1 : 997) {
        struct told told = {.version = 0};
        struct hf_error err = HF_ERROR_INIT;
        bool checked;

        assert_fails(read_pieces(data.data, len, 512, NULL, &told, &checked, &err), HF_DAMAGED,
                     &err);
    }
}

static void feed_any_byte_flipped_is_noticed(void **state)
{
    HF_AUTO(hf_buf) data = HF_BUF_INIT;

    (void)state;
    load("valkey9", &data);
    for (size_t at = 0; at < data.len; at += 211) {
        struct told told = {.version = 0};
        struct hf_error err = HF_ERROR_INIT;
        bool checked = false;
        enum hf_status status;

        data.data[at] ^= 0x41;
        status = read_pieces(data.data, data.len, data.len, &visitor, &told, &checked, &err);
        assert_true(status == HF_DAMAGED || status == HF_UNSUPPORTED ||
                    (status == HF_OK && !checked && told.version > 80));
        data.data[at] ^= 0x41;
    }
}

/* "REDIS0011", a key, then what the caller wants, then the end. */
static void make(struct hf_buf *out, const char *magic, const void *middle, size_t len)
{
    static const uint8_t key[] = {HF_RDB_STRING, 1, 'k', 1, 'v'};
    struct hf_error err = HF_ERROR_INIT;

    assert_ok(hf_buf_append(out, magic, HF_RDB_MAGIC, &err), &err);
    assert_ok(hf_buf_append(out, key, sizeof key, &err), &err);
    assert_ok(hf_buf_append(out, middle, len, &err), &err);
    assert_ok(hf_buf_u8(out, HF_RDB_EOF, &err), &err);
    assert_ok(hf_buf_u64(out, hf_crc64(0, out->data, out->len), &err), &err);
}

static void feed_unknown_type_is_rest(void **state)
{
    static const uint8_t unknown[] = {HF_RDB_SELECTDB,
                                      3,
                                      HF_RDB_EXPIRY_MS,
                                      1,
                                      0,
                                      0,
                                      0,
                                      0,
                                      0,
                                      0,
                                      0,
                                      99,
                                      1,
                                      'k',
                                      'w',
                                      'h',
                                      'a',
                                      't'};

    (void)state;
    for (size_t piece = 1; piece < 40; piece++) {
        HF_AUTO(hf_buf) data = HF_BUF_INIT;
        struct told told = {.version = 0};
        struct hf_error err = HF_ERROR_INIT;
        bool checked = false;

        make(&data, "REDIS0012", unknown, sizeof unknown);
        assert_ok(read_pieces(data.data, data.len, piece, NULL, &told, &checked, &err), &err);
        assert_true(checked);
        assert_int_equal(told.keys, 1);
        assert_int_equal(told.rest, sizeof unknown - 2); /* all but SELECTDB */
        assert_int_equal(told.database, 3);
    }
}

static void feed_types_of_the_other_flavour_are_not_taken(void **state)
{
    static const uint8_t redis_type[] = {HF_RDB_HASH_EXPIRY, 1, 'k', 0, 0, 0, 0, 0, 0, 0, 0, 0};

    (void)state;
    for (int i = 0; i < 2; i++) {
        HF_AUTO(hf_buf) data = HF_BUF_INIT;
        struct told told = {.version = 0};
        struct hf_error err = HF_ERROR_INIT;
        bool checked = false;

        make(&data, i == 0 ? "REDIS0012" : "VALKEY080", redis_type, sizeof redis_type);
        assert_ok(read_pieces(data.data, data.len, 5, NULL, &told, &checked, &err), &err);
        assert_int_equal(told.keys, i == 0 ? 2 : 1);
        assert_int_equal(told.rest > 0, i == 1);
    }
}

static void feed_module_value_is_passed_over(void **state)
{
    /* id; SINT, FLOAT, DOUBLE, STRING, UINT; EOF */
    static const uint8_t module[] = {HF_RDB_MODULE_2,
                                     1,
                                     'm',
                                     0x81,
                                     1,
                                     2,
                                     3,
                                     4,
                                     5,
                                     6,
                                     7,
                                     8,
                                     1,
                                     5,
                                     3,
                                     1,
                                     2,
                                     3,
                                     4,
                                     4,
                                     1,
                                     2,
                                     3,
                                     4,
                                     5,
                                     6,
                                     7,
                                     8,
                                     5,
                                     3,
                                     'a',
                                     'b',
                                     'c',
                                     2,
                                     0x40,
                                     100,
                                     0};

    (void)state;
    for (size_t piece = 1; piece < 40; piece++) {
        HF_AUTO(hf_buf) data = HF_BUF_INIT;
        struct told told = {.version = 0};
        struct hf_error err = HF_ERROR_INIT;
        bool checked = false;

        make(&data, "REDIS0011", module, sizeof module);
        assert_ok(read_pieces(data.data, data.len, piece, NULL, &told, &checked, &err), &err);
        assert_int_equal(told.kinds[HF_RDB_KIND_MODULE], 1);
        assert_int_equal(told.value_bytes, sizeof module - 3 + 2);
    }
}

/* Lengths that no memory has: they are counted down, and nothing is made for them. (A sanitizer
 * would end the program at the attempt.) */
static void feed_huge_lengths_are_passed_over_without_memory(void **state)
{
    static const uint8_t huge[][16] = {
        {HF_RDB_STRING, 1, 'h', 0x81, 0x40, 0, 0, 0, 0, 0, 0, 0},               /* a string */
        {HF_RDB_MODULE_2, 1, 'h', 0x01, 5, 0x81, 0x40, 0, 0, 0, 0, 0, 0, 0, 0}, /* of a module */
        {HF_RDB_LIST, 1, 'h', 0x81, 0x40, 0, 0, 0, 0, 0, 0, 0},                 /* of elements */
        {HF_RDB_SET, 1, 'h', 1, 0x81, 0x40, 0, 0, 0, 0, 0, 0, 0},               /* an element */
    };
    static uint8_t zeros[1 << 20];

    (void)state;
    for (size_t i = 0; i < sizeof huge / sizeof *huge; i++) {
        struct told told = {.version = 0};
        struct hf_error err = HF_ERROR_INIT;
        struct hf_rdb_handler handler = {.ctx = &told, .header = on_header, .key = on_key};
        HF_AUTO(hf_rdb) rdb;
        bool checked;

        hf_rdb_init(&rdb, &handler);
        assert_ok(hf_rdb_feed(&rdb, "REDIS0011", HF_RDB_MAGIC, &err), &err);
        assert_ok(hf_rdb_feed(&rdb, huge[i], sizeof huge[i], &err), &err);
        for (unsigned piece = 0; piece < 4; piece++)
            assert_ok(hf_rdb_feed(&rdb, zeros, sizeof zeros, &err), &err);
        assert_int_equal(told.keys, 1);
        assert_true(rdb.text.cap < 4096);
        assert_fails(hf_rdb_end(&rdb, &checked, &err), HF_DAMAGED, &err);
    }
}

static void feed_checksum_zero_is_taken_unchecked(void **state)
{
    HF_AUTO(hf_buf) data = HF_BUF_INIT;
    struct told told = {.version = 0};
    struct hf_error err = HF_ERROR_INIT;
    bool checked = true;

    (void)state;
    make(&data, "REDIS0011", "", 0);
    memset(data.data + data.len - 8, 0, 8);
    assert_ok(read_pieces(data.data, data.len, 9, NULL, &told, &checked, &err), &err);
    assert_false(checked);
}

static void length_put_comes_back(void **state)
{
    static const uint64_t lengths[] = {
        0, 1, 63, 64, 16383, 16384, UINT32_MAX, UINT64_C(1) << 32, UINT64_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        uint8_t data[HF_RDB_LENGTH_MAX];
        size_t len = hf_rdb_put_length(data, lengths[i]);
        uint64_t found = 1234;

        assert_int_equal(hf_rdb_length(data, len - 1, &found), 0);
        assert_int_equal(hf_rdb_length(data, len, &found), len);
        assert_int_equal(found, lengths[i]);
    }
}

static void crc64_known_text_gives_known_sum(void **state)
{
    (void)state;
    assert_int_equal(hf_crc64(0, "123456789", 9), UINT64_C(0xe9c6d914c4b8d9ca));
    assert_int_equal(hf_crc64(hf_crc64(0, "1234", 4), "56789", 5), UINT64_C(0xe9c6d914c4b8d9ca));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(feed_dump_counts_everything),
        cmocka_unit_test(feed_any_pieces_tells_the_same),
        cmocka_unit_test(feed_cut_dump_is_damaged),
        cmocka_unit_test(feed_any_byte_flipped_is_noticed),
        cmocka_unit_test(feed_unknown_type_is_rest),
        cmocka_unit_test(feed_types_of_the_other_flavour_are_not_taken),
        cmocka_unit_test(feed_module_value_is_passed_over),
        cmocka_unit_test(feed_huge_lengths_are_passed_over_without_memory),
        cmocka_unit_test(feed_checksum_zero_is_taken_unchecked),
        cmocka_unit_test(length_put_comes_back),
        cmocka_unit_test(crc64_known_text_gives_known_sum),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
