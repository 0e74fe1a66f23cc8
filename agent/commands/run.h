/*
 * The commands. Each does what was asked for and says what came of it; an error is returned, for
 * main.c to report.
 */
#ifndef HF_AGENT_COMMANDS_RUN_H
#define HF_AGENT_COMMANDS_RUN_H

#include "agent/session.h"

typedef enum hf_status hf_run_fn(struct hf_session *session, struct hf_error *err);

hf_run_fn hf_run_init;
hf_run_fn hf_run_backup;
hf_run_fn hf_run_restore;
hf_run_fn hf_run_list;
hf_run_fn hf_run_show;
hf_run_fn hf_run_check;
hf_run_fn hf_run_drill;
hf_run_fn hf_run_export;
hf_run_fn hf_run_copy;
hf_run_fn hf_run_prune;
hf_run_fn hf_run_forget;
hf_run_fn hf_run_pin;
hf_run_fn hf_run_unpin;
hf_run_fn hf_run_agent;
hf_run_fn hf_run_key_list;
hf_run_fn hf_run_key_add;
hf_run_fn hf_run_key_remove;
hf_run_fn hf_run_key_rotate;
hf_run_fn hf_run_key_export;
hf_run_fn hf_run_key_identity;
hf_run_fn hf_run_config_check;
hf_run_fn hf_run_doctor;
hf_run_fn hf_run_history;
hf_run_fn hf_run_version;

/* The function of a command; "help" has none, since it needs no session. */
hf_run_fn *hf_run_find(enum hf_command_id id);

#endif
