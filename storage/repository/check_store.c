/* The check that needs no key: every object that is named by its hash is read and hashed. */
#include "storage/repository/check_internal.h"

#include "storage/repository/header.h"
#include "storage/repository/manifest.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

struct listed {
    char *key;
    uint64_t size;
    uint8_t hash[32];
    size_t hash_len; /* how much of it the name holds */
};

struct scrub {
    struct hf_store *store;
    const struct hf_check_options *options;
    struct hf_findings findings;
    struct listed *items;
    size_t count, cap;
    uint64_t bytes;
    atomic_ullong bytes_read;
    atomic_ullong packs;
};

static bool pack_hash(const char *key, struct listed *out)
{
    struct hf_chunk_id id;
    if (!hf_pack_name_parse(key, &id))
        return false;
    memcpy(out->hash, id.bytes, sizeof out->hash);
    out->hash_len = sizeof out->hash;
    return true;
}

static bool index_hash(const char *key, struct listed *out)
{
    static const char prefix[] = "index/";
    size_t skip = sizeof prefix - 1;
    out->hash_len = sizeof out->hash;
    return strncmp(key, prefix, skip) == 0 && strlen(key + skip) == 2 * sizeof out->hash &&
           hf_unhex(out->hash, sizeof out->hash, key + skip);
}

static bool snapshot_hash(const char *key, struct listed *out)
{
    char id[HF_SNAPSHOT_ID_TEXT];
    out->hash_len = (HF_SNAPSHOT_ID_TEXT - 1) / 2;
    return hf_manifest_key_id(key, id) && hf_unhex(out->hash, out->hash_len, id);
}

static enum hf_status collect(void *ctx, const char *key, const struct hf_store_stat *stat,
                              struct hf_error *err)
{
    struct scrub *scrub = ctx;
    struct listed item = {.size = stat->size};
    if (!pack_hash(key, &item) && !index_hash(key, &item) && !snapshot_hash(key, &item))
        return HF_OK;
    if (scrub->count == scrub->cap) {
        size_t cap = scrub->cap ? 2 * scrub->cap : 256;
        struct listed *items = realloc(scrub->items, cap * sizeof *items);
        if (!items)
            return hf_error_memory(err);
        scrub->items = items;
        scrub->cap = cap;
    }
    HF_TRY(hf_text_copy(key, &item.key, err));
    scrub->items[scrub->count++] = item;
    scrub->bytes += item.size;
    return HF_OK;
}

/* What is wrong with an object, or NULL. */
static const char *verdict(const struct listed *item, const struct hf_buf *object)
{
    uint8_t digest[32];
    if (EVP_Digest(object->data, object->len, digest, NULL, EVP_sha256(), NULL) != 1)
        return "it could not be hashed";
    if (memcmp(digest, item->hash, item->hash_len) != 0)
        return "damaged: its content is not what its name says";
    return NULL;
}

static enum hf_status scrub_one(void *arg, size_t index, struct hf_error *err)
{
    struct scrub *scrub = arg;
    const struct listed *item = &scrub->items[index];
    HF_AUTO(hf_buf) object = HF_BUF_INIT;
    struct hf_error why = HF_ERROR_INIT;
    enum hf_status status =
        hf_store_get_all(scrub->store, item->key, HF_INDEX_OBJECT_MAX, &object, &why);
    if (status == HF_NOT_FOUND)
        return HF_OK; /* removed since it was listed */
    if (status != HF_OK && status != HF_DAMAGED && status != HF_IO) {
        *err = why;
        return status;
    }
    const char *problem = status == HF_OK ? verdict(item, &object) : why.text;
    atomic_fetch_add(&scrub->bytes_read, object.len);
    if (item->key[0] == 'p')
        atomic_fetch_add(&scrub->packs, 1);
    hf_observe_advance(scrub->options->observer, item->size, 1);
    return problem ? hf_findings_add(&scrub->findings, item->key, problem, NULL, err) : HF_OK;
}

static enum hf_status run(struct scrub *scrub, struct hf_error *err)
{
    struct hf_repo_header header;
    HF_TRY(hf_header_load(scrub->store, &header, err));
    HF_TRY(hf_store_list(scrub->store, "packs/", collect, scrub, err));
    HF_TRY(hf_store_list(scrub->store, "index/", collect, scrub, err));
    HF_TRY(hf_store_list(scrub->store, "snapshots/", collect, scrub, err));
    hf_observe_expect(scrub->options->observer, scrub->bytes, scrub->count);
    return hf_pool_each(hf_pool_cpus(), scrub->count, scrub_one, scrub, scrub->options->cancel,
                        err);
}

enum hf_status hf_check_store(struct hf_store *store, const struct hf_check_options *options,
                              struct hf_check_report *out, struct hf_error *err)
{
    struct scrub scrub = {.store = store, .options = options};
    *out = (struct hf_check_report){.objects = 0};
    HF_TRY(hf_findings_init(&scrub.findings, options->observer, err));
    enum hf_status status = run(&scrub, err);
    out->objects = scrub.count;
    out->packs = scrub.packs;
    out->bytes_read = scrub.bytes_read;
    out->problems = json_array_size(scrub.findings.list);
    out->findings = json_incref(scrub.findings.list);
    for (size_t i = 0; i < scrub.count; i++)
        free(scrub.items[i].key);
    free(scrub.items);
    hf_findings_done(&scrub.findings);
    return status == HF_OK ? hf_check_result(out, err) : status;
}
