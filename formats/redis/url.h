/*
 * Where a Redis source is, as a URL:
 *
 *   redis://[USER][:PASSWORD]@HOST[:PORT][/DATABASE]          rediss:// with TLS; valkey(s):// too
 *   unix:///PATH                                              a unix socket; also redis+unix://
 *   redis+sentinel://HOST[:PORT],…/MASTER[/DATABASE]          rediss+sentinel:// with TLS
 *   redis+cluster://HOST[:PORT],…                             rediss+cluster:// with TLS
 *
 * Behind '?', separated by '&': db=NUMBER, tls_ca=FILE, tls_cert=FILE, tls_key=FILE, tls_name=NAME,
 * tls_insecure=yes, from_replica=yes. Parts are percent-decoded.
 */
#ifndef HF_REDIS_URL_H
#define HF_REDIS_URL_H

#include "formats/redis/redis.h"

/* "redis://" and so on, then NULL. */
extern const char *const hf_redis_url_schemes[];

/* Fills a config that was initialised; on failure (HF_USAGE) what was filled is to be released with
 * the rest. Errors do not hold the URL, as it may hold a password. */
enum hf_status hf_redis_url_parse(const char *url, struct hf_redis_config *config,
                                  struct hf_error *err) HF_WARN_UNUSED;

#endif
