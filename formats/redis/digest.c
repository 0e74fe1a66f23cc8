#include "formats/redis/digest.h"

#include "formats/redis/digest_internal.h"
#include "formats/redis/packed.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 64 << 10 }; /* of a long text: it is hashed in pieces of this size */

_Static_assert(HF_REDIS_DIGEST_KEY == crypto_shorthash_siphashx24_KEYBYTES, "size of the key");

struct hf_redis_sum hf_redis_hash(const struct hf_redis_digest *digest, const void *data,
                                  size_t len)
{
    uint8_t hash[crypto_shorthash_siphashx24_BYTES];

    (void)crypto_shorthash_siphashx24(hash, data, len, digest->hash_key);
    return (struct hf_redis_sum){
        .low = hf_load_u64(hash), .high = hf_load_u64(hash + 8), .count = 1};
}

void hf_redis_sum_add(struct hf_redis_sum *sum, const struct hf_redis_sum *other)
{
    sum->count += other->count;
    sum->low += other->low;
    sum->high += other->high + (sum->low < other->low ? 1 : 0);
}

bool hf_redis_sum_equal(const struct hf_redis_sum *a, const struct hf_redis_sum *b)
{
    return a->low == b->low && a->high == b->high && a->count == b->count;
}

void hf_redis_sum_text(char text[HF_REDIS_DIGEST_TEXT], const struct hf_redis_sum *sum)
{
    (void)snprintf(text, HF_REDIS_DIGEST_TEXT, "%016" PRIx64 "%016" PRIx64, sum->high, sum->low);
}

/* Of texts. */

static struct hf_redis_sum fold(const struct hf_redis_digest *digest, struct hf_redis_sum before,
                                const uint8_t *data, size_t len)
{
    struct hf_redis_sum block = hf_redis_hash(digest, data, len);
    const uint64_t words[] = {before.low, before.high, block.low, block.high};

    return hf_redis_hash(digest, words, sizeof words);
}

struct hf_redis_sum hf_redis_hash_text(const struct hf_redis_digest *digest, const uint8_t *data,
                                       size_t len)
{
    struct hf_redis_sum sum = {.low = 0};

    if (len <= BLOCK)
        return hf_redis_hash(digest, data, len);
    for (; len > BLOCK; data += BLOCK, len -= BLOCK)
        sum = fold(digest, sum, data, BLOCK);
    return fold(digest, sum, data, len);
}

/* A text in pieces: in the end the same as hf_redis_hash_text of the whole. */
static enum hf_status take_text(struct hf_redis_digest *digest, const uint8_t *data, size_t len,
                                struct hf_error *err)
{
    while (digest->text.len + len > BLOCK) {
        size_t part = BLOCK - digest->text.len;

        HF_TRY(hf_buf_append(&digest->text, data, part, err));
        digest->folded_text = fold(digest, digest->folded_text, digest->text.data, BLOCK);
        digest->folded = true;
        digest->text.len = 0;
        data += part;
        len -= part;
    }
    return hf_buf_append(&digest->text, data, len, err);
}

static struct hf_redis_sum end_text(struct hf_redis_digest *digest)
{
    struct hf_redis_sum sum =
        digest->folded ? fold(digest, digest->folded_text, digest->text.data, digest->text.len)
                       : hf_redis_hash(digest, digest->text.data, digest->text.len);

    digest->text.len = 0;
    digest->folded = false;
    digest->folded_text = (struct hf_redis_sum){.low = 0};
    return sum;
}

/* Elements. */

void hf_redis_add(struct hf_redis_digest *digest, const void *data, size_t len)
{
    struct hf_redis_sum one = hf_redis_hash(digest, data, len);

    hf_redis_sum_add(&digest->sum, &one);
}

static void add_words(struct hf_redis_digest *digest, char what, const struct hf_redis_sum *first,
                      const struct hf_redis_sum *second, uint64_t number)
{
    const uint64_t words[] = {(uint64_t)what, first->low,   first->high,
                              second->low,    second->high, number};

    hf_redis_add(digest, words, sizeof words);
}

static uint64_t score_bits(double score)
{
    uint64_t bits;

    if (score == 0)
        score = 0; /* a server may well forget the sign of zero */
    memcpy(&bits, &score, sizeof bits);
    return score != score ? UINT64_MAX : bits;
}

static uint64_t score_of_text(const uint8_t *data, size_t len)
{
    char text[64];

    (void)snprintf(text, sizeof text, "%.*s", (int)len, (const char *)data);
    return score_bits(strtod(text, NULL));
}

static void add_field(struct hf_redis_digest *digest, const struct hf_redis_sum *value,
                      uint64_t expiry)
{
    if (expiry == 0 || (int64_t)expiry > digest->horizon)
        add_words(digest, 'h', &digest->first, value, expiry);
}

/* Elements of a packed encoding come one by one; pairs and triples are put together here. */
static enum hf_status on_element(void *ctx, const uint8_t *data, size_t len, struct hf_error *err)
{
    struct hf_redis_digest *digest = ctx;
    struct hf_redis_sum none = {.low = 0};
    struct hf_redis_sum text = hf_redis_hash_text(digest, data, len);
    uint64_t place = digest->place++;

    (void)err;
    if (digest->kind == HF_RDB_KIND_LIST) {
        add_words(digest, 'l', &text, &none, place);
    } else if (digest->kind == HF_RDB_KIND_SET) {
        add_words(digest, 's', &text, &none, 0);
    } else if (place % digest->tuple == 0) {
        digest->first = text;
    } else if (digest->kind == HF_RDB_KIND_ZSET) {
        add_words(digest, 'z', &digest->first, &none, score_of_text(data, len));
    } else if (digest->tuple == 2) {
        add_field(digest, &text, 0);
    } else if (place % digest->tuple == 1) {
        digest->second = text;
    } else {
        char number[24];

        (void)snprintf(number, sizeof number, "%.*s", (int)len, (const char *)data);
        add_field(digest, &digest->second, strtoull(number, NULL, 10));
    }
    return HF_OK;
}

static enum hf_status end_packed(struct hf_redis_digest *digest, struct hf_error *err)
{
    enum hf_packed_kind kind = HF_PACKED_LISTPACK;
    enum hf_status status;

    switch (digest->type) {
    case HF_RDB_HASH_ZIPMAP:
        kind = HF_PACKED_ZIPMAP;
        break;
    case HF_RDB_LIST_ZIPLIST:
    case HF_RDB_ZSET_ZIPLIST:
    case HF_RDB_HASH_ZIPLIST:
    case HF_RDB_LIST_QUICKLIST:
        kind = HF_PACKED_ZIPLIST;
        break;
    case HF_RDB_SET_INTSET:
        kind = HF_PACKED_INTSET;
        break;
    default:
        break;
    }
    status = hf_packed_read(kind, digest->packed.data, digest->packed.len, on_element, digest, err);
    digest->packed.len = 0;
    return status;
}

/* A string of a type that is not packed is over. */
static void end_plain(struct hf_redis_digest *digest)
{
    struct hf_redis_sum none = {.low = 0};
    struct hf_redis_sum text = end_text(digest);
    uint64_t place = digest->place++;

    switch (digest->kind) {
    case HF_RDB_KIND_STRING:
        digest->sum = text;
        break;
    case HF_RDB_KIND_LIST:
        add_words(digest, 'l', &text, &none, place);
        break;
    case HF_RDB_KIND_SET:
        add_words(digest, 's', &text, &none, 0);
        break;
    case HF_RDB_KIND_HASH:
        if (place % 2 == 0)
            digest->first = text;
        else if (digest->flavour == HF_RDB_VALKEY && digest->type == HF_RDB_HASH_EXPIRY_RC)
            digest->second = text; /* the expiry follows */
        else
            add_field(digest, &text, digest->expiry);
        break;
    default: /* of a sorted set: the score follows; of a module: one of many */
        digest->first = text;
        break;
    }
}

/* What is told. */

static bool is_packed(const struct hf_redis_digest *digest)
{
    switch (digest->type) {
    case HF_RDB_HASH_ZIPMAP:
    case HF_RDB_LIST_ZIPLIST:
    case HF_RDB_SET_INTSET:
    case HF_RDB_ZSET_ZIPLIST:
    case HF_RDB_HASH_ZIPLIST:
    case HF_RDB_LIST_QUICKLIST:
    case HF_RDB_HASH_LISTPACK:
    case HF_RDB_ZSET_LISTPACK:
    case HF_RDB_SET_LISTPACK:
    case HF_RDB_HASH_LISTPACK_EXPIRY_RC:
    case HF_RDB_HASH_LISTPACK_EXPIRY:
        return true;
    case HF_RDB_LIST_QUICKLIST_2:
        return digest->container != 1;
    default:
        return false;
    }
}

static void chain(struct hf_redis_digest *digest, const void *data, size_t len)
{
    digest->sum = fold(digest, digest->sum, data, len);
}

static enum hf_status on_number(void *ctx, uint64_t number, struct hf_error *err)
{
    struct hf_redis_digest *digest = ctx;
    bool is_first = digest->numbers++ == 0;

    if (digest->kind == HF_RDB_KIND_STREAM)
        return hf_redis_stream_number(digest, number, err);
    if (digest->kind == HF_RDB_KIND_MODULE && !is_first) /* the first is the module's own id */
        chain(digest, &number, sizeof number);
    else if (digest->type == HF_RDB_LIST_QUICKLIST_2 && !is_first)
        digest->container = number;
    else if (digest->type == HF_RDB_HASH_EXPIRY && !is_first)
        digest->expiry = number == 0 ? 0 : number + digest->least - 1;
    else if (digest->type == HF_RDB_HASH_EXPIRY_RC && digest->flavour == HF_RDB_REDIS && !is_first)
        digest->expiry = number;
    return HF_OK;
}

static enum hf_status on_bytes(void *ctx, const uint8_t *data, size_t len, struct hf_error *err)
{
    struct hf_redis_digest *digest = ctx;
    struct hf_redis_sum none = {.low = 0};
    double score;

    if (digest->kind == HF_RDB_KIND_STREAM)
        return hf_redis_stream_bytes(digest, data, len, err);
    if (digest->kind == HF_RDB_KIND_MODULE) {
        chain(digest, data, len);
    } else if (digest->kind == HF_RDB_KIND_ZSET) {
        memcpy(&score, data, sizeof score);
        add_words(digest, 'z', &digest->first, &none, score_bits(score));
    } else if (digest->flavour == HF_RDB_VALKEY) {
        int64_t expiry = (int64_t)hf_load_u64(data);

        add_field(digest, &digest->second, expiry < 0 ? 0 : (uint64_t)expiry);
    } else {
        digest->least = hf_load_u64(data);
    }
    return HF_OK;
}

static enum hf_status on_real(void *ctx, const char *text, struct hf_error *err)
{
    struct hf_redis_digest *digest = ctx;
    struct hf_redis_sum none = {.low = 0};

    (void)err;
    add_words(digest, 'z', &digest->first, &none, score_bits(strtod(text, NULL)));
    return HF_OK;
}

static enum hf_status on_text(void *ctx, const uint8_t *data, size_t len, bool last,
                              struct hf_error *err)
{
    struct hf_redis_digest *digest = ctx;

    if (digest->kind == HF_RDB_KIND_STREAM || is_packed(digest)) {
        if (digest->packed.len + len > HF_REDIS_PACKED_MAX)
            return hf_error_set(err, HF_UNSUPPORTED,
                                "a packed value of more than %d bytes cannot be compared",
                                HF_REDIS_PACKED_MAX);
        HF_TRY(hf_buf_append(&digest->packed, data, len, err));
        if (!last)
            return HF_OK;
        return digest->kind == HF_RDB_KIND_STREAM ? hf_redis_stream_text(digest, err)
                                                  : end_packed(digest, err);
    }
    HF_TRY(take_text(digest, data, len, err));
    if (last) {
        end_plain(digest);
        if (digest->kind == HF_RDB_KIND_MODULE)
            chain(digest, &digest->first, sizeof digest->first);
    }
    return HF_OK;
}

static enum hf_status on_loop_end(void *ctx, struct hf_error *err)
{
    struct hf_redis_digest *digest = ctx;

    return digest->kind == HF_RDB_KIND_STREAM ? hf_redis_stream_loop_end(digest, err) : HF_OK;
}

const struct hf_rdb_visitor hf_redis_digest_visitor = {.number = on_number,
                                                       .bytes = on_bytes,
                                                       .real = on_real,
                                                       .text = on_text,
                                                       .loop_end = on_loop_end};

enum hf_status hf_redis_digest_new(const uint8_t key[HF_REDIS_DIGEST_KEY], int64_t horizon,
                                   struct hf_redis_digest **out, struct hf_error *err)
{
    struct hf_redis_digest *digest = calloc(1, sizeof *digest);

    if (!digest)
        return hf_error_memory(err);
    memcpy(digest->hash_key, key, HF_REDIS_DIGEST_KEY);
    digest->horizon = horizon;
    *out = digest;
    return HF_OK;
}

void hf_redis_digest_free(struct hf_redis_digest *digest)
{
    if (!digest)
        return;
    hf_buf_free(&digest->text);
    hf_buf_free(&digest->packed);
    hf_buf_free(&digest->entry);
    free(digest);
}

void hf_redis_digest_begin(struct hf_redis_digest *digest, enum hf_rdb_flavour flavour,
                           uint8_t type)
{
    struct hf_redis_digest fresh = {.horizon = digest->horizon,
                                    .flavour = flavour,
                                    .type = type,
                                    .kind = hf_rdb_kind(type),
                                    .text = digest->text,
                                    .packed = digest->packed,
                                    .entry = digest->entry};

    memcpy(fresh.hash_key, digest->hash_key, sizeof fresh.hash_key);
    fresh.tuple =
        type == HF_RDB_HASH_LISTPACK_EXPIRY || type == HF_RDB_HASH_LISTPACK_EXPIRY_RC ? 3 : 2;
    fresh.text.len = fresh.packed.len = fresh.entry.len = 0;
    *digest = fresh;
}

enum hf_status hf_redis_digest_value(struct hf_redis_digest *digest, struct hf_redis_sum *out,
                                     struct hf_error *err)
{
    if (digest->packed.len > 0 || digest->text.len > 0)
        return hf_error_set(err, HF_DAMAGED, "a value ends in its middle");
    *out = digest->sum;
    return HF_OK;
}

void hf_redis_digest_key(const struct hf_redis_digest *digest, const uint8_t *text, size_t len,
                         enum hf_rdb_kind kind, int64_t expiry, const struct hf_redis_sum *value,
                         struct hf_redis_sum *out)
{
    struct hf_redis_sum name = hf_redis_hash_text(digest, text, len);
    const uint64_t words[] = {name.low,   name.high,   (uint64_t)kind, (uint64_t)expiry,
                              value->low, value->high, value->count};

    *out = hf_redis_hash(digest, words, sizeof words);
}
