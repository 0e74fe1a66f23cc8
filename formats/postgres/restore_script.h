/*
 * A run of pg_restore that writes a script, for servers of any version: pg_restore 17 and newer
 * begin theirs with a setting that older servers refuse.
 */
#ifndef HF_POSTGRES_RESTORE_SCRIPT_H
#define HF_POSTGRES_RESTORE_SCRIPT_H

#include "formats/postgres/tools.h"

/* The version from which pg_restore sets transaction_timeout, and from which servers know it. */
enum { HF_PG_TRANSACTION_TIMEOUT_MAJOR = 17 };

typedef enum hf_status hf_pg_script_take_fn(void *ctx, const void *data, size_t len,
                                            struct hf_error *err);

/* Runs a command that was made with --file=- and hands over what it writes, piece by piece, without
 * that setting. Ends when the program has; HF_FAILED when it did not end well. */
enum hf_status hf_pg_restore_script(const struct hf_pg_command *command,
                                    const struct hf_pg_command_io *io, hf_pg_script_take_fn *take,
                                    void *ctx, struct hf_error *err) HF_WARN_UNUSED;

#endif
