/*
 * Pins: pins/<snapshot id>, a small sealed object that says "keep this one", whatever retention's
 * rules say. The writer key is enough. Copies take pins along.
 */
#ifndef HF_REPOSITORY_PIN_H
#define HF_REPOSITORY_PIN_H

#include "storage/repository/snapshot.h"

enum { HF_PIN_REASON_MAX = 500 };

struct hf_pin {
    char snapshot[HF_SNAPSHOT_ID_TEXT];
    int64_t time;  /* when it was put, ns */
    int64_t until; /* by the store's clock, ns; 0: until it is taken away */
    char *reason;  /* or NULL */
    bool unclear;  /* it cannot be read, and so holds; id is all that is known */
};

struct hf_pins {
    struct hf_pin *items; /* sorted by snapshot */
    size_t count;
};

/* Puts a pin, or another one in its place, on a snapshot that is there: HF_NOT_FOUND where it is
 * gone by then. HF_USAGE for a reason that is too long or not UTF-8. time is set here. */
enum hf_status hf_pin_put(struct hf_repo *repo, const struct hf_pin *pin,
                          struct hf_error *err) HF_WARN_UNUSED;
/* Where pins are locked against removal, one that holds no longer is put in its place. */
enum hf_status hf_pin_remove(struct hf_repo *repo, const char *snapshot,
                             struct hf_error *err) HF_WARN_UNUSED;

/* The pin of one snapshot; HF_NOT_FOUND when it has none. One that cannot be read is unclear. */
enum hf_status hf_pin_read(struct hf_repo *repo, const char *snapshot, struct hf_pin *out,
                           struct hf_error *err) HF_WARN_UNUSED;
void hf_pin_done(struct hf_pin *pin);
/* All; those that cannot be read are told to the observer. */
enum hf_status hf_pins_load(struct hf_repo *repo, const struct hf_observer *observer,
                            struct hf_pins *out, struct hf_error *err) HF_WARN_UNUSED;
void hf_pins_free(struct hf_pins *pins);
static inline void hf_pins_auto(struct hf_pins *pins)
{
    hf_pins_free(pins);
}

/* Takes NULL, which holds nothing. now: by the store's clock. */
bool hf_pin_holds(const struct hf_pin *pin, int64_t now);
/* Of a snapshot, or NULL. Borrowed. */
const struct hf_pin *hf_pins_find(const struct hf_pins *pins, const char *snapshot);

/* The snapshot's id within a pin's key, or false when it has not the form of one. */
bool hf_pin_key_id(const char *key, char out_id[HF_SNAPSHOT_ID_TEXT]);

/* The object of a pin, as it is stored, appended to an empty out_object. For copies. HF_DAMAGED
 * when it is not whole. */
enum hf_status hf_pin_load(struct hf_repo *repo, const char *key, struct hf_buf *out_object,
                           struct hf_pin *out, struct hf_error *err) HF_WARN_UNUSED;

#endif
