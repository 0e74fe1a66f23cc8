/*
 * Where else chunks are: a replica (replica.h), asked when a chunk is missing or damaged in the
 * repository that is read. Its index is loaded and a lease taken when it is first needed, so a
 * sound repository costs nothing. What comes from it is authenticated as anything else. Any thread
 * may call anything but free.
 */
#ifndef HF_REPOSITORY_FALLBACK_H
#define HF_REPOSITORY_FALLBACK_H

#include "base/observer.h"
#include "storage/repository/chunk_reader.h"
#include "storage/repository/snapshot.h"

struct hf_fallback;

/* repo and observer (may be NULL) are borrowed. HF_USAGE, HF_MISMATCH: repo is no replica of
 * original; HF_DENIED: original's key reads data and repo's does not. */
enum hf_status hf_fallback_new(struct hf_repo *original, struct hf_repo *repo,
                               const struct hf_observer *observer, struct hf_fallback **out,
                               struct hf_error *err) HF_WARN_UNUSED;
void hf_fallback_free(struct hf_fallback *fallback);
HF_DEFINE_AUTO_PTR(hf_fallback, hf_fallback_free)

struct hf_repo *hf_fallback_repo(const struct hf_fallback *fallback);
/* The replica's reader; NULL when it cannot be used, which is noted once. */
struct hf_chunk_reader *hf_fallback_reader(struct hf_fallback *fallback);
/* The same for who cannot do without: the error. Its index is there then. */
enum hf_status hf_fallback_need(struct hf_fallback *fallback, struct hf_chunk_reader **out,
                                struct hf_error *err) HF_WARN_UNUSED;
struct hf_index *hf_fallback_index(const struct hf_fallback *fallback);
/* Where a chunk is in a sound pack of the replica; false when it is in none, or the replica cannot
 * be used. */
bool hf_fallback_locate(struct hf_fallback *fallback, const uint8_t id[HF_REF_ID],
                        enum hf_chunk_class class, uint32_t plain_len, struct hf_location *out);
/* Notes that a pack of the original is bad. */
void hf_fallback_note(const struct hf_fallback *fallback, const struct hf_error *why);
/* A chunk was taken from there. */
void hf_fallback_count(struct hf_fallback *fallback, uint64_t bytes);
void hf_fallback_stats(const struct hf_fallback *fallback, struct hf_fell_back *out);

#endif
