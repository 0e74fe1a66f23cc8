/*
 * A backup under way, for backup*.c only.
 *
 * Ownership: streams belong to the backup from open to its end, because chunks on their way point
 * to them; a chunk buffer belongs to its stream while it is filled, to the queue, to a worker,
 * then to the pool again.
 */
#ifndef HF_REPOSITORY_BACKUP_INTERNAL_H
#define HF_REPOSITORY_BACKUP_INTERNAL_H

#include "base/pool.h"
#include "base/queue.h"
#include "storage/repository/backup.h"
#include "storage/repository/backup_plan.h"
#include "storage/repository/chunk_pool.h"
#include "storage/repository/chunker.h"
#include "storage/repository/claims.h"
#include "storage/repository/index.h"
#include "storage/repository/lease.h"
#include "storage/repository/packer.h"
#include "storage/repository/reflist.h"

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>

enum hf_backup_stream_state {
    HF_BACKUP_STREAM_OPEN,
    HF_BACKUP_STREAM_CLOSED,
    HF_BACKUP_STREAM_CARRIED, /* from the base: complete, and listed already */
    HF_BACKUP_STREAM_ABANDONED
};

struct hf_backup_stream {
    struct hf_backup *backup;
    struct hf_backup_stream *next; /* the backup's list */
    char *name;
    enum hf_stream_kind kind;

    /* The producer's. */
    struct hf_chunk_buffer *buffer; /* being filled, or NULL */
    size_t look_at;                 /* length of the buffer at which the chunker looks next */
    struct hf_chunk_scan scan;
    struct hf_buf carry; /* what was behind a cut */
    uint64_t sequence;   /* chunks cut so far */

    /* Under lock while chunks are on their way. */
    pthread_mutex_t lock;
    struct hf_ref *refs; /* by sequence; len 0: not there yet */
    size_t ref_cap;

    /* Under the backup's lock. */
    enum hf_backup_stream_state state;
    uint64_t records;
    json_t *attrs;               /* owned, or NULL */
    struct hf_reflist_root root; /* of a carried stream */
};

/* What a worker has of its own. */
struct hf_backup_worker {
    struct hf_chunk_hasher *hashers[HF_CHUNK_META + 1]; /* by class */
    struct hf_frame_coder *coder;
};

struct hf_backup {
    struct hf_sink sink;
    struct hf_repo *repo;
    struct hf_cancel *cancel;
    const struct hf_observer *observer; /* may be NULL */
    char *source;
    char *kind;
    char *host;
    char *job; /* or NULL */
    struct hf_strings tags;
    int64_t leased; /* when the lease was taken, by the store's clock */
    int level;
    int64_t time;
    struct hf_backup_plan plan;
    struct hf_chunker chunker;
    struct hf_lease *lease;
    struct hf_index *index;
    struct hf_claims *claims;
    struct hf_packer *packer;
    struct hf_chunk_pool *buffers;
    struct hf_queue *queue; /* of chunk buffers */
    struct hf_backup_worker *workers;
    struct hf_pool *worker_pool;
    struct hf_pool *uploader_pool;
    atomic_bool *used; /* by pack number: packs from before that this backup counts on */
    size_t old_packs;

    pthread_mutex_t lock;
    struct hf_backup_stream *streams;
    struct hf_backup_base *base; /* NULL: not looked for, or none */
    bool base_sought;

    _Atomic uint64_t read_bytes;
    _Atomic uint64_t records;
    _Atomic uint64_t chunks;
    _Atomic uint64_t new_chunks;
    _Atomic uint64_t new_bytes;
    _Atomic uint64_t index_bytes; /* written at the end */
    uint64_t adopted;
};

/* backup_stream.c */
void hf_backup_sink_init(struct hf_backup *backup);
/* A new stream in the backup's list, which owns it. */
enum hf_status hf_backup_stream_new(struct hf_backup *backup, const char *name,
                                    enum hf_stream_kind kind, struct hf_backup_stream **out,
                                    struct hf_error *err) HF_WARN_UNUSED;
void hf_backup_streams_free(struct hf_backup *backup);
/* A worker tells where a chunk went. Any thread. */
enum hf_status hf_backup_stream_note(struct hf_backup_stream *stream, uint64_t sequence,
                                     const struct hf_chunk_id *id, uint32_t len,
                                     struct hf_error *err) HF_WARN_UNUSED;

/* backup_work.c: the workers' part. */
hf_pool_fn hf_backup_work;
/* A chunk that an older pack holds: the snapshot counts on that pack. NULL: none. */
void hf_backup_note_used(struct hf_backup *backup, const struct hf_index_pack *pack);
/* One chunk on this thread: its id, and into a pack unless it is known. */
enum hf_status hf_backup_store(struct hf_backup *backup, struct hf_chunk_hasher *hasher,
                               struct hf_frame_coder *coder, enum hf_chunk_class class,
                               enum hf_stream_kind kind, const void *data, size_t len,
                               struct hf_chunk_id *out, struct hf_error *err) HF_WARN_UNUSED;

/* backup_base.c: the sink's base and carry. */
enum hf_status hf_backup_base(void *ctx, const struct hf_base **out,
                              struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_backup_carry(void *ctx, const char *name, struct hf_error *err) HF_WARN_UNUSED;
void hf_backup_base_free(struct hf_backup_base *base); /* takes NULL */

/* backup.c */
enum hf_status hf_backup_take_lease(struct hf_backup *backup, struct hf_error *err) HF_WARN_UNUSED;
/* Wakes every thread that waits, so that it ends. arg: the backup. */
void hf_backup_stop(void *arg);

/* backup_commit.c */
enum hf_status hf_backup_finish(struct hf_backup *backup, const json_t *properties,
                                char out_id[HF_SNAPSHOT_ID_TEXT],
                                struct hf_error *err) HF_WARN_UNUSED;

#endif
