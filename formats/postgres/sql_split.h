/*
 * Cuts an SQL script into statements, and statements into tokens, as far as the scripts of
 * pg_dumpall and the definitions in an archive need it: quotes ('…' with E'' escapes, "…"),
 * dollar quotes, comments (-- and nested), and psql's backslash lines, which are left out.
 *
 * The text is borrowed and must end with a NUL. standard_conforming_strings is taken to be on.
 */
#ifndef HF_POSTGRES_SQL_SPLIT_H
#define HF_POSTGRES_SQL_SPLIT_H

#include "base/buffer.h"
#include "base/error.h"

#include <stddef.h>

struct hf_sql_script {
    const char *at, *end;
    size_t line; /* of at, from 1 */
};

void hf_sql_script_init(struct hf_sql_script *script, const char *text);

/*
 * The next statement, without leading blanks and comments and without its semicolon. *out_len 0
 * at the end of the script. HF_DAMAGED, with the line, when a quote or comment never ends.
 */
enum hf_status hf_sql_script_next(struct hf_sql_script *script, const char **out, size_t *out_len,
                                  struct hf_error *err) HF_WARN_UNUSED;

enum hf_sql_token_kind {
    HF_SQL_END,
    HF_SQL_WORD,   /* unquoted name or keyword */
    HF_SQL_NAME,   /* "quoted name" */
    HF_SQL_STRING, /* '…' in any form, or dollar-quoted */
    HF_SQL_NUMBER,
    HF_SQL_SYMBOL, /* one character; "::" is one token */
};

struct hf_sql_token {
    enum hf_sql_token_kind kind;
    const char *at; /* with its quotes */
    size_t len;
};

/* The token at *at, before end, comments left out; *at moves behind it. A quote that never ends
 * runs to the end. */
struct hf_sql_token hf_sql_token_next(const char **at, const char *end);

/* Whether it is this keyword (given in capitals). */
bool hf_sql_token_is(const struct hf_sql_token *token, const char *word);

/* The name that a WORD (folded to lower case) or NAME (unquoted) stands for, appended with a NUL
 * behind it that counts as no part of it. */
enum hf_status hf_sql_token_name(const struct hf_sql_token *token, struct hf_buf *out,
                                 struct hf_error *err) HF_WARN_UNUSED;

#endif
