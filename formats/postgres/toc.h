/*
 * The table of contents of a pg_dump archive (custom form, archive versions 1.14 to 1.16:
 * pg_dump 12 to 18).
 *
 * The whole archive is in memory and is not trusted: every length is checked against what is
 * there. The parsed object owns copies of all strings; the archive's bytes may go away. It never
 * changes after parsing, so any thread may read it. A text that is absent in the archive is "".
 */
#ifndef HF_POSTGRES_TOC_H
#define HF_POSTGRES_TOC_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

/* As the archive numbers them. */
enum hf_pg_section {
    HF_PG_SECTION_NONE = 1, /* comments, ACLs: belongs to what it depends on */
    HF_PG_SECTION_PRE_DATA = 2,
    HF_PG_SECTION_DATA = 3,
    HF_PG_SECTION_POST_DATA = 4,
};

struct hf_pg_toc_entry {
    int32_t id; /* dump id, above 0, unique */
    enum hf_pg_section section;
    const char *desc; /* "TABLE", "FK CONSTRAINT", "ACL" … */
    const char *tag;
    const char *nspace;
    const char *owner;
    const char *tablespace;
    const char *defn; /* SQL */
    const int32_t *deps;
    size_t deps_count;
};

struct hf_pg_toc {
    unsigned minor;                        /* of the archive version: 14, 15 or 16 */
    const char *database;                  /* that was dumped */
    const char *server_version;            /* "15.20 (Debian 15.20-0+deb12u1)" */
    const char *dump_version;              /* of pg_dump */
    const struct hf_pg_toc_entry *entries; /* in the order of the archive */
    size_t count;
};

/* HF_DAMAGED when it is no archive or breaks off; HF_UNSUPPORTED when it is of another archive
 * version, with the pg_dump it came from where that can be told. */
enum hf_status hf_pg_toc_parse(const void *data, size_t len, struct hf_pg_toc **out,
                               struct hf_error *err) HF_WARN_UNUSED;
void hf_pg_toc_free(struct hf_pg_toc *toc);
HF_DEFINE_AUTO_PTR(hf_pg_toc, hf_pg_toc_free)

/* The first bytes of an archive, enough for what hf_pg_toc_settle_date changes. */
enum { HF_PG_ARCHIVE_HEAD = 51 };

/* Writes 2000-01-01 over the time of creation in an archive's first bytes, so that dumps of one
 * schema are the same bytes whenever they were made. Leaves alone what is no archive. */
void hf_pg_toc_settle_date(uint8_t head[HF_PG_ARCHIVE_HEAD]);

/* The place in entries of a dump id, or toc->count. */
size_t hf_pg_toc_find(const struct hf_pg_toc *toc, int32_t id);

/* Whether the entry is one of those. kinds ends with NULL. */
bool hf_pg_toc_is(const struct hf_pg_toc_entry *entry, const char *const *kinds);

/* ENCODING, STDSTRINGS, SEARCHPATH, DATABASE and what belongs to the database as a whole: never
 * part of a list, as the target database is made by us. */
bool hf_pg_toc_is_special(const struct hf_pg_toc_entry *entry);

#endif
