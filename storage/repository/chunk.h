/*
 * Chunks and their ids.
 *
 * A chunk is a piece of a stream (data) or of a list of them (meta: reference lists, catalog).
 * Its id is HMAC-SHA-256 of the plaintext under a subkey of id_key, one subkey a class, so an id
 * tells nothing to who does not hold the key, and authenticates the chunk to who does.
 */
#ifndef HF_REPOSITORY_CHUNK_H
#define HF_REPOSITORY_CHUNK_H

#include "base/error.h"
#include "storage/repository/header.h"
#include "storage/repository/keyset.h"

#include <stddef.h>
#include <stdint.h>

enum {
    HF_CHUNK_ID = 32,
    HF_CHUNK_ID_TEXT = 2 * HF_CHUNK_ID + 1,
    HF_CHUNK_PLAIN_MAX = HF_CHUNK_MAX_HIGHEST, /* of any class; never 0 long either */
};

struct hf_chunk_id {
    uint8_t bytes[HF_CHUNK_ID];
};

/* The numbers are format: they are the types of a pack's slots. */
enum hf_chunk_class {
    HF_CHUNK_DATA = 1,
    HF_CHUNK_META = 2,
};

/* Makes ids of one class. Keyed once: an id costs no allocation. One thread at a time. */
struct hf_chunk_hasher;
enum hf_status hf_chunk_hasher_new(const struct hf_keyset *keys, enum hf_chunk_class class,
                                   struct hf_chunk_hasher **out,
                                   struct hf_error *err) HF_WARN_UNUSED;
void hf_chunk_hasher_free(struct hf_chunk_hasher *hasher); /* takes NULL */
HF_DEFINE_AUTO_PTR(hf_chunk_hasher, hf_chunk_hasher_free)

enum hf_status hf_chunk_hash(struct hf_chunk_hasher *hasher, const void *data, size_t len,
                             struct hf_chunk_id *out, struct hf_error *err) HF_WARN_UNUSED;
/* HF_DAMAGED when data is not the chunk of that id. */
enum hf_status hf_chunk_verify(struct hf_chunk_hasher *hasher, const struct hf_chunk_id *id,
                               const void *data, size_t len, struct hf_error *err) HF_WARN_UNUSED;

bool hf_chunk_id_equal(const struct hf_chunk_id *a, const struct hf_chunk_id *b);

#endif
