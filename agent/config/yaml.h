/*
 * A YAML document as a tree that remembers where everything was written.
 *
 * Bounded against hostile files: size, depth, and what aliases expand to. Refused, with position:
 * keys given twice or not text, more than one document, tags, recursive aliases, NUL characters,
 * bytes that are not UTF-8. All errors are HF_CONFIG and begin "file:line:column: ".
 * Nodes belong to the document and are wiped with it, since they may hold secrets.
 */
#ifndef HF_AGENT_CONFIG_YAML_H
#define HF_AGENT_CONFIG_YAML_H

#include "base/error.h"

#include <stddef.h>

enum { HF_YAML_BYTES_MAX = 1 << 20, HF_YAML_DEPTH_MAX = 16, HF_YAML_NODES_MAX = 20000 };

enum hf_yaml_type { HF_YAML_SCALAR, HF_YAML_LIST, HF_YAML_MAP };

struct hf_yaml {
    enum hf_yaml_type type;
    unsigned line, column; /* from 1 */
    char *text;            /* of a scalar */
    bool plain;            /* a scalar without quotes */
    bool open;             /* while it is read: its end was not seen yet */
    size_t weight;         /* nodes below it and itself, aliases expanded */
    /* A list's items; a map's keys and values in turn. */
    struct hf_yaml **items;
    size_t count;
};

struct hf_yaml_doc;

/* file names it in errors. */
enum hf_status hf_yaml_read(const char *file, const void *data, size_t len,
                            struct hf_yaml_doc **out, struct hf_error *err) HF_WARN_UNUSED;
/* The value at the top. */
const struct hf_yaml *hf_yaml_root(const struct hf_yaml_doc *doc);
void hf_yaml_free(struct hf_yaml_doc *doc);
HF_DEFINE_AUTO_PTR(hf_yaml_doc, hf_yaml_free)

/* Of a map: the node of a key, or of its value; NULL when it is not there, or map is none. */
const struct hf_yaml *hf_yaml_key(const struct hf_yaml *map, const char *key);
const struct hf_yaml *hf_yaml_value(const struct hf_yaml *map, const char *key);
/* "a list", "nothing", ...: what a node is, for error texts. */
const char *hf_yaml_what(const struct hf_yaml *node);
/* Nothing was written: `key:`, `key: ~` or `key: null`. */
bool hf_yaml_is_null(const struct hf_yaml *node);

#endif
