/*
 * The header: object `holdfast`, the one that makes a store a repository. Clear JSON in one
 * canonical form (keys sorted, no spaces, lower-case hexadecimal, no other members), signed with
 * the repository's signing key. Written once, by init, last.
 */
#ifndef HF_REPOSITORY_HEADER_H
#define HF_REPOSITORY_HEADER_H

#include "base/buffer.h"
#include "base/error.h"
#include "storage/repository/keyset.h"
#include "storage/repository/repository.h"

#include <stdint.h>

#define HF_HEADER_KEY "holdfast"

enum {
    HF_HEADER_MAX = 4096,
    /* Defaults of new repositories, and the bounds of what a header may say. avg is a power of
     * two; min < avg < max; these bound every chunk's plain length. */
    HF_CHUNK_MIN = 256 << 10,
    HF_CHUNK_AVG = 1 << 20,
    HF_CHUNK_MAX = 4 << 20,
    HF_CHUNK_MIN_LOWEST = 1 << 10,
    HF_CHUNK_MAX_HIGHEST = 16 << 20,
};

struct hf_repo_header {
    uint32_t format; /* HF_REPO_FORMAT */
    uint8_t id[HF_REPO_ID];
    enum hf_repo_cipher cipher; /* of frames in packs */
    uint32_t chunk_min;         /* bytes */
    uint32_t chunk_avg;
    uint32_t chunk_max;
    uint8_t signature[HF_SIGNATURE];
};

/* HF_UNSUPPORTED: a newer format or an unknown cipher. HF_DAMAGED: anything else that is wrong.
 * The signature is not looked at. */
enum hf_status hf_header_parse(const void *data, size_t len, struct hf_repo_header *out,
                               struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_header_render(const struct hf_repo_header *header, struct hf_buf *out,
                                struct hf_error *err) HF_WARN_UNUSED;
void hf_header_sign(struct hf_repo_header *header, const uint8_t sign_sk[HF_SIGN_SK]);
/* HF_DAMAGED when the header is not the one that the holder of sign_pk's other half signed. */
enum hf_status hf_header_verify(const struct hf_repo_header *header,
                                const uint8_t sign_pk[HF_SIGN_PK],
                                struct hf_error *err) HF_WARN_UNUSED;
/* From the store. HF_NOT_FOUND: there is no repository. */
enum hf_status hf_header_load(struct hf_store *store, struct hf_repo_header *out,
                              struct hf_error *err) HF_WARN_UNUSED;

#endif
