/*
 * Digests of streams (digest.h). A node of a stream is a listpack: a master entry (how many
 * entries, how many deleted, how many fields, their names, 0), then entries: flags, id less the
 * node's first id (two numbers), then values where the fields are the master's, or number of
 * fields, fields and values; then how many elements the entry has.
 */
#include "formats/redis/digest_internal.h"

#include "formats/redis/packed.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

enum { FLAG_DELETED = 1, FLAG_SAME_FIELDS = 2, FIELDS_MAX = 1 << 20 };

enum node_step {
    MASTER_COUNT,
    MASTER_DELETED,
    MASTER_FIELD_COUNT,
    MASTER_FIELDS,
    MASTER_END,
    ENTRY_FLAGS,
    ENTRY_MS,
    ENTRY_SEQ,
    ENTRY_FIELD_COUNT,
    ENTRY_TEXTS,
    ENTRY_END,
};

struct node {
    struct hf_redis_digest *digest;
    enum node_step step;
    int64_t flags;
    uint64_t fields, texts;      /* of the master; of the entry: to come */
    struct hf_redis_sum *master; /* hashes of the master's fields */
    uint64_t master_count, at;
};

static enum hf_status bad(struct hf_error *err)
{
    return hf_error_set(err, HF_DAMAGED, "a node of a stream is damaged");
}

static int64_t number_of(const uint8_t *data, size_t len)
{
    char text[24] = "";

    memcpy(text, data, len < sizeof text - 1 ? len : sizeof text - 1);
    return strtoll(text, NULL, 10);
}

static enum hf_status begin_master(struct node *node, int64_t count, struct hf_error *err)
{
    if (count < 0 || count > FIELDS_MAX)
        return bad(err);
    node->fields = (uint64_t)count;
    node->master = calloc(node->fields + 1, sizeof *node->master);
    if (!node->master)
        return hf_error_memory(err);
    node->step = count > 0 ? MASTER_FIELDS : MASTER_END;
    return HF_OK;
}

static enum hf_status append_sum(struct node *node, const struct hf_redis_sum *sum,
                                 struct hf_error *err)
{
    HF_TRY(hf_buf_u64(&node->digest->entry, sum->low, err));
    return hf_buf_u64(&node->digest->entry, sum->high, err);
}

static void begin_texts(struct node *node, uint64_t count)
{
    node->texts = count;
    node->at = 0;
    node->step = count > 0 ? ENTRY_TEXTS : ENTRY_END;
}

static enum hf_status begin_entry(struct node *node, int64_t flags, struct hf_error *err)
{
    node->flags = flags;
    node->digest->entry.len = 0;
    node->step = ENTRY_MS;
    return hf_buf_u8(&node->digest->entry, 'x', err);
}

/* The entry is put together as id, then hash of field, hash of value, …. */
static enum hf_status take_text(struct node *node, const uint8_t *data, size_t len,
                                struct hf_error *err)
{
    struct hf_redis_sum text = hf_redis_hash_text(node->digest, data, len);

    if (node->flags & FLAG_SAME_FIELDS)
        HF_TRY(append_sum(node, &node->master[node->at], err));
    HF_TRY(append_sum(node, &text, err));
    if (++node->at == node->texts)
        node->step = ENTRY_END;
    return HF_OK;
}

static enum hf_status take_id(struct node *node, int64_t difference, struct hf_error *err)
{
    const struct hf_redis_stream_walk *stream = &node->digest->stream;
    bool ms = node->step == ENTRY_MS;

    HF_TRY(hf_buf_u64(&node->digest->entry, (ms ? stream->ms : stream->seq) + (uint64_t)difference,
                      err));
    if (ms)
        node->step = ENTRY_SEQ;
    else if (node->flags & FLAG_SAME_FIELDS)
        begin_texts(node, node->fields);
    else
        node->step = ENTRY_FIELD_COUNT;
    return HF_OK;
}

static enum hf_status on_element(void *ctx, const uint8_t *data, size_t len, struct hf_error *err)
{
    struct node *node = ctx;
    int64_t number;

    switch (node->step) {
    case MASTER_FIELDS:
        node->master[node->master_count++] = hf_redis_hash_text(node->digest, data, len);
        if (node->master_count == node->fields)
            node->step = MASTER_END;
        return HF_OK;
    case ENTRY_TEXTS:
        return take_text(node, data, len, err);
    default:
        break;
    }
    number = number_of(data, len);
    switch (node->step) {
    case MASTER_FIELD_COUNT:
        return begin_master(node, number, err);
    case ENTRY_FLAGS:
        return begin_entry(node, number, err);
    case ENTRY_MS:
    case ENTRY_SEQ:
        return take_id(node, number, err);
    case ENTRY_FIELD_COUNT:
        if (number < 0 || number > FIELDS_MAX)
            return bad(err);
        begin_texts(node, 2 * (uint64_t)number);
        return HF_OK;
    case ENTRY_END:
        if (!(node->flags & FLAG_DELETED))
            hf_redis_add(node->digest, node->digest->entry.data, node->digest->entry.len);
        node->step = ENTRY_FLAGS;
        return HF_OK;
    default: /* MASTER_COUNT, MASTER_DELETED, MASTER_END: the next one follows */
        node->step++;
        return HF_OK;
    }
}

static enum hf_status read_node(struct hf_redis_digest *digest, struct hf_error *err)
{
    struct node node = {.digest = digest, .step = MASTER_COUNT};
    enum hf_status status = hf_packed_read(HF_PACKED_LISTPACK, digest->packed.data,
                                           digest->packed.len, on_element, &node, err);

    free(node.master);
    if (status == HF_OK && node.step != ENTRY_FLAGS)
        return bad(err);
    return status;
}

static uint64_t big_endian(const uint8_t *data)
{
    uint64_t number;

    memcpy(&number, data, sizeof number);
    return be64toh(number);
}

enum hf_status hf_redis_stream_text(struct hf_redis_digest *digest, struct hf_error *err)
{
    struct hf_redis_stream_walk *stream = &digest->stream;
    const struct hf_buf *text = &digest->packed;
    enum hf_status status = HF_OK;

    if (stream->part == HF_REDIS_STREAM_NODES && stream->step++ % 2 == 0) {
        if (text->len != 16)
            return bad(err);
        stream->ms = big_endian(text->data);
        stream->seq = big_endian(text->data + 8);
    } else if (stream->part == HF_REDIS_STREAM_NODES) {
        status = read_node(digest, err);
    } else if (stream->part == HF_REDIS_STREAM_GROUPS) {
        stream->group = hf_redis_hash_text(digest, text->data, text->len);
        stream->step = 0;
    } else {
        stream->consumer = hf_redis_hash_text(digest, text->data, text->len);
        stream->step = 0;
    }
    digest->packed.len = 0;
    return status;
}

static void add_words(struct hf_redis_digest *digest, char what, uint64_t a, uint64_t b, uint64_t c,
                      uint64_t d)
{
    const struct hf_redis_stream_walk *stream = &digest->stream;
    const uint64_t words[] = {(uint64_t)what,
                              stream->group.low,
                              stream->group.high,
                              stream->consumer.low,
                              stream->consumer.high,
                              a,
                              b,
                              c,
                              d};

    hf_redis_add(digest, words, sizeof words);
}

static void begin_part(struct hf_redis_stream_walk *stream, enum hf_redis_stream_part part)
{
    stream->part = part;
    stream->step = 0;
}

/* Behind the nodes: entries, last id; in later versions five numbers more; then the groups. */
static void take_meta(struct hf_redis_digest *digest, uint64_t number)
{
    struct hf_redis_stream_walk *stream = &digest->stream;
    unsigned count = digest->type == HF_RDB_STREAM_1 ? 3 : 8;

    if (stream->step < count) {
        stream->numbers[stream->step++] = number;
        return;
    }
    add_words(digest, 'm', stream->numbers[0], stream->numbers[1], stream->numbers[2], 0);
    begin_part(stream, HF_REDIS_STREAM_GROUPS);
}

/* Of a group: last id; in later versions the entries read; then what is pending. */
static void take_group(struct hf_redis_digest *digest, uint64_t number)
{
    struct hf_redis_stream_walk *stream = &digest->stream;
    unsigned count = digest->type == HF_RDB_STREAM_1 ? 2 : 3;

    if (stream->step < count) {
        stream->numbers[stream->step++] = number;
        return;
    }
    stream->consumer = (struct hf_redis_sum){.low = 0};
    add_words(digest, 'g', stream->numbers[0], stream->numbers[1], 0, 0);
    begin_part(stream, HF_REDIS_STREAM_PENDING);
}

enum hf_status hf_redis_stream_number(struct hf_redis_digest *digest, uint64_t number,
                                      struct hf_error *err)
{
    struct hf_redis_stream_walk *stream = &digest->stream;

    (void)err;
    switch (stream->part) {
    case HF_REDIS_STREAM_META:
        take_meta(digest, number);
        break;
    case HF_REDIS_STREAM_GROUPS:
        take_group(digest, number);
        break;
    case HF_REDIS_STREAM_PENDING: /* times delivered: the last of an entry */
        add_words(digest, 'p', stream->ms, stream->seq, stream->time, number);
        break;
    case HF_REDIS_STREAM_CONSUMERS:
        /* The first is how many there are; each consumer's is how many of its entries follow. */
        if (stream->consumer.count > 0)
            begin_part(stream, HF_REDIS_STREAM_CONSUMER_PENDING);
        break;
    default:
        break;
    }
    return HF_OK;
}

enum hf_status hf_redis_stream_bytes(struct hf_redis_digest *digest, const uint8_t *data,
                                     size_t len, struct hf_error *err)
{
    struct hf_redis_stream_walk *stream = &digest->stream;

    (void)err;
    if (stream->part == HF_REDIS_STREAM_CONSUMER_PENDING) {
        add_words(digest, 'o', big_endian(data), big_endian(data + 8), 0, 0);
    } else if (len == 16) {
        stream->ms = big_endian(data);
        stream->seq = big_endian(data + 8);
    } else if (stream->part == HF_REDIS_STREAM_PENDING) {
        stream->time = hf_load_u64(data);
    } else if (stream->step++ == 0) { /* when the consumer was seen; when it was active is newer */
        add_words(digest, 'c', hf_load_u64(data), 0, 0, 0);
    }
    return HF_OK;
}

enum hf_status hf_redis_stream_loop_end(struct hf_redis_digest *digest, struct hf_error *err)
{
    struct hf_redis_stream_walk *stream = &digest->stream;

    (void)err;
    switch (stream->part) {
    case HF_REDIS_STREAM_NODES:
        begin_part(stream, HF_REDIS_STREAM_META);
        break;
    case HF_REDIS_STREAM_PENDING:
    case HF_REDIS_STREAM_CONSUMER_PENDING:
        stream->consumer = (struct hf_redis_sum){.count = 0};
        begin_part(stream, HF_REDIS_STREAM_CONSUMERS);
        break;
    case HF_REDIS_STREAM_CONSUMERS:
        begin_part(stream, HF_REDIS_STREAM_GROUPS);
        break;
    default: /* the groups are over, and with them the stream */
        break;
    }
    return HF_OK;
}
