/*
 * What was said on the command line, read by the tables of options.h.
 *
 * hf_args_take copies the words and hides the secrets among them from other users of the machine
 * (ps, /proc); hf_args_parse reads the copy. Errors are HF_USAGE and complete sentences for a
 * person. Release with hf_args_done, which wipes.
 */
#ifndef HF_AGENT_CLI_ARGS_H
#define HF_AGENT_CLI_ARGS_H

#include "agent/cli/options.h"
#include "base/error.h"
#include "base/text.h"
#include "formats/source.h"

struct hf_args {
    const struct hf_command *command; /* NULL: none was named */
    enum hf_command_id id;            /* meaningful with a command */
    char group[32];                   /* first word of a two-word command, or "" */
    unsigned given[HF_OPT_COUNT];     /* how many times */
    struct hf_strings values[HF_OPT_COUNT];
    struct hf_strings operands;
};

/* Copies argv[1..] and overwrites, in argv itself, the user information and parameters of URLs
 * that may hold a password. */
enum hf_status hf_args_take(int argc, char **argv, struct hf_strings *out,
                            struct hf_error *err) HF_WARN_UNUSED;

/* Reads words into *out, which starts zeroed and is the caller's to release in any case. With
 * --help the rest is read leniently, so that help is shown whatever else is wrong. */
enum hf_status hf_args_parse(const struct hf_strings *words, struct hf_args *out,
                             struct hf_error *err) HF_WARN_UNUSED;
void hf_args_done(struct hf_args *args);
static inline void hf_args_auto(struct hf_args *args)
{
    hf_args_done(args);
}
/* Wipes, then frees. */
void hf_args_wipe(struct hf_strings *list);

/* The value of an option, or NULL when it was not given (or given without one). */
const char *hf_args_value(const struct hf_args *args, enum hf_option_id id);
/* A whole number within bounds, or HF_USAGE; *out stays when the option was not given. */
enum hf_status hf_args_number(const struct hf_args *args, enum hf_option_id id, unsigned min,
                              unsigned max, unsigned *out, struct hf_error *err) HF_WARN_UNUSED;
/* A size within bounds, in bytes. */
enum hf_status hf_args_size(const struct hf_args *args, enum hf_option_id id, uint64_t min,
                            uint64_t max, uint64_t *out, struct hf_error *err) HF_WARN_UNUSED;
/* --large-objects or --no-large-objects; both are HF_USAGE. */
enum hf_status hf_args_large_objects(const struct hf_args *args, enum hf_large_objects *out,
                                     struct hf_error *err) HF_WARN_UNUSED;

/* Of keys (--match) or paths (--path): a kind takes one of the two. Borrowed. */
struct hf_strings hf_args_patterns(const struct hf_args *args);

#endif
