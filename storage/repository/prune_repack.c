/*
 * Moving what is needed out of packs that are mostly dead, or small, into new ones.
 *
 * A pack is read whole and hashed against its name, so that damage is not carried on; frames then
 * go as they are. The new packs are durable and in the index before the old ones are marked; a
 * crash before that leaves chunks in two packs, and no more. In memory are one pack that is read
 * and one that is made.
 */
#include "storage/repository/prune_internal.h"

#include "storage/repository/pack_compose.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

enum {
    SMALL = HF_PACK_TARGET / 4,
    SMALL_MANY = 16, /* small packs of one class, at which they are merged */
};

struct repack {
    struct hf_prune *prune;
    const struct hf_index_pack **chosen; /* what is read, in this order */
    size_t count;
    size_t done;    /* of these: everything needed is in a new pack, or in the one being made */
    size_t settled; /* and that is durable and in the index */
    bool *skipped;  /* by place in chosen: damaged, stays */
    struct hf_pack_composer made;
};

/* ---- which ---- */

/* Marked and doubtful packs are not touched: what is needed of them is theirs to keep. */
static bool is_candidate(const struct hf_prune *prune, const struct hf_index_pack *pack)
{
    const struct hf_prune_pack *state = &prune->packs[pack->number];
    return state->fate == HF_PRUNE_NEEDED && prune->now - state->mtime >= prune->options->grace &&
           !hf_index_is_dropped(prune->index, &pack->id);
}

static bool is_mostly_dead(const struct hf_prune *prune, const struct hf_index_pack *pack)
{
    return prune->packs[pack->number].needed_bytes * 100 <
           hf_prune_frame_bytes(pack) * prune->options->repack_percent;
}

static size_t count_small(const struct hf_prune *prune, enum hf_chunk_class class)
{
    size_t found = 0;
    for (size_t i = 0; i < prune->count; i++) {
        const struct hf_index_pack *pack = hf_index_pack(prune->index, i);
        found += pack->class == class && pack->size < SMALL && is_candidate(prune, pack);
    }
    return found;
}

/* Its lock would outlive what is gained. */
static enum hf_status is_locked(const struct hf_prune *prune, const struct hf_index_pack *pack,
                                bool *out, struct hf_error *err)
{
    struct hf_store_stat stat;
    char name[HF_PACK_NAME];
    *out = false;
    if (!hf_store_protects(prune->repo->store))
        return HF_OK;
    hf_pack_name(&pack->id, name);
    HF_TRY(hf_store_stat(prune->repo->store, name, &stat, err));
    *out = stat.locked_until > prune->now;
    return HF_OK;
}

/* Within the bytes that may be read. */
static enum hf_status choose_class(struct repack *repack, enum hf_chunk_class class, bool small,
                                   uint64_t *bytes, struct hf_error *err)
{
    const struct hf_prune *prune = repack->prune;
    for (size_t i = 0; i < prune->count; i++) {
        const struct hf_index_pack *pack = hf_index_pack(prune->index, i);
        bool locked;
        if (pack->class != class || !is_candidate(prune, pack) ||
            !(is_mostly_dead(prune, pack) || (small && pack->size < SMALL)) ||
            *bytes + pack->size > prune->options->repack_bytes)
            continue;
        HF_TRY(is_locked(prune, pack, &locked, err));
        if (locked)
            continue;
        *bytes += pack->size;
        repack->chosen[repack->count++] = pack;
    }
    return HF_OK;
}

static enum hf_status choose(struct repack *repack, struct hf_error *err)
{
    const struct hf_prune *prune = repack->prune;
    uint64_t bytes = 0;
    repack->chosen = calloc(prune->count + 1, sizeof(const struct hf_index_pack *));
    repack->skipped = calloc(prune->count + 1, sizeof *repack->skipped);
    if (!repack->chosen || !repack->skipped)
        return hf_error_memory(err);
    for (enum hf_chunk_class class = HF_CHUNK_DATA; class <= HF_CHUNK_META; class ++)
        HF_TRY(choose_class(repack, class, count_small(prune, class) >= SMALL_MANY, &bytes, err));
    return HF_OK;
}

/* ---- moving ---- */

static enum hf_status put_made(struct repack *repack, struct hf_error *err)
{
    struct hf_prune *prune = repack->prune;
    struct hf_pack pack;
    char name[HF_PACK_NAME];
    if (repack->made.frame_count == 0)
        return HF_OK;
    HF_TRY(hf_pack_compose_finish(&repack->made, prune->repo->keys, &pack, err));
    hf_pack_name(&pack.id, name);
    HF_TRY(hf_lease_check(prune->lease, err));
    HF_TRY(hf_store_put(prune->repo->store, name, pack.data, pack.len, HF_PUT_REPLACE, err));
    HF_TRY(hf_index_add(prune->index, &pack.id, pack.len, pack.slots, pack.slot_count, pack.frames,
                        pack.frame_count, err));
    hf_prune_add(&prune->report->written, pack.len);
    hf_pack_compose_clear(&repack->made);
    return hf_prune_grow(prune, err);
}

static enum hf_status move_frames(struct repack *repack, const struct hf_index_pack *pack,
                                  const struct hf_buf *object, struct hf_error *err)
{
    const struct hf_prune_pack *state = &repack->prune->packs[pack->number];
    for (size_t i = 0; i < pack->frame_count; i++) {
        const struct hf_frame *frame = &pack->frames[i];
        bool full = false;
        if (!hf_prune_has_bit(state, HF_PRUNE_BITS_NEEDED, i))
            continue;
        HF_TRY(hf_pack_compose_add(&repack->made, &pack->slots[frame->slot], frame,
                                   object->data + frame->offset, &full, err));
        if (!full)
            continue;
        HF_TRY(put_made(repack, err));
        state = &repack->prune->packs[pack->number]; /* they may have moved */
        HF_TRY(hf_pack_compose_add(&repack->made, &pack->slots[frame->slot], frame,
                                   object->data + frame->offset, &full, err));
    }
    return HF_OK;
}

static enum hf_status check_object(const struct hf_index_pack *pack, const char *name,
                                   const struct hf_buf *object, struct hf_error *err)
{
    uint8_t digest[HF_CHUNK_ID];
    if (EVP_Digest(object->data, object->len, digest, NULL, EVP_sha256(), NULL) != 1)
        return hf_error_set(err, HF_FAILED, "libcrypto does not compute SHA-256 here");
    if (memcmp(digest, pack->id.bytes, sizeof digest) != 0)
        return hf_error_set(err, HF_DAMAGED, "%s: its content is not what its name says", name);
    for (size_t i = 0; i < pack->frame_count; i++) {
        const struct hf_frame *frame = &pack->frames[i];
        if ((uint64_t)frame->offset + frame->stored_len > object->len)
            return hf_error_set(err, HF_DAMAGED, "%s: the index says more of it than there is",
                                name);
    }
    return HF_OK;
}

static enum hf_status move_pack(struct repack *repack, struct hf_buf *object, struct hf_error *err)
{
    struct hf_prune *prune = repack->prune;
    const struct hf_index_pack *pack = repack->chosen[repack->done];
    struct hf_error why = HF_ERROR_INIT;
    char name[HF_PACK_NAME];
    hf_pack_name(&pack->id, name);
    object->len = 0;
    HF_TRY(hf_cancel_check(prune->options->cancel, err));
    enum hf_status status =
        hf_store_get(prune->repo->store, name, 0, (size_t)pack->size, object, &why);
    if (status == HF_OK)
        status = check_object(pack, name, object, &why);
    if (status == HF_OK)
        return move_frames(repack, pack, object, err);
    if (status != HF_DAMAGED && status != HF_NOT_FOUND && status != HF_IO) {
        *err = why;
        return status;
    }
    hf_observe(prune->options->observer, HF_NOTE_WARNING,
               "not repacked: %s; \"holdfast check --read-data\" tells what it costs", why.text);
    repack->skipped[repack->done] = true;
    return HF_OK;
}

/* ---- settling ---- */

static void empty_pack(struct hf_prune *prune, const struct hf_index_pack *pack)
{
    struct hf_prune_pack *state = &prune->packs[pack->number];
    struct hf_prune_report *report = prune->report;
    state->fate = HF_PRUNE_MARK;
    report->dead_bytes -= hf_prune_frame_bytes(pack) - state->needed_bytes;
    report->needed.packs--;
    report->needed.bytes -= pack->size;
    hf_prune_add(&report->repacked, pack->size);
    hf_prune_add(&report->marked, pack->size);
    hf_prune_add(&report->waiting, pack->size);
    int64_t due = prune->now + prune->options->grace;
    if (report->next == 0 || due < report->next)
        report->next = due;
}

/* All that was moved so far is durable and known; then the packs it came from are emptied. */
static enum hf_status settle(struct repack *repack, struct hf_error *err)
{
    struct hf_prune *prune = repack->prune;
    HF_TRY(put_made(repack, err));
    HF_TRY(hf_index_flush(prune->index, prune->repo, NULL, err));
    for (; repack->settled < repack->done; repack->settled++) {
        const struct hf_index_pack *pack = repack->chosen[repack->settled];
        if (repack->skipped[repack->settled])
            continue;
        HF_TRY(hf_index_set_aside(prune->index, &pack->id, err));
        empty_pack(prune, pack);
    }
    return hf_prune_mark(prune, err);
}

static enum hf_status move_all(struct repack *repack, struct hf_error *err)
{
    HF_AUTO(hf_buf) object = HF_BUF_INIT;
    enum hf_chunk_class class = HF_CHUNK_DATA;
    for (; repack->done < repack->count; repack->done++) {
        const struct hf_index_pack *pack = repack->chosen[repack->done];
        if (pack->class != class || hf_index_pending(repack->prune->index) >= HF_INDEX_PACKS)
            HF_TRY(settle(repack, err));
        class = pack->class;
        HF_TRY(move_pack(repack, &object, err));
        hf_observe_advance(repack->prune->options->observer, pack->size, 1);
    }
    return settle(repack, err);
}

static void only_count(struct repack *repack)
{
    struct hf_prune *prune = repack->prune;
    for (size_t i = 0; i < repack->count; i++) {
        const struct hf_index_pack *pack = repack->chosen[i];
        prune->report->written.bytes += prune->packs[pack->number].needed_bytes;
        empty_pack(prune, pack);
    }
    prune->report->written.packs =
        (prune->report->written.bytes + HF_PACK_TARGET - 1) / HF_PACK_TARGET;
}

enum hf_status hf_prune_repack(struct hf_prune *prune, struct hf_error *err)
{
    struct repack repack = {.prune = prune};
    enum hf_status status = choose(&repack, err);
    if (status == HF_OK && prune->options->dry_run)
        only_count(&repack);
    else if (status == HF_OK && repack.count > 0)
        status = move_all(&repack, err);
    hf_pack_composer_done(&repack.made);
    free(repack.chosen);
    free(repack.skipped);
    return status == HF_OK ? HF_OK : hf_error_prefix(err, "repacking");
}
