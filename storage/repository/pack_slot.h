/* Making the key slot of a pack (pack.h). */
#ifndef HF_REPOSITORY_PACK_SLOT_H
#define HF_REPOSITORY_PACK_SLOT_H

#include "storage/repository/pack.h"

/* A fresh key, and its slot under the newest generation. Wipe *out_key after use. */
enum hf_status hf_pack_slot_new(const struct hf_keyset *keys, enum hf_chunk_class class,
                                enum hf_repo_cipher cipher, struct hf_pack_slot *out_slot,
                                struct hf_pack_key *out_key, struct hf_error *err) HF_WARN_UNUSED;

#endif
