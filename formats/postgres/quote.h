/* SQL quoting. Always quoted, so that no list of reserved words is needed. Pure. */
#ifndef HF_POSTGRES_QUOTE_H
#define HF_POSTGRES_QUOTE_H

#include "base/buffer.h"
#include "base/error.h"
#include "base/text.h"

/* "name" */
enum hf_status hf_pg_quote_ident(struct hf_buf *out, const char *name,
                                 struct hf_error *err) HF_WARN_UNUSED;
/* "schema"."name" */
enum hf_status hf_pg_quote_qualified(struct hf_buf *out, const char *schema, const char *name,
                                     struct hf_error *err) HF_WARN_UNUSED;
/* 'text' for standard_conforming_strings = on, which the session pins. */
enum hf_status hf_pg_quote_literal(struct hf_buf *out, const char *text,
                                   struct hf_error *err) HF_WARN_UNUSED;
/* ("a", "b"), or nothing at all for an empty list: what COPY takes. */
enum hf_status hf_pg_quote_columns(struct hf_buf *out, const struct hf_strings *columns,
                                   struct hf_error *err) HF_WARN_UNUSED;
/* {"a","b"}: a text[] as a parameter. */
enum hf_status hf_pg_quote_array(struct hf_buf *out, const char *const *items, size_t count,
                                 struct hf_error *err) HF_WARN_UNUSED;

#endif
