/*
 * A snapshot as one plain SQL script: the export function of struct hf_source_kind.
 *
 * Of one database:
 *
 *     psql -v ON_ERROR_STOP=1 -d NEW_DATABASE -f SCRIPT
 *
 * restores it on its own, without holdfast, into a database that is new and of the same encoding.
 * The script needs the roles it gives things to; it begins with a list of them.
 *
 * Of several databases, or of a server:
 *
 *     psql -v ON_ERROR_STOP=1 -d postgres -f SCRIPT
 *
 * makes them in an empty server: roles (those that exist are kept as they are, but for their
 * settings and memberships) and tablespaces (one that cannot be made is an error that does not end
 * the script; tables are in their database's own), then each database under its name.
 *
 * The script is written as it is read, in bounded memory, and needs pg_restore here for the
 * schema, but no server.
 */
#ifndef HF_POSTGRES_EXPORT_H
#define HF_POSTGRES_EXPORT_H

#include "formats/postgres/postgres.h"

/* config: struct hf_pg_config, of which only bin_dir counts. options: schemas, tables, no_owner (no
 * roles and tablespaces either), no_acl, large_objects and database; a part of a snapshot of
 * several databases needs the last (HF_USAGE). After an error the script is not whole and ends with
 * a line that psql refuses. */
enum hf_status hf_pg_export(const void *config, const json_t *properties,
                            const struct hf_feed *feed, const struct hf_restore_options *options,
                            const struct hf_work *work, int out_fd,
                            struct hf_error *err) HF_WARN_UNUSED;

#endif
