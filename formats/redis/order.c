#include "formats/redis/order.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* hint and record lie behind each other at offset. */
struct entry {
    uint64_t hash;
    uint64_t offset;
    uint32_t database;
    uint32_t hint_len;
    uint64_t len; /* of the record alone */
};

/* Bytes an entry takes, and takes again of the C library while entries are sorted. */
#define ENTRY_BYTES (sizeof(struct entry) + 2 * sizeof(void *))

/*
 * One block: bytes grow from its begin, entries from its end. It is mapped, not allocated, so that
 * pages that were never needed never exist.
 */
struct hf_redis_order {
    uint8_t *block;
    size_t size;
    size_t used;           /* bytes at the begin */
    struct entry *entries; /* the newest first */
    size_t count;
    uint64_t last; /* the greatest hash that is held */
    hf_redis_pass *pass;
    void *ctx;
};

enum hf_status hf_redis_order_new(uint64_t memory, hf_redis_pass *pass, void *ctx,
                                  struct hf_redis_order **out, struct hf_error *err)
{
    HF_AUTO_PTR(hf_redis_order) order = calloc(1, sizeof *order);
    void *block;

    if (!order)
        return hf_error_memory(err);
    order->size = (size_t)(memory & ~UINT64_C(4095));
    block = mmap(NULL, order->size, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (block == MAP_FAILED)
        return hf_error_memory(err);
    order->block = block;
    order->entries = (struct entry *)(void *)(order->block + order->size);
    order->last = UINT64_MAX;
    order->pass = pass;
    order->ctx = ctx;
    *out = order;
    order = NULL;
    return HF_OK;
}

void hf_redis_order_free(struct hf_redis_order *order)
{
    if (!order)
        return;
    if (order->block)
        (void)munmap(order->block, order->size);
    free(order);
}

static enum hf_status give(const struct hf_redis_order *order, const struct entry *entry,
                           hf_redis_pass *to, void *ctx, struct hf_error *err)
{
    const uint8_t *at = order->block + entry->offset;
    const struct hf_redis_placed record = {.database = entry->database,
                                           .hint = at,
                                           .hint_len = entry->hint_len,
                                           .data = at + entry->hint_len,
                                           .len = entry->len};

    return to(ctx, &record, err);
}

/* Halves what is held; what goes is passed on in the order in which it came, which is from the last
 * entry down, and the rest moves together. */
static enum hf_status halve(struct hf_redis_order *order, struct hf_error *err)
{
    struct entry *end = order->entries + order->count;
    struct entry *to = end;
    size_t used = 0;

    order->last >>= 1;
    for (struct entry *from = end; from-- > order->entries;) {
        size_t len = from->hint_len + from->len;

        if (from->hash > order->last) {
            HF_TRY(give(order, from, order->pass, order->ctx, err));
            continue;
        }
        memmove(order->block + used, order->block + from->offset, len);
        *--to = *from;
        to->offset = used;
        used += len;
    }
    order->count = (size_t)(end - to);
    order->entries = to;
    order->used = used;
    return HF_OK;
}

static bool has_room(const struct hf_redis_order *order, size_t len)
{
    return order->size - order->used >= (order->count + 1) * ENTRY_BYTES + len;
}

enum hf_status hf_redis_order_add(struct hf_redis_order *order, uint64_t hash,
                                  const struct hf_redis_placed *record, struct hf_error *err)
{
    uint8_t *at;

    while (hash <= order->last && !has_room(order, record->hint_len + record->len) &&
           order->last > 0)
        HF_TRY(halve(order, err));
    if (hash > order->last || !has_room(order, record->hint_len + record->len))
        return order->pass(order->ctx, record, err);
    at = order->block + order->used;
    memcpy(at, record->hint, record->hint_len);
    memcpy(at + record->hint_len, record->data, record->len);
    *--order->entries = (struct entry){.hash = hash,
                                       .offset = order->used,
                                       .database = record->database,
                                       .hint_len = (uint32_t)record->hint_len,
                                       .len = record->len};
    order->count++;
    order->used += record->hint_len + record->len;
    return HF_OK;
}

/* Keys whose hashes are equal, which hardly happens, stay as they came: the order is only stable
 * for the others. */
static int compare(const void *a, const void *b)
{
    const struct entry *left = a, *right = b;

    if (left->database != right->database)
        return left->database < right->database ? -1 : 1;
    if (left->hash != right->hash)
        return left->hash < right->hash ? -1 : 1;
    return left->offset < right->offset ? -1 : 1;
}

enum hf_status hf_redis_order_end(struct hf_redis_order *order, hf_redis_pass *out, void *ctx,
                                  struct hf_error *err)
{
    qsort(order->entries, order->count, sizeof *order->entries, compare);
    for (size_t i = 0; i < order->count; i++)
        HF_TRY(give(order, &order->entries[i], out, ctx, err));
    order->entries += order->count;
    order->count = order->used = 0;
    return HF_OK;
}
