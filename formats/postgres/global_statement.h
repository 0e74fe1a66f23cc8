/* What a statement of pg_dumpall --globals-only is about, shared by restore and export. Pure. */
#ifndef HF_POSTGRES_GLOBAL_STATEMENT_H
#define HF_POSTGRES_GLOBAL_STATEMENT_H

#include "formats/postgres/sql_split.h"

enum { HF_PG_GLOBALS_MAX = 64 << 20 }; /* bytes of the stream "globals" */

enum hf_pg_global_kind {
    HF_PG_GLOBAL_OTHER,
    HF_PG_GLOBAL_ROLE,            /* CREATE ROLE */
    HF_PG_GLOBAL_ROLE_ATTRIBUTES, /* ALTER ROLE … WITH: password and all */
    HF_PG_GLOBAL_TABLESPACE,      /* makes one, or sets or grants something of it */
};

struct hf_pg_global {
    enum hf_pg_global_kind kind;
    const char *at; /* the statement; borrowed, no NUL behind it */
    size_t len;
    struct hf_sql_token verb, object, name; /* its first words */
};

/* at, len: as hf_sql_script_next gives it. */
struct hf_pg_global hf_pg_global_read(const char *at, size_t len);

#endif
