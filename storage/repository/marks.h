/*
 * Marks: packs in which no snapshot needed anything when somebody looked, and since when that is
 * known. In the store: marks/<SHA-256 in hexadecimal>, envelopes (HF_SEALED_MARKS). Numbers are
 * little-endian.
 *
 *   since (8): ns since 1970 UTC, by the store's clock; packs (4); then packs × 32: their ids
 *
 * What is marked is what all objects say together. Whoever begins to write a snapshot loads the
 * marks and does not count on these packs; prune removes them when they were marked for long enough
 * (prune.h), and takes marks back from packs that turn out to be needed.
 * A struct hf_marks belongs to one thread at a time; one that does not change may be read by any.
 */
#ifndef HF_REPOSITORY_MARKS_H
#define HF_REPOSITORY_MARKS_H

#include "storage/repository/id_table.h"
#include "storage/repository/index.h"

enum {
    HF_MARKS_PACKS = 1 << 16, /* in an object that is written */
    HF_MARKS_OBJECT_MAX = 64 << 20,
};

struct hf_marks_object {
    char *key; /* owned */
    int64_t since;
    struct hf_chunk_id *packs; /* owned */
    size_t count;
    bool damaged; /* not what its name says: of no use to anybody */
};

/* Start with hf_marks_init. */
struct hf_marks {
    struct hf_marks_object *objects;
    size_t count;
    size_t cap;
    struct hf_id_table table; /* (object, place in it) */
};

void hf_marks_init(struct hf_marks *marks);
void hf_marks_done(struct hf_marks *marks);

/* Into what hf_marks_init made. Objects that cannot be read mark nothing: the leases guard what
 * they marked. */
enum hf_status hf_marks_load(struct hf_marks *marks, struct hf_repo *repo,
                             struct hf_error *err) HF_WARN_UNUSED;
/* Is the pack marked? *out_since (may be NULL): the latest time that any object says. */
bool hf_marks_find(const struct hf_marks *marks, const struct hf_chunk_id *pack,
                   int64_t *out_since);
/* Nothing is to count on marked packs: hf_index_set_aside for each. */
enum hf_status hf_marks_set_aside(const struct hf_marks *marks, struct hf_index *index,
                                  struct hf_error *err) HF_WARN_UNUSED;

/* Marks packs in the store; nothing for none. */
enum hf_status hf_marks_write(struct hf_repo *repo, int64_t since, const struct hf_chunk_id *packs,
                              size_t count, struct hf_error *err) HF_WARN_UNUSED;
/* Takes the marks of all packs back for which keep says no: writes what stays, with its time, then
 * removes the objects that said more, and damaged ones. marks itself stays as it is. A crash leaves
 * marks that say the same twice. */
enum hf_status hf_marks_keep(const struct hf_marks *marks, struct hf_repo *repo,
                             bool (*keep)(void *ctx, const struct hf_chunk_id *pack), void *ctx,
                             struct hf_error *err) HF_WARN_UNUSED;

/* An object's plaintext; packs is malloc'ed, NULL for none. HF_DAMAGED. For the fuzzer, too. */
enum hf_status hf_marks_parse(const void *data, size_t len, struct hf_marks_object *out,
                              struct hf_error *err) HF_WARN_UNUSED;

#endif
