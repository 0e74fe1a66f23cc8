/*
 * How a backup shares out its memory.
 */
#ifndef HF_REPOSITORY_BACKUP_PLAN_H
#define HF_REPOSITORY_BACKUP_PLAN_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

enum {
    HF_BACKUP_MEMORY = 256 << 20,
    HF_BACKUP_INDEX =
        16 << 20, /* of the memory, for the index; what it takes beyond is taken off */
    HF_BACKUP_THREADS_MAX = 256,
};

struct hf_backup_plan {
    size_t workers;
    size_t uploaders;
    size_t packs;   /* builders: being filled, waiting, being uploaded */
    size_t buffers; /* of chunk_max bytes */
    size_t pack_size;
};

/* memory 0: the default; threads 0: one a processor. HF_USAGE when memory is too little to work
 * in, with what is needed. */
enum hf_status hf_backup_plan(uint64_t memory, unsigned threads, int level, uint32_t chunk_max,
                              struct hf_backup_plan *out, struct hf_error *err) HF_WARN_UNUSED;

/* The same beside an index of so many bytes, which has its place in the memory too. A backup works
 * also where that leaves too little, in as little as it can: *out_beyond is by how much it may come
 * to more than memory. */
enum hf_status hf_backup_plan_beside(uint64_t index, uint64_t memory, unsigned threads, int level,
                                     uint32_t chunk_max, struct hf_backup_plan *out,
                                     uint64_t *out_beyond, struct hf_error *err) HF_WARN_UNUSED;

/* How much of memory is not needed for the least that a backup works in; 0: there is too little. */
uint64_t hf_backup_plan_spare(uint64_t memory, int level, uint32_t chunk_max);

/* What the parts of a plan may come to, all pages touched; for its test. */
uint64_t hf_backup_plan_bytes(const struct hf_backup_plan *plan, int level, uint32_t chunk_max);

#endif
