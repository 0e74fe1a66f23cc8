#include "formats/postgres/toc.h"

#include "base/buffer.h"

#include <stdlib.h>
#include <string.h>

/*
 * An archive begins: "PGDMP", major, minor, revision, size of an integer, size of an offset,
 * form (1: custom), compression (1.15: one byte; before: an integer), seven integers of the
 * creation time, three texts; then the number of entries and the entries. An integer is a sign
 * byte and its magnitude, little-endian; a text is an integer length (-1: absent) and its bytes.
 */
enum {
    CUSTOM_FORM = 1,
    INT_SIZE = 4,
    ENTRY_MIN = 80, /* bytes that the shortest entry takes: bounds the number of entries */
    OFFSET_FLAG_MAX = 3,
};

struct by_id {
    int32_t id;
    size_t index;
};

struct toc {
    struct hf_pg_toc pub; /* first: the public face is the object */
    char *text;           /* every string, each with its NUL */
    int32_t *deps;
    struct hf_pg_toc_entry *entries;
    struct by_id *ids; /* sorted */
};

struct parser {
    struct hf_reader r;
    struct toc *toc;
    size_t text_used; /* never above the archive's length: a text of n bytes takes n + 5 there */
    size_t deps_used;
    unsigned offset_size;
    bool bad; /* a value makes no sense */
};

static int32_t read_int(struct parser *p)
{
    uint8_t negative = hf_reader_u8(&p->r);
    uint32_t magnitude = hf_reader_u32(&p->r);

    if (negative > 1 || magnitude > INT32_MAX) {
        p->bad = true;
        return 0;
    }
    return negative ? -(int32_t)magnitude : (int32_t)magnitude;
}

/* NULL when absent; otherwise a NUL-ended copy that the object owns. */
static const char *read_text(struct parser *p)
{
    int32_t len = read_int(p);
    const uint8_t *bytes;
    char *copy;

    if (p->bad || len < 0)
        return NULL;
    bytes = hf_reader_bytes(&p->r, (size_t)len);
    if (!bytes && len > 0)
        return NULL;
    if (len > 0 && memchr(bytes, 0, (size_t)len)) {
        p->bad = true;
        return NULL;
    }
    copy = p->toc->text + p->text_used;
    if (len > 0)
        memcpy(copy, bytes, (size_t)len);
    copy[len] = '\0';
    p->text_used += (size_t)len + 1;
    return copy;
}

static const char *read_text_or_empty(struct parser *p)
{
    const char *text = read_text(p);

    return text ? text : "";
}

static bool failed(const struct parser *p)
{
    return p->bad || !hf_reader_ok(&p->r);
}

static enum hf_status damaged(struct hf_error *err, const char *what)
{
    return hf_error_set(err, HF_DAMAGED, "the schema archive is damaged: %s", what);
}

static enum hf_status read_head(struct parser *p, struct hf_error *err)
{
    const uint8_t *magic = hf_reader_bytes(&p->r, 5);
    uint8_t major = hf_reader_u8(&p->r);
    uint8_t minor = hf_reader_u8(&p->r);
    struct hf_pg_toc *toc = &p->toc->pub;

    if (failed(p) || memcmp(magic, "PGDMP", 5) != 0)
        return damaged(err, "it is no archive of pg_dump");
    if (major != 1 || minor < 14 || minor > 16)
        return hf_error_set(err, HF_UNSUPPORTED,
                            "the schema archive is of version %u.%u, and 1.14 to 1.16 (pg_dump 12 "
                            "to 18) are known: use a newer holdfast",
                            major, minor);
    toc->minor = minor;
    (void)hf_reader_u8(&p->r);
    if (hf_reader_u8(&p->r) != INT_SIZE)
        return damaged(err, "its integers are not of four bytes");
    p->offset_size = hf_reader_u8(&p->r);
    if (p->offset_size < 1 || p->offset_size > 8)
        return damaged(err, "its offsets have no known size");
    if (hf_reader_u8(&p->r) != CUSTOM_FORM)
        return damaged(err, "it is not of the custom form");
    if (minor >= 15)
        (void)hf_reader_u8(&p->r);
    else
        (void)read_int(p);
    for (int i = 0; i < 7; i++)
        (void)read_int(p);
    toc->database = read_text_or_empty(p);
    toc->server_version = read_text_or_empty(p);
    toc->dump_version = read_text_or_empty(p);
    return failed(p) ? damaged(err, "its header breaks off") : HF_OK;
}

void hf_pg_toc_settle_date(uint8_t head[HF_PG_ARCHIVE_HEAD])
{
    /* second, minute, hour, day, month from 0, years since 1900, summer time */
    static const uint8_t date[7] = {0, 0, 0, 1, 0, 100, 0};
    enum { MINOR_AT = 6, INT_SIZE_AT = 8, COMPRESSION_AT = 11 };
    uint8_t *at = head + COMPRESSION_AT;

    if (memcmp(head, "PGDMP", 5) != 0 || head[INT_SIZE_AT] != INT_SIZE)
        return;
    at += head[MINOR_AT] >= 15 ? 1 : 1 + INT_SIZE;
    for (size_t i = 0; i < sizeof date; i++, at += 1 + INT_SIZE) {
        memset(at, 0, 1 + INT_SIZE);
        at[1] = date[i];
    }
}

static bool parse_id(const char *text, int32_t *out)
{
    char *end;
    long value = strtol(text, &end, 10);

    if (end == text || *end != '\0' || value <= 0 || value > INT32_MAX)
        return false;
    *out = (int32_t)value;
    return true;
}

/* Dependencies are texts of decimal digits, ended by an absent one. */
static void read_deps(struct parser *p, struct hf_pg_toc_entry *e)
{
    const char *text;

    e->deps = p->toc->deps + p->deps_used;
    while (!failed(p) && (text = read_text(p)) != NULL) {
        if (!parse_id(text, &p->toc->deps[p->deps_used])) {
            p->bad = true;
            return;
        }
        p->deps_used++;
        e->deps_count++;
    }
}

static void read_section(struct parser *p, struct hf_pg_toc_entry *e)
{
    int32_t section = read_int(p);

    if (section < HF_PG_SECTION_NONE || section > HF_PG_SECTION_POST_DATA)
        p->bad = true;
    else
        e->section = (enum hf_pg_section)section;
}

static void read_entry(struct parser *p, struct hf_pg_toc_entry *e)
{
    e->id = read_int(p);
    if (e->id <= 0)
        p->bad = true;
    (void)read_int(p);  /* had a data dumper */
    (void)read_text(p); /* catalog oid */
    (void)read_text(p); /* oid */
    e->tag = read_text_or_empty(p);
    e->desc = read_text_or_empty(p);
    read_section(p, e);
    e->defn = read_text_or_empty(p);
    (void)read_text(p); /* DROP statement */
    (void)read_text(p); /* COPY statement */
    e->nspace = read_text_or_empty(p);
    e->tablespace = read_text_or_empty(p);
    (void)read_text(p); /* table access method */
    if (p->toc->pub.minor >= 16)
        (void)read_int(p); /* relkind */
    e->owner = read_text_or_empty(p);
    (void)read_text(p); /* WITH OIDS */
    read_deps(p, e);
    if (hf_reader_u8(&p->r) > OFFSET_FLAG_MAX)
        p->bad = true;
    (void)hf_reader_bytes(&p->r, p->offset_size);
}

static int compare_ids(const void *a, const void *b)
{
    int32_t x = ((const struct by_id *)a)->id;
    int32_t y = ((const struct by_id *)b)->id;

    return (x > y) - (x < y);
}

static enum hf_status index_ids(struct toc *toc, struct hf_error *err)
{
    size_t count = toc->pub.count;

    toc->ids = calloc(count + 1, sizeof *toc->ids);
    if (!toc->ids)
        return hf_error_memory(err);
    for (size_t i = 0; i < count; i++)
        toc->ids[i] = (struct by_id){.id = toc->entries[i].id, .index = i};
    qsort(toc->ids, count, sizeof *toc->ids, compare_ids);
    for (size_t i = 1; i < count; i++)
        if (toc->ids[i].id == toc->ids[i - 1].id)
            return damaged(err, "two of its entries have the same number");
    return HF_OK;
}

static enum hf_status read_entries(struct parser *p, struct hf_error *err)
{
    int32_t count = read_int(p);
    struct toc *toc = p->toc;

    if (failed(p) || count < 0 || (size_t)count > p->r.left / ENTRY_MIN)
        return damaged(err, "its number of entries makes no sense");
    toc->entries = calloc((size_t)count + 1, sizeof *toc->entries);
    if (!toc->entries)
        return hf_error_memory(err);
    toc->pub.entries = toc->entries;
    for (int32_t i = 0; i < count; i++) {
        read_entry(p, &toc->entries[i]);
        if (failed(p))
            return hf_error_set(err, HF_DAMAGED,
                                "the schema archive is damaged: it breaks off, or makes no sense, "
                                "in entry %d of %d",
                                (int)i + 1, (int)count);
        toc->pub.count++;
    }
    return index_ids(toc, err);
}

enum hf_status hf_pg_toc_parse(const void *data, size_t len, struct hf_pg_toc **out,
                               struct hf_error *err)
{
    struct parser p = {.toc = calloc(1, sizeof *p.toc)};
    enum hf_status status;

    if (!p.toc)
        return hf_error_memory(err);
    hf_reader_init(&p.r, data, len);
    p.toc->text = malloc(len + 1);
    /* a dependency takes at least six bytes: its length and a digit */
    p.toc->deps = calloc(len / 6 + 1, sizeof *p.toc->deps);
    status = p.toc->text && p.toc->deps ? HF_OK : hf_error_memory(err);
    if (status == HF_OK)
        status = read_head(&p, err);
    if (status == HF_OK)
        status = read_entries(&p, err);
    if (status != HF_OK) {
        hf_pg_toc_free(&p.toc->pub);
        return status;
    }
    *out = &p.toc->pub;
    return HF_OK;
}

void hf_pg_toc_free(struct hf_pg_toc *toc)
{
    struct toc *own = (struct toc *)toc;

    if (!own)
        return;
    free(own->text);
    free(own->deps);
    free(own->entries);
    free(own->ids);
    free(own);
}

size_t hf_pg_toc_find(const struct hf_pg_toc *toc, int32_t id)
{
    const struct toc *own = (const struct toc *)toc;
    struct by_id key = {.id = id};
    const struct by_id *found = bsearch(&key, own->ids, toc->count, sizeof key, compare_ids);

    return found ? found->index : toc->count;
}

bool hf_pg_toc_is(const struct hf_pg_toc_entry *entry, const char *const *kinds)
{
    for (; *kinds; kinds++)
        if (strcmp(entry->desc, *kinds) == 0)
            return true;
    return false;
}

bool hf_pg_toc_is_special(const struct hf_pg_toc_entry *entry)
{
    static const char *const special[] = {"ENCODING", "STDSTRINGS",          "SEARCHPATH",
                                          "DATABASE", "DATABASE PROPERTIES", NULL};
    static const char *const attached[] = {"ACL", "COMMENT", "SECURITY LABEL", NULL};

    if (hf_pg_toc_is(entry, special))
        return true;
    return hf_pg_toc_is(entry, attached) && strncmp(entry->tag, "DATABASE ", 9) == 0;
}
