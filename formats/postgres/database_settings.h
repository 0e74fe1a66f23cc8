/* SQL for settings of a database, shared by restore and export. Pure. */
#ifndef HF_POSTGRES_DATABASE_SETTINGS_H
#define HF_POSTGRES_DATABASE_SETTINGS_H

#include "base/buffer.h"
#include "base/error.h"

/* Appends ` SET "name" TO 'value'` for "name=value" as pg_db_role_setting has it; lists of names
 * are taken apart. HF_DAMAGED when it is none. */
enum hf_status hf_pg_setting_sql(struct hf_buf *sql, const char *setting,
                                 struct hf_error *err) HF_WARN_UNUSED;

#endif
