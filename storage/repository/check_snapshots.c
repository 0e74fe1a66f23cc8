/* Snapshots: can every manifest, catalog and list be read, and what does each bad pack cost. */
#include "storage/repository/check_internal.h"

#include "base/clock.h"
#include "base/json.h"
#include "storage/repository/catalog.h"
#include "storage/repository/clean_set.h"
#include "storage/repository/manifest.h"
#include "storage/repository/proof.h"

#include <string.h>

struct visit {
    struct hf_check *check;
    const char *key;           /* of the manifest */
    const char *id;            /* of the snapshot */
    const char *stream;        /* NULL: the catalog */
    enum hf_chunk_class class; /* of the chunks that the list names */
    json_t *finding;           /* about the snapshot itself, once there is one */
    bool hurt;                 /* the stream */
    bool damaged;              /* the snapshot */
    uint64_t chunks;
};

static enum hf_status cost(struct visit *visit, json_t *finding, struct hf_error *err)
{
    visit->hurt = true;
    visit->damaged = true;
    return hf_findings_cost(&visit->check->findings, finding, visit->id, visit->stream, err);
}

/* What no pack is to blame for. */
static enum hf_status blame_snapshot(struct visit *visit, const char *problem, struct hf_error *err)
{
    if (!visit->finding)
        HF_TRY(hf_findings_add(&visit->check->findings, visit->key, problem, &visit->finding, err));
    return cost(visit, visit->finding, err);
}

/* A chunk that is in a pack which left the index, and in no other. */
static enum hf_status judge_dropped(struct visit *visit, const struct hf_location *at,
                                    struct hf_error *err)
{
    struct hf_check *check = visit->check;
    if (at->pack->number >= check->pack_count)
        return HF_OK; /* came while we were looking */
    struct hf_pack_state *state = &check->packs[at->pack->number];
    size_t frame = (size_t)(at->frame - at->pack->frames);
    if (state->verdict == HF_PACK_GOOD)
        return HF_OK;
    if (state->bad && !(state->bad[frame / 8] & (1u << frame % 8)))
        return HF_OK;
    HF_TRY(hf_check_tell_pack(check, at->pack, err));
    return cost(visit, state->finding, err);
}

static enum hf_status judge(struct visit *visit, const uint8_t id[HF_REF_ID],
                            enum hf_chunk_class class, uint32_t len, struct hf_error *err)
{
    struct hf_chunk_id key;
    struct hf_location at;
    memcpy(key.bytes, id, sizeof key.bytes);
    visit->chunks++;
    if (!hf_index_find(visit->check->index, &key, &at))
        return blame_snapshot(visit, "chunks that it needs are in no pack", err);
    if (at.pack->class != class || (len != 0 && at.frame->plain_len != len))
        return blame_snapshot(visit, "its lists and the packs do not agree", err);
    return at.dropped ? judge_dropped(visit, &at, err) : HF_OK;
}

static enum hf_status visit_node(void *ctx, const uint8_t id[HF_REF_ID], uint32_t len,
                                 struct hf_error *err)
{
    return judge(ctx, id, HF_CHUNK_META, len, err);
}

static enum hf_status visit_chunk(void *ctx, const uint8_t id[HF_REF_ID], uint32_t len,
                                  struct hf_error *err)
{
    struct visit *visit = ctx;
    return judge(visit, id, visit->class, len, err);
}

/* Damage was blamed on its pack, if that is why; else it is the snapshot's. Other errors end the
 * check. */
static enum hf_status blame_error(struct visit *visit, const struct hf_error *why,
                                  struct hf_error *err)
{
    if (why->status == HF_DAMAGED)
        return visit->hurt ? HF_OK : blame_snapshot(visit, why->text, err);
    *err = *why;
    return why->status;
}

static enum hf_status walk(struct visit *visit, const struct hf_reflist_root *root,
                           struct hf_error *err)
{
    visit->hurt = false;
    if (visit->check->options->cancel)
        HF_TRY(hf_cancel_check(visit->check->options->cancel, err));
    struct hf_error why = HF_ERROR_INIT;
    enum hf_status status = hf_reflist_walk(root, hf_chunk_read_meta, visit->check->reader,
                                            visit_node, visit_chunk, visit, &why);
    return status == HF_OK ? HF_OK : blame_error(visit, &why, err);
}

static enum hf_status walk_streams(struct visit *visit, const struct hf_catalog *catalog,
                                   struct hf_clean_set *clean, struct hf_error *err)
{
    for (size_t i = 0; i < catalog->count; i++) {
        const struct hf_catalog_entry *entry = &catalog->items[i];
        visit->stream = entry->info.name;
        visit->class = hf_stream_class(entry->info.kind);
        if (hf_clean_set_has(clean, &entry->root))
            continue;
        HF_TRY(walk(visit, &entry->root, err));
        if (!visit->hurt)
            HF_TRY(hf_clean_set_add(clean, &entry->root, err));
    }
    return HF_OK;
}

static enum hf_status visit_snapshot(struct visit *visit, const struct hf_manifest *manifest,
                                     struct hf_clean_set *clean, struct hf_error *err)
{
    HF_AUTO(hf_catalog) catalog = HF_CATALOG_INIT;
    visit->class = HF_CHUNK_META;
    HF_TRY(walk(visit, &manifest->catalog, err));
    struct hf_error why = HF_ERROR_INIT;
    if (hf_catalog_read(&manifest->catalog, hf_chunk_read_meta, visit->check->reader, &catalog,
                        &why) != HF_OK)
        return blame_error(visit, &why, err);
    return walk_streams(visit, &catalog, clean, err);
}

/* Read whole without a fault: worth a proof. A store that takes none does not spoil the check. */
static enum hf_status record_checked(struct visit *visit, const struct hf_manifest *manifest,
                                     struct hf_error *err)
{
    HF_AUTO_JSON report = NULL;
    HF_TRY(hf_json_pack(&report, err, "{s:I, s:I}", "streams", (json_int_t)manifest->streams,
                        "bytes", (json_int_t)manifest->bytes));
    struct hf_error why = HF_ERROR_INIT;
    int64_t now = hf_clock_now();
    if (hf_snapshot_add_proof(visit->check->repo, visit->id, HF_SNAPSHOT_CHECKED, report, &why) !=
            HF_OK ||
        hf_proof_supersede(visit->check->repo, visit->id, now, &why) != HF_OK)
        hf_observe(visit->check->options->observer, HF_NOTE_WARNING,
                   "snapshot %.8s is whole, but that could not be recorded: %s", visit->id,
                   why.text);
    return HF_OK;
}

static void tell_damaged(const struct visit *visit, const struct hf_manifest *manifest)
{
    char time[HF_TIME_TEXT];
    if (!manifest->source)
        return; /* the manifest itself, which was told */
    hf_time_format(time, manifest->time);
    hf_observe(visit->check->options->observer, HF_NOTE_WARNING,
               "%s@%s (snapshot %.8s) cannot be restored whole", manifest->source, time, visit->id);
}

static enum hf_status check_one(struct hf_check *check, const char *key, struct hf_clean_set *clean,
                                struct hf_error *err)
{
    HF_AUTO(hf_manifest) manifest = {.time = 0};
    char id[HF_SNAPSHOT_ID_TEXT];
    if (!hf_manifest_key_id(key, id))
        return HF_OK;
    struct visit visit = {.check = check, .key = key, .id = id};
    struct hf_error why = HF_ERROR_INIT;
    enum hf_status status = hf_manifest_read(check->repo, key, &manifest, &why);
    if (status == HF_NOT_FOUND)
        return HF_OK; /* removed since it was listed */
    check->report->snapshots++;
    atomic_fetch_add(&check->objects, 1);
    if (status == HF_OK)
        HF_TRY(visit_snapshot(&visit, &manifest, clean, err));
    else if (status == HF_DENIED || status == HF_UNSUPPORTED)
        HF_TRY(blame_snapshot(&visit, why.text, err));
    else
        HF_TRY(blame_error(&visit, &why, err));
    check->report->damaged_snapshots += visit.damaged;
    if (visit.damaged)
        tell_damaged(&visit, &manifest);
    if (!visit.damaged && check->options->read_percent >= 100)
        return record_checked(&visit, &manifest, err);
    return HF_OK;
}

enum hf_status hf_check_snapshots(struct hf_check *check, struct hf_error *err)
{
    HF_AUTO(hf_clean_set) clean = HF_CLEAN_SET_INIT;
    for (size_t i = 0; i < check->snapshot_keys.count; i++)
        HF_TRY(check_one(check, check->snapshot_keys.items[i], &clean, err));
    return HF_OK;
}
