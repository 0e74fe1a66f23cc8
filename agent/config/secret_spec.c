#include "agent/config/secret_spec.h"

#include "agent/cli/names.h"
#include "base/secret_command.h"

#include <stdlib.h>
#include <string.h>

void hf_secret_spec_done(struct hf_secret_spec *spec)
{
    hf_secret_free(spec->text);
    free(spec->file);
    hf_strings_free(&spec->command);
    *spec = (struct hf_secret_spec){.from = HF_SECRET_NOWHERE};
}

static enum hf_status read_command(const struct hf_strings *command, struct hf_cancel *cancel,
                                   struct hf_secret **out, struct hf_error *err)
{
    HF_AUTO(hf_names) argv = HF_NAMES_INIT;

    if (command->count == 1) {
        const char *const shell[] = {"/bin/sh", "-c", command->items[0], NULL};

        return hf_secret_read_command(shell, cancel, out, err);
    }
    for (size_t i = 0; i < command->count; i++)
        HF_TRY(hf_names_add(&argv, command->items[i], err));
    return hf_secret_read_command(hf_names_list(&argv), cancel, out, err);
}

static enum hf_status read_any(const struct hf_secret_spec *spec, struct hf_cancel *cancel,
                               struct hf_secret **out, struct hf_error *err)
{
    switch (spec->from) {
    case HF_SECRET_TEXT:
        return hf_secret_new(spec->text->data, spec->text->len, out, err);
    case HF_SECRET_FILE:
        return hf_secret_read_file(spec->file, out, err);
    case HF_SECRET_COMMAND:
        return read_command(&spec->command, cancel, out, err);
    case HF_SECRET_NOWHERE:
        break;
    }
    *out = NULL;
    return HF_OK;
}

enum hf_status hf_secret_spec_read(const struct hf_secret_spec *spec, const char *what,
                                   struct hf_cancel *cancel, struct hf_secret **out,
                                   struct hf_error *err)
{
    HF_AUTO_PTR(hf_secret) secret = NULL;

    if (read_any(spec, cancel, &secret, err) != HF_OK) {
        if (err->status != HF_CANCELLED && err->status != HF_NO_MEMORY)
            err->status = HF_CONFIG;
        return hf_error_prefix(err, "%s%s", what,
                               spec->from == HF_SECRET_COMMAND ? ", from its command" : "");
    }
    if (secret && secret->len == 0)
        return hf_error_set(err, HF_CONFIG, "%s is empty%s%s", what, spec->file ? ": " : "",
                            spec->file ? spec->file : "");
    *out = secret;
    secret = NULL;
    return HF_OK;
}
