#include "agent/history/state.h"

#include <stdlib.h>
#include <unistd.h>

#define ROOT_FOLDER "/var/lib/holdfast-state"

enum hf_status hf_state_folder(const struct hf_config *config, char **out, struct hf_error *err)
{
    const char *said = getenv("HOLDFAST_STATE"), *home = getenv("HOME");
    const char *state = getenv("XDG_STATE_HOME");

    if (said && *said)
        return hf_text_copy(said, out, err);
    if (config->agent.state)
        return hf_text_copy(config->agent.state, out, err);
    if (geteuid() == 0)
        return hf_text_copy(ROOT_FOLDER, out, err);
    if (state && *state == '/') /* others are to be ignored, says the specification */
        return hf_text_format(out, err, "%s/holdfast", state);
    if (home && *home == '/')
        return hf_text_format(out, err, "%s/.local/state/holdfast", home);
    return hf_error_set(err, HF_NOT_FOUND,
                        "there is no state directory: set HOLDFAST_STATE, or HOME");
}
