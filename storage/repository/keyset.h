/*
 * The secrets of an open repository, in memory.
 *
 *   id_key    keys chunk ids and the chunker. It never changes: were it rotated, every chunk would
 *             get a new id, nothing written before would be found again, and the next backup would
 *             store everything anew. What it protects is small (who holds it and the store can
 *             tell whether a guessed chunk is in there), so the generations rotate without it.
 *   sign_pk   everybody's trust anchor: verifies the header and the grants in key records.
 *   sign_sk   signs them; readers only.
 *   generations  what is written is sealed with the newest; what was written before names its own.
 *                Each has a meta_key (index, manifests, leases, directories), data_pk (data is
 *                sealed to it) and, for readers only, data_sk.
 *
 * Everything lies in sodium_malloc memory and is wiped when freed. A keyset that does not change
 * may be read by any thread; hf_keyset_add may move the generations, so pointers to them
 * live until then. Only hf_key_rotate changes the keyset of an open repository (it replaces it).
 *
 * Subkeys are HMAC-SHA-256(key, label), labels in docs/format.md.
 */
#ifndef HF_REPOSITORY_KEYSET_H
#define HF_REPOSITORY_KEYSET_H

#include "base/buffer.h"
#include "base/error.h"
#include "storage/repository/repository.h"

#include <stddef.h>
#include <stdint.h>

enum {
    HF_KEY_SIZE = 32,
    HF_SIGN_PK = 32,
    HF_SIGN_SK = 64,
    HF_SIGNATURE = 64,
    HF_GENERATIONS_MAX = 1024,
    HF_KEY_RECORDS_MAX = 1000,
};

struct hf_generation {
    uint32_t number; /* from 1 */
    uint8_t meta_key[HF_KEY_SIZE];
    uint8_t data_pk[HF_KEY_SIZE];
    uint8_t data_sk[HF_KEY_SIZE]; /* zeroes in a writer's keyset */
};

/* The records that a generation is for: so any reader can finish a rotation that was cut short. */
struct hf_roster {
    const uint8_t (*ids)[16];
    size_t count;
};

struct hf_keyset {
    enum hf_role role;
    uint8_t repo_id[HF_REPO_ID];
    uint8_t id_key[HF_KEY_SIZE];
    uint8_t sign_pk[HF_SIGN_PK];
    uint8_t sign_sk[HF_SIGN_SK];       /* zeroes in a writer's keyset */
    struct hf_generation *generations; /* ascending by number, no number twice */
    size_t count;
    struct hf_roster roster; /* of the newest generation, as its grant says; owned, not secret */
};

/* No generation yet; sign_pk is all that is known. */
enum hf_status hf_keyset_new(enum hf_role role, const uint8_t repo_id[HF_REPO_ID],
                             const uint8_t sign_pk[HF_SIGN_PK], struct hf_keyset **out,
                             struct hf_error *err) HF_WARN_UNUSED;
/* Fresh secrets of a new repository: a reader's keyset with generation 1. */
enum hf_status hf_keyset_generate(const uint8_t repo_id[HF_REPO_ID], struct hf_keyset **out,
                                  struct hf_error *err) HF_WARN_UNUSED;
/* Wipes and frees. */
void hf_keyset_free(struct hf_keyset *keys);
HF_DEFINE_AUTO_PTR(hf_keyset, hf_keyset_free)

/* Inserts in order. HF_DAMAGED when the number is there already or is 0, HF_UNSUPPORTED when
 * there are too many. The keyset is unchanged on failure. */
enum hf_status hf_keyset_add(struct hf_keyset *keys, const struct hf_generation *generation,
                             struct hf_error *err) HF_WARN_UNUSED;
/* A copy of everything. */
enum hf_status hf_keyset_copy(const struct hf_keyset *keys, struct hf_keyset **out,
                              struct hf_error *err) HF_WARN_UNUSED;
/* Copies roster, which replaces the one there was. */
enum hf_status hf_keyset_set_roster(struct hf_keyset *keys, const struct hf_roster *roster,
                                    struct hf_error *err) HF_WARN_UNUSED;
/* Fresh keys for this number. Wipe *out with sodium_memzero after use. */
void hf_generation_random(uint32_t number, struct hf_generation *out);

/* The newest, which new objects are sealed with. Never NULL in an open repository. */
const struct hf_generation *hf_keyset_current(const struct hf_keyset *keys);
/* By number; NULL when this key was not granted it. */
const struct hf_generation *hf_keyset_find(const struct hf_keyset *keys, uint32_t number);
/* The same, as an error that says what to do (HF_DENIED). what: "pack 12ab…", in the text. */
enum hf_status hf_keyset_get(const struct hf_keyset *keys, uint32_t number, const char *what,
                             const struct hf_generation **out, struct hf_error *err) HF_WARN_UNUSED;

/* What id_key is used for. */
enum hf_id_use {
    HF_ID_DATA,    /* HMAC key of the ids of data chunks */
    HF_ID_META,    /* HMAC key of the ids of meta chunks */
    HF_ID_CHUNKER, /* seed of the chunker's gear table */
};
/* Wipe out after use. */
void hf_keyset_id_subkey(const struct hf_keyset *keys, enum hf_id_use use,
                         uint8_t out[HF_KEY_SIZE]);

/*
 * The secrets of one generation as bytes, for a grant (layout: docs/format.md, "Grants").
 * A reader's may carry the roster.
 * The bytes are secret: out must be a secret's block; *out_len is what was used of it.
 */
enum {
    HF_GRANT_ROSTER_MAX = HF_KEY_RECORDS_MAX,
    HF_GRANT_PLAIN_WRITER = 3 * HF_KEY_SIZE,
    HF_GRANT_PLAIN_READER = 5 * HF_KEY_SIZE + 2,
    HF_GRANT_PLAIN_MAX = HF_GRANT_PLAIN_READER + 16 * HF_GRANT_ROSTER_MAX,
};
/* role READER needs a reader's keyset. roster may be NULL; writers get none. */
enum hf_status hf_grant_encode(const struct hf_keyset *keys, uint32_t generation, enum hf_role role,
                               const struct hf_roster *roster, uint8_t out[HF_GRANT_PLAIN_MAX],
                               size_t *out_len, struct hf_error *err) HF_WARN_UNUSED;
/* Adds what a grant holds to keys, whose role says what must be inside. HF_DAMAGED when lengths are
 * wrong, when the halves of a pair do not belong together, or when id_key or the signing key
 * differ from what keys knows already. */
enum hf_status hf_grant_decode(struct hf_keyset *keys, uint32_t generation, const uint8_t *plain,
                               size_t len, struct hf_error *err) HF_WARN_UNUSED;

#endif
