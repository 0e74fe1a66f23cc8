#include "storage/repository/pin.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "storage/repository/repository_internal.h"
#include "storage/repository/sealed_json.h"
#include "storage/repository/snapshot_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "pins/"
enum {
    PREFIX_LEN = sizeof PREFIX - 1,
    ID_LEN = HF_SNAPSHOT_ID_TEXT - 1,
    KEY_MAX = PREFIX_LEN + HF_SNAPSHOT_ID_TEXT,
    OBJECT_MAX = 16384,
};

bool hf_pin_key_id(const char *key, char out_id[HF_SNAPSHOT_ID_TEXT])
{
    if (strncmp(key, PREFIX, PREFIX_LEN) != 0)
        return false;
    key += PREFIX_LEN;
    if (strspn(key, "0123456789abcdef") != ID_LEN || key[ID_LEN] != '\0')
        return false;
    memcpy(out_id, key, HF_SNAPSHOT_ID_TEXT);
    return true;
}

static enum hf_status key_of(const char *snapshot, char key[KEY_MAX], struct hf_error *err)
{
    char id[HF_SNAPSHOT_ID_TEXT];
    (void)snprintf(key, KEY_MAX, PREFIX "%s", snapshot);
    if (!hf_pin_key_id(key, id) || strcmp(id, snapshot) != 0)
        return hf_error_set(err, HF_USAGE, "%.100s is no whole id of a snapshot", snapshot);
    return HF_OK;
}

/* ---- reading ---- */

static enum hf_status parse(const struct hf_buf *text, const char *id, struct hf_pin *out,
                            struct hf_error *err)
{
    HF_AUTO_JSON json = NULL;
    struct hf_pin pin = {.time = 0};
    const char *snapshot, *reason = NULL;
    HF_TRY(hf_json_parse_object(text->data, text->len, HF_SEALED_JSON_MAX, "pin", &json, err));
    HF_TRY(hf_json_string(json, "snapshot", &snapshot, err));
    if (strcmp(snapshot, id) != 0)
        return hf_error_set(err, HF_DAMAGED, "it is the pin of another snapshot");
    memcpy(pin.snapshot, id, sizeof pin.snapshot);
    HF_TRY(hf_json_i64(json, "time", &pin.time, err));
    HF_TRY(hf_json_i64(json, "until", &pin.until, err));
    HF_TRY(hf_json_string_optional(json, "reason", &reason, err));
    if (reason)
        HF_TRY(hf_text_copy(reason, &pin.reason, err));
    *out = pin;
    return HF_OK;
}

enum hf_status hf_pin_load(struct hf_repo *repo, const char *key, struct hf_buf *out_object,
                           struct hf_pin *out, struct hf_error *err)
{
    HF_AUTO(hf_buf) text = HF_BUF_INIT;
    char id[HF_SNAPSHOT_ID_TEXT];
    if (!hf_pin_key_id(key, id))
        return hf_error_set(err, HF_DAMAGED, "%s: not the name of a pin", key);
    HF_TRY(hf_store_get_all(repo->store, key, OBJECT_MAX, out_object, err));
    if (hf_sealed_json_open(repo->keys, HF_SEALED_PIN, out_object, &text, err) != HF_OK ||
        parse(&text, id, out, err) != HF_OK)
        return hf_error_prefix(err, "%s", key);
    return HF_OK;
}

/* out_why: what is wrong with one that is unclear; may be NULL. */
static enum hf_status read_pin(struct hf_repo *repo, const char *key, struct hf_pin *out,
                               struct hf_error *out_why, struct hf_error *err)
{
    HF_AUTO(hf_buf) object = HF_BUF_INIT;
    struct hf_error why = HF_ERROR_INIT;
    enum hf_status status = hf_pin_load(repo, key, &object, out, &why);
    if (status == HF_OK)
        return HF_OK;
    if (status != HF_DAMAGED && status != HF_DENIED && status != HF_UNSUPPORTED) {
        *err = why;
        return status;
    }
    *out = (struct hf_pin){.unclear = true};
    memcpy(out->snapshot, key + PREFIX_LEN, HF_SNAPSHOT_ID_TEXT);
    if (out_why)
        *out_why = why;
    return HF_OK;
}

enum hf_status hf_pin_read(struct hf_repo *repo, const char *snapshot, struct hf_pin *out,
                           struct hf_error *err)
{
    char key[KEY_MAX];
    HF_TRY(key_of(snapshot, key, err));
    return read_pin(repo, key, out, NULL, err);
}

void hf_pin_done(struct hf_pin *pin)
{
    free(pin->reason);
    *pin = (struct hf_pin){.time = 0};
}

void hf_pins_free(struct hf_pins *pins)
{
    for (size_t i = 0; i < pins->count; i++)
        hf_pin_done(&pins->items[i]);
    free(pins->items);
    *pins = (struct hf_pins){.items = NULL};
}

static enum hf_status collect_key(void *ctx, const char *key, const struct hf_store_stat *stat,
                                  struct hf_error *err)
{
    char id[HF_SNAPSHOT_ID_TEXT];
    (void)stat;
    return hf_pin_key_id(key, id) ? hf_strings_add(ctx, key, err) : HF_OK;
}

static int by_snapshot(const void *a, const void *b)
{
    const struct hf_pin *x = a, *y = b;
    return strcmp(x->snapshot, y->snapshot);
}

enum hf_status hf_pins_load(struct hf_repo *repo, const struct hf_observer *observer,
                            struct hf_pins *out, struct hf_error *err)
{
    HF_AUTO(hf_strings) keys = HF_STRINGS_INIT;
    HF_AUTO(hf_pins) pins = {.items = NULL};
    HF_TRY(hf_store_list(repo->store, PREFIX, collect_key, &keys, err));
    pins.items = calloc(keys.count + 1, sizeof *pins.items);
    if (!pins.items)
        return hf_error_memory(err);
    for (size_t i = 0; i < keys.count; i++) {
        struct hf_error why = HF_ERROR_INIT;
        enum hf_status status = read_pin(repo, keys.items[i], &pins.items[pins.count], &why, err);
        if (status == HF_NOT_FOUND) /* taken away since it was listed */
            continue;
        HF_TRY(status);
        if (pins.items[pins.count++].unclear)
            hf_observe(observer, HF_NOTE_WARNING, "a pin cannot be read, and holds: %s", why.text);
    }
    qsort(pins.items, pins.count, sizeof *pins.items, by_snapshot);
    *out = pins;
    pins = (struct hf_pins){.items = NULL};
    return HF_OK;
}

const struct hf_pin *hf_pins_find(const struct hf_pins *pins, const char *snapshot)
{
    struct hf_pin key = {.time = 0};
    (void)snprintf(key.snapshot, sizeof key.snapshot, "%s", snapshot);
    return pins->count > 0
               ? bsearch(&key, pins->items, pins->count, sizeof *pins->items, by_snapshot)
               : NULL;
}

bool hf_pin_holds(const struct hf_pin *pin, int64_t now)
{
    return pin && (pin->unclear || pin->until == 0 || pin->until > now);
}

/* ---- writing ---- */

static bool is_text(const char *text)
{
    size_t len;
    for (; *text; text += len)
        if ((len = hf_text_utf8(text, NULL)) == 0)
            return false;
    return true;
}

static enum hf_status put(struct hf_repo *repo, const struct hf_pin *pin, struct hf_error *err)
{
    HF_AUTO_JSON json = NULL;
    HF_AUTO(hf_buf) text = HF_BUF_INIT;
    HF_AUTO(hf_buf) object = HF_BUF_INIT;
    char key[KEY_MAX];
    HF_TRY(key_of(pin->snapshot, key, err));
    HF_TRY(hf_json_pack(&json, err, "{s:s, s:I, s:I, s:s*}", "snapshot", pin->snapshot, "time",
                        (json_int_t)hf_clock_now(), "until", (json_int_t)pin->until, "reason",
                        pin->reason));
    HF_TRY(hf_json_dump(json, &text, err));
    HF_TRY(hf_sealed_json_seal(repo->keys, HF_SEALED_PIN, &text, &object, err));
    return hf_store_put(repo->store, key, object.data, object.len, HF_PUT_REPLACE, err);
}

static enum hf_status is_there(struct hf_repo *repo, const char *snapshot, struct hf_error *err)
{
    HF_AUTO(hf_strings) keys = HF_STRINGS_INIT;
    HF_TRY(hf_snapshot_keys(repo, &keys, err));
    for (size_t i = 0; i < keys.count; i++) {
        char id[HF_SNAPSHOT_ID_TEXT];
        if (hf_manifest_key_id(keys.items[i], id) && strcmp(id, snapshot) == 0)
            return HF_OK;
    }
    return hf_error_set(err, HF_NOT_FOUND, "snapshot %s is not there any more", snapshot);
}

enum hf_status hf_pin_put(struct hf_repo *repo, const struct hf_pin *pin, struct hf_error *err)
{
    if (pin->reason && (strlen(pin->reason) > HF_PIN_REASON_MAX || !is_text(pin->reason)))
        return hf_error_set(err, HF_USAGE, "a reason is UTF-8 text of at most %d bytes",
                            HF_PIN_REASON_MAX);
    HF_TRY(put(repo, pin, err));
    /* Somebody may have forgotten it before he could see the pin. */
    enum hf_status status = is_there(repo, pin->snapshot, err);
    struct hf_error ignored = HF_ERROR_INIT;
    if (status == HF_NOT_FOUND)
        (void)!hf_pin_remove(repo, pin->snapshot, &ignored);
    return status;
}

enum hf_status hf_pin_remove(struct hf_repo *repo, const char *snapshot, struct hf_error *err)
{
    char key[KEY_MAX];
    struct hf_error why = HF_ERROR_INIT;
    HF_TRY(key_of(snapshot, key, err));
    enum hf_status status = hf_store_delete(repo->store, key, &why);
    if (status == HF_DENIED && hf_store_protects(repo->store)) {
        struct hf_pin past = {.until = 1};
        memcpy(past.snapshot, snapshot, sizeof past.snapshot);
        return put(repo, &past, err);
    }
    if (status != HF_OK)
        *err = why;
    return status;
}
