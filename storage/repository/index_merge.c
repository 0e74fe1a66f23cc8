#include "storage/repository/index_merge.h"

#include "storage/repository/index_internal.h"
#include "storage/repository/repository_internal.h"

#include <stdlib.h>
#include <string.h>

enum { RATIO = 2 }; /* of an object to the sum of the smaller ones */

struct merge {
    struct hf_index *index;
    struct hf_repo *repo;
    struct hf_lease *lease;
    struct hf_cancel *cancel;
    struct hf_index_merged *done;
};

size_t hf_index_merge_choose(const uint64_t *sizes, size_t count)
{
    size_t chosen = 0;
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        if (sizes[i] >= HF_MERGE_FULL || sizes[i] > HF_MERGE_OBJECT - sum)
            break;
        if (i > 0 && sizes[i] < RATIO * sum)
            chosen = i + 1;
        sum += sizes[i];
    }
    return chosen;
}

/* Smallest first, those that cannot be read last. */
static int by_size(const void *a, const void *b)
{
    const struct hf_index_object *x = a, *y = b;
    if (x->readable != y->readable)
        return x->readable ? -1 : 1;
    if (x->size != y->size)
        return x->size < y->size ? -1 : 1;
    return strcmp(x->key, y->key);
}

/* Sorts the list of objects; how many of its first ones are to be merged. */
static enum hf_status choose(struct hf_index *index, size_t *out, struct hf_error *err)
{
    size_t count = index->object_count;
    HF_AUTO_FREE uint64_t *sizes = calloc(count + 1, sizeof *sizes);
    if (!sizes)
        return hf_error_memory(err);
    if (count > 1)
        qsort(index->objects, count, sizeof *index->objects, by_size);
    size_t readable = 0;
    for (; readable < count && index->objects[readable].readable; readable++)
        sizes[readable] = index->objects[readable].size;
    *out = hf_index_merge_choose(sizes, readable);
    return HF_OK;
}

/* Objects that are covered. */

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static void sort_numbers(uint32_t *numbers, size_t count)
{
    if (count > 1)
        qsort(numbers, count, sizeof *numbers, by_number);
}

/* Is each of a, sorted, in b, sorted? */
static bool within(const uint32_t *a, size_t a_count, const uint32_t *b, size_t b_count)
{
    size_t at = 0;
    for (size_t i = 0; i < a_count; i++) {
        while (at < b_count && b[at] < a[i])
            at++;
        if (at == b_count || b[at] != a[i])
            return false;
    }
    return true;
}

/* Does large say all that small says? Of two that say the same, only one covers the other, so that
 * two hosts can never take them for covered by each other. */
static bool covers(const struct hf_index_object *large, const struct hf_index_object *small)
{
    if (!within(small->packs, small->pack_count, large->packs, large->pack_count) ||
        !within(small->drops, small->drop_count, large->drops, large->drop_count))
        return false;
    return !within(large->packs, large->pack_count, small->packs, small->pack_count) ||
           !within(large->drops, large->drop_count, small->drops, small->drop_count) ||
           strcmp(large->key, small->key) > 0;
}

static size_t pack_count(struct hf_index *index)
{
    pthread_rwlock_rdlock(&index->lock);
    size_t count = index->count;
    pthread_rwlock_unlock(&index->lock);
    return count;
}

/* Sorts what objects say, and counts for each pack how many objects have it. */
static uint32_t *count_holders(struct hf_index *index)
{
    uint32_t *holders = calloc(pack_count(index) + 1, sizeof *holders);
    for (size_t i = 0; holders && i < index->object_count; i++) {
        struct hf_index_object *object = &index->objects[i];
        sort_numbers(object->packs, object->pack_count);
        sort_numbers(object->drops, object->drop_count);
        for (size_t p = 0; p < object->pack_count; p++)
            if (p == 0 || object->packs[p] != object->packs[p - 1])
                holders[object->packs[p]]++;
    }
    return holders;
}

/* Rarely true of one that is not covered: what keeps the search for a cover from being one among
 * all pairs. */
static bool may_be_covered(const struct hf_index_object *object, const uint32_t *holders)
{
    for (size_t i = 0; i < object->pack_count; i++)
        if (holders[object->packs[i]] < 2)
            return false;
    return object->readable;
}

static bool is_covered(const struct hf_index *index, size_t at, const uint32_t *holders)
{
    if (!may_be_covered(&index->objects[at], holders))
        return false;
    for (size_t i = 0; i < index->object_count; i++)
        if (i != at && index->objects[i].readable &&
            covers(&index->objects[i], &index->objects[at]))
            return true;
    return false;
}

static enum hf_status remove_object(struct merge *merge, size_t at, struct hf_error *err)
{
    if (merge->cancel)
        HF_TRY(hf_cancel_check(merge->cancel, err));
    HF_TRY(hf_lease_check(merge->lease, err));
    HF_TRY(hf_index_remove_object(merge->index, merge->repo, at, err));
    merge->done->removed++;
    return HF_OK;
}

/* From the end: the object that takes the place of one that leaves was looked at already. */
static enum hf_status remove_covered(struct merge *merge, struct hf_error *err)
{
    struct hf_index *index = merge->index;
    HF_AUTO_FREE uint32_t *holders = count_holders(index);
    if (!holders)
        return hf_error_memory(err);
    for (size_t i = index->object_count; i-- > 0;)
        if (is_covered(index, i, holders))
            HF_TRY(remove_object(merge, i, err));
    return HF_OK;
}

/* Is there any? Costs no request. */
static enum hf_status any_covered(struct hf_index *index, bool *out, struct hf_error *err)
{
    HF_AUTO_FREE uint32_t *holders = count_holders(index);
    if (!holders)
        return hf_error_memory(err);
    *out = false;
    for (size_t i = 0; !*out && i < index->object_count; i++)
        *out = is_covered(index, i, holders);
    return HF_OK;
}

/* What others did since. */

static enum hf_status note_key(void *ctx, const char *key, const struct hf_store_stat *stat,
                               struct hf_error *err)
{
    (void)stat;
    return hf_strings_add(ctx, key, err);
}

static int by_key(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;
    return strcmp(*x, *y);
}

/* What these objects say is said elsewhere, and writing it here too would only be more to read. */
enum hf_status hf_index_forget_gone(struct hf_index *index, struct hf_repo *repo,
                                    struct hf_error *err)
{
    HF_AUTO(hf_strings) keys = HF_STRINGS_INIT;
    HF_TRY(hf_store_list(repo->store, "index/", note_key, &keys, err));
    if (keys.count > 1)
        qsort(keys.items, keys.count, sizeof *keys.items, by_key);
    for (size_t i = index->object_count; i-- > 0;) {
        const char *key = index->objects[i].key;
        if (keys.count > 0 && bsearch(&key, keys.items, keys.count, sizeof *keys.items, by_key))
            continue;
        hf_index_forget_object(index, i);
    }
    return HF_OK;
}

/* Merging. */

/* What the first count objects say, as marks on packs and drops. */
struct marks {
    bool *packs;
    bool *drops;
    size_t pack_count;
    size_t drop_count;
};

static void mark(const struct hf_index *index, size_t count, struct marks *marks)
{
    for (size_t i = 0; i < count; i++) {
        const struct hf_index_object *object = &index->objects[i];
        for (size_t p = 0; p < object->pack_count; p++)
            marks->packs[object->packs[p]] = true;
        for (size_t d = 0; d < object->drop_count; d++)
            marks->drops[object->drops[d]] = true;
    }
}

static void collect(const struct hf_index *index, const struct marks *marks,
                    struct hf_index_batch *out)
{
    for (size_t i = 0; i < marks->pack_count; i++)
        if (marks->packs[i])
            out->items[out->count++] = index->items[i];
    for (size_t i = 0; i < marks->drop_count; i++)
        if (marks->drops[i])
            out->drops[out->drop_count++] = (uint32_t)i;
}

/* Everything that the first count objects say, each once. Under the lock. */
static enum hf_status gather(const struct hf_index *index, size_t count, struct hf_index_batch *out,
                             struct hf_error *err)
{
    struct marks marks = {.pack_count = index->count, .drop_count = index->drop_count};
    marks.packs = calloc(marks.pack_count + 1, sizeof *marks.packs);
    marks.drops = calloc(marks.drop_count + 1, sizeof *marks.drops);
    out->items = calloc(marks.pack_count + 1, sizeof(struct hf_index_item *));
    out->drops = calloc(marks.drop_count + 1, sizeof *out->drops);
    bool room = marks.packs && marks.drops && out->items && out->drops;
    if (room) {
        mark(index, count, &marks);
        collect(index, &marks, out);
    }
    free(marks.packs);
    free(marks.drops);
    return room ? HF_OK : hf_error_memory(err);
}

/* Makes one object of the first count of the list. */
static enum hf_status write_merged(struct merge *merge, size_t count, struct hf_error *err)
{
    struct hf_index *index = merge->index;
    struct hf_index_batch batch = {.count = 0};
    pthread_rwlock_rdlock(&index->lock);
    enum hf_status status = gather(index, count, &batch, err);
    pthread_rwlock_unlock(&index->lock);
    if (status == HF_OK)
        status = hf_lease_check(merge->lease, err);
    if (status == HF_OK)
        status =
            hf_index_write_object(index, merge->repo, &batch, &merge->done->written_bytes, err);
    hf_index_batch_done(&batch);
    HF_TRY(status);
    merge->done->written++;
    /* Whoever took the repository for himself since may have removed packs, and has written the
     * index anew: what was just stored is of before that. The old ones are all still there. */
    status = hf_lease_check(merge->lease, err);
    struct hf_error ignored = HF_ERROR_INIT;
    if (status != HF_OK)
        (void)!hf_index_remove_object(index, merge->repo, index->object_count - 1, &ignored);
    return status;
}

/* In few requests, where the store can. Which of them went when that failed, the next backup sees.
 */
static enum hf_status remove_first(struct merge *merge, size_t count, struct hf_error *err)
{
    HF_AUTO_FREE const char **keys = calloc(count, sizeof *keys);
    if (!keys)
        return hf_error_memory(err);
    for (size_t i = 0; i < count; i++)
        keys[i] = merge->index->objects[i].key;
    HF_TRY(hf_lease_check(merge->lease, err));
    HF_TRY(hf_store_delete_many(merge->repo->store, keys, count, err));
    merge->done->removed += count;
    /* From the end, where one that leaves does not move those that are still to go. */
    while (count > 0)
        hf_index_forget_object(merge->index, --count);
    return HF_OK;
}

static enum hf_status merge_first(struct merge *merge, size_t count, struct hf_error *err)
{
    HF_TRY(write_merged(merge, count, err));
    return remove_first(merge, count, err);
}

static enum hf_status run(struct merge *merge, struct hf_error *err)
{
    struct hf_index *index = merge->index;
    bool covered = false;
    size_t count = 0;
    HF_TRY(any_covered(index, &covered, err));
    HF_TRY(choose(index, &count, err));
    if (!covered && count == 0)
        return HF_OK;
    HF_TRY(hf_index_forget_gone(index, merge->repo, err));
    /* First, because it shows whether objects can be removed here at all: where they cannot, a
     * merge would only add to them, each time. And what is merged then says more than each part. */
    HF_TRY(remove_covered(merge, err));
    for (;;) {
        HF_TRY(choose(index, &count, err));
        if (count == 0 || merge->done->written_bytes >= HF_MERGE_MOST - HF_MERGE_OBJECT)
            return HF_OK;
        HF_TRY(merge_first(merge, count, err));
    }
}

enum hf_status hf_index_merge(struct hf_index *index, struct hf_repo *repo, struct hf_lease *lease,
                              struct hf_cancel *cancel, struct hf_index_merged *out,
                              struct hf_error *err)
{
    struct merge merge = {
        .index = index, .repo = repo, .lease = lease, .cancel = cancel, .done = out};
    *out = (struct hf_index_merged){.removed = 0};
    pthread_mutex_lock(&index->flushing);
    enum hf_status status = run(&merge, err);
    pthread_mutex_unlock(&index->flushing);
    return status == HF_OK ? HF_OK : hf_error_prefix(err, "merging the index");
}
