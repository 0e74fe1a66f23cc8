/*
 * The state directory: what this machine remembers between runs. Losing it costs the history and
 * nothing else.
 */
#ifndef HF_AGENT_HISTORY_STATE_H
#define HF_AGENT_HISTORY_STATE_H

#include "agent/config/config.h"

/*
 * Which it is, malloc'ed; it may not be there yet: HOLDFAST_STATE; else that of the configuration;
 * else /var/lib/holdfast-state for root, since /var/lib/holdfast is where many keep a repository;
 * else $XDG_STATE_HOME/holdfast, else ~/.local/state/holdfast. HF_NOT_FOUND where none of these
 * says anything.
 */
enum hf_status hf_state_folder(const struct hf_config *config, char **out,
                               struct hf_error *err) HF_WARN_UNUSED;

#endif
