#include "storage/repository/fallback.h"

#include "storage/repository/lease.h"
#include "storage/repository/replica.h"
#include "storage/repository/repository_internal.h"
#include "storage/repository/snapshot_internal.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct hf_fallback {
    struct hf_repo *repo;
    const struct hf_observer *observer;
    pthread_mutex_t lock; /* of what is made on first need */
    bool tried;
    struct hf_error why; /* it could not be made */
    struct hf_lease *lease;
    struct hf_index *index;
    struct hf_chunk_reader *reader;
    _Atomic uint64_t chunks;
    _Atomic uint64_t bytes;
};

enum hf_status hf_fallback_new(struct hf_repo *original, struct hf_repo *repo,
                               const struct hf_observer *observer, struct hf_fallback **out,
                               struct hf_error *err)
{
    HF_TRY(hf_replica_check(original, repo, err));
    if (original->keys->role == HF_ROLE_READER && repo->keys->role != HF_ROLE_READER)
        return hf_error_set(err, HF_DENIED,
                            "%s is open with a writer key; reading data from it needs a reader key",
                            hf_store_name(repo->store));
    struct hf_fallback *made = calloc(1, sizeof *made);
    if (!made)
        return hf_error_memory(err);
    made->repo = repo;
    made->observer = observer;
    pthread_mutex_init(&made->lock, NULL);
    *out = made;
    return HF_OK;
}

void hf_fallback_free(struct hf_fallback *fallback)
{
    if (fallback->reader)
        hf_chunk_reader_free(fallback->reader);
    hf_index_free(fallback->index);
    if (fallback->lease)
        hf_lease_release(fallback->lease);
    pthread_mutex_destroy(&fallback->lock);
    free(fallback);
}

struct hf_repo *hf_fallback_repo(const struct hf_fallback *fallback)
{
    return fallback->repo;
}

/* A store that takes no lease can be read all the same. */
static enum hf_status take_lease(struct hf_fallback *fallback, struct hf_error *err)
{
    const struct hf_lease_options options = {.mode = HF_LEASE_SHARED, .purpose = "restore"};
    struct hf_error why = HF_ERROR_INIT;
    if (hf_lease_take(fallback->repo, &options, &fallback->lease, &why) != HF_BUSY)
        return HF_OK;
    *err = why;
    return HF_BUSY;
}

static enum hf_status make_reader(struct hf_fallback *fallback, struct hf_error *err)
{
    HF_TRY(take_lease(fallback, err));
    HF_TRY(hf_index_new(&fallback->index, err));
    HF_TRY(hf_index_load_whole(fallback->index, fallback->repo, err));
    return hf_chunk_reader_new(fallback->repo, fallback->index, &fallback->reader, err);
}

/* Made once; a failure stays one. */
static enum hf_status get_reader(struct hf_fallback *fallback, bool *out_first,
                                 struct hf_chunk_reader **out, struct hf_error *err)
{
    pthread_mutex_lock(&fallback->lock);
    *out_first = !fallback->tried;
    if (!fallback->tried && make_reader(fallback, &fallback->why) == HF_OK)
        fallback->why.status = HF_OK;
    fallback->tried = true;
    enum hf_status status = fallback->why.status;
    if (status == HF_OK)
        *out = fallback->reader;
    else
        *err = fallback->why;
    pthread_mutex_unlock(&fallback->lock);
    return status;
}

struct hf_chunk_reader *hf_fallback_reader(struct hf_fallback *fallback)
{
    const char *name = hf_store_name(fallback->repo->store);
    struct hf_error why = HF_ERROR_INIT;
    struct hf_chunk_reader *reader = NULL;
    bool first = false;
    if (get_reader(fallback, &first, &reader, &why) != HF_OK && first)
        hf_observe(fallback->observer, HF_NOTE_WARNING,
                   "%s cannot stand in for what is missing or damaged: %s", name, why.text);
    else if (first)
        hf_observe(fallback->observer, HF_NOTE_WARNING,
                   "what is missing or damaged is read from %s instead", name);
    return reader;
}

enum hf_status hf_fallback_need(struct hf_fallback *fallback, struct hf_chunk_reader **out,
                                struct hf_error *err)
{
    bool first = false;
    return get_reader(fallback, &first, out, err);
}

struct hf_index *hf_fallback_index(const struct hf_fallback *fallback)
{
    return fallback->index;
}

bool hf_fallback_locate(struct hf_fallback *fallback, const uint8_t id[HF_REF_ID],
                        enum hf_chunk_class class, uint32_t plain_len, struct hf_location *out)
{
    struct hf_chunk_reader *reader = hf_fallback_reader(fallback);
    struct hf_error ignored = HF_ERROR_INIT;
    struct hf_location at;
    if (!reader || hf_chunk_locate(reader, id, class, plain_len, &at, &ignored) != HF_OK ||
        at.dropped)
        return false;
    *out = at;
    out->elsewhere = fallback->repo;
    return true;
}

void hf_fallback_note(const struct hf_fallback *fallback, const struct hf_error *why)
{
    hf_observe(fallback->observer, HF_NOTE_WARNING, "not used: %s", why->text);
}

void hf_fallback_count(struct hf_fallback *fallback, uint64_t bytes)
{
    atomic_fetch_add(&fallback->chunks, 1);
    atomic_fetch_add(&fallback->bytes, bytes);
}

void hf_fallback_stats(const struct hf_fallback *fallback, struct hf_fell_back *out)
{
    out->chunks += atomic_load(&fallback->chunks);
    out->bytes += atomic_load(&fallback->bytes);
}
