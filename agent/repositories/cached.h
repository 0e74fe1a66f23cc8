/*
 * Copies of what a repository holds, on this machine (storage/cache/cache.h): for buckets, and for
 * directories that the configuration wants it for (a network's, say); not with --no-cache. Where:
 * the configuration's "cache", else the user's folder for such things.
 */
#ifndef HF_AGENT_REPOSITORIES_CACHED_H
#define HF_AGENT_REPOSITORIES_CACHED_H

#include "agent/repositories/choose.h"

/* Puts the copies before a store that was opened just now, if they are wanted: then *store is
 * another one, which owns it. */
enum hf_status hf_cached_wrap(const struct hf_session *session, const struct hf_chosen *chosen,
                              struct hf_store **store, bool *out_wrapped,
                              struct hf_error *err) HF_WARN_UNUSED;
/* Uses them from here on: once, for a store that was wrapped, when its repository is open. check
 * looks at the store, and mends the copies. */
void hf_cached_attach(const struct hf_session *session, const struct hf_opened *opened);

#endif
