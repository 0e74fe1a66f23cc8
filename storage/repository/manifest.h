/*
 * Manifests: what makes a snapshot exist. One small sealed object a snapshot,
 * snapshots/<compact time>-<id>, written after everything it refers to is durable. The id is the
 * beginning of the SHA-256 of the object.
 */
#ifndef HF_REPOSITORY_MANIFEST_H
#define HF_REPOSITORY_MANIFEST_H

#include "storage/repository/reflist.h"
#include "storage/repository/repository.h"
#include "storage/repository/snapshot.h"

#include <jansson.h>

enum {
    HF_MANIFEST_MAX = 16 << 20,  /* the JSON */
    HF_MANIFEST_NAME_MAX = 1024, /* bytes of source, kind, host, job, a tag */
    HF_MANIFEST_KEY_MAX = 96,    /* "snapshots/<time>-<id>" and its NUL */
};

struct hf_manifest {
    int64_t time;     /* of the capture's view, ns */
    int64_t finished; /* ns */
    char *source;
    char *kind;
    char *host;
    char *job;              /* whose backup made it; NULL: none */
    struct hf_strings tags; /* in the order given */
    /* By the store's clock, ns: when the backup took its lease, and when the manifest was about to
     * be put; 0 when it does not say. */
    int64_t leased, stored;
    uint64_t streams;
    uint64_t bytes;
    uint64_t records;
    uint64_t stored_bytes;          /* what this snapshot added to the store, itself not counted */
    json_t *properties;             /* an object */
    struct hf_reflist_root catalog; /* its chunks are meta chunks */
};

/* Frees what the fields own (malloc'ed strings, one reference to properties). */
void hf_manifest_done(struct hf_manifest *manifest);
static inline void hf_manifest_auto(struct hf_manifest *manifest)
{
    hf_manifest_done(manifest);
}

/* To JSON and back. Building borrows; properties NULL is an empty object. parse fills *out on
 * success only; every field is checked (HF_DAMAGED). */
enum hf_status hf_manifest_build(const struct hf_manifest *manifest, struct hf_buf *out,
                                 struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_manifest_parse(const void *data, size_t len, struct hf_manifest *out,
                                 struct hf_error *err) HF_WARN_UNUSED;

/* Seals and stores; the snapshot exists from here on. */
enum hf_status hf_manifest_write(struct hf_repo *repo, const struct hf_manifest *manifest,
                                 char out_id[HF_SNAPSHOT_ID_TEXT],
                                 struct hf_error *err) HF_WARN_UNUSED;

/* key: "snapshots/<time>-<id>". The object is hashed against its name before it is opened. */
enum hf_status hf_manifest_read(struct hf_repo *repo, const char *key, struct hf_manifest *out,
                                struct hf_error *err) HF_WARN_UNUSED;
/* The same, with the object as it is stored, appended to an empty out_object. */
enum hf_status hf_manifest_load(struct hf_repo *repo, const char *key, struct hf_buf *out_object,
                                struct hf_manifest *out, struct hf_error *err) HF_WARN_UNUSED;

/* "snapshots/<time>-<id>" */
void hf_manifest_key(int64_t time, const char *id, char out[HF_MANIFEST_KEY_MAX]);
/* The id within a key of that form, or false when it is none. */
bool hf_manifest_key_id(const char *key, char out_id[HF_SNAPSHOT_ID_TEXT]);

#endif
