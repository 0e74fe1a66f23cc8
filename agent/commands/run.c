#include "agent/commands/run.h"

hf_run_fn *hf_run_find(enum hf_command_id id)
{
    static hf_run_fn *const functions[HF_COMMAND_COUNT] = {
        [HF_COMMAND_INIT] = hf_run_init,
        [HF_COMMAND_BACKUP] = hf_run_backup,
        [HF_COMMAND_RESTORE] = hf_run_restore,
        [HF_COMMAND_LIST] = hf_run_list,
        [HF_COMMAND_SHOW] = hf_run_show,
        [HF_COMMAND_CHECK] = hf_run_check,
        [HF_COMMAND_DRILL] = hf_run_drill,
        [HF_COMMAND_EXPORT] = hf_run_export,
        [HF_COMMAND_COPY] = hf_run_copy,
        [HF_COMMAND_PRUNE] = hf_run_prune,
        [HF_COMMAND_FORGET] = hf_run_forget,
        [HF_COMMAND_PIN] = hf_run_pin,
        [HF_COMMAND_UNPIN] = hf_run_unpin,
        [HF_COMMAND_AGENT] = hf_run_agent,
        [HF_COMMAND_KEY_LIST] = hf_run_key_list,
        [HF_COMMAND_KEY_ADD] = hf_run_key_add,
        [HF_COMMAND_KEY_REMOVE] = hf_run_key_remove,
        [HF_COMMAND_KEY_ROTATE] = hf_run_key_rotate,
        [HF_COMMAND_KEY_EXPORT] = hf_run_key_export,
        [HF_COMMAND_KEY_IDENTITY] = hf_run_key_identity,
        [HF_COMMAND_CONFIG_CHECK] = hf_run_config_check,
        [HF_COMMAND_DOCTOR] = hf_run_doctor,
        [HF_COMMAND_HISTORY] = hf_run_history,
        [HF_COMMAND_VERSION] = hf_run_version,
        [HF_COMMAND_HELP] = NULL,
    };

    return functions[id];
}
