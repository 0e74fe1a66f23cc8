/*
 * ${VAR} and ${VAR:-default} in a text. A default is used where VAR is unset or empty; without
 * one, an unset VAR is an error (HF_CONFIG, naming VAR, never its value). "$${" stands for "${";
 * any other "$" for itself. Values are not looked at again.
 */
#ifndef HF_AGENT_CONFIG_SUBSTITUTE_H
#define HF_AGENT_CONFIG_SUBSTITUTE_H

#include "base/error.h"

enum { HF_SUBSTITUTE_MAX = 65536 };

/* The value of a variable, or NULL. */
typedef const char *hf_lookup_fn(void *ctx, const char *name);

/* *out is malloc'ed; it may hold a secret, so wipe it. */
enum hf_status hf_substitute(const char *text, hf_lookup_fn *lookup, void *ctx, char **out,
                             struct hf_error *err) HF_WARN_UNUSED;

#endif
