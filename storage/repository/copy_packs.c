/*
 * Packs on their way. A worker gets a pack whole, hashes it against its name, puts it and adds it
 * to the index: nothing is parsed or opened, since from's index, which is sealed, says what is in
 * it. As many workers as packs of the largest size fit the memory, each with one buffer that it
 * keeps, so that pages are touched once.
 */
#include "storage/repository/copy_internal.h"

#include "base/pool.h"
#include "storage/repository/protect.h"
#include "storage/repository/repository_internal.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_MEMORY = 256 << 20 };

enum mark { UNSEEN, WANTED, MOVED, BAD, COUNTED };

struct run {
    struct hf_mover *mover;
    struct hf_cancel *own; /* of this run's workers; the caller's is asked */
    atomic_size_t next;
};

void hf_mover_done(struct hf_mover *mover)
{
    free(mover->wanted);
    free(mover->marks);
    free(mover->counted);
    mover->wanted = NULL;
    mover->marks = NULL;
    mover->counted = NULL;
}

/* ---- wanting ---- */

/* Indexes grow: from's when its reader asks packs that no index object names, to's by what is
 * moved. */
static enum hf_status grow(uint8_t **marks, size_t *mark_count, size_t number, struct hf_error *err)
{
    if (number < *mark_count)
        return HF_OK;
    size_t count = 2 * number + 64;
    uint8_t *grown = realloc(*marks, count);
    if (!grown)
        return hf_error_memory(err);
    memset(grown + *mark_count, UNSEEN, count - *mark_count);
    *marks = grown;
    *mark_count = count;
    return HF_OK;
}

static enum hf_status count_on(struct hf_mover *mover, const struct hf_index_pack *pack,
                               struct hf_error *err)
{
    HF_TRY(grow(&mover->counted, &mover->counted_count, pack->number, err));
    mover->counted[pack->number] = COUNTED;
    return HF_OK;
}

static enum hf_status want_pack(struct hf_mover *mover, const struct hf_index_pack *pack,
                                struct hf_error *err)
{
    if (mover->wanted_count == mover->wanted_cap) {
        size_t cap = mover->wanted_cap ? 2 * mover->wanted_cap : 64;
        const struct hf_index_pack **wanted =
            realloc(mover->wanted, cap * sizeof(const struct hf_index_pack *));
        if (!wanted)
            return hf_error_memory(err);
        mover->wanted = wanted;
        mover->wanted_cap = cap;
    }
    mover->wanted[mover->wanted_count++] = pack;
    mover->wanted_bytes += pack->size;
    mover->marks[pack->number] = WANTED;
    return HF_OK;
}

enum hf_status hf_mover_want(struct hf_mover *mover, struct hf_chunk_reader *reader,
                             const uint8_t id[HF_REF_ID], enum hf_chunk_class class, uint32_t len,
                             struct hf_error *err)
{
    struct hf_chunk_id key;
    struct hf_location at;
    memcpy(key.bytes, id, sizeof key.bytes);
    if (hf_index_find(mover->to_index, &key, &at) && !at.dropped)
        return count_on(mover, at.pack, err);
    struct hf_error why = HF_ERROR_INIT;
    enum hf_status status = hf_chunk_locate(reader, id, class, len, &at, &why);
    if (status == HF_DAMAGED && mover->healing)
        return HF_OK;
    if (status != HF_OK) {
        *err = why;
        return status;
    }
    HF_TRY(grow(&mover->marks, &mover->mark_count, at.pack->number, err));
    if (mover->marks[at.pack->number] == UNSEEN)
        return want_pack(mover, at.pack, err);
    if (mover->marks[at.pack->number] != BAD || mover->healing)
        return HF_OK;
    char name[HF_PACK_NAME];
    hf_pack_name(&at.pack->id, name);
    return hf_error_set(err, HF_DAMAGED,
                        "%s is missing or damaged, and what it holds is in no "
                        "other pack",
                        name);
}

/* ---- protecting ---- */

static bool is_counted_on(void *ctx, size_t number)
{
    const struct hf_mover *mover = ctx;
    return number < mover->counted_count && mover->counted[number] == COUNTED;
}

enum hf_status hf_mover_protect(struct hf_mover *mover, struct hf_error *err)
{
    const struct hf_protect protect = {.repo = mover->to,
                                       .index = mover->to_index,
                                       .counts = is_counted_on,
                                       .ctx = mover,
                                       .cancel = mover->cancel};
    HF_TRY(hf_protect_run(&protect, err));
    if (mover->counted)
        memset(mover->counted, UNSEEN, mover->counted_count);
    return HF_OK;
}

/* ---- moving ---- */

/* Whether an error is of this pack alone. */
static bool is_of_pack(enum hf_status status)
{
    return status == HF_NOT_FOUND || status == HF_DAMAGED || status == HF_IO;
}

static enum hf_status fetch(struct hf_mover *mover, const struct hf_index_pack *pack,
                            const char *name, struct hf_buf *buf, struct hf_error *err)
{
    uint8_t digest[HF_CHUNK_ID];
    buf->len = 0;
    HF_TRY(hf_store_get(mover->from->store, name, 0, (size_t)pack->size, buf, err));
    if (EVP_Digest(buf->data, buf->len, digest, NULL, EVP_sha256(), NULL) != 1)
        return hf_error_set(err, HF_FAILED, "libcrypto does not compute SHA-256 here");
    if (memcmp(digest, pack->id.bytes, sizeof digest) != 0)
        return hf_error_set(err, HF_DAMAGED, "%s: %s: its content is not what its name says",
                            hf_store_name(mover->from->store), name);
    return HF_OK;
}

/* In from's index in memory only: another pack that holds the same chunks comes first then. */
static enum hf_status give_up(struct hf_mover *mover, const struct hf_index_pack *pack,
                              const struct hf_error *why, struct hf_error *err)
{
    if (!is_of_pack(why->status)) {
        *err = *why;
        return why->status;
    }
    hf_observe(mover->observer, HF_NOTE_WARNING, "cannot be copied: %s", why->text);
    mover->marks[pack->number] = BAD;
    atomic_fetch_add(&mover->bad, 1);
    return hf_index_drop(mover->from_index, &pack->id, err);
}

static enum hf_status note_moved(struct hf_mover *mover, const struct hf_index_pack *pack,
                                 struct hf_error *err)
{
    HF_TRY(hf_index_add(mover->to_index, &pack->id, pack->size, pack->slots, pack->slot_count,
                        pack->frames, pack->frame_count, err));
    if (hf_index_revive(mover->to_index, &pack->id))
        atomic_fetch_add(&mover->revived, 1);
    mover->marks[pack->number] = MOVED;
    atomic_fetch_add(&mover->packs, 1);
    atomic_fetch_add(&mover->bytes, pack->size);
    hf_observe_advance(mover->observer, pack->size, 1);
    if (mover->healing || hf_index_pending(mover->to_index) < HF_INDEX_PACKS)
        return HF_OK;
    return hf_index_flush(mover->to_index, mover->to, NULL, err);
}

/* In its place whatever is there: the name says what the content must be, and what is there is not
 * in the index, so it may be anything. */
static enum hf_status move(struct hf_mover *mover, const struct hf_index_pack *pack,
                           struct hf_buf *buf, struct hf_error *err)
{
    struct hf_error why = HF_ERROR_INIT;
    char name[HF_PACK_NAME];
    hf_pack_name(&pack->id, name);
    if (fetch(mover, pack, name, buf, &why) != HF_OK)
        return give_up(mover, pack, &why, err);
    HF_TRY(hf_store_put(mover->to->store, name, buf->data, buf->len, HF_PUT_REPLACE, err));
    return note_moved(mover, pack, err);
}

static enum hf_status worker(void *arg, size_t index, struct hf_error *err)
{
    struct run *run = arg;
    struct hf_mover *mover = run->mover;
    HF_AUTO(hf_buf) buf = HF_BUF_INIT;
    (void)index;
    for (;;) {
        size_t item = atomic_fetch_add(&run->next, 1);
        if (item >= mover->wanted_count || hf_cancel_requested(run->own))
            return HF_OK;
        if (mover->cancel)
            HF_TRY(hf_cancel_check(mover->cancel, err));
        HF_TRY(move(mover, mover->wanted[item], &buf, err));
    }
}

static size_t choose_threads(const struct hf_mover *mover)
{
    uint64_t largest = 1;
    for (size_t i = 0; i < mover->wanted_count; i++)
        if (mover->wanted[i]->size > largest)
            largest = mover->wanted[i]->size;
    uint64_t fit = (mover->memory ? mover->memory : DEFAULT_MEMORY) / largest;
    size_t threads = mover->threads ? mover->threads : HF_COPY_THREADS;
    if (threads > HF_COPY_THREADS_MAX)
        threads = HF_COPY_THREADS_MAX;
    if (threads > fit)
        threads = (size_t)fit;
    if (threads > mover->wanted_count)
        threads = mover->wanted_count;
    return threads > 0 ? threads : 1;
}

static void expect(struct hf_mover *mover)
{
    mover->expected_bytes += mover->wanted_bytes;
    mover->expected_packs += mover->wanted_count;
    hf_observe_expect(mover->observer, mover->expected_bytes, mover->expected_packs);
}

enum hf_status hf_mover_run(struct hf_mover *mover, struct hf_error *err)
{
    HF_AUTO_PTR(hf_cancel) own = NULL;
    struct hf_pool *pool;
    if (mover->wanted_count == 0)
        return HF_OK;
    expect(mover);
    HF_TRY(hf_cancel_new(&own, err));
    struct run run = {.mover = mover, .own = own};
    HF_TRY(hf_pool_start(choose_threads(mover), worker, NULL, &run, own, &pool, err));
    enum hf_status status = hf_pool_join(pool, err);
    mover->wanted_count = 0;
    mover->wanted_bytes = 0;
    return status;
}
