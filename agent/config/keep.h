/* `keep:` of a job: which of its snapshots stay (schedules/retention.h). Part of job.h. */
#ifndef HF_AGENT_CONFIG_KEEP_H
#define HF_AGENT_CONFIG_KEEP_H

#include "agent/config/fields.h"
#include "schedules/retention.h"

enum { HF_CONFIG_KEEP_MAX = 10000, HF_TAG_MAX = 100 };

/* At least one rule; tags alone would let everything else go. */
enum hf_status hf_config_read_keep(const struct hf_fields_file *file, const struct hf_yaml *value,
                                   const char *where, struct hf_keep *out,
                                   struct hf_error *err) HF_WARN_UNUSED;

/* The same rules as words of a command line: "last=3", "daily=14", "within=30d", "tags=release".
 * HF_USAGE. */
enum hf_status hf_config_keep_words(const struct hf_strings *words, struct hf_keep *out,
                                    struct hf_error *err) HF_WARN_UNUSED;

/* 1 to HF_TAG_MAX letters, digits, ".", "_", "-", ":", "/", "@", "+" and "=". */
bool hf_tag_is_good(const char *text);

#endif
