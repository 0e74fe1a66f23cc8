/*
 * Writing a snapshot.
 *
 *   begin ─ open streams, write, close (many threads) ─ commit | abort
 *
 * begin takes a lease, loads the index and adopts packs that a killed run left. What is written
 * passes through chunker (on the producer's thread), [id, dedup, compress, seal] (workers),
 * packer and uploaders; all of it holds at most options.memory bytes. commit waits for every
 * pack to be durable, writes the index and, last, the manifest. Nothing is visible before. After
 * it, small index objects are merged (index_merge.h); what that costs is in no number here.
 * The first error anywhere stops everything; commit then fails with that cause.
 */
#ifndef HF_REPOSITORY_BACKUP_H
#define HF_REPOSITORY_BACKUP_H

#include "base/cancel.h"
#include "base/observer.h"
#include "base/stream.h"
#include "base/text.h"
#include "storage/repository/repository.h"
#include "storage/repository/snapshot.h"

struct hf_backup;

struct hf_backup_options {
    const char *source;            /* the source's name */
    const char *kind;              /* "postgres", ... */
    const char *host;              /* who backs up */
    const char *job;               /* whose backup it is, for retention; NULL: of none */
    const struct hf_strings *tags; /* at most HF_TAGS_MAX; NULL: none */
    uint64_t memory;               /* bytes; 0: 256 MiB; too little to work in is HF_USAGE */
    unsigned threads;              /* 0: one a processor */
    int level;                     /* zstd level; 0: the default */
    struct hf_cancel *cancel;      /* borrowed, never NULL */
    /* Told of what begin finds amiss and heals (lost packs, unreadable index objects), and of what
     * commit does to the index. Borrowed until commit or abort; may be NULL. */
    const struct hf_observer *observer;
    uint64_t beside; /* of the memory, bytes that whoever writes to the sink holds itself */
};

struct hf_backup_stats {
    uint64_t read_bytes; /* through the sink */
    uint64_t records;
    uint64_t chunks;
    uint64_t new_chunks;   /* of these, stored now */
    uint64_t new_bytes;    /* their size before compression */
    uint64_t stored_bytes; /* written to the store, all objects together */
    uint64_t adopted_packs;
};

/* The most that beside may be, so that enough of options->memory is left to work in; 0 where there
 * is too little anyway. */
uint64_t hf_backup_spare(const struct hf_repo *repo, const struct hf_backup_options *options);
enum hf_status hf_backup_begin(struct hf_repo *repo, const struct hf_backup_options *options,
                               struct hf_backup **out, struct hf_error *err) HF_WARN_UNUSED;
/* Borrowed from the backup; valid until commit or abort. */
const struct hf_sink *hf_backup_sink(struct hf_backup *backup);
/* So far; any thread. */
void hf_backup_stats(struct hf_backup *backup, struct hf_backup_stats *out);
/* The moment the capture's view of the source was taken, which is the snapshot's time; without it,
 * when the backup began. Before commit, no other thread. */
void hf_backup_set_time(struct hf_backup *backup, int64_t time);
/* properties: the source's JSON object for the manifest, borrowed. Frees the backup, whatever the
 * result; on failure there is no snapshot. out_stats is set on success and may be NULL. */
enum hf_status hf_backup_commit(struct hf_backup *backup, const json_t *properties,
                                char out_id[HF_SNAPSHOT_ID_TEXT], struct hf_backup_stats *out_stats,
                                struct hf_error *err) HF_WARN_UNUSED;
/* Stops and frees; what is durable stays for the next run to use. Takes NULL. */
void hf_backup_abort(struct hf_backup *backup);
HF_DEFINE_AUTO_PTR(hf_backup, hf_backup_abort)

#endif
