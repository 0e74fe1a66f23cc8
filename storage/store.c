#include "storage/store.h"

#include "base/text.h"
#include "storage/store_driver.h"

#include <stdlib.h>
#include <string.h>

static bool key_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

static bool part_valid(const char *part, size_t len)
{
    return len > 0 && !(len == 1 && part[0] == '.') && !(len == 2 && memcmp(part, "..", 2) == 0);
}

bool hf_store_key_valid(const char *key)
{
    if (strnlen(key, HF_STORE_KEY_MAX + 1) > HF_STORE_KEY_MAX)
        return false;
    if (strcmp(key, "tmp") == 0 || strncmp(key, "tmp/", 4) == 0)
        return false;

    const char *part = key;
    for (size_t parts = 1; parts <= HF_STORE_KEY_PARTS; parts++) {
        size_t len = 0;
        while (key_char(part[len]))
            len++;
        if (!part_valid(part, len))
            return false;
        if (part[len] == '\0')
            return true;
        if (part[len] != '/')
            return false;
        part += len + 1;
    }
    return false;
}

/* A prefix is the beginning of a valid key: complete it and ask. */
static bool prefix_valid(const char *prefix)
{
    size_t len = strnlen(prefix, HF_STORE_KEY_MAX);
    if (len >= HF_STORE_KEY_MAX)
        return false;
    char key[HF_STORE_KEY_MAX + 1];
    memcpy(key, prefix, len);
    key[len] = '0';
    key[len + 1] = '\0';
    return hf_store_key_valid(key);
}

enum hf_store_kind hf_store_kind(const char *key)
{
    if (strncmp(key, "packs/", 6) == 0)
        return HF_STORE_BULK;
    static const char *const passing[] = {"leases/", "marks/", "init/", "tmp/"};
    for (size_t i = 0; i < sizeof passing / sizeof *passing; i++)
        if (strncmp(key, passing[i], strlen(passing[i])) == 0)
            return HF_STORE_PASSING;
    return strncmp(key, "index/", 6) == 0 ? HF_STORE_DERIVED : HF_STORE_RECORD;
}

bool hf_store_kind_locked(enum hf_store_kind kind)
{
    return kind == HF_STORE_BULK || kind == HF_STORE_RECORD;
}

static enum hf_status check_key(const struct hf_store *store, const char *key, struct hf_error *err)
{
    if (hf_store_key_valid(key))
        return HF_OK;
    return hf_error_set(err, HF_USAGE, "%s: \"%.64s\" is not a name an object can have",
                        store->name, key);
}

enum hf_status hf_store_setup(struct hf_store *store, const struct hf_store_driver *driver,
                              const char *name, struct hf_error *err)
{
    char *copy = NULL;
    HF_TRY(hf_text_copy(name, &copy, err));
    store->driver = driver;
    store->name = copy;
    return HF_OK;
}

enum hf_status hf_store_put(struct hf_store *store, const char *key, const void *data, size_t len,
                            enum hf_put_mode mode, struct hf_error *err)
{
    HF_TRY(check_key(store, key, err));
    return store->driver->put(store, key, data, len, mode, err);
}

enum hf_status hf_store_put_within(struct hf_store *store, const char *key, const void *data,
                                   size_t len, enum hf_put_mode mode, int64_t ns,
                                   struct hf_error *err)
{
    HF_TRY(check_key(store, key, err));
    if (!store->driver->put_within)
        return store->driver->put(store, key, data, len, mode, err);
    return store->driver->put_within(store, key, data, len, mode, ns, err);
}

enum hf_status hf_store_get(struct hf_store *store, const char *key, uint64_t offset, size_t len,
                            struct hf_buf *out, struct hf_error *err)
{
    HF_TRY(check_key(store, key, err));
    if (offset > INT64_MAX || len > INT64_MAX - offset)
        return hf_error_set(err, HF_DAMAGED, "%s: %s: a range beyond what any object holds",
                            store->name, key);
    return store->driver->get(store, key, offset, len, out, err);
}

enum hf_status hf_store_get_all(struct hf_store *store, const char *key, size_t max,
                                struct hf_buf *out, struct hf_error *err)
{
    HF_TRY(check_key(store, key, err));
    return store->driver->get_all(store, key, max, out, err);
}

enum hf_status hf_store_list(struct hf_store *store, const char *prefix, hf_store_list_fn *fn,
                             void *ctx, struct hf_error *err)
{
    if (!prefix_valid(prefix))
        return hf_error_set(err, HF_USAGE, "%s: \"%.64s\" is not how an object's name can begin",
                            store->name, prefix);
    return store->driver->list(store, prefix, fn, ctx, err);
}

enum hf_status hf_store_stat(struct hf_store *store, const char *key, struct hf_store_stat *out,
                             struct hf_error *err)
{
    HF_TRY(check_key(store, key, err));
    return store->driver->stat(store, key, out, err);
}

enum hf_status hf_store_delete(struct hf_store *store, const char *key, struct hf_error *err)
{
    HF_TRY(check_key(store, key, err));
    return store->driver->remove(store, key, err);
}

static enum hf_status remove_each(struct hf_store *store, const char *const *keys, size_t count,
                                  struct hf_error *err)
{
    enum hf_status first = HF_OK;
    for (size_t i = 0; i < count; i++) {
        struct hf_error why = HF_ERROR_INIT;
        if (store->driver->remove(store, keys[i], &why) == HF_OK || first != HF_OK)
            continue;
        first = why.status;
        *err = why;
    }
    return first;
}

enum hf_status hf_store_delete_many(struct hf_store *store, const char *const *keys, size_t count,
                                    struct hf_error *err)
{
    for (size_t i = 0; i < count; i++)
        HF_TRY(check_key(store, keys[i], err));
    if (count > 0 && store->driver->remove_many)
        return store->driver->remove_many(store, keys, count, err);
    return remove_each(store, keys, count, err);
}

bool hf_store_protects(const struct hf_store *store)
{
    return store->driver->protects && store->driver->protects(store);
}

enum hf_status hf_store_protect(struct hf_store *store, const char *key, struct hf_error *err)
{
    HF_TRY(check_key(store, key, err));
    return store->driver->protect ? store->driver->protect(store, key, err) : HF_OK;
}

enum hf_status hf_store_probe(struct hf_store *store, struct hf_store_traits *out,
                              struct hf_error *err)
{
    if (store->driver->probe)
        return store->driver->probe(store, out, err);
    *out =
        (struct hf_store_traits){.creates_atomically = true, .protects = hf_store_protects(store)};
    return HF_OK;
}

void hf_store_watch(struct hf_store *store, struct hf_cancel *cancel)
{
    if (store->driver->watch)
        store->driver->watch(store, cancel);
}

const char *hf_store_name(const struct hf_store *store)
{
    return store->name;
}

void hf_store_close(struct hf_store *store)
{
    if (!store)
        return;
    free(store->name);
    store->name = NULL;
    store->driver->close(store);
}
