/*
 * A repository in memory with streams of known content, for tests of what reads it. Include after
 * <cmocka.h>; every function asserts.
 */
#ifndef HF_TESTS_SNAPSHOT_FIXTURE_H
#define HF_TESTS_SNAPSHOT_FIXTURE_H

#include "storage/repository/repository.h"
#include "storage/repository/snapshot.h"

struct fixture {
    struct hf_store *store;
    struct hf_repo *repo; /* opened with the reader key */
    struct hf_secret *passphrase;
};

/* Content follows from seed and size alone. */
struct fixture_stream {
    const char *name;
    enum hf_stream_kind kind;
    size_t size;
    uint32_t seed;
};

void fixture_open(struct fixture *fixture);
void fixture_close(struct fixture *fixture);
/* The same as cmocka calls them: one at a time, *state is the fixture. */
int fixture_set_up(void **state);
int fixture_tear_down(void **state);
/* Opens the same store anew, also one that was damaged. */
enum hf_status fixture_reopen(struct hf_store *store, const struct hf_secret *passphrase,
                              struct hf_repo **out, struct hf_error *err) HF_WARN_UNUSED;
/* The same repository with a writer key of its own. */
struct hf_repo *fixture_writer(struct fixture *fixture);

/* A replica in a store of its own, open under the same passphrase, which it borrows: to be closed
 * with fixture_drop. */
void fixture_replica(struct fixture *original, struct fixture *out);
/* A copy of the store as it is, open. The same. */
void fixture_copy(struct fixture *original, struct fixture *out);
void fixture_drop(struct fixture *fixture);

/* Appends the content of a stream. */
void fixture_content(const struct fixture_stream *stream, struct hf_buf *out);
/* Makes a snapshot. */
void fixture_backup(struct fixture *fixture, const char *source,
                    const struct fixture_stream *streams, size_t count,
                    char out_id[HF_SNAPSHOT_ID_TEXT]);

/* Reads a stream to its end. HF_MISMATCH when the content is another, else the feed's status. */
enum hf_status fixture_read(const struct hf_feed *feed, const struct fixture_stream *stream,
                            struct hf_error *err) HF_WARN_UNUSED;
/* Opens the snapshot and reads all streams of it; the first error ends it. */
enum hf_status fixture_read_all(struct hf_repo *repo, const char *id,
                                const struct fixture_stream *streams, size_t count,
                                struct hf_error *err) HF_WARN_UNUSED;

/* The keys that begin with prefix, sorted. */
struct hf_strings;
void fixture_keys(struct hf_store *store, const char *prefix, struct hf_strings *out);
/* The key of the largest object among these. */
const char *fixture_largest(struct hf_store *store, const struct hf_strings *keys);
/* Changes one byte of an object. */
void fixture_flip(struct hf_store *store, const char *key, size_t offset, uint8_t bits);

#endif
