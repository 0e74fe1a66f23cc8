/*
 * Strict reading of JSON objects that came from a store: every getter checks presence, type and
 * bounds, and names the field in its error (status HF_DAMAGED). jansson objects are used
 * directly for everything else. What jansson frees is wiped, from the first use of a function here:
 * documents may bring secrets.
 */
#ifndef HF_BASE_JSON_H
#define HF_BASE_JSON_H

#include "base/buffer.h"
#include "base/error.h"

#include <jansson.h>
#include <stdint.h>

static inline void hf_json_auto(json_t **json)
{
    json_decref(*json);
}
#define HF_AUTO_JSON __attribute__((cleanup(hf_json_auto))) json_t *

/* Parses exactly one object from at most max bytes. what names it in errors. */
enum hf_status hf_json_parse_object(const void *data, size_t len, size_t max, const char *what,
                                    json_t **out, struct hf_error *err) HF_WARN_UNUSED;
/* Compact, keys sorted. */
enum hf_status hf_json_dump(const json_t *json, struct hf_buf *out,
                            struct hf_error *err) HF_WARN_UNUSED;
/* json_pack for objects, with out-of-memory as an error. New reference. */
enum hf_status hf_json_pack(json_t **out, struct hf_error *err, const char *format,
                            ...) HF_WARN_UNUSED;
/* A moment of the wall clock as text (hf_time_format), or null for 0, "never". New reference; NULL
 * when out of memory, which json_pack passes on. */
json_t *hf_json_time(int64_t time);

/* Required fields. Strings are borrowed from the object. */
enum hf_status hf_json_string(const json_t *object, const char *key, const char **out,
                              struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_json_u64(const json_t *object, const char *key, uint64_t max, uint64_t *out,
                           struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_json_i64(const json_t *object, const char *key, int64_t *out,
                           struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_json_bool(const json_t *object, const char *key, bool *out,
                            struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_json_object(const json_t *object, const char *key, json_t **out,
                              struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_json_array(const json_t *object, const char *key, json_t **out,
                             struct hf_error *err) HF_WARN_UNUSED;
/* Exactly len bytes given as hexadecimal. */
enum hf_status hf_json_hex(const json_t *object, const char *key, uint8_t *out, size_t len,
                           struct hf_error *err) HF_WARN_UNUSED;
/* Absent or null: *out stays. A wrong type is an error. */
enum hf_status hf_json_string_optional(const json_t *object, const char *key, const char **out,
                                       struct hf_error *err) HF_WARN_UNUSED;

#endif
