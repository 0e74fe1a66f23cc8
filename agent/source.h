/*
 * What is backed up from, and restored to: a source of the configuration, or a postgresql:// URL.
 */
#ifndef HF_AGENT_SOURCE_H
#define HF_AGENT_SOURCE_H

#include "agent/session.h"
#include "formats/source.h"

/* A source from a URL and the options of the command line: its name is --name, or else its
 * database, or else its host. Released with hf_config_source_done. */
enum hf_status hf_source_from_url(const struct hf_session *session, const char *url,
                                  struct hf_config_source *out,
                                  struct hf_error *err) HF_WARN_UNUSED;

/* Fetches the password, so that source->postgres is complete. */
enum hf_status hf_source_prepare(const struct hf_session *session, struct hf_config_source *source,
                                 struct hf_error *err) HF_WARN_UNUSED;

/* HF_USAGE when the command line has options that are for URLs only. */
enum hf_status hf_source_refuse_options(const struct hf_session *session, const char *name,
                                        struct hf_error *err) HF_WARN_UNUSED;

/* Where pg_dump and its kin are: --bin-dir, or what the configuration says of the source of that
 * name; NULL where neither does. Borrowed. */
const char *hf_source_bin_dir(const struct hf_session *session, const char *name);

/* The implementation of a snapshot's kind; HF_UNSUPPORTED for one this program does not know. */
enum hf_status hf_source_kind_find(const char *name, const struct hf_source_kind **out,
                                   struct hf_error *err) HF_WARN_UNUSED;

#endif
