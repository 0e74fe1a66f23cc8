/*
 * A sealed object whose plaintext is one JSON object, compressed with zstd: manifests, proofs.
 * Any thread.
 */
#ifndef HF_REPOSITORY_SEALED_JSON_H
#define HF_REPOSITORY_SEALED_JSON_H

#include "storage/repository/envelope.h"

enum { HF_SEALED_JSON_MAX = 16 << 20 }; /* of the text */

/* text: the JSON, at most HF_SEALED_JSON_MAX bytes (HF_USAGE). Appends the object to out. */
enum hf_status hf_sealed_json_seal(const struct hf_keyset *keys, enum hf_sealed_type type,
                                   const struct hf_buf *text, struct hf_buf *out,
                                   struct hf_error *err) HF_WARN_UNUSED;
/* Appends the text. HF_DAMAGED, HF_DENIED, HF_UNSUPPORTED as hf_envelope_open. */
enum hf_status hf_sealed_json_open(const struct hf_keyset *keys, enum hf_sealed_type type,
                                   const struct hf_buf *object, struct hf_buf *out,
                                   struct hf_error *err) HF_WARN_UNUSED;

#endif
