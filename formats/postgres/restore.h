/*
 * Restoring snapshots of PostgreSQL: the restore function of struct hf_source_kind.
 *
 * Each database is restored under a temporary name, compared, and renamed when it is whole and
 * equal. After any failure, an interrupt, or a difference, the temporary database is dropped and
 * what had the name stays as it was; the report then says what differed (a restore with
 * no_compare gives the database all the same). Roles that had to be created are
 * dropped again, unless somebody uses them by then.
 *
 * A server source (no target given, a snapshot with globals) restores roles and tablespaces first;
 * roles that exist are kept as they are. The database postgres, which every server has, is
 * replaced where it is empty, and left alone where the snapshot's is.
 *
 * The report (docs/json.md): {"databases": [{"name", "restored_as", "kept_aside", "tables", "rows",
 * "bytes", "partial", "compared", "equal", "differences": [{"what", "name", "expected", "found"}],
 * "notes": [text]}], "compared", "equal", "notes"}.
 */
#ifndef HF_POSTGRES_RESTORE_H
#define HF_POSTGRES_RESTORE_H

#include "formats/postgres/postgres.h"

/* config: struct hf_pg_config. HF_MISMATCH when something differs; the report is set then too. */
enum hf_status hf_pg_restore(const void *config, const json_t *properties,
                             const struct hf_feed *feed, const struct hf_restore_options *options,
                             const struct hf_work *work, json_t **out_report,
                             struct hf_error *err) HF_WARN_UNUSED;

#endif
