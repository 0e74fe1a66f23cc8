#include "formats/volume/base.h"

#include "formats/volume/list.h"
#include "formats/volume/path.h"

#include <stdlib.h>
#include <string.h>

enum {
    SMALL_BUNDLE = 1 << 20,
    SMALL_BUNDLES = 16,
    WASTE_PART = 5, /* a fifth */
    AGAIN_PART = 8, /* an eighth */
    AGAIN_LEAST = 64 << 20,
};

struct bundle {
    uint32_t number;
    uint64_t bytes;
    uint64_t live; /* of these, referred to by the last snapshot */
    bool usable;
    bool used;
};

struct hf_vol_base {
    const struct hf_sink *sink;
    const struct hf_base *base; /* NULL: there is none */
    struct bundle *bundles;     /* by number */
    size_t count;
    uint32_t next_bundle;
    struct hf_vol_list *list;         /* NULL: at its end, or none */
    const struct hf_vol_entry *entry; /* of the list, not passed yet; NULL: take the next */
};

void hf_vol_base_free(struct hf_vol_base *base)
{
    if (base->list)
        hf_vol_list_close(base->list);
    free(base->bundles);
    free(base);
}

static int by_number(const void *a, const void *b)
{
    const struct bundle *x = a, *y = b;
    return (x->number > y->number) - (x->number < y->number);
}

static struct bundle *find_bundle(const struct hf_vol_base *base, uint32_t number)
{
    const struct bundle key = {.number = number};
    if (base->count == 0)
        return NULL;
    return bsearch(&key, base->bundles, base->count, sizeof key, by_number);
}

/* Names are of one length, so their order is that of the numbers. */
static enum hf_status list_bundles(struct hf_vol_base *base, struct hf_error *err)
{
    const struct hf_feed *feed = base->base->feed;
    const struct hf_stream_info *info;
    size_t cap = 0;
    for (size_t i = 0; (info = feed->info(feed->ctx, i)) != NULL; i++) {
        uint32_t number;
        if (!hf_vol_bundle_number(info->name, &number))
            continue;
        if (base->count == cap) {
            cap = cap ? 2 * cap : 64;
            struct bundle *bundles = realloc(base->bundles, cap * sizeof *bundles);
            if (!bundles)
                return hf_error_memory(err);
            base->bundles = bundles;
        }
        base->bundles[base->count++] = (struct bundle){.number = number, .bytes = info->bytes};
        base->next_bundle = number + 1;
    }
    return HF_OK;
}

static enum hf_status count_live(struct hf_vol_base *base, struct hf_error *err)
{
    HF_AUTO_PTR(hf_vol_list) list = NULL;
    const struct hf_vol_entry *entry;
    HF_TRY(hf_vol_list_open(base->base->feed, &list, err));
    do {
        HF_TRY(hf_vol_list_next(list, &entry, err));
        for (size_t i = 0; entry && i < entry->part_count; i++) {
            const struct hf_vol_part *part = &entry->parts[i];
            struct bundle *bundle = find_bundle(base, part->bundle);
            if (!bundle || part->offset > bundle->bytes || part->len > bundle->bytes - part->offset)
                return hf_error_set(err, HF_DAMAGED, "list of files: content that is not there");
            bundle->live += part->len;
        }
    } while (entry);
    return HF_OK;
}

static enum hf_status find_usable(struct hf_vol_base *base, struct hf_error *err)
{
    for (size_t i = 0; i < base->count; i++) {
        char name[HF_VOL_BUNDLE_NAME];
        struct bundle *bundle = &base->bundles[i];
        hf_vol_bundle_name(name, bundle->number);
        if (bundle->live > 0)
            HF_TRY(base->base->holds(base->base->ctx, name, &bundle->usable, err));
    }
    return HF_OK;
}

static uint64_t waste(const struct bundle *bundle)
{
    return bundle->bytes > bundle->live ? bundle->bytes - bundle->live : 0;
}

static int most_wasteful_first(const void *a, const void *b)
{
    const struct bundle *x = *(struct bundle *const *)a, *y = *(struct bundle *const *)b;
    /* waste / bytes, without division: bundles are far smaller than 2^32 bytes. */
    unsigned __int128 p = (unsigned __int128)waste(x) * y->bytes;
    unsigned __int128 q = (unsigned __int128)waste(y) * x->bytes;
    if (p != q)
        return p > q ? -1 : 1;
    return by_number(x, y);
}

static enum hf_status retire_wasteful(struct hf_vol_base *base, struct hf_error *err)
{
    uint64_t live = 0;
    size_t n = 0;
    HF_AUTO_FREE struct bundle **worst = calloc(base->count + 1, sizeof(struct bundle *));
    if (!worst)
        return hf_error_memory(err);
    for (size_t i = 0; i < base->count; i++) {
        struct bundle *bundle = &base->bundles[i];
        live += bundle->live;
        if (bundle->usable && waste(bundle) > bundle->bytes / WASTE_PART)
            worst[n++] = bundle;
    }
    qsort(worst, n, sizeof(struct bundle *), most_wasteful_first);
    uint64_t room = live / AGAIN_PART > AGAIN_LEAST ? live / AGAIN_PART : AGAIN_LEAST;
    for (size_t i = 0; i < n && worst[i]->live <= room; i++) {
        room -= worst[i]->live;
        worst[i]->usable = false;
    }
    return HF_OK;
}

static void retire_small(struct hf_vol_base *base)
{
    size_t small = 0;
    for (size_t i = 0; i < base->count; i++)
        small += base->bundles[i].usable && base->bundles[i].live < SMALL_BUNDLE;
    if (small <= SMALL_BUNDLES)
        return;
    for (size_t i = 0; i < base->count; i++)
        if (base->bundles[i].live < SMALL_BUNDLE)
            base->bundles[i].usable = false;
}

static enum hf_status load(struct hf_vol_base *base, struct hf_error *err)
{
    HF_TRY(list_bundles(base, err));
    HF_TRY(count_live(base, err));
    HF_TRY(find_usable(base, err));
    HF_TRY(retire_wasteful(base, err));
    retire_small(base);
    return hf_vol_list_open(base->base->feed, &base->list, err);
}

enum hf_status hf_vol_base_open(const struct hf_sink *sink, const struct hf_observer *observer,
                                struct hf_vol_base **out, struct hf_error *err)
{
    struct hf_error why = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_vol_base) base = calloc(1, sizeof *base);
    if (!base)
        return hf_error_memory(err);
    base->sink = sink;
    HF_TRY(sink->base(sink->ctx, &base->base, err));
    enum hf_status status = base->base ? load(base, &why) : HF_OK;
    if (status == HF_DAMAGED || status == HF_UNSUPPORTED || status == HF_NOT_FOUND) {
        hf_observe(observer, HF_NOTE_WARNING,
                   "the last snapshot is of no help, every file is read: %s", why.text);
        free(base->bundles);
        base->bundles = NULL;
        base->count = 0;
    } else if (status != HF_OK) {
        *err = why;
        return status;
    }
    *out = base;
    base = NULL;
    return HF_OK;
}

uint32_t hf_vol_base_next_bundle(const struct hf_vol_base *base)
{
    return base->next_bundle;
}

/* The list's entry of that path, or NULL. */
static enum hf_status seek(struct hf_vol_base *base, const char *path,
                           const struct hf_vol_entry **out, struct hf_error *err)
{
    *out = NULL;
    while (base->list) {
        if (!base->entry)
            HF_TRY(hf_vol_list_next(base->list, &base->entry, err));
        if (!base->entry) {
            hf_vol_list_close(base->list);
            base->list = NULL;
            return HF_OK;
        }
        int order = hf_vol_path_compare(base->entry->path, path);
        if (order > 0)
            return HF_OK;
        if (order == 0) {
            *out = base->entry;
            return HF_OK;
        }
        base->entry = NULL;
    }
    return HF_OK;
}

static bool is_unchanged(const struct hf_vol_entry *was, const struct hf_vol_entry *is)
{
    return was->type == HF_VOL_FILE && is->type == HF_VOL_FILE && was->size == is->size &&
           was->inode == is->inode && hf_vol_time_equal(was->mtime, is->mtime) &&
           hf_vol_time_equal(was->ctime, is->ctime) && !(was->flags & HF_VOL_TORN);
}

static bool is_usable(const struct hf_vol_base *base, const struct hf_vol_entry *entry)
{
    for (size_t i = 0; i < entry->part_count; i++) {
        const struct bundle *bundle = find_bundle(base, entry->parts[i].bundle);
        if (!bundle || !bundle->usable)
            return false;
    }
    return true;
}

enum hf_status hf_vol_base_find(struct hf_vol_base *base, const struct hf_vol_entry *fresh,
                                const struct hf_vol_entry **out, struct hf_error *err)
{
    const struct hf_vol_entry *entry;
    HF_TRY(seek(base, fresh->path, &entry, err));
    *out = NULL;
    if (!entry || !is_unchanged(entry, fresh) || !is_usable(base, entry))
        return HF_OK;
    for (size_t i = 0; i < entry->part_count; i++)
        find_bundle(base, entry->parts[i].bundle)->used = true;
    *out = entry;
    return HF_OK;
}

enum hf_status hf_vol_base_carry(struct hf_vol_base *base, struct hf_error *err)
{
    for (size_t i = 0; i < base->count; i++) {
        char name[HF_VOL_BUNDLE_NAME];
        hf_vol_bundle_name(name, base->bundles[i].number);
        if (base->bundles[i].used)
            HF_TRY(base->sink->carry(base->sink->ctx, name, err));
    }
    return HF_OK;
}
