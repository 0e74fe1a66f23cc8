/*
 * Where a secret is to be had from: given as text, in a file, or printed by a command. Read only
 * when it is needed. Start zeroed; release with hf_secret_spec_done.
 */
#ifndef HF_AGENT_CONFIG_SECRET_SPEC_H
#define HF_AGENT_CONFIG_SECRET_SPEC_H

#include "base/cancel.h"
#include "base/secret.h"
#include "base/text.h"

enum hf_secret_from { HF_SECRET_NOWHERE, HF_SECRET_TEXT, HF_SECRET_FILE, HF_SECRET_COMMAND };

struct hf_secret_spec {
    enum hf_secret_from from;
    struct hf_secret *text;
    char *file;
    struct hf_strings command; /* argv; one string alone is a line for /bin/sh */
};

void hf_secret_spec_done(struct hf_secret_spec *spec);

/*
 * A new copy of the secret; *out is NULL when it comes from nowhere. what names it in errors: "the
 * passphrase of repository local". An empty secret is an error. cancel may be NULL.
 */
enum hf_status hf_secret_spec_read(const struct hf_secret_spec *spec, const char *what,
                                   struct hf_cancel *cancel, struct hf_secret **out,
                                   struct hf_error *err) HF_WARN_UNUSED;

#endif
