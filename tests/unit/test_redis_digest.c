/* Digests of values: the same for dumps of the same data by servers that encode it differently. */
#include "formats/redis/digest.h"

#include "base/file.h"
#include "formats/redis/settle.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/support/check.h"

enum { DUMP_MAX = 1 << 20, KEYS_MAX = 400 };

/* The keys of a dump, with the digests of their values. */
struct content {
    struct hf_redis_digest *digest;
    enum hf_rdb_flavour flavour;
    size_t count;
    struct {
        char name[64];
        uint32_t database;
        uint8_t type;
        struct hf_redis_sum value;
    } keys[KEYS_MAX];
};

static enum hf_status on_header(void *ctx, const uint8_t magic[HF_RDB_MAGIC], unsigned version,
                                struct hf_error *err)
{
    (void)magic;
    (void)err;
    ((struct content *)ctx)->flavour = hf_rdb_flavour(version);
    return HF_OK;
}

static enum hf_status on_key(void *ctx, const struct hf_rdb_key *key, struct hf_error *err)
{
    struct content *content = ctx;

    (void)err;
    assert_true(content->count < KEYS_MAX);
    (void)snprintf(content->keys[content->count].name, sizeof content->keys->name, "%.*s",
                   (int)key->len, (const char *)key->text);
    content->keys[content->count].database = key->database;
    content->keys[content->count].type = key->type;
    hf_redis_digest_begin(content->digest, content->flavour, key->type);
    return HF_OK;
}

static enum hf_status on_key_end(void *ctx, struct hf_error *err)
{
    struct content *content = ctx;

    return hf_redis_digest_value(content->digest, &content->keys[content->count++].value, err);
}

static void read_dump(const char *name, size_t piece, struct content *out)
{
    static const uint8_t key[HF_REDIS_DIGEST_KEY] = "0123456789abcde";
    struct hf_error err = HF_ERROR_INIT;
    struct hf_rdb_handler handler = {.ctx = out,
                                     .header = on_header,
                                     .key = on_key,
                                     .key_end = on_key_end,
                                     .visitor = &hf_redis_digest_visitor};
    HF_AUTO(hf_buf) data = HF_BUF_INIT;
    HF_AUTO(hf_rdb) rdb;
    bool checked;
    char path[512];

    memset(out, 0, sizeof *out);
    (void)snprintf(path, sizeof path, "%s/tests/fuzz/seeds/rdb/%s.rdb", HF_SOURCE_DIR, name);
    assert_ok(hf_file_read(path, DUMP_MAX, &data, &err), &err);
    assert_ok(hf_redis_digest_new(key, 0, &out->digest, &err), &err);
    handler.visitor_ctx = out->digest;
    hf_rdb_init(&rdb, &handler);
    for (size_t at = 0; at < data.len; at += piece)
        assert_ok(
            hf_rdb_feed(&rdb, data.data + at, piece < data.len - at ? piece : data.len - at, &err),
            &err);
    assert_ok(hf_rdb_end(&rdb, &checked, &err), &err);
    hf_redis_digest_free(out->digest);
}

/* Of a stream, times when consumers were seen differ from server to server; fields with expiry have
 * moments of the day they were made. */
static bool depends_on_the_day(const char *name)
{
    return strncmp(name, "x:same", 6) == 0 || strncmp(name, "h:expiry", 8) == 0;
}

static size_t compare(const struct content *a, const struct content *b, size_t *other_types)
{
    size_t same = 0;

    for (size_t i = 0; i < a->count; i++) {
        for (size_t k = 0; k < b->count; k++) {
            if (a->keys[i].database != b->keys[k].database ||
                strcmp(a->keys[i].name, b->keys[k].name) != 0 ||
                depends_on_the_day(a->keys[i].name))
                continue;
            if (!hf_redis_sum_equal(&a->keys[i].value, &b->keys[k].value))
                fail_msg("%s, types %u and %u", a->keys[i].name, a->keys[i].type, b->keys[k].type);
            *other_types += a->keys[i].type != b->keys[k].type;
            same++;
        }
    }
    return same;
}

static void value_other_encoding_has_the_same_digest(void **state)
{
    static const char *const others[] = {"redis8", "valkey8", "valkey9"};
    static struct content first, other;
    size_t other_types = 0;

    (void)state;
    read_dump("redis7", SIZE_MAX / 2, &first);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        read_dump(others[i], SIZE_MAX / 2, &other);
        assert_true(compare(&first, &other, &other_types) > 60);
    }
    assert_true(other_types > 0); /* sets are listpacks since 7.2, streams have another version */
}

static void value_in_pieces_has_the_same_digest(void **state)
{
    static struct content first, other;
    size_t other_types = 0;

    (void)state;
    read_dump("valkey9", SIZE_MAX / 2, &first);
    read_dump("valkey9", 7, &other);
    assert_int_equal(first.count, other.count);
    (void)compare(&first, &other, &other_types);
    assert_int_equal(other_types, 0);
}

static void value_other_content_has_another_digest(void **state)
{
    static struct content content;

    (void)state;
    read_dump("redis8", SIZE_MAX / 2, &content);
    for (size_t i = 0; i < content.count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (strcmp(content.keys[i].name, content.keys[k].name) == 0 ||
                content.keys[i].value.count == 0)
                continue;
            if (strncmp(content.keys[i].name, "l:", 2) == 0)
                assert_false(hf_redis_sum_equal(&content.keys[i].value, &content.keys[k].value));
        }
    }
}

static void settle_any_order_gives_one(void **state)
{
    /* a set of three: "b", "a", 7; and the same in another order */
    uint8_t one[] = {3, 1, 'b', 1, 'a', 0xc0, 7}, two[] = {3, 0xc0, 7, 1, 'b', 1, 'a'};
    uint8_t broken[] = {3, 1, 'b', 9, 'a', 0xc0, 7}, same[sizeof broken];
    struct hf_redis_settler settler = {.cap = 0};
    struct hf_error err = HF_ERROR_INIT;

    (void)state;
    memcpy(same, broken, sizeof same);
    assert_ok(hf_redis_settle(&settler, HF_RDB_REDIS, HF_RDB_SET, one, sizeof one, &err), &err);
    assert_ok(hf_redis_settle(&settler, HF_RDB_REDIS, HF_RDB_SET, two, sizeof two, &err), &err);
    assert_memory_equal(one, two, sizeof one);
    assert_ok(hf_redis_settle(&settler, HF_RDB_REDIS, HF_RDB_SET, broken, sizeof broken, &err),
              &err);
    assert_memory_equal(broken, same, sizeof same);
    hf_redis_settler_done(&settler);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(value_other_encoding_has_the_same_digest),
        cmocka_unit_test(value_in_pieces_has_the_same_digest),
        cmocka_unit_test(value_other_content_has_another_digest),
        cmocka_unit_test(settle_any_order_gives_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
