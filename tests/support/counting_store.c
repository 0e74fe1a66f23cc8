#include "tests/support/counting_store.h"

#include "storage/store_driver.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { LIST_PAGE = 1000, NS_PER_S = 1000000000 };

struct counting {
    struct hf_store store;
    struct hf_store *inner;
    pthread_mutex_t lock;
    struct hf_requests requests;
    int64_t delay;
    unsigned call_in; /* operations until fn is called; 0: never */
    void (*fn)(void *ctx);
    void *ctx;
};

static struct counting *counting_of(struct hf_store *store)
{
    return (struct counting *)store;
}

static void wait_a_while(int64_t ns)
{
    struct timespec left = {.tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S};
    while (ns > 0 && nanosleep(&left, &left) != 0)
        ;
}

/* One operation begins; counter is the one that it counts for. */
static void begin(struct counting *c, unsigned *counter)
{
    void (*fn)(void *ctx) = NULL;
    (void)pthread_mutex_lock(&c->lock);
    (*counter)++;
    c->requests.all++;
    int64_t delay = c->delay;
    if (c->call_in > 0 && --c->call_in == 0)
        fn = c->fn;
    (void)pthread_mutex_unlock(&c->lock);
    if (fn)
        fn(c->ctx);
    wait_a_while(delay);
}

static enum hf_status counting_put(struct hf_store *store, const char *key, const void *data,
                                   size_t len, enum hf_put_mode mode, struct hf_error *err)
{
    struct counting *c = counting_of(store);
    begin(c, &c->requests.put);
    return hf_store_put(c->inner, key, data, len, mode, err);
}

static enum hf_status counting_get(struct hf_store *store, const char *key, uint64_t offset,
                                   size_t len, struct hf_buf *out, struct hf_error *err)
{
    struct counting *c = counting_of(store);
    begin(c, &c->requests.get);
    return hf_store_get(c->inner, key, offset, len, out, err);
}

static enum hf_status counting_get_all(struct hf_store *store, const char *key, size_t max,
                                       struct hf_buf *out, struct hf_error *err)
{
    struct counting *c = counting_of(store);
    begin(c, &c->requests.get);
    return hf_store_get_all(c->inner, key, max, out, err);
}

struct listing {
    struct counting *counting;
    hf_store_list_fn *fn;
    void *ctx;
    size_t seen;
};

static enum hf_status list_one(void *ctx, const char *key, const struct hf_store_stat *stat,
                               struct hf_error *err)
{
    struct listing *listing = ctx;
    if (listing->seen > 0 && listing->seen % LIST_PAGE == 0)
        begin(listing->counting, &listing->counting->requests.list);
    listing->seen++;
    return listing->fn(listing->ctx, key, stat, err);
}

static enum hf_status counting_list(struct hf_store *store, const char *prefix,
                                    hf_store_list_fn *fn, void *ctx, struct hf_error *err)
{
    struct counting *c = counting_of(store);
    struct listing listing = {.counting = c, .fn = fn, .ctx = ctx};
    begin(c, &c->requests.list);
    return hf_store_list(c->inner, prefix, list_one, &listing, err);
}

static enum hf_status counting_stat(struct hf_store *store, const char *key,
                                    struct hf_store_stat *out, struct hf_error *err)
{
    struct counting *c = counting_of(store);
    begin(c, &c->requests.stat);
    return hf_store_stat(c->inner, key, out, err);
}

static enum hf_status counting_remove(struct hf_store *store, const char *key, struct hf_error *err)
{
    struct counting *c = counting_of(store);
    begin(c, &c->requests.remove);
    return hf_store_delete(c->inner, key, err);
}

/* As many as a store with batches takes at once are one request. */
static enum hf_status counting_remove_many(struct hf_store *store, const char *const *keys,
                                           size_t count, struct hf_error *err)
{
    struct counting *c = counting_of(store);
    for (size_t at = 0; at < count; at += LIST_PAGE)
        begin(c, &c->requests.remove);
    return hf_store_delete_many(c->inner, keys, count, err);
}

static bool counting_protects(const struct hf_store *store)
{
    return hf_store_protects(((const struct counting *)store)->inner);
}

static enum hf_status counting_protect(struct hf_store *store, const char *key,
                                       struct hf_error *err)
{
    struct counting *c = counting_of(store);
    begin(c, &c->requests.put);
    return hf_store_protect(c->inner, key, err);
}

static void counting_close(struct hf_store *store)
{
    struct counting *c = counting_of(store);
    (void)pthread_mutex_destroy(&c->lock);
    free(c);
}

static const struct hf_store_driver counting_driver = {
    .put = counting_put,
    .get = counting_get,
    .get_all = counting_get_all,
    .list = counting_list,
    .stat = counting_stat,
    .remove = counting_remove,
    .close = counting_close,
    .remove_many = counting_remove_many,
    .protects = counting_protects,
    .protect = counting_protect,
};

enum hf_status hf_counting_store_new(struct hf_store *inner, struct hf_store **out,
                                     struct hf_error *err)
{
    struct counting *c = calloc(1, sizeof *c);
    if (!c)
        return hf_error_memory(err);
    if (hf_store_setup(&c->store, &counting_driver, hf_store_name(inner), err) != HF_OK) {
        free(c);
        return err->status;
    }
    (void)pthread_mutex_init(&c->lock, NULL);
    c->inner = inner;
    *out = &c->store;
    return HF_OK;
}

struct hf_requests hf_counting_store_take(struct hf_store *store)
{
    struct counting *c = counting_of(store);
    (void)pthread_mutex_lock(&c->lock);
    struct hf_requests requests = c->requests;
    c->requests = (struct hf_requests){.all = 0};
    (void)pthread_mutex_unlock(&c->lock);
    return requests;
}

void hf_counting_store_delay(struct hf_store *store, int64_t ns)
{
    struct counting *c = counting_of(store);
    (void)pthread_mutex_lock(&c->lock);
    c->delay = ns;
    (void)pthread_mutex_unlock(&c->lock);
}

void hf_counting_store_before(struct hf_store *store, unsigned n, void (*fn)(void *ctx), void *ctx)
{
    struct counting *c = counting_of(store);
    (void)pthread_mutex_lock(&c->lock);
    c->call_in = n;
    c->fn = fn;
    c->ctx = ctx;
    (void)pthread_mutex_unlock(&c->lock);
}
