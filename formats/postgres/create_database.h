/* SQL that makes a database as the manifest has it, shared by restore and export. Pure. */
#ifndef HF_POSTGRES_CREATE_DATABASE_H
#define HF_POSTGRES_CREATE_DATABASE_H

#include "base/buffer.h"
#include "base/error.h"

#include <jansson.h>

/* Appends ` TEMPLATE = template0 ENCODING = '…' LC_COLLATE = '…' LC_CTYPE = '…'`. */
enum hf_status hf_pg_create_database_sql(const json_t *database, struct hf_buf *sql,
                                         struct hf_error *err) HF_WARN_UNUSED;
/* Appends ` LOCALE_PROVIDER = …` with what belongs to it: for servers of version 15 and newer. */
enum hf_status hf_pg_create_provider_sql(const json_t *database, struct hf_buf *sql,
                                         struct hf_error *err) HF_WARN_UNUSED;

#endif
