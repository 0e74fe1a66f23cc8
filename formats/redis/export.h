/*
 * A snapshot as an .rdb that a server loads: the export function of struct hf_source_kind, and
 * restore into a file.
 *
 * The header is the captured one, and so are functions, module data and what was not understood;
 * keys come database by database, with their hints. Of a cluster, all shards make one file. A
 * selection of keys leaves out what is not understood, and module data. It is written as it is
 * read, in bounded memory, and ends with its checksum.
 */
#ifndef HF_REDIS_EXPORT_H
#define HF_REDIS_EXPORT_H

#include "formats/redis/redis.h"

/* config is not used. options: database, patterns. */
enum hf_status hf_redis_export(const void *config, const json_t *properties,
                               const struct hf_feed *feed, const struct hf_restore_options *options,
                               const struct hf_work *work, int out_fd,
                               struct hf_error *err) HF_WARN_UNUSED;

/* Into a new file: under a temporary name beside it, made durable, renamed. An existing one is
 * HF_EXISTS unless options.replace. The file is read back and its checksum checked. */
enum hf_status hf_redis_export_file(const char *path, const json_t *properties,
                                    const struct hf_feed *feed,
                                    const struct hf_restore_options *options,
                                    const struct hf_work *work,
                                    struct hf_error *err) HF_WARN_UNUSED;

#endif
