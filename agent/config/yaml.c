#include "agent/config/yaml.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct anchor {
    char *name;
    struct hf_yaml *node;
};

struct hf_yaml_doc {
    struct hf_yaml **nodes; /* all of them, each once */
    size_t count, cap;
    struct hf_yaml *root;
};

struct reader {
    const char *file;
    yaml_parser_t parser;
    struct hf_yaml_doc *doc;
    struct hf_yaml *stack[HF_YAML_DEPTH_MAX]; /* open lists and maps */
    size_t depth;
    struct anchor *anchors;
    size_t anchor_count;
};

static enum hf_status fail_at(const struct reader *r, const yaml_mark_t *mark, const char *reason,
                              struct hf_error *err)
{
    return hf_error_set(err, HF_CONFIG, "%s:%zu:%zu: %s", r->file, mark->line + 1, mark->column + 1,
                        reason);
}

static enum hf_status parser_error(const struct reader *r, struct hf_error *err)
{
    const yaml_parser_t *p = &r->parser;

    if (p->error == YAML_MEMORY_ERROR)
        return hf_error_memory(err);
    if (p->error == YAML_READER_ERROR)
        return hf_error_set(err, HF_CONFIG, "%s: byte %zu: %s; the file must be UTF-8 text",
                            r->file, p->problem_offset + 1, p->problem);
    return fail_at(r, &p->problem_mark, p->problem ? p->problem : "not valid YAML", err);
}

/* Room for one more pointer. */
static enum hf_status grow(struct hf_yaml ***items, size_t count, size_t *cap, struct hf_error *err)
{
    struct hf_yaml **more;

    if (count < *cap)
        return HF_OK;
    more = realloc(*items, (*cap * 2 + 16) * sizeof(struct hf_yaml *));
    if (!more)
        return hf_error_memory(err);
    *items = more;
    *cap = *cap * 2 + 16;
    return HF_OK;
}

static enum hf_status new_node(struct reader *r, enum hf_yaml_type type, const yaml_mark_t *mark,
                               struct hf_yaml **out, struct hf_error *err)
{
    struct hf_yaml_doc *doc = r->doc;
    struct hf_yaml *node;

    if (doc->count >= HF_YAML_NODES_MAX)
        return fail_at(r, mark, "the file is too large", err);
    HF_TRY(grow(&doc->nodes, doc->count, &doc->cap, err));
    node = calloc(1, sizeof *node);
    if (!node)
        return hf_error_memory(err);
    node->type = type;
    node->line = (unsigned)mark->line + 1;
    node->column = (unsigned)mark->column + 1;
    node->weight = 1;
    doc->nodes[doc->count++] = node;
    *out = node;
    return HF_OK;
}

static enum hf_status check_key(const struct reader *r, const struct hf_yaml *map,
                                const struct hf_yaml *key, const yaml_mark_t *mark,
                                struct hf_error *err)
{
    if (key->type != HF_YAML_SCALAR)
        return fail_at(r, mark, "a key must be text", err);
    for (size_t i = 0; i < map->count; i += 2) {
        if (strcmp(map->items[i]->text, key->text) == 0)
            return hf_error_set(
                err, HF_CONFIG, "%s:%zu:%zu: key \"%.100s\" is given twice, first in line %u",
                r->file, mark->line + 1, mark->column + 1, key->text, map->items[i]->line);
    }
    return HF_OK;
}

/* Puts a complete scalar, an alias or a just opened node into what is open. */
static enum hf_status attach(struct reader *r, struct hf_yaml *node, const yaml_mark_t *mark,
                             struct hf_error *err)
{
    struct hf_yaml *parent = r->depth ? r->stack[r->depth - 1] : NULL;
    size_t cap;

    if (!parent) {
        r->doc->root = node;
        return HF_OK;
    }
    if (parent->type == HF_YAML_MAP && parent->count % 2 == 0)
        HF_TRY(check_key(r, parent, node, mark, err));
    /* Sizes are 16, 48, 112, ...: the capacity follows from the count where it is used up. */
    for (cap = 0; cap < parent->count;)
        cap = cap * 2 + 16;
    HF_TRY(grow(&parent->items, parent->count, &cap, err));
    parent->items[parent->count++] = node;
    return HF_OK;
}

static enum hf_status add_anchor(struct reader *r, const yaml_char_t *name, struct hf_yaml *node,
                                 struct hf_error *err)
{
    struct anchor *more;

    if (!name)
        return HF_OK;
    more = realloc(r->anchors, (r->anchor_count + 1) * sizeof *more);
    if (!more)
        return hf_error_memory(err);
    r->anchors = more;
    more[r->anchor_count].name = strdup((const char *)name);
    if (!more[r->anchor_count].name)
        return hf_error_memory(err);
    more[r->anchor_count++].node = node;
    return HF_OK;
}

static enum hf_status on_scalar(struct reader *r, const yaml_event_t *event, struct hf_error *err)
{
    size_t len = event->data.scalar.length;
    const char *value = (const char *)event->data.scalar.value;
    struct hf_yaml *node;

    if (event->data.scalar.tag)
        return fail_at(r, &event->start_mark, "tags (!...) are not supported", err);
    if (memchr(value, 0, len))
        return fail_at(r, &event->start_mark, "text with a NUL character", err);
    HF_TRY(new_node(r, HF_YAML_SCALAR, &event->start_mark, &node, err));
    node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    node->text = strdup(value);
    if (!node->text)
        return hf_error_memory(err);
    HF_TRY(add_anchor(r, event->data.scalar.anchor, node, err));
    return attach(r, node, &event->start_mark, err);
}

static enum hf_status on_open(struct reader *r, const yaml_event_t *event, enum hf_yaml_type type,
                              struct hf_error *err)
{
    bool map = type == HF_YAML_MAP;
    struct hf_yaml *node;

    if (map ? event->data.mapping_start.tag : event->data.sequence_start.tag)
        return fail_at(r, &event->start_mark, "tags (!...) are not supported", err);
    if (r->depth >= HF_YAML_DEPTH_MAX)
        return fail_at(r, &event->start_mark, "nested too deeply", err);
    HF_TRY(new_node(r, type, &event->start_mark, &node, err));
    node->open = true;
    HF_TRY(add_anchor(r, map ? event->data.mapping_start.anchor : event->data.sequence_start.anchor,
                      node, err));
    HF_TRY(attach(r, node, &event->start_mark, err));
    r->stack[r->depth++] = node;
    return HF_OK;
}

/* Its weight is known now; what aliases multiply is bounded here. */
static enum hf_status on_close(struct reader *r, const yaml_event_t *event, struct hf_error *err)
{
    struct hf_yaml *node = r->stack[--r->depth];

    for (size_t i = 0; i < node->count; i++) {
        node->weight += node->items[i]->weight;
        if (node->weight > HF_YAML_NODES_MAX)
            return fail_at(r, &event->start_mark, "aliases expand to too much", err);
    }
    node->open = false;
    return HF_OK;
}

static enum hf_status on_alias(struct reader *r, const yaml_event_t *event, struct hf_error *err)
{
    const char *name = (const char *)event->data.alias.anchor;

    for (size_t i = r->anchor_count; i > 0; i--) {
        struct hf_yaml *node = r->anchors[i - 1].node;

        if (strcmp(r->anchors[i - 1].name, name) != 0)
            continue;
        if (node->open)
            return fail_at(r, &event->start_mark, "an alias inside of what it stands for", err);
        return attach(r, node, &event->start_mark, err);
    }
    return hf_error_set(err, HF_CONFIG, "%s:%zu:%zu: there is no anchor \"%.100s\" before this",
                        r->file, event->start_mark.line + 1, event->start_mark.column + 1, name);
}

static enum hf_status on_document(struct reader *r, const yaml_event_t *event, struct hf_error *err)
{
    if (r->doc->root)
        return fail_at(r, &event->start_mark, "a second document; there must be one", err);
    return HF_OK;
}

static enum hf_status on_event(struct reader *r, const yaml_event_t *event, struct hf_error *err)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        return on_document(r, event, err);
    case YAML_SCALAR_EVENT:
        return on_scalar(r, event, err);
    case YAML_SEQUENCE_START_EVENT:
        return on_open(r, event, HF_YAML_LIST, err);
    case YAML_MAPPING_START_EVENT:
        return on_open(r, event, HF_YAML_MAP, err);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return on_close(r, event, err);
    case YAML_ALIAS_EVENT:
        return on_alias(r, event, err);
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        break;
    }
    return HF_OK;
}

/* libyaml frees values without wiping them. */
static void wipe_event(yaml_event_t *event)
{
    if (event->type == YAML_SCALAR_EVENT && event->data.scalar.value)
        explicit_bzero(event->data.scalar.value, event->data.scalar.length);
    yaml_event_delete(event);
}

static enum hf_status read_events(struct reader *r, struct hf_error *err)
{
    for (;;) {
        yaml_event_t event;
        enum hf_status status;
        bool end;

        if (!yaml_parser_parse(&r->parser, &event))
            return parser_error(r, err);
        end = event.type == YAML_STREAM_END_EVENT;
        status = on_event(r, &event, err);
        wipe_event(&event);
        if (status != HF_OK || end)
            return status;
    }
}

static enum hf_status read_bytes(struct reader *r, const void *data, size_t len,
                                 struct hf_error *err)
{
    enum hf_status status;

    if (!yaml_parser_initialize(&r->parser))
        return hf_error_memory(err);
    yaml_parser_set_encoding(&r->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r->parser, data, len);
    status = read_events(r, err);
    yaml_parser_delete(&r->parser);
    for (size_t i = 0; i < r->anchor_count; i++)
        free(r->anchors[i].name);
    free(r->anchors);
    if (status == HF_OK && !r->doc->root)
        status = hf_error_set(err, HF_CONFIG, "%s: the file is empty", r->file);
    return status;
}

enum hf_status hf_yaml_read(const char *file, const void *data, size_t len,
                            struct hf_yaml_doc **out, struct hf_error *err)
{
    struct reader r = {.file = file};
    HF_AUTO_PTR(hf_yaml_doc) doc = NULL;

    if (len > HF_YAML_BYTES_MAX)
        return hf_error_set(err, HF_CONFIG, "%s: the file is larger than %d KiB", file,
                            HF_YAML_BYTES_MAX / 1024);
    doc = calloc(1, sizeof *doc);
    if (!doc)
        return hf_error_memory(err);
    r.doc = doc;
    HF_TRY(read_bytes(&r, data, len, err));
    *out = doc;
    doc = NULL;
    return HF_OK;
}

const struct hf_yaml *hf_yaml_root(const struct hf_yaml_doc *doc)
{
    return doc->root;
}

void hf_yaml_free(struct hf_yaml_doc *doc)
{
    if (!doc)
        return;
    for (size_t i = 0; i < doc->count; i++) {
        struct hf_yaml *node = doc->nodes[i];

        if (node->text)
            explicit_bzero(node->text, strlen(node->text));
        free(node->text);
        free(node->items);
        free(node);
    }
    free(doc->nodes);
    free(doc);
}

bool hf_yaml_is_null(const struct hf_yaml *node)
{
    return node->type == HF_YAML_SCALAR && node->plain &&
           (!*node->text || strcmp(node->text, "~") == 0 || strcmp(node->text, "null") == 0);
}

const char *hf_yaml_what(const struct hf_yaml *node)
{
    if (hf_yaml_is_null(node))
        return "nothing";
    switch (node->type) {
    case HF_YAML_LIST:
        return "a list";
    case HF_YAML_MAP:
        return "a group of keys";
    case HF_YAML_SCALAR:
        break;
    }
    return "text";
}

static const struct hf_yaml *entry(const struct hf_yaml *map, const char *key, size_t which)
{
    for (size_t i = 0; map && map->type == HF_YAML_MAP && i < map->count; i += 2) {
        if (strcmp(map->items[i]->text, key) == 0)
            return map->items[i + which];
    }
    return NULL;
}

const struct hf_yaml *hf_yaml_key(const struct hf_yaml *map, const char *key)
{
    return entry(map, key, 0);
}

const struct hf_yaml *hf_yaml_value(const struct hf_yaml *map, const char *key)
{
    return entry(map, key, 1);
}
