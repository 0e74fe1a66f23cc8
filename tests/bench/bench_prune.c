/*
 * What a repository of many snapshots costs those who read all of it.
 *
 *   bench_prune make FOLDER SNAPSHOTS CHUNKS   a repository with so many, on this disk
 *   bench_prune list|start|dry|prune FOLDER
 *   bench_prune forget FOLDER SNAPSHOTS        removes the oldest manifests
 *
 * list loads all snapshots; start begins a backup and ends it; prune has a grace of 0: it marks,
 * and removes what the one before it marked. Each prints its seconds and peak memory.
 *
 * The repository is what backups would have left, but for the content of data chunks, which is
 * random and tiny, so that a million of them fit a disk: nobody here reads data. One source with 50
 * streams, every snapshot proven; each changes two of them, in places, as a database does. Packs
 * hold 48 chunks.
 */
#include "base/clock.h"
#include "base/random.h"
#include "base/text.h"
#include "storage/local/local.h"
#include "storage/repository/backup.h"
#include "storage/repository/catalog.h"
#include "storage/repository/keys.h"
#include "storage/repository/manifest.h"
#include "storage/repository/prune.h"
#include "storage/repository/repository_internal.h"
#include "storage/repository/snapshot_internal.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { STREAMS = 50, CHANGED = 2, PACK = 48, BODY = 32, LIVE_SHARE = 50, DAY_S = 86400 };

static void check(enum hf_status status, const struct hf_error *err)
{
    if (status == HF_OK)
        return;
    fprintf(stderr, "bench_prune: %s\n", err->text);
    exit(1);
}

static struct hf_repo *open_repository(const char *folder, struct hf_store **store, bool make)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_secret *passphrase;
    struct hf_repo *repo;
    const struct hf_repo_options options = {
        .cipher = HF_CIPHER_XCHACHA20_POLY1305, .kdf_ops = 1, .kdf_mem = 8192};
    check(hf_secret_new("bench", 5, &passphrase, &err), &err);
    const struct hf_credential credential = {.passphrase = passphrase};
    check(hf_local_open(folder, make ? HF_LOCAL_CREATE : HF_LOCAL_OPEN, store, &err), &err);
    if (make)
        check(hf_repo_init(*store, &options, &credential, &err), &err);
    check(hf_repo_open(*store, &credential, &repo, &err), &err);
    hf_secret_free(passphrase);
    return repo;
}

/* ---- making ---- */

struct maker {
    struct hf_repo *repo;
    struct hf_index *index;
    struct hf_chunk_hasher *hasher;
    struct hf_frame_coder *coder;
    struct hf_pack_builder *data;
    struct hf_pack_builder *meta;
    bool data_open, meta_open;
    struct hf_ref *refs[STREAMS];
    struct hf_reflist_root roots[STREAMS];
    bool listed[STREAMS]; /* as refs are now */
    size_t per_stream;
};

static void put_pack(struct maker *maker, struct hf_pack_builder *builder, bool *open)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_pack pack;
    char name[HF_PACK_NAME];
    if (!*open)
        return;
    *open = false;
    check(hf_pack_builder_finish(builder, maker->repo->keys, &pack, &err), &err);
    hf_pack_name(&pack.id, name);
    check(hf_store_put(maker->repo->store, name, pack.data, pack.len, HF_PUT_CREATE, &err), &err);
    check(hf_index_add(maker->index, &pack.id, pack.len, pack.slots, pack.slot_count, pack.frames,
                       pack.frame_count, &err),
          &err);
}

static void open_pack(struct maker *maker, struct hf_pack_builder *builder,
                      enum hf_chunk_class class, bool *open)
{
    struct hf_error err = HF_ERROR_INIT;
    if (!*open)
        check(hf_pack_builder_begin(builder, maker->repo->keys, class, HF_CIPHER_XCHACHA20_POLY1305,
                                    &err),
              &err);
    *open = true;
}

static void new_chunk(struct maker *maker, struct hf_ref *out)
{
    struct hf_frame frame = {.plain_len = 1 << 20, .stored_len = BODY + HF_FRAME_TAG, .codec = 1};
    open_pack(maker, maker->data, HF_CHUNK_DATA, &maker->data_open);
    hf_random_bytes(frame.id.bytes, HF_CHUNK_ID);
    hf_random_bytes(hf_pack_builder_reserve(maker->data, &frame), frame.stored_len);
    memcpy(out->id, frame.id.bytes, HF_REF_ID);
    out->len = frame.plain_len;
    if (hf_pack_builder_frames(maker->data) == PACK)
        put_pack(maker, maker->data, &maker->data_open);
}

static enum hf_status store_meta(void *ctx, const void *data, size_t len, uint8_t out_id[HF_REF_ID],
                                 struct hf_error *err)
{
    struct maker *maker = ctx;
    struct hf_frame_body body;
    struct hf_location at;
    struct hf_frame frame = {.plain_len = (uint32_t)len};
    HF_TRY(hf_chunk_hash(maker->hasher, data, len, &frame.id, err));
    memcpy(out_id, frame.id.bytes, HF_REF_ID);
    if (hf_index_find(maker->index, &frame.id, &at))
        return HF_OK;
    HF_TRY(hf_frame_encode(maker->coder, HF_STREAM_BYTES, data, len, &body, err));
    frame.stored_len = body.len + HF_FRAME_TAG;
    frame.codec = (uint8_t)body.codec;
    open_pack(maker, maker->meta, HF_CHUNK_META, &maker->meta_open);
    uint8_t *place = hf_pack_builder_reserve(maker->meta, &frame);
    return hf_frame_seal(maker->coder, hf_pack_builder_key(maker->meta), &frame, body.data, place,
                         err);
}

static void list_stream(struct maker *maker, size_t stream)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_reflist *list;
    if (maker->listed[stream])
        return;
    check(hf_reflist_new(store_meta, maker, &list, &err), &err);
    for (size_t i = 0; i < maker->per_stream; i++)
        check(hf_reflist_add(list, &maker->refs[stream][i], &err), &err);
    check(hf_reflist_finish(list, &maker->roots[stream], &err), &err);
    hf_reflist_free(list);
    maker->listed[stream] = true;
}

static void add_stream(struct maker *maker, struct hf_catalog *catalog, size_t stream)
{
    struct hf_error err = HF_ERROR_INIT;
    char name[64];
    list_stream(maker, stream);
    (void)snprintf(name, sizeof name, "data/public.table_%02zu/0000", stream);
    check(hf_catalog_add(catalog, name, HF_STREAM_ROWS, 1000, NULL, &maker->roots[stream], &err),
          &err);
}

static void make_snapshot(struct maker *maker, size_t number, size_t fresh)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_catalog) catalog = HF_CATALOG_INIT;
    char id[HF_SNAPSHOT_ID_TEXT];
    struct hf_manifest manifest = {
        .time = (INT64_C(1700000000) + (int64_t)number * 3600) * HF_NS_PER_S,
        .finished = (INT64_C(1700000060) + (int64_t)number * 3600) * HF_NS_PER_S,
        .source = (char[]){"app"},
        .kind = (char[]){"postgres"},
        .host = (char[]){"db1"},
        .streams = STREAMS};
    for (size_t i = 0; i < fresh; i++) {
        size_t stream = (number * CHANGED + i % CHANGED) % STREAMS;
        new_chunk(maker, &maker->refs[stream][hf_random_below((uint32_t)maker->per_stream)]);
        maker->listed[stream] = false;
    }
    for (size_t stream = 0; stream < STREAMS; stream++)
        add_stream(maker, &catalog, stream);
    check(hf_catalog_write(&catalog, store_meta, maker, &manifest.catalog, &err), &err);
    put_pack(maker, maker->meta, &maker->meta_open);
    manifest.bytes = STREAMS * maker->per_stream << 20;
    check(hf_manifest_write(maker->repo, &manifest, id, &err), &err);
    check(hf_snapshot_add_proof(maker->repo, id, HF_SNAPSHOT_PROVEN, NULL, &err), &err);
}

static void make(struct hf_repo *repo, size_t snapshots, size_t chunks)
{
    struct hf_error err = HF_ERROR_INIT;
    struct maker maker = {.repo = repo, .per_stream = chunks / LIVE_SHARE / STREAMS};
    size_t fresh = (chunks - maker.per_stream * STREAMS) / snapshots;
    check(hf_index_new(&maker.index, &err), &err);
    check(hf_chunk_hasher_new(repo->keys, HF_CHUNK_META, &maker.hasher, &err), &err);
    check(hf_frame_coder_new(1, &maker.coder, &err), &err);
    check(hf_pack_builder_new(HF_PACK_TARGET, &maker.data, &err), &err);
    check(hf_pack_builder_new(HF_PACK_TARGET, &maker.meta, &err), &err);
    for (size_t s = 0; s < STREAMS; s++) {
        maker.refs[s] = calloc(maker.per_stream + 1, sizeof **maker.refs);
        for (size_t i = 0; i < maker.per_stream; i++)
            new_chunk(&maker, &maker.refs[s][i]);
    }
    for (size_t i = 0; i < snapshots; i++)
        make_snapshot(&maker, i, i == 0 ? 0 : fresh);
    put_pack(&maker, maker.data, &maker.data_open);
    check(hf_index_flush(maker.index, repo, NULL, &err), &err);
    printf("made: %zu snapshots, %zu chunks, index in memory %.0f MiB\n", snapshots,
           hf_index_frames(maker.index), (double)hf_index_bytes(maker.index) / (1 << 20));
    /* The rest goes with the process. */
}

/* ---- measuring ---- */

static void list(struct hf_repo *repo)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_snapshots) found = {.items = NULL};
    check(hf_snapshots_load(repo, NULL, NULL, &found, &err), &err);
    printf("%zu snapshots; ", found.count);
}

static void start(struct hf_repo *repo)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_cancel *cancel;
    struct hf_backup *backup;
    check(hf_cancel_new(&cancel, &err), &err);
    const struct hf_backup_options options = {
        .source = "app", .kind = "postgres", .host = "db1", .cancel = cancel};
    check(hf_backup_begin(repo, &options, &backup, &err), &err);
    hf_backup_abort(backup);
    hf_cancel_free(cancel);
}

static void prune(struct hf_repo *repo, bool dry, int64_t grace)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_cancel *cancel;
    struct hf_prune_report report;
    check(hf_cancel_new(&cancel, &err), &err);
    const struct hf_prune_options options = {.dry_run = dry, .grace = grace, .cancel = cancel};
    check(hf_prune(repo, &options, &report, &err), &err);
    hf_cancel_free(cancel);
    printf("%llu snapshots, %llu packs, %llu chunks needed, %llu packs marked, %llu deleted; ",
           (unsigned long long)report.snapshots, (unsigned long long)report.packs.packs,
           (unsigned long long)report.chunks, (unsigned long long)report.marked.packs,
           (unsigned long long)report.deleted.packs);
}

static int by_key(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void forget(struct hf_repo *repo, size_t count)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_strings) keys = HF_STRINGS_INIT;
    check(hf_snapshot_keys(repo, &keys, &err), &err);
    if (keys.count > 1)
        qsort(keys.items, keys.count, sizeof *keys.items, by_key);
    for (size_t i = 0; i < keys.count && count > 0; i++, count--)
        check(hf_store_delete(repo->store, keys.items[i], &err), &err);
}

static void run(struct hf_repo *repo, const char *what, char **arguments)
{
    if (strcmp(what, "make") == 0)
        make(repo, strtoull(arguments[0], NULL, 10), strtoull(arguments[1], NULL, 10));
    else if (strcmp(what, "forget") == 0)
        forget(repo, strtoull(arguments[0], NULL, 10));
    else if (strcmp(what, "list") == 0)
        list(repo);
    else if (strcmp(what, "start") == 0)
        start(repo);
    else
        prune(repo, strcmp(what, "dry") == 0, 0);
}

int main(int argc, char **argv)
{
    struct rusage usage;
    struct hf_store *store;
    const char *what = argc > 2 ? argv[1] : "";
    int need = strcmp(what, "make") == 0 ? 5 : strcmp(what, "forget") == 0 ? 4 : 3;
    if (argc != need) {
        fprintf(stderr, "usage: see the head of tests/bench/bench_prune.c\n");
        return 2;
    }
    if (sodium_init() < 0)
        return 1;
    struct hf_repo *repo = open_repository(argv[2], &store, strcmp(what, "make") == 0);
    int64_t begun = hf_clock_monotonic();
    run(repo, what, argv + 3);
    double seconds = (double)(hf_clock_monotonic() - begun) / (double)HF_NS_PER_S;
    hf_repo_close(repo);
    hf_store_close(store);
    (void)getrusage(RUSAGE_SELF, &usage);
    printf("%s: %.2f s, %.2f s of processor, %ld MiB\n", what, seconds,
           (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6 +
               (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec / 1e6,
           usage.ru_maxrss / 1024);
    return 0;
}
