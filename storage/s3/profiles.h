/*
 * The shared files of one lookup, read whole into guarded memory, and keys of their profiles: what
 * the credentials file says goes before what the config file says. One thread at a time.
 */
#ifndef HF_STORAGE_S3_PROFILES_H
#define HF_STORAGE_S3_PROFILES_H

#include "base/secret.h"

struct hf_profiles {
    char *credentials_path;        /* AWS_SHARED_CREDENTIALS_FILE, or ~/.aws/credentials */
    char *config_path;             /* AWS_CONFIG_FILE, or ~/.aws/config */
    struct hf_secret *credentials; /* NULL: there is no such file */
    struct hf_secret *config;
};

#define HF_PROFILES_INIT                                                                           \
    {                                                                                              \
        .config = NULL                                                                             \
    }

/* A file that is not there is none; one that cannot be read, or is larger than HF_SECRET_MAX, is
 * HF_CONFIG. Set after a failure too: release with hf_profiles_auto. */
enum hf_status hf_profiles_read(struct hf_profiles *out, struct hf_error *err) HF_WARN_UNUSED;
void hf_profiles_auto(struct hf_profiles *profiles);

bool hf_profiles_have(const struct hf_profiles *profiles, const char *profile);
/* A new copy; *out NULL when the key is not there. out_path, which may be NULL: the file's path,
 * borrowed. */
enum hf_status hf_profiles_get(const struct hf_profiles *profiles, const char *profile,
                               const char *key, struct hf_secret **out, const char **out_path,
                               struct hf_error *err) HF_WARN_UNUSED;

/* The profile that counts: the one given, else AWS_PROFILE, else "default"; borrowed. *out_said:
 * somebody named it, so it has to be there. */
const char *hf_profiles_choose(const char *given, bool *out_said);

#endif
