#include "tests/support/memory_store.h"

#include "base/clock.h"
#include "storage/store_driver.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct object {
    char key[HF_STORE_KEY_MAX + 1];
    struct hf_buf bytes;
    int64_t mtime;
    int64_t locked_until;
};

struct memory {
    struct hf_store store;
    pthread_mutex_t lock;
    struct object **objects;
    size_t count;
    unsigned operations;
    unsigned fail_at; /* the operation's number; 0: none */
    bool fail_on;     /* and all after it */
    enum hf_fault fault;
    enum hf_status status;
    int64_t offset;
    int64_t lock_for; /* 0: objects are not locked */
    enum hf_status protecting;
    bool ignore_create;
    int64_t within;
    char after_key[HF_STORE_KEY_MAX + 1]; /* "": nothing is overwritten */
    struct hf_buf after;
};

static struct memory *memory_of(struct hf_store *store)
{
    return (struct memory *)store;
}

static struct object *find(const struct memory *m, const char *key)
{
    for (size_t i = 0; i < m->count; i++)
        if (strcmp(m->objects[i]->key, key) == 0)
            return m->objects[i];
    return NULL;
}

static int64_t now_of(const struct memory *m)
{
    return hf_clock_now() + m->offset;
}

static void lock_object(const struct memory *m, struct object *object)
{
    int64_t until = now_of(m) + m->lock_for;
    if (m->lock_for != 0 && until > object->locked_until &&
        hf_store_kind_locked(hf_store_kind(object->key)))
        object->locked_until = until;
}

/* Counts the operation; is it one that fails? */
static bool fails(struct memory *m)
{
    m->operations++;
    return m->fail_at != 0 &&
           (m->fail_on ? m->operations >= m->fail_at : m->operations == m->fail_at);
}

static enum hf_status fault(const struct memory *m, const char *key, struct hf_error *err)
{
    return hf_error_set(err, m->status, "%s: %s: a fault on order", m->store.name, key);
}

static enum hf_status not_found(const struct memory *m, const char *key, struct hf_error *err)
{
    return hf_error_set(err, HF_NOT_FOUND, "%s: %s is not there", m->store.name, key);
}

static enum hf_status add(struct memory *m, const char *key, struct object **out,
                          struct hf_error *err)
{
    struct object **objects = realloc(m->objects, (m->count + 1) * sizeof(struct object *));
    if (!objects)
        return hf_error_memory(err);
    m->objects = objects;
    struct object *object = calloc(1, sizeof *object);
    if (!object)
        return hf_error_memory(err);
    (void)snprintf(object->key, sizeof object->key, "%s", key);
    m->objects[m->count++] = object;
    *out = object;
    return HF_OK;
}

static enum hf_status put_locked(struct memory *m, const char *key, const void *data, size_t len,
                                 enum hf_put_mode mode, struct hf_error *err)
{
    bool failing = fails(m);
    if (failing && m->fault == HF_FAULT_BEFORE)
        return fault(m, key, err);
    struct object *object = find(m, key);
    if (object && mode != HF_PUT_REPLACE && !m->ignore_create)
        return hf_error_set(err, HF_EXISTS, "%s: %s exists already", m->store.name, key);
    struct hf_buf bytes = HF_BUF_INIT;
    HF_TRY(hf_buf_append(&bytes, data, len, err));
    if (!object && add(m, key, &object, err) != HF_OK) {
        hf_buf_free(&bytes);
        return err->status;
    }
    hf_buf_free(&object->bytes);
    object->bytes = bytes;
    object->mtime = now_of(m);
    lock_object(m, object);
    if (strcmp(m->after_key, key) == 0) {
        object->bytes.len = 0;
        m->after_key[0] = '\0';
        HF_TRY(hf_buf_append(&object->bytes, m->after.data, m->after.len, err));
    }
    return failing ? fault(m, key, err) : HF_OK;
}

static enum hf_status memory_put(struct hf_store *store, const char *key, const void *data,
                                 size_t len, enum hf_put_mode mode, struct hf_error *err)
{
    struct memory *m = memory_of(store);
    (void)pthread_mutex_lock(&m->lock);
    enum hf_status status = put_locked(m, key, data, len, mode, err);
    (void)pthread_mutex_unlock(&m->lock);
    return status;
}

static enum hf_status memory_put_within(struct hf_store *store, const char *key, const void *data,
                                        size_t len, enum hf_put_mode mode, int64_t ns,
                                        struct hf_error *err)
{
    struct memory *m = memory_of(store);
    (void)pthread_mutex_lock(&m->lock);
    m->within = ns < m->within ? ns : m->within;
    enum hf_status status = put_locked(m, key, data, len, mode, err);
    (void)pthread_mutex_unlock(&m->lock);
    return status;
}

static enum hf_status get_locked(struct memory *m, const char *key, uint64_t offset, size_t len,
                                 size_t max, struct hf_buf *out, struct hf_error *err)
{
    if (fails(m))
        return fault(m, key, err);
    const struct object *object = find(m, key);
    if (!object)
        return not_found(m, key, err);
    if (len == SIZE_MAX)
        len = object->bytes.len;
    if (object->bytes.len > max || offset > object->bytes.len || len > object->bytes.len - offset)
        return hf_error_set(err, HF_DAMAGED, "%s: %s has another size", m->store.name, key);
    return hf_buf_append(out, object->bytes.data + offset, len, err);
}

static enum hf_status memory_get(struct hf_store *store, const char *key, uint64_t offset,
                                 size_t len, struct hf_buf *out, struct hf_error *err)
{
    struct memory *m = memory_of(store);
    (void)pthread_mutex_lock(&m->lock);
    enum hf_status status = get_locked(m, key, offset, len, SIZE_MAX, out, err);
    (void)pthread_mutex_unlock(&m->lock);
    return status;
}

static enum hf_status memory_get_all(struct hf_store *store, const char *key, size_t max,
                                     struct hf_buf *out, struct hf_error *err)
{
    struct memory *m = memory_of(store);
    (void)pthread_mutex_lock(&m->lock);
    enum hf_status status = get_locked(m, key, 0, SIZE_MAX, max, out, err);
    (void)pthread_mutex_unlock(&m->lock);
    return status;
}

/* What is listed, copied out: fn may call the store. */
struct listed {
    char key[HF_STORE_KEY_MAX + 1];
    struct hf_store_stat stat;
};

static enum hf_status memory_list(struct hf_store *store, const char *prefix, hf_store_list_fn *fn,
                                  void *ctx, struct hf_error *err)
{
    struct memory *m = memory_of(store);
    (void)pthread_mutex_lock(&m->lock);
    size_t count = 0;
    enum hf_status status = fails(m) ? fault(m, prefix, err) : HF_OK;
    struct listed *listed = calloc(m->count + 1, sizeof *listed);
    for (size_t i = 0; listed && i < m->count; i++) {
        const struct object *object = m->objects[i];
        if (strncmp(object->key, prefix, strlen(prefix)) != 0)
            continue;
        memcpy(listed[count].key, object->key, sizeof object->key);
        listed[count].stat =
            (struct hf_store_stat){.size = object->bytes.len, .mtime = object->mtime};
        count++;
    }
    (void)pthread_mutex_unlock(&m->lock);
    if (!listed)
        return hf_error_memory(err);
    for (size_t i = 0; status == HF_OK && i < count; i++)
        status = fn(ctx, listed[i].key, &listed[i].stat, err);
    free(listed);
    return status;
}

static enum hf_status memory_stat(struct hf_store *store, const char *key,
                                  struct hf_store_stat *out, struct hf_error *err)
{
    struct memory *m = memory_of(store);
    enum hf_status status = HF_OK;
    (void)pthread_mutex_lock(&m->lock);
    const struct object *object = find(m, key);
    if (fails(m))
        status = fault(m, key, err);
    else if (!object)
        status = not_found(m, key, err);
    else
        *out = (struct hf_store_stat){.size = object->bytes.len,
                                      .mtime = object->mtime,
                                      .locked_until = object->locked_until};
    (void)pthread_mutex_unlock(&m->lock);
    return status;
}

static void drop(struct memory *m, size_t index)
{
    hf_buf_free(&m->objects[index]->bytes);
    free(m->objects[index]);
    m->objects[index] = m->objects[--m->count];
}

static enum hf_status remove_locked(struct memory *m, const char *key, struct hf_error *err)
{
    bool failing = fails(m);
    if (failing && m->fault == HF_FAULT_BEFORE)
        return fault(m, key, err);
    for (size_t i = 0; i < m->count; i++) {
        if (strcmp(m->objects[i]->key, key) == 0) {
            if (m->objects[i]->locked_until > now_of(m))
                return hf_error_set(err, HF_DENIED, "%s: %s is locked", m->store.name, key);
            drop(m, i);
            break;
        }
    }
    return failing ? fault(m, key, err) : HF_OK;
}

static enum hf_status memory_remove(struct hf_store *store, const char *key, struct hf_error *err)
{
    struct memory *m = memory_of(store);
    (void)pthread_mutex_lock(&m->lock);
    enum hf_status status = remove_locked(m, key, err);
    (void)pthread_mutex_unlock(&m->lock);
    return status;
}

static bool memory_protects(const struct hf_store *store)
{
    return ((const struct memory *)store)->lock_for != 0;
}

static enum hf_status memory_protect(struct hf_store *store, const char *key, struct hf_error *err)
{
    struct memory *m = memory_of(store);
    enum hf_status status = HF_OK;
    (void)pthread_mutex_lock(&m->lock);
    struct object *object = find(m, key);
    if (fails(m))
        status = fault(m, key, err);
    else if (m->protecting != HF_OK)
        status = hf_error_set(err, m->protecting, "%s: %s: cannot be locked", m->store.name, key);
    else if (!object)
        status = not_found(m, key, err);
    else
        lock_object(m, object);
    (void)pthread_mutex_unlock(&m->lock);
    return status;
}

static enum hf_status memory_probe(struct hf_store *store, struct hf_store_traits *out,
                                   struct hf_error *err)
{
    const struct memory *m = memory_of(store);
    (void)err;
    *out = (struct hf_store_traits){.creates_atomically = !m->ignore_create,
                                    .protects = m->lock_for != 0};
    return HF_OK;
}

static void memory_close(struct hf_store *store)
{
    struct memory *m = memory_of(store);
    while (m->count > 0)
        drop(m, m->count - 1);
    free(m->objects);
    hf_buf_free(&m->after);
    (void)pthread_mutex_destroy(&m->lock);
    free(m);
}

static const struct hf_store_driver memory_driver = {
    .put = memory_put,
    .put_within = memory_put_within,
    .get = memory_get,
    .get_all = memory_get_all,
    .list = memory_list,
    .stat = memory_stat,
    .remove = memory_remove,
    .close = memory_close,
    .protects = memory_protects,
    .protect = memory_protect,
    .probe = memory_probe,
};

enum hf_status hf_memory_store_new(struct hf_store **out, struct hf_error *err)
{
    struct memory *m = calloc(1, sizeof *m);
    if (!m)
        return hf_error_memory(err);
    if (hf_store_setup(&m->store, &memory_driver, "memory", err) != HF_OK) {
        free(m);
        return err->status;
    }
    (void)pthread_mutex_init(&m->lock, NULL);
    m->within = INT64_MAX;
    *out = &m->store;
    return HF_OK;
}

static void order_fault(struct memory *m, unsigned n, bool on, enum hf_fault kind,
                        enum hf_status status)
{
    (void)pthread_mutex_lock(&m->lock);
    m->fail_at = n == 0 ? 0 : m->operations + n;
    m->fail_on = on;
    m->fault = kind;
    m->status = status;
    (void)pthread_mutex_unlock(&m->lock);
}

void hf_memory_store_fail(struct hf_store *store, unsigned n, enum hf_fault kind,
                          enum hf_status status)
{
    order_fault(memory_of(store), n, false, kind, status);
}

void hf_memory_store_fail_from(struct hf_store *store, unsigned n, enum hf_status status)
{
    order_fault(memory_of(store), n, true, HF_FAULT_BEFORE, status);
}

unsigned hf_memory_store_operations(struct hf_store *store)
{
    struct memory *m = memory_of(store);
    (void)pthread_mutex_lock(&m->lock);
    unsigned operations = m->operations;
    (void)pthread_mutex_unlock(&m->lock);
    return operations;
}

void hf_memory_store_advance(struct hf_store *store, int64_t ns)
{
    struct memory *m = memory_of(store);
    (void)pthread_mutex_lock(&m->lock);
    m->offset += ns;
    (void)pthread_mutex_unlock(&m->lock);
}

void hf_memory_store_ignore_create(struct hf_store *store)
{
    struct memory *m = memory_of(store);
    (void)pthread_mutex_lock(&m->lock);
    m->ignore_create = true;
    (void)pthread_mutex_unlock(&m->lock);
}

void hf_memory_store_after_put(struct hf_store *store, const char *key, const void *data,
                               size_t len)
{
    struct memory *m = memory_of(store);
    struct hf_error err = HF_ERROR_INIT;
    (void)pthread_mutex_lock(&m->lock);
    m->after.len = 0;
    if (hf_buf_append(&m->after, data, len, &err) == HF_OK)
        (void)snprintf(m->after_key, sizeof m->after_key, "%s", key);
    (void)pthread_mutex_unlock(&m->lock);
}

int64_t hf_memory_store_within(struct hf_store *store)
{
    struct memory *m = memory_of(store);
    (void)pthread_mutex_lock(&m->lock);
    int64_t within = m->within;
    (void)pthread_mutex_unlock(&m->lock);
    return within;
}

void hf_memory_store_lock(struct hf_store *store, int64_t ns)
{
    struct memory *m = memory_of(store);
    (void)pthread_mutex_lock(&m->lock);
    m->lock_for = ns;
    (void)pthread_mutex_unlock(&m->lock);
}

void hf_memory_store_fail_protect(struct hf_store *store, enum hf_status status)
{
    struct memory *m = memory_of(store);
    (void)pthread_mutex_lock(&m->lock);
    m->protecting = status;
    (void)pthread_mutex_unlock(&m->lock);
}

bool hf_memory_store_overwrite(struct hf_store *store, const char *key, const void *data,
                               size_t len)
{
    struct memory *m = memory_of(store);
    struct hf_buf bytes = HF_BUF_INIT;
    struct hf_error err = HF_ERROR_INIT;
    if (hf_buf_append(&bytes, data, len, &err) != HF_OK)
        return false;
    (void)pthread_mutex_lock(&m->lock);
    struct object *object = find(m, key);
    if (object) {
        struct hf_buf before = object->bytes;
        object->bytes = bytes;
        bytes = before;
    }
    (void)pthread_mutex_unlock(&m->lock);
    hf_buf_free(&bytes);
    return object != NULL;
}

size_t hf_memory_store_count(struct hf_store *store, const char *prefix)
{
    struct memory *m = memory_of(store);
    size_t count = 0;
    (void)pthread_mutex_lock(&m->lock);
    for (size_t i = 0; i < m->count; i++)
        if (strncmp(m->objects[i]->key, prefix, strlen(prefix)) == 0)
            count++;
    (void)pthread_mutex_unlock(&m->lock);
    return count;
}

enum hf_status hf_memory_store_copy(struct hf_store *store, struct hf_store **out,
                                    struct hf_error *err)
{
    struct memory *from = memory_of(store);
    HF_AUTO_PTR(hf_store) copy = NULL;
    HF_TRY(hf_memory_store_new(&copy, err));
    enum hf_status status = HF_OK;
    (void)pthread_mutex_lock(&from->lock);
    for (size_t i = 0; status == HF_OK && i < from->count; i++) {
        const struct object *object = from->objects[i];
        struct object *added = NULL;
        status = add(memory_of(copy), object->key, &added, err);
        if (status == HF_OK)
            status = hf_buf_append(&added->bytes, object->bytes.data, object->bytes.len, err);
        if (status == HF_OK)
            added->mtime = object->mtime;
    }
    memory_of(copy)->offset = from->offset;
    (void)pthread_mutex_unlock(&from->lock);
    if (status != HF_OK)
        return status;
    *out = copy;
    copy = NULL;
    return HF_OK;
}
