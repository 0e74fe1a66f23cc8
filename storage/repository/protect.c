#include "storage/repository/protect.h"

#include "base/pool.h"
#include "storage/repository/key_store.h"
#include "storage/repository/pack.h"
#include "storage/repository/repository_internal.h"

#include <stdatomic.h>
#include <stdio.h>

enum { THREADS = 8 }; /* they wait for the store, and need no CPU */

struct run {
    const struct hf_protect *protect;
    struct hf_cancel *cancel; /* stops these threads: the work's may be missing */
    atomic_size_t next;
};

static enum hf_status protect_pack(const struct run *run, const struct hf_index_pack *pack,
                                   struct hf_error *err)
{
    char name[HF_PACK_NAME];
    hf_pack_name(&pack->id, name);
    return hf_store_protect(run->protect->repo->store, name, err);
}

static enum hf_status protect_packs(void *arg, size_t index, struct hf_error *err)
{
    struct run *run = arg;
    const struct hf_protect *protect = run->protect;
    (void)index;
    for (;;) {
        size_t number = atomic_fetch_add(&run->next, 1);
        const struct hf_index_pack *pack = hf_index_pack(protect->index, number);
        if (!pack)
            return HF_OK;
        if (!protect->counts(protect->ctx, number))
            continue;
        HF_TRY(hf_cancel_check(run->cancel, err));
        if (protect->cancel)
            HF_TRY(hf_cancel_check(protect->cancel, err));
        HF_TRY(protect_pack(run, pack, err));
    }
}

/* Without them no pack can be read. */
static enum hf_status protect_keys(const struct hf_protect *protect, struct hf_error *err)
{
    struct hf_store *store = protect->repo->store;
    HF_AUTO(hf_strings) names = HF_STRINGS_INIT;
    HF_TRY(hf_store_protect(store, HF_HEADER_KEY, err));
    HF_TRY(hf_key_names(store, &names, err));
    for (size_t i = 0; i < names.count; i++) {
        char object[HF_KEY_OBJECT_TEXT];
        (void)snprintf(object, sizeof object, HF_KEYS_PREFIX "%s", names.items[i]);
        HF_TRY(hf_store_protect(store, object, err));
    }
    return HF_OK;
}

static enum hf_status run_threads(const struct hf_protect *protect, struct hf_error *err)
{
    HF_AUTO_PTR(hf_cancel) cancel = NULL;
    struct hf_pool *pool = NULL;
    HF_TRY(hf_cancel_new(&cancel, err));
    struct run run = {.protect = protect, .cancel = cancel};
    HF_TRY(hf_pool_start(THREADS, protect_packs, NULL, &run, cancel, &pool, err));
    return hf_pool_join(pool, err);
}

enum hf_status hf_protect_run(const struct hf_protect *protect, struct hf_error *err)
{
    if (!hf_store_protects(protect->repo->store))
        return HF_OK;
    enum hf_status status = protect_keys(protect, err);
    if (status == HF_OK)
        status = run_threads(protect, err);
    if (status == HF_OK || status == HF_CANCELLED)
        return status;
    return hf_error_prefix(err, "the snapshot would not be as protected as configured");
}
