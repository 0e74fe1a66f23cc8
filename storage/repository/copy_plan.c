/* Which packs a snapshot needs: every chunk that its catalog and lists name, and these. */
#include "storage/repository/catalog.h"
#include "storage/repository/copy_internal.h"

struct plan {
    struct hf_mover *mover;
    struct hf_chunk_reader *lists;
    struct hf_chunk_reader *reader;
    enum hf_chunk_class class; /* of the chunks that the list names */
};

static enum hf_status want_node(void *ctx, const uint8_t id[HF_REF_ID], uint32_t len,
                                struct hf_error *err)
{
    struct plan *plan = ctx;
    return hf_mover_want(plan->mover, plan->reader, id, HF_CHUNK_META, len, err);
}

static enum hf_status want_chunk(void *ctx, const uint8_t id[HF_REF_ID], uint32_t len,
                                 struct hf_error *err)
{
    struct plan *plan = ctx;
    return hf_mover_want(plan->mover, plan->reader, id, plan->class, len, err);
}

static enum hf_status walk(struct plan *plan, const struct hf_reflist_root *root,
                           struct hf_error *err)
{
    if (plan->mover->cancel)
        HF_TRY(hf_cancel_check(plan->mover->cancel, err));
    return hf_reflist_walk(root, hf_chunk_read_meta, plan->lists, want_node, want_chunk, plan, err);
}

enum hf_status hf_copy_plan(struct hf_mover *mover, struct hf_chunk_reader *lists,
                            struct hf_chunk_reader *reader, const struct hf_manifest *manifest,
                            struct hf_clean_set *clean, struct hf_error *err)
{
    HF_AUTO(hf_catalog) catalog = HF_CATALOG_INIT;
    struct plan plan = {.mover = mover, .lists = lists, .reader = reader, .class = HF_CHUNK_META};
    HF_TRY(walk(&plan, &manifest->catalog, err));
    HF_TRY(hf_catalog_read(&manifest->catalog, hf_chunk_read_meta, lists, &catalog, err));
    for (size_t i = 0; i < catalog.count; i++) {
        const struct hf_catalog_entry *entry = &catalog.items[i];
        plan.class = hf_stream_class(entry->info.kind);
        if (hf_clean_set_has(clean, &entry->root))
            continue;
        if (walk(&plan, &entry->root, err) != HF_OK)
            return hf_error_prefix(err, "stream %s", entry->info.name);
        HF_TRY(hf_clean_set_add(clean, &entry->root, err));
    }
    return HF_OK;
}
