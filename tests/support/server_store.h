/*
 * Opens the S3 store that a file of settings describes (tests/servers/ceph says what is in it), for
 * tests and the benchmark.
 */
#ifndef HF_TESTS_SERVER_STORE_H
#define HF_TESTS_SERVER_STORE_H

#include "storage/store.h"

#include <stddef.h>

/*
 * more: lines of the same kind that come after the file's and take precedence. Besides what servers
 * write: use (tls, host, locked: the other endpoint or bucket), prefix, style (path, virtual), lock
 * (governance, compliance) with lock_days, checksum (md5, sha256, crc32c, none), sse (aes256, kms)
 * with kms_key_id, storage_class, tag (key=value), unsigned, session_token, connections, limit,
 * part_size, stall_s, retry_base_ms, retry_cap_ms, retry_budget_ms. Another name is HF_USAGE.
 * HF_NOT_FOUND when the file is not there: no server was started.
 */
enum hf_status hf_server_store_open(const char *settings, const char *const *more, size_t count,
                                    struct hf_store **out, struct hf_error *err) HF_WARN_UNUSED;

#endif
