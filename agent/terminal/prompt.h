/*
 * Asking for a passphrase on the terminal (/dev/tty), without showing it. An interrupt while it
 * asks is HF_CANCELLED, and the terminal is as before in any case.
 */
#ifndef HF_AGENT_TERMINAL_PROMPT_H
#define HF_AGENT_TERMINAL_PROMPT_H

#include "base/secret.h"

/* HF_NOT_FOUND when there is no terminal, HF_USAGE when nothing was entered. what: "the passphrase
 * of ..." */
enum hf_status hf_prompt_secret(const char *what, struct hf_secret **out,
                                struct hf_error *err) HF_WARN_UNUSED;
/* Asks twice; HF_USAGE when they differ. */
enum hf_status hf_prompt_new_secret(const char *what, struct hf_secret **out,
                                    struct hf_error *err) HF_WARN_UNUSED;

#endif
