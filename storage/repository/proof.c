#include "storage/repository/proof.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "storage/repository/repository_internal.h"
#include "storage/repository/sealed_json.h"

#include <stdio.h>
#include <string.h>

#define PREFIX "proofs/"
enum {
    PREFIX_LEN = sizeof PREFIX - 1,
    ID_LEN = HF_SNAPSHOT_ID_TEXT - 1,
    KEY_MAX = PREFIX_LEN + ID_LEN + 1 + HF_TIME_TEXT,
    OBJECT_MAX = HF_SEALED_JSON_MAX + (1 << 20),
};

static const char *const state_names[] = {
    [HF_SNAPSHOT_STORED] = "stored",
    [HF_SNAPSHOT_CHECKED] = "checked",
    [HF_SNAPSHOT_PROVEN] = "proven",
};

bool hf_proof_key_id(const char *key, char out_id[HF_SNAPSHOT_ID_TEXT])
{
    if (strncmp(key, PREFIX, PREFIX_LEN) != 0)
        return false;
    key += PREFIX_LEN;
    if (strspn(key, "0123456789abcdef") != ID_LEN || key[ID_LEN] != '/' ||
        strchr(key + ID_LEN + 1, '/'))
        return false;
    memcpy(out_id, key, ID_LEN);
    out_id[ID_LEN] = '\0';
    return true;
}

static enum hf_status parse_state(const json_t *json, enum hf_snapshot_state *out,
                                  struct hf_error *err)
{
    const char *text;
    HF_TRY(hf_json_string(json, "state", &text, err));
    if (strcmp(text, state_names[HF_SNAPSHOT_CHECKED]) == 0)
        *out = HF_SNAPSHOT_CHECKED;
    else if (strcmp(text, state_names[HF_SNAPSHOT_PROVEN]) == 0)
        *out = HF_SNAPSHOT_PROVEN;
    else
        return hf_error_set(err, HF_DAMAGED, "\"state\" is neither checked nor proven");
    return HF_OK;
}

static enum hf_status parse(const struct hf_buf *text, const char *id, struct hf_proof *out,
                            struct hf_error *err)
{
    HF_AUTO_JSON json = NULL;
    struct hf_proof proof;
    const char *snapshot;
    HF_TRY(hf_json_parse_object(text->data, text->len, HF_SEALED_JSON_MAX, "proof", &json, err));
    HF_TRY(hf_json_string(json, "snapshot", &snapshot, err));
    if (strcmp(snapshot, id) != 0)
        return hf_error_set(err, HF_DAMAGED, "it is the proof of another snapshot");
    memcpy(proof.snapshot, id, sizeof proof.snapshot);
    HF_TRY(parse_state(json, &proof.state, err));
    HF_TRY(hf_json_i64(json, "time", &proof.time, err));
    *out = proof;
    return HF_OK;
}

enum hf_status hf_proof_load(struct hf_repo *repo, const char *key, struct hf_buf *out_object,
                             struct hf_proof *out, struct hf_error *err)
{
    HF_AUTO(hf_buf) text = HF_BUF_INIT;
    char id[HF_SNAPSHOT_ID_TEXT];
    if (!hf_proof_key_id(key, id))
        return hf_error_set(err, HF_DAMAGED, "%s: not the name of a proof", key);
    HF_TRY(hf_store_get_all(repo->store, key, OBJECT_MAX, out_object, err));
    if (hf_sealed_json_open(repo->keys, HF_SEALED_PROOF, out_object, &text, err) != HF_OK ||
        parse(&text, id, out, err) != HF_OK)
        return hf_error_prefix(err, "%s", key);
    return HF_OK;
}

enum hf_status hf_proof_read(struct hf_repo *repo, const char *key, struct hf_proof *out,
                             struct hf_error *err)
{
    HF_AUTO(hf_buf) object = HF_BUF_INIT;
    return hf_proof_load(repo, key, &object, out, err);
}

static enum hf_status collect_key(void *ctx, const char *key, const struct hf_store_stat *stat,
                                  struct hf_error *err)
{
    (void)stat;
    return hf_strings_add(ctx, key, err);
}

/* One that is locked stays beside what is said since. */
static enum hf_status delete_proof(struct hf_repo *repo, const char *key, struct hf_error *err)
{
    struct hf_error why = HF_ERROR_INIT;
    enum hf_status status = hf_store_delete(repo->store, key, &why);
    if (status == HF_OK || (status == HF_DENIED && hf_store_protects(repo->store)))
        return HF_OK;
    *err = why;
    return status;
}

enum hf_status hf_proof_supersede(struct hf_repo *repo, const char *id, int64_t before,
                                  struct hf_error *err)
{
    HF_AUTO(hf_strings) keys = HF_STRINGS_INIT;
    char prefix[KEY_MAX];
    (void)snprintf(prefix, sizeof prefix, PREFIX "%s/", id);
    HF_TRY(hf_store_list(repo->store, prefix, collect_key, &keys, err));
    for (size_t i = 0; i < keys.count; i++) {
        struct hf_error why = HF_ERROR_INIT;
        struct hf_proof proof;
        if (hf_proof_read(repo, keys.items[i], &proof, &why) == HF_OK &&
            proof.state == HF_SNAPSHOT_CHECKED && proof.time < before)
            HF_TRY(delete_proof(repo, keys.items[i], err));
    }
    return HF_OK;
}

enum hf_status hf_snapshot_add_proof(struct hf_repo *repo, const char *id,
                                     enum hf_snapshot_state state, const json_t *report,
                                     struct hf_error *err)
{
    HF_AUTO_JSON empty = json_object();
    HF_AUTO_JSON json = NULL;
    HF_AUTO(hf_buf) text = HF_BUF_INIT;
    HF_AUTO(hf_buf) object = HF_BUF_INIT;
    char time[HF_TIME_TEXT], key[KEY_MAX];
    int64_t now = hf_clock_now();
    if (!empty)
        return hf_error_memory(err);
    if (state == HF_SNAPSHOT_STORED || strspn(id, "0123456789abcdef") != ID_LEN ||
        id[ID_LEN] != '\0')
        return hf_error_set(err, HF_USAGE, "a proof says checked or proven of a whole id");
    HF_TRY(hf_json_pack(&json, err, "{s:s, s:s, s:I, s:O}", "snapshot", id, "state",
                        state_names[state], "time", (json_int_t)now, "report",
                        report ? report : empty));
    HF_TRY(hf_json_dump(json, &text, err));
    HF_TRY(hf_sealed_json_seal(repo->keys, HF_SEALED_PROOF, &text, &object, err));
    hf_time_format_compact(time, now);
    (void)snprintf(key, sizeof key, PREFIX "%s/%s", id, time);
    return hf_store_put(repo->store, key, object.data, object.len, HF_PUT_CREATE, err);
}
