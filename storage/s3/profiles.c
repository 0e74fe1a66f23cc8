#include "storage/s3/profiles.h"

#include "base/text.h"
#include "storage/s3/credential_values.h"
#include "storage/s3/profile_file.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PASSWD_MAX = 4096 };

/* HOME, or what the system says of this user: services often have no HOME. */
static enum hf_status home_folder(char **out, struct hf_error *err)
{
    const char *home = hf_s3_env("HOME");
    struct passwd entry, *found = NULL;
    char room[PASSWD_MAX];

    if (!home && getpwuid_r(getuid(), &entry, room, sizeof room, &found) == 0 && found)
        home = found->pw_dir;
    return hf_text_copy(home ? home : "/", out, err);
}

static enum hf_status path_of(const char *variable, const char *name, char **out,
                              struct hf_error *err)
{
    const char *said = hf_s3_env(variable);
    HF_AUTO_FREE char *home = NULL;

    if (said && strncmp(said, "~/", 2) != 0)
        return hf_text_copy(said, out, err);
    HF_TRY(home_folder(&home, err));
    return hf_text_format(out, err, "%s/%s", home, said ? said + 2 : name);
}

static enum hf_status read_file(const char *path, struct hf_secret **out, struct hf_error *err)
{
    struct hf_error why = HF_ERROR_INIT;

    if (hf_secret_read_file(path, out, &why) == HF_OK || why.sys == ENOENT || why.sys == ENOTDIR)
        return HF_OK;
    *err = why;
    if (err->status != HF_NO_MEMORY)
        err->status = HF_CONFIG;
    return err->status;
}

enum hf_status hf_profiles_read(struct hf_profiles *out, struct hf_error *err)
{
    HF_TRY(path_of("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials", &out->credentials_path, err));
    HF_TRY(path_of("AWS_CONFIG_FILE", ".aws/config", &out->config_path, err));
    HF_TRY(read_file(out->credentials_path, &out->credentials, err));
    return read_file(out->config_path, &out->config, err);
}

void hf_profiles_auto(struct hf_profiles *profiles)
{
    free(profiles->credentials_path);
    free(profiles->config_path);
    hf_secret_free(profiles->credentials);
    hf_secret_free(profiles->config);
}

static bool exists(enum hf_profile_file kind, const struct hf_secret *text, const char *profile)
{
    return text && hf_profile_exists(kind, hf_secret_text(text), text->len, profile);
}

bool hf_profiles_have(const struct hf_profiles *profiles, const char *profile)
{
    return exists(HF_PROFILE_CREDENTIALS, profiles->credentials, profile) ||
           exists(HF_PROFILE_CONFIG, profiles->config, profile);
}

static bool find(enum hf_profile_file kind, const struct hf_secret *text, const char *profile,
                 const char *key, struct hf_profile_value *out)
{
    return text && hf_profile_find(kind, hf_secret_text(text), text->len, profile, key, out);
}

enum hf_status hf_profiles_get(const struct hf_profiles *profiles, const char *profile,
                               const char *key, struct hf_secret **out, const char **out_path,
                               struct hf_error *err)
{
    struct hf_profile_value value = {.text = NULL};
    const char *path = profiles->credentials_path;

    if (!find(HF_PROFILE_CREDENTIALS, profiles->credentials, profile, key, &value) &&
        find(HF_PROFILE_CONFIG, profiles->config, profile, key, &value))
        path = profiles->config_path;
    if (!value.text) {
        *out = NULL;
        return HF_OK;
    }
    HF_TRY(hf_secret_new(value.text, value.len, out, err));
    if (out_path)
        *out_path = path;
    return HF_OK;
}

const char *hf_profiles_choose(const char *given, bool *out_said)
{
    const char *said = given ? given : hf_s3_env("AWS_PROFILE");

    if (!said)
        said = hf_s3_env("AWS_DEFAULT_PROFILE");
    *out_said = said != NULL;
    return said ? said : "default";
}
