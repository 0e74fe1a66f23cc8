/* The `volume:` part of a source. */
#ifndef HF_AGENT_CONFIG_VOLUME_H
#define HF_AGENT_CONFIG_VOLUME_H

#include "agent/config/config.h"
#include "agent/config/fields.h"

/* read and done of struct hf_kind (agent/kind.h). */
enum hf_status hf_config_read_volume(const struct hf_fields_file *file, const struct hf_yaml *map,
                                     const char *where, struct hf_config_source *out,
                                     struct hf_error *err) HF_WARN_UNUSED;
void hf_config_volume_done(struct hf_config_source *source);

/* Where is kept which containers have to go on, if nothing else is configured; malloc'ed. */
enum hf_status hf_volume_state_dir(char **out, struct hf_error *err) HF_WARN_UNUSED;

/* Lets containers go on that a backup which was killed left paused or stopped. For the start of
 * whatever backs up; what goes wrong is a warning. */
struct hf_session;
void hf_volume_recover_all(const struct hf_session *session);

#endif
