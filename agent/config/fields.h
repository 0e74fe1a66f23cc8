/*
 * Strict reading of a YAML map into a struct, driven by a table: which keys there are, of what
 * type, within what bounds, and where they go. Anything else is an error (HF_CONFIG) that begins
 * "file:line:column: " and names the nearest known key. Text is substituted (substitute.h).
 *
 * The struct starts zeroed; fields that were not given stay as they are. On failure what was read
 * so far is in the struct, to be released with the rest of it.
 */
#ifndef HF_AGENT_CONFIG_FIELDS_H
#define HF_AGENT_CONFIG_FIELDS_H

#include "agent/config/substitute.h"
#include "agent/config/yaml.h"

#include <stddef.h>
#include <stdint.h>

/* The file that is read, for all of reading. Borrowed by everything below. */
struct hf_fields_file {
    const char *name;   /* as errors name it */
    const char *folder; /* what relative paths are relative to */
    hf_lookup_fn *lookup;
    void *lookup_ctx;
};

enum hf_field_type {
    HF_FIELD_TEXT,     /* char *, malloc'ed */
    HF_FIELD_PATH,     /* char *, malloc'ed; relative to the file's folder */
    HF_FIELD_TEXTS,    /* struct hf_strings; a list of text, or one text */
    HF_FIELD_BOOL,     /* bool */
    HF_FIELD_NUMBER,   /* unsigned, min to max */
    HF_FIELD_SIZE,     /* uint64_t, min to max bytes */
    HF_FIELD_RATE,     /* uint64_t, min to max bytes a second: a size, "/s" may follow */
    HF_FIELD_DURATION, /* int64_t, min to max nanoseconds (hf_duration_parse) */
    HF_FIELD_CHOICE,   /* an enum: the place, from 0, of the text in the choices */
    HF_FIELD_SECRET,   /* struct hf_secret_spec; also KEY_file and KEY_command */
    HF_FIELD_OTHER,    /* read by the function */
};

struct hf_field;
typedef enum hf_status hf_field_fn(const struct hf_fields_file *file, const struct hf_yaml *value,
                                   const char *where, void *out, struct hf_error *err);

struct hf_field {
    const char *key; /* NULL ends a table */
    enum hf_field_type type;
    bool required;
    size_t offset; /* of the member in the struct; HF_FIELD_OTHER gets the whole struct */
    uint64_t min, max;
    const char *const *choices; /* NULL-ended */
    hf_field_fn *read;
};

/* where completes "unknown key "x" ...": "in source "app"". */
enum hf_status hf_fields_read(const struct hf_fields_file *file, const struct hf_yaml *map,
                              const struct hf_field *fields, const char *where, void *out,
                              struct hf_error *err) HF_WARN_UNUSED;

/* A key in one of its spellings ("x", "x_file", "x_command"), or the map where it is not there: the
 * place of an error about it. */
const struct hf_yaml *hf_fields_key(const struct hf_yaml *map, const char *key);

/* HF_CONFIG at a node's place. */
enum hf_status hf_fields_error(const struct hf_fields_file *file, const struct hf_yaml *node,
                               struct hf_error *err, const char *format, ...) HF_PRINTF(4, 5);

/* The text of a scalar, substituted; malloc'ed. key names it in errors. */
enum hf_status hf_fields_text(const struct hf_fields_file *file, const struct hf_yaml *value,
                              const char *key, const char *where, char **out,
                              struct hf_error *err) HF_WARN_UNUSED;
/* A path, relative ones made to begin in the file's folder; malloc'ed. */
enum hf_status hf_fields_path(const struct hf_fields_file *file, const char *path, char **out,
                              struct hf_error *err) HF_WARN_UNUSED;

#ifdef __clang_analyzer__ /* as in base/error.h */
#define hf_fields_error(...) HF_ERROR_IS_NO_SUCCESS(hf_fields_error(__VA_ARGS__))
#endif

#endif
