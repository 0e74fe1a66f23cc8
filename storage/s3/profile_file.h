/*
 * The files that AWS's tools share, ~/.aws/credentials and ~/.aws/config, as text that is searched
 * in place: they hold secrets, so nothing is copied out of them.
 *
 * The form is that of AWS's SDKs and Tools Reference Guide, "Shared config and credentials files":
 * [sections] of "key = value"; what begins with '#' or ';', at the begin of a line or behind a
 * blank in a value, is a comment; lines that are indented further than the key above belong to it
 * and are passed over. Keys are compared without regard to case. A profile P is [P] in the
 * credentials file and [profile P] in the config file, where [default] will do for the profile
 * "default". What is given twice counts as given last. Lines that are none of these say nothing.
 *
 * Any bytes are safe to search. Any thread.
 */
#ifndef HF_STORAGE_S3_PROFILE_FILE_H
#define HF_STORAGE_S3_PROFILE_FILE_H

#include <stdbool.h>
#include <stddef.h>

enum hf_profile_file { HF_PROFILE_CREDENTIALS, HF_PROFILE_CONFIG };

/* Borrowed from the text; no NUL at its end. */
struct hf_profile_value {
    const char *text;
    size_t len;
};

/* Whether the file has the profile. */
bool hf_profile_exists(enum hf_profile_file kind, const char *text, size_t len,
                       const char *profile);
/* A key of a profile; false, and *out untouched, when it is not there or empty. */
bool hf_profile_find(enum hf_profile_file kind, const char *text, size_t len, const char *profile,
                     const char *key, struct hf_profile_value *out);

#endif
