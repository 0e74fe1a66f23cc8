/* Pins and tags of snapshots, for a person and as JSON. */
#ifndef HF_AGENT_REPOSITORIES_PINS_H
#define HF_AGENT_REPOSITORIES_PINS_H

#include "base/buffer.h"
#include "base/text.h"
#include "storage/repository/pin.h"

#include <jansson.h>

/* Appends "pinned", "pinned: audit", "pinned until 2027-01-01T00:00:00Z: audit". */
enum hf_status hf_pin_words(const struct hf_pin *pin, struct hf_buf *out,
                            struct hf_error *err) HF_WARN_UNUSED;
/* As docs/json.md says; null for NULL. NULL when out of memory. */
json_t *hf_pin_json(const struct hf_pin *pin);
/* An array of the strings; NULL when out of memory. */
json_t *hf_strings_json(const struct hf_strings *strings);

#endif
