/*
 * Restoring snapshots of Redis: the restore function of struct hf_source_kind.
 *
 * Into a file (config.file; export.h), or into a running server or cluster, by RESTORE with many
 * keys in flight. Checked before anything is written: the target takes writes, is new enough for
 * every type of the snapshot, has room, and is empty in every database that keys go to
 * (HF_EXISTS; with options.replace, keys that exist are replaced and others stay). After a failure
 * some keys may be there; the error says so, and options.replace starts over.
 *
 * Then every key is read back and compared (compare.c), unless options.no_compare.
 *
 * The report (docs/json.md): {"databases": [{"database", "restored_as", "keys", "expired",
 * "compared", "equal", "partial", "digest"}], "functions", "file"?, "differences": [{"what",
 * "name", "expected", "found"}], "compared", "equal", "partial", "notes": [text]}.
 */
#ifndef HF_REDIS_RESTORE_H
#define HF_REDIS_RESTORE_H

#include "formats/redis/redis.h"

/* config: struct hf_redis_config; its database, if not -1, is where all keys go, which must come
 * from one. HF_MISMATCH when something differs; the report is set then too. */
enum hf_status hf_redis_restore(const void *config, const json_t *properties,
                                const struct hf_feed *feed,
                                const struct hf_restore_options *options,
                                const struct hf_work *work, json_t **out_report,
                                struct hf_error *err) HF_WARN_UNUSED;

#endif
