#include "storage/cache/cache.h"

#include "storage/cache/cache_internal.h"
#include "storage/store_driver.h"

#include <stdlib.h>
#include <string.h>

struct cache {
    struct hf_store store;
    struct hf_store *inner; /* owned */
    struct hf_cache_folder folder;
    bool refresh;
    _Atomic uint64_t hits;
    _Atomic uint64_t misses;
};

static struct cache *cache_of(struct hf_store *store)
{
    return (struct cache *)store;
}

static bool keeps(const struct cache *cache, const char *key)
{
    return cache->folder.fd >= 0 && hf_cache_keeps(key);
}

static enum hf_status cache_put(struct hf_store *store, const char *key, const void *data,
                                size_t len, enum hf_put_mode mode, struct hf_error *err)
{
    struct cache *cache = cache_of(store);
    HF_TRY(hf_store_put(cache->inner, key, data, len, mode, err));
    if (keeps(cache, key))
        hf_cache_folder_write(&cache->folder, key, data, len);
    return HF_OK;
}

/* Nothing that is put so is kept. */
static enum hf_status cache_put_within(struct hf_store *store, const char *key, const void *data,
                                       size_t len, enum hf_put_mode mode, int64_t ns,
                                       struct hf_error *err)
{
    return hf_store_put_within(cache_of(store)->inner, key, data, len, mode, ns, err);
}

static enum hf_status cache_get(struct hf_store *store, const char *key, uint64_t offset,
                                size_t len, struct hf_buf *out, struct hf_error *err)
{
    return hf_store_get(cache_of(store)->inner, key, offset, len, out, err);
}

static enum hf_status cache_get_all(struct hf_store *store, const char *key, size_t max,
                                    struct hf_buf *out, struct hf_error *err)
{
    struct cache *cache = cache_of(store);
    if (!keeps(cache, key))
        return hf_store_get_all(cache->inner, key, max, out, err);
    if (!cache->refresh && hf_cache_folder_read(&cache->folder, key, max, out)) {
        atomic_fetch_add(&cache->hits, 1);
        return HF_OK;
    }
    size_t before = out->len;
    HF_TRY(hf_store_get_all(cache->inner, key, max, out, err));
    atomic_fetch_add(&cache->misses, 1);
    hf_cache_folder_write(&cache->folder, key, out->data + before, out->len - before);
    return HF_OK;
}

struct listing {
    hf_store_list_fn *fn;
    void *ctx;
    struct hf_strings keys;
};

static enum hf_status list_one(void *ctx, const char *key, const struct hf_store_stat *stat,
                               struct hf_error *err)
{
    struct listing *listing = ctx;
    HF_TRY(hf_strings_add(&listing->keys, key, err));
    return listing->fn(listing->ctx, key, stat, err);
}

/* Only a listing that came to its end says what is not there. */
static enum hf_status cache_list(struct hf_store *store, const char *prefix, hf_store_list_fn *fn,
                                 void *ctx, struct hf_error *err)
{
    struct cache *cache = cache_of(store);
    if (!keeps(cache, prefix))
        return hf_store_list(cache->inner, prefix, fn, ctx, err);
    struct listing listing = {.fn = fn, .ctx = ctx};
    enum hf_status status = hf_store_list(cache->inner, prefix, list_one, &listing, err);
    if (status == HF_OK)
        hf_cache_folder_prune(&cache->folder, prefix, &listing.keys);
    hf_strings_free(&listing.keys);
    return status;
}

static enum hf_status cache_stat(struct hf_store *store, const char *key, struct hf_store_stat *out,
                                 struct hf_error *err)
{
    return hf_store_stat(cache_of(store)->inner, key, out, err);
}

static enum hf_status cache_remove(struct hf_store *store, const char *key, struct hf_error *err)
{
    struct cache *cache = cache_of(store);
    HF_TRY(hf_store_delete(cache->inner, key, err));
    if (keeps(cache, key))
        hf_cache_folder_remove(&cache->folder, key);
    return HF_OK;
}

static enum hf_status cache_remove_many(struct hf_store *store, const char *const *keys,
                                        size_t count, struct hf_error *err)
{
    struct cache *cache = cache_of(store);
    /* Copies first: some objects may go even if not all do. */
    for (size_t i = 0; i < count; i++)
        if (keeps(cache, keys[i]))
            hf_cache_folder_remove(&cache->folder, keys[i]);
    return hf_store_delete_many(cache->inner, keys, count, err);
}

static bool cache_protects(const struct hf_store *store)
{
    return hf_store_protects(((const struct cache *)store)->inner);
}

static enum hf_status cache_protect(struct hf_store *store, const char *key, struct hf_error *err)
{
    return hf_store_protect(cache_of(store)->inner, key, err);
}

static enum hf_status cache_probe(struct hf_store *store, struct hf_store_traits *out,
                                  struct hf_error *err)
{
    return hf_store_probe(cache_of(store)->inner, out, err);
}

static void cache_watch(struct hf_store *store, struct hf_cancel *cancel)
{
    hf_store_watch(cache_of(store)->inner, cancel);
}

static void cache_close(struct hf_store *store)
{
    struct cache *cache = cache_of(store);
    hf_cache_folder_detach(&cache->folder);
    hf_store_close(cache->inner);
    free(cache);
}

static const struct hf_store_driver cache_driver = {
    .put = cache_put,
    .put_within = cache_put_within,
    .get = cache_get,
    .get_all = cache_get_all,
    .list = cache_list,
    .stat = cache_stat,
    .remove = cache_remove,
    .close = cache_close,
    .remove_many = cache_remove_many,
    .protects = cache_protects,
    .protect = cache_protect,
    .probe = cache_probe,
    .watch = cache_watch,
};
_Static_assert(sizeof cache_driver == 13 * sizeof(void (*)(void)),
               "what a driver can do more has to be passed on here too");

enum hf_status hf_cache_open(struct hf_store *inner, struct hf_store **out, struct hf_error *err)
{
    struct cache *cache = calloc(1, sizeof *cache);
    if (!cache)
        return hf_error_memory(err);
    if (hf_store_setup(&cache->store, &cache_driver, hf_store_name(inner), err) != HF_OK) {
        free(cache);
        return err->status;
    }
    cache->inner = inner;
    cache->folder.fd = -1;
    *out = &cache->store;
    return HF_OK;
}

void hf_cache_attach(struct hf_store *store, const struct hf_cache_options *options)
{
    struct cache *cache = cache_of(store);
    cache->refresh = options->refresh;
    hf_cache_folder_attach(&cache->folder, options);
}

void hf_cache_count(struct hf_store *store, struct hf_cache_counts *out)
{
    struct cache *cache = cache_of(store);
    out->hits = atomic_load(&cache->hits);
    out->misses = atomic_load(&cache->misses);
}

enum hf_status hf_cache_default_folder(char **out, struct hf_error *err)
{
    const char *base = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");
    if (base && base[0] == '/') /* a relative one is to be ignored, says the specification */
        return hf_text_format(out, err, "%s/holdfast", base);
    if (home && home[0] == '/')
        return hf_text_format(out, err, "%s/.cache/holdfast", home);
    return hf_error_set(err, HF_NOT_FOUND,
                        "neither XDG_CACHE_HOME nor HOME says where a cache can be");
}
