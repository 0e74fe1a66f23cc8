/* The `postgres:` part of a source. */
#ifndef HF_AGENT_CONFIG_POSTGRES_H
#define HF_AGENT_CONFIG_POSTGRES_H

#include "agent/config/config.h"
#include "agent/config/fields.h"

/* read and done of struct hf_kind (agent/kind.h). */
enum hf_status hf_config_read_postgres(const struct hf_fields_file *file, const struct hf_yaml *map,
                                       const char *where, struct hf_config_source *out,
                                       struct hf_error *err) HF_WARN_UNUSED;
/* A server, of which no database need be named. */
enum hf_status hf_config_read_postgres_server(const struct hf_fields_file *file,
                                              const struct hf_yaml *map, const char *where,
                                              struct hf_config_source *out,
                                              struct hf_error *err) HF_WARN_UNUSED;
void hf_config_postgres_done(struct hf_config_source *source);

#endif
