#include "storage/repository/init_claim.h"

#include "base/cancel.h"
#include "base/clock.h"
#include "base/random.h"

#include <stdio.h>
#include <string.h>

static const int64_t claim_ns = HF_INIT_CLAIM_S * HF_NS_PER_S;
static const int64_t wait_ns = HF_NS_PER_S / 4;
enum { LOOKS = 40 };

struct survey {
    const struct hf_init_claim *own;
    int64_t put_at; /* mtime of our own: the store's clock when this began; 0: not listed */
    size_t others;  /* that count */
    bool lesser;    /* one of them has a lesser name */
};

bool hf_init_claim_named(const char *key)
{
    uint8_t id[16];
    size_t prefix = strlen(HF_INIT_PREFIX);
    return strncmp(key, HF_INIT_PREFIX, prefix) == 0 && hf_unhex(id, sizeof id, key + prefix);
}

/* First find our own, whose time tells what is expired. */
static enum hf_status see_own(void *ctx, const char *key, const struct hf_store_stat *stat,
                              struct hf_error *err)
{
    struct survey *survey = ctx;
    (void)err;
    if (strcmp(key, survey->own->object) == 0)
        survey->put_at = stat->mtime;
    return HF_OK;
}

static enum hf_status see_others(void *ctx, const char *key, const struct hf_store_stat *stat,
                                 struct hf_error *err)
{
    struct survey *survey = ctx;
    const struct hf_init_claim *own = survey->own;
    (void)err;
    if (!hf_init_claim_named(key) || strcmp(key, own->object) == 0)
        return HF_OK;
    int64_t now = survey->put_at + hf_clock_monotonic() - own->begun;
    if (now - stat->mtime > claim_ns) {
        struct hf_error ignored = HF_ERROR_INIT;
        (void)!hf_store_delete(own->store, key, &ignored);
        return HF_OK;
    }
    survey->others++;
    survey->lesser = survey->lesser || strcmp(key, own->object) < 0;
    return HF_OK;
}

static enum hf_status busy(const struct hf_store *store, struct hf_error *err)
{
    return hf_error_set(err, HF_BUSY,
                        "%s: somebody else is making a repository here at this moment (if it was "
                        "cut off: try again in %d seconds)",
                        hf_store_name(store), HF_INIT_CLAIM_S);
}

/* *out_alone: nobody else wants to. HF_BUSY: step back. */
static enum hf_status look(const struct hf_init_claim *claim, bool *out_alone, struct hf_error *err)
{
    struct survey survey = {.own = claim};
    HF_TRY(hf_store_list(claim->store, HF_INIT_PREFIX, see_own, &survey, err));
    if (survey.put_at == 0)
        return busy(claim->store, err);
    HF_TRY(hf_store_list(claim->store, HF_INIT_PREFIX, see_others, &survey, err));
    *out_alone = survey.others == 0;
    return survey.lesser ? busy(claim->store, err) : HF_OK;
}

static enum hf_status wait_until_alone(const struct hf_init_claim *claim, struct hf_error *err)
{
    for (int i = 0; i < LOOKS; i++) {
        bool alone = false;
        HF_TRY(look(claim, &alone, err));
        if (alone)
            return HF_OK;
        HF_TRY(hf_cancel_sleep(NULL, wait_ns, err));
    }
    return busy(claim->store, err);
}

enum hf_status hf_init_claim_take(struct hf_store *store, struct hf_init_claim *out,
                                  struct hf_error *err)
{
    static const char text[] = "holdfast init\n";
    struct hf_init_claim claim = {.store = store, .begun = hf_clock_monotonic()};
    char id[33];
    hf_random_hex(id, 16);
    (void)snprintf(claim.object, sizeof claim.object, HF_INIT_PREFIX "%s", id);
    enum hf_status status =
        hf_store_put(store, claim.object, text, sizeof text - 1, HF_PUT_REPLACE, err);
    if (status == HF_OK)
        status = wait_until_alone(&claim, err);
    if (status != HF_OK) { /* also a put that failed may have worked */
        hf_init_claim_drop(&claim);
        return status;
    }
    *out = claim;
    return HF_OK;
}

enum hf_status hf_init_claim_left(const struct hf_init_claim *claim, int64_t *out_ns,
                                  struct hf_error *err)
{
    int64_t left = claim->begun + claim_ns / 2 - hf_clock_monotonic();
    if (left > 0) {
        *out_ns = left;
        return HF_OK;
    }
    return hf_error_set(err, HF_BUSY,
                        "%s: making a repository took so long that somebody else may do so "
                        "meanwhile: try again",
                        hf_store_name(claim->store));
}

void hf_init_claim_drop(struct hf_init_claim *claim)
{
    struct hf_error ignored = HF_ERROR_INIT;
    if (claim->store)
        (void)!hf_store_delete(claim->store, claim->object, &ignored);
    claim->store = NULL;
}

void hf_init_claim_leave(struct hf_init_claim *claim)
{
    claim->store = NULL;
}
