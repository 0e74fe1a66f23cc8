/*
 * The envelope of sealed meta objects: manifest, index, proof, lease, pack directory, the key of
 * a meta pack, marks. One layout, one subkey a type, so that no object can pass for one of another
 * type:
 *
 *    0   8  magic "HFSEALED"
 *    8   1  version (1)
 *    9   1  type
 *   10   2  zero
 *   12   4  generation, little-endian
 *   16  24  nonce, random
 *   40   n  ciphertext, XChaCha20-Poly1305
 *  40+n 16  tag
 *
 * key = HMAC-SHA-256(meta_key of the generation, "holdfast 1 sealed <type's name>")
 * associated data = bytes 0..39, the repository's id (16 bytes), then the caller's context
 *
 * The context binds an object to something that is not in it (a directory to its pack's slots);
 * seal and open must be given the same bytes. Any thread.
 */
#ifndef HF_REPOSITORY_ENVELOPE_H
#define HF_REPOSITORY_ENVELOPE_H

#include "base/buffer.h"
#include "base/error.h"
#include "storage/repository/keyset.h"

#include <stddef.h>
#include <stdint.h>

/* type, number in the envelope, name in the label of its subkey. Numbers are format: never reuse.
 */
#define HF_SEALED_LIST(X)                                                                          \
    X(HF_SEALED_MANIFEST, 1, "manifest")                                                           \
    X(HF_SEALED_INDEX, 2, "index")                                                                 \
    X(HF_SEALED_PROOF, 3, "proof")                                                                 \
    X(HF_SEALED_LEASE, 4, "lease")                                                                 \
    X(HF_SEALED_DIRECTORY, 5, "directory")                                                         \
    X(HF_SEALED_PACK_KEY, 6, "pack key")                                                           \
    X(HF_SEALED_MARKS, 7, "marks")                                                                 \
    X(HF_SEALED_PIN, 8, "pin")

enum hf_sealed_type {
#define X(type, number, name) type = (number),
    HF_SEALED_LIST(X)
#undef X
};

enum { HF_ENVELOPE_HEADER = 40, HF_ENVELOPE_OVERHEAD = HF_ENVELOPE_HEADER + 16 };

struct hf_context {
    const void *data; /* NULL with len 0: no context */
    size_t len;       /* at most HF_CONTEXT_MAX */
};
enum { HF_CONTEXT_MAX = 1 << 20 };

/* Sealed with the newest generation, appended to out: len + HF_ENVELOPE_OVERHEAD bytes. context
 * may be NULL. plain must not lie in out. */
enum hf_status hf_envelope_seal(const struct hf_keyset *keys, enum hf_sealed_type type,
                                const struct hf_context *context, const void *plain, size_t len,
                                struct hf_buf *out, struct hf_error *err) HF_WARN_UNUSED;

/* The plaintext, appended to out, which is unchanged on failure. HF_DAMAGED: not an envelope of
 * this type, truncated, or not authentic. HF_UNSUPPORTED: a newer version. HF_DENIED: of a
 * generation that this key was not granted. Errors do not name the object: prefix them. */
enum hf_status hf_envelope_open(const struct hf_keyset *keys, enum hf_sealed_type type,
                                const struct hf_context *context, const void *sealed, size_t len,
                                struct hf_buf *out, struct hf_error *err) HF_WARN_UNUSED;

#endif
