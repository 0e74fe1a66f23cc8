#include "formats/redis/settle.h"

#include "formats/redis/rdb_walk.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

void hf_redis_settler_done(struct hf_redis_settler *settler)
{
    free(settler->elements);
    hf_buf_free(&settler->sorted);
}

/* The tokens of one element (rdb_grammar.h), or NULL where elements have an order. */
static const char *element_program(enum hf_rdb_flavour flavour, uint8_t type)
{
    switch (type) {
    case HF_RDB_SET:
        return "s";
    case HF_RDB_HASH:
        return "ss";
    case HF_RDB_HASH_EXPIRY:
        return "lss";
    case HF_RDB_HASH_EXPIRY_RC:
        return flavour == HF_RDB_VALKEY ? "ss8" : "lss";
    default:
        return NULL;
    }
}

/* How long a string is, head and all; 0 when it does not fit. */
static size_t string_len(const uint8_t *data, size_t len)
{
    static const uint8_t integers[] = {2, 3, 5};
    uint64_t content, plain;
    int head = hf_rdb_length(data, len, &content), more;

    if (head > 0)
        return content <= len - (size_t)head ? (size_t)head + content : 0;
    if (head < 0 && -1 - head < 3)
        return integers[-1 - head] <= len ? integers[-1 - head] : 0;
    if (head != -1 - 3 || (head = hf_rdb_length(data + 1, len - 1, &content)) <= 0)
        return 0;
    more = hf_rdb_length(data + 1 + head, len - 1 - (size_t)head, &plain);
    head += 1 + more;
    return more > 0 && content <= len - (size_t)head ? (size_t)head + content : 0;
}

static size_t element_len(const char *program, const uint8_t *data, size_t len)
{
    uint64_t number;
    size_t at = 0;

    for (; *program; program++) {
        size_t token = 8;

        if (*program == 's')
            token = string_len(data + at, len - at);
        else if (*program == 'l')
            token = (size_t)hf_rdb_length(data + at, len - at, &number);
        if (token == 0 || token > len - at)
            return 0;
        at += token;
    }
    return at;
}

static uint64_t beginning(const uint8_t *data, size_t len)
{
    uint64_t begins = 0;

    memcpy(&begins, data, len < sizeof begins ? len : sizeof begins);
    return be64toh(begins);
}

static int compare(const void *a, const void *b)
{
    const struct hf_redis_element *left = a, *right = b;
    size_t common = left->len < right->len ? left->len : right->len;
    int differs;

    if (left->begins != right->begins)
        return left->begins < right->begins ? -1 : 1;
    differs = memcmp(left->data, right->data, common);
    if (differs != 0)
        return differs;
    return left->len < right->len ? -1 : left->len > right->len;
}

static enum hf_status make_room(struct hf_redis_settler *settler, size_t count,
                                struct hf_error *err)
{
    void *more;

    if (count <= settler->cap)
        return HF_OK;
    more = realloc(settler->elements, count * sizeof *settler->elements);
    if (!more)
        return hf_error_memory(err);
    settler->elements = more;
    settler->cap = count;
    return HF_OK;
}

enum hf_status hf_redis_settle(struct hf_redis_settler *settler, enum hf_rdb_flavour flavour,
                               uint8_t type, uint8_t *value, size_t len, struct hf_error *err)
{
    const char *program = element_program(flavour, type);
    size_t at = type == HF_RDB_HASH_EXPIRY ? 8 : 0, begin;
    uint64_t count = 0;
    int head;

    if (!program || len < at + 1)
        return HF_OK;
    head = hf_rdb_length(value + at, len - at, &count);
    if (head <= 0 || count < 2 || count > len) /* an element has a byte at least */
        return HF_OK;
    begin = at + (size_t)head;
    HF_TRY(make_room(settler, (size_t)count, err));
    at = begin;
    for (size_t i = 0; i < count; i++) {
        size_t element = element_len(program, value + at, len - at);

        if (element == 0)
            return HF_OK;
        settler->elements[i] = (struct hf_redis_element){
            .begins = beginning(value + at, element), .data = value + at, .len = element};
        at += element;
    }
    qsort(settler->elements, (size_t)count, sizeof *settler->elements, compare);
    settler->sorted.len = 0;
    for (size_t i = 0; i < count; i++)
        HF_TRY(hf_buf_append(&settler->sorted, settler->elements[i].data, settler->elements[i].len,
                             err));
    memcpy(value + begin, settler->sorted.data, settler->sorted.len);
    return HF_OK;
}
