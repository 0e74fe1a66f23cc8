#include "storage/repository/keyset.h"

#include "storage/repository/subkey.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { SIGN_SEED = 32, ROSTER_ID = 16 };

enum hf_status hf_keyset_new(enum hf_role role, const uint8_t repo_id[HF_REPO_ID],
                             const uint8_t sign_pk[HF_SIGN_PK], struct hf_keyset **out,
                             struct hf_error *err)
{
    struct hf_keyset *keys = sodium_malloc(sizeof *keys);
    if (!keys)
        return hf_error_memory(err);
    memset(keys, 0, sizeof *keys);
    keys->role = role;
    memcpy(keys->repo_id, repo_id, HF_REPO_ID);
    memcpy(keys->sign_pk, sign_pk, HF_SIGN_PK);
    *out = keys;
    return HF_OK;
}

enum hf_status hf_keyset_generate(const uint8_t repo_id[HF_REPO_ID], struct hf_keyset **out,
                                  struct hf_error *err)
{
    static const uint8_t none[HF_SIGN_PK];
    HF_AUTO_PTR(hf_keyset) keys = NULL;
    HF_TRY(hf_keyset_new(HF_ROLE_READER, repo_id, none, &keys, err));
    randombytes_buf(keys->id_key, sizeof keys->id_key);
    (void)crypto_sign_keypair(keys->sign_pk, keys->sign_sk);

    struct hf_generation first;
    hf_generation_random(1, &first);
    enum hf_status status = hf_keyset_add(keys, &first, err);
    sodium_memzero(&first, sizeof first);
    if (status != HF_OK)
        return status;
    *out = keys;
    keys = NULL;
    return HF_OK;
}

void hf_keyset_free(struct hf_keyset *keys)
{
    if (!keys)
        return;
    sodium_free(keys->generations);
    free((void *)keys->roster.ids);
    sodium_free(keys);
}

enum hf_status hf_keyset_add(struct hf_keyset *keys, const struct hf_generation *generation,
                             struct hf_error *err)
{
    size_t at = keys->count;
    while (at > 0 && keys->generations[at - 1].number >= generation->number)
        at--;
    if (generation->number == 0 ||
        (at < keys->count && keys->generations[at].number == generation->number))
        return hf_error_set(err, HF_DAMAGED, "key generation %u is there twice",
                            (unsigned)generation->number);
    if (keys->count >= HF_GENERATIONS_MAX)
        return hf_error_set(err, HF_UNSUPPORTED, "more than %d key generations",
                            HF_GENERATIONS_MAX);

    struct hf_generation *grown = sodium_allocarray(keys->count + 1, sizeof *grown);
    if (!grown)
        return hf_error_memory(err);
    for (size_t i = 0; i < at; i++)
        grown[i] = keys->generations[i];
    grown[at] = *generation;
    for (size_t i = at; i < keys->count; i++)
        grown[i + 1] = keys->generations[i];
    sodium_free(keys->generations);
    keys->generations = grown;
    keys->count++;
    return HF_OK;
}

enum hf_status hf_keyset_set_roster(struct hf_keyset *keys, const struct hf_roster *roster,
                                    struct hf_error *err)
{
    void *copy = NULL;
    if (roster->count > 0) {
        copy = malloc(roster->count * ROSTER_ID);
        if (!copy)
            return hf_error_memory(err);
        memcpy(copy, roster->ids, roster->count * ROSTER_ID);
    }
    free((void *)keys->roster.ids);
    keys->roster.ids = copy;
    keys->roster.count = roster->count;
    return HF_OK;
}

enum hf_status hf_keyset_copy(const struct hf_keyset *keys, struct hf_keyset **out,
                              struct hf_error *err)
{
    HF_AUTO_PTR(hf_keyset) copy = NULL;
    HF_TRY(hf_keyset_new(keys->role, keys->repo_id, keys->sign_pk, &copy, err));
    memcpy(copy->id_key, keys->id_key, sizeof copy->id_key);
    memcpy(copy->sign_sk, keys->sign_sk, sizeof copy->sign_sk);
    for (size_t i = 0; i < keys->count; i++)
        HF_TRY(hf_keyset_add(copy, &keys->generations[i], err));
    HF_TRY(hf_keyset_set_roster(copy, &keys->roster, err));
    *out = copy;
    copy = NULL;
    return HF_OK;
}

void hf_generation_random(uint32_t number, struct hf_generation *out)
{
    out->number = number;
    randombytes_buf(out->meta_key, sizeof out->meta_key);
    (void)crypto_box_keypair(out->data_pk, out->data_sk);
}

const struct hf_generation *hf_keyset_current(const struct hf_keyset *keys)
{
    return keys->count > 0 ? &keys->generations[keys->count - 1] : NULL;
}

const struct hf_generation *hf_keyset_find(const struct hf_keyset *keys, uint32_t number)
{
    size_t low = 0;
    size_t high = keys->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (keys->generations[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < keys->count && keys->generations[low].number == number ? &keys->generations[low]
                                                                        : NULL;
}

enum hf_status hf_keyset_get(const struct hf_keyset *keys, uint32_t number, const char *what,
                             const struct hf_generation **out, struct hf_error *err)
{
    const struct hf_generation *found = hf_keyset_find(keys, number);
    if (!found)
        return hf_error_set(err, HF_DENIED,
                            "%s is sealed with key generation %u, which this key was not granted; "
                            "use a key that holds it, or have a reader key run `holdfast key "
                            "rotate`, which grants new generations",
                            what, (unsigned)number);
    *out = found;
    return HF_OK;
}

void hf_keyset_id_subkey(const struct hf_keyset *keys, enum hf_id_use use, uint8_t out[HF_KEY_SIZE])
{
    static const char *const labels[] = {
        [HF_ID_DATA] = "holdfast 1 id data",
        [HF_ID_META] = "holdfast 1 id meta",
        [HF_ID_CHUNKER] = "holdfast 1 chunker",
    };
    hf_subkey(keys->id_key, labels[use], out);
}

static void put(uint8_t **at, const void *data, size_t len)
{
    memcpy(*at, data, len);
    *at += len;
}

enum hf_status hf_grant_encode(const struct hf_keyset *keys, uint32_t generation, enum hf_role role,
                               const struct hf_roster *roster, uint8_t out[HF_GRANT_PLAIN_MAX],
                               size_t *out_len, struct hf_error *err)
{
    const struct hf_generation *g = hf_keyset_find(keys, generation);
    if (!g || (role == HF_ROLE_READER && keys->role != HF_ROLE_READER))
        return hf_error_set(err, HF_DENIED, "key generation %u cannot be granted by this key",
                            (unsigned)generation);
    if (roster && roster->count > HF_GRANT_ROSTER_MAX)
        return hf_error_set(err, HF_UNSUPPORTED, "more than %d key records", HF_GRANT_ROSTER_MAX);

    uint8_t *at = out;
    put(&at, keys->id_key, HF_KEY_SIZE);
    put(&at, g->meta_key, HF_KEY_SIZE);
    put(&at, g->data_pk, HF_KEY_SIZE);
    if (role == HF_ROLE_READER) {
        put(&at, keys->sign_sk, SIGN_SEED); /* libsodium keeps the seed first */
        put(&at, g->data_sk, HF_KEY_SIZE);
        hf_store_u16(at, (uint16_t)(roster ? roster->count : 0));
        at += 2;
        for (size_t i = 0; roster && i < roster->count; i++)
            put(&at, roster->ids[i], ROSTER_ID);
    }
    *out_len = (size_t)(at - out);
    return HF_OK;
}

static bool same(const uint8_t *a, const uint8_t *b, size_t len)
{
    return sodium_memcmp(a, b, len) == 0;
}

/* The seed's signing pair must be the one everybody trusts. */
static bool take_sign_seed(struct hf_keyset *keys, const uint8_t seed[SIGN_SEED])
{
    uint8_t pk[HF_SIGN_PK];
    uint8_t sk[HF_SIGN_SK];
    (void)crypto_sign_seed_keypair(pk, sk, seed);
    bool ok = same(pk, keys->sign_pk, sizeof pk);
    if (ok)
        memcpy(keys->sign_sk, sk, sizeof sk);
    sodium_memzero(sk, sizeof sk);
    return ok;
}

static bool take_data_sk(struct hf_generation *g, const uint8_t sk[HF_KEY_SIZE])
{
    uint8_t pk[HF_KEY_SIZE];
    memcpy(g->data_sk, sk, HF_KEY_SIZE);
    return crypto_scalarmult_base(pk, sk) == 0 && same(pk, g->data_pk, sizeof pk);
}

/* id_key never changes: the first grant sets it, the others must agree. */
static bool take_id_key(struct hf_keyset *keys, const uint8_t id_key[HF_KEY_SIZE])
{
    if (keys->count > 0)
        return same(keys->id_key, id_key, HF_KEY_SIZE);
    memcpy(keys->id_key, id_key, HF_KEY_SIZE);
    return true;
}

static bool take_reader_part(struct hf_keyset *keys, struct hf_generation *g, struct hf_reader *r,
                             struct hf_roster *roster)
{
    const uint8_t *seed = hf_reader_bytes(r, SIGN_SEED);
    const uint8_t *data_sk = hf_reader_bytes(r, HF_KEY_SIZE);
    roster->count = hf_reader_u16(r);
    roster->ids = (const void *)hf_reader_bytes(r, roster->count * ROSTER_ID);
    return hf_reader_done(r) && roster->count <= HF_GRANT_ROSTER_MAX &&
           take_sign_seed(keys, seed) && take_data_sk(g, data_sk);
}

enum hf_status hf_grant_decode(struct hf_keyset *keys, uint32_t generation, const uint8_t *plain,
                               size_t len, struct hf_error *err)
{
    struct hf_reader r;
    hf_reader_init(&r, plain, len);
    const uint8_t *id_key = hf_reader_bytes(&r, HF_KEY_SIZE);
    const uint8_t *meta_key = hf_reader_bytes(&r, HF_KEY_SIZE);
    const uint8_t *data_pk = hf_reader_bytes(&r, HF_KEY_SIZE);
    struct hf_generation g = {.number = generation};
    struct hf_roster roster = {.ids = NULL};

    bool ok = hf_reader_ok(&r);
    if (ok) {
        memcpy(g.meta_key, meta_key, HF_KEY_SIZE);
        memcpy(g.data_pk, data_pk, HF_KEY_SIZE);
        ok = keys->role == HF_ROLE_READER ? take_reader_part(keys, &g, &r, &roster)
                                          : hf_reader_done(&r);
    }
    ok = ok && take_id_key(keys, id_key);
    enum hf_status status =
        ok ? hf_keyset_add(keys, &g, err)
           : hf_error_set(err, HF_DAMAGED, "the grant of key generation %u holds no valid keys",
                          (unsigned)generation);
    sodium_memzero(&g, sizeof g);
    if (status != HF_OK)
        return status;
    if (hf_keyset_current(keys)->number != generation)
        return HF_OK; /* only the newest generation's roster matters */
    return hf_keyset_set_roster(keys, &roster, err);
}
