/*
 * A profile of the shared files: keys, a program, or a role that is taken on by other credentials
 * (credential_ways.h; AWS's SDKs and Tools Reference Guide, "Assume role credential provider").
 */
#include "base/text.h"
#include "storage/s3/credential_values.h"
#include "storage/s3/credential_ways.h"
#include "storage/s3/profiles.h"

#include <stdio.h>
#include <string.h>

/* source_profile of source_profile of …: more is a circle. */
enum { DEPTH_MAX = 5 };

/* One profile that is looked at, of a chain of them. */
struct stage {
    struct hf_s3_look *look;
    const struct hf_profiles *files;
    const char *profile;
    unsigned depth;
};

static enum hf_status resolve(const struct stage *stage, struct hf_s3_credentials *out,
                              struct hf_error *err);

static enum hf_status get(const struct stage *stage, const char *key, struct hf_secret **out,
                          struct hf_error *err)
{
    return hf_profiles_get(stage->files, stage->profile, key, out, NULL, err);
}

static const char *text_or_null(const struct hf_secret *secret)
{
    return secret ? hf_secret_text(secret) : NULL;
}

static void say_way(const struct stage *stage, const char *how, const char *detail)
{
    if (stage->depth == 0)
        (void)snprintf(stage->look->way, sizeof stage->look->way, "profile %.100s: %s%.300s",
                       stage->profile, how, detail);
}

/* *out_found false: the profile has no keys. */
static enum hf_status take_keys(const struct stage *stage, struct hf_s3_credentials *out,
                                bool *out_found, struct hf_error *err)
{
    HF_AUTO_PTR(hf_secret) access_key = NULL;
    HF_AUTO_PTR(hf_secret) secret_key = NULL;
    HF_AUTO_PTR(hf_secret) token = NULL;
    struct hf_s3_values values = {.expires = 0};
    const char *path = "";
    char what[HF_S3_WAY_TEXT];

    HF_TRY(hf_profiles_get(stage->files, stage->profile, "aws_access_key_id", &access_key, &path,
                           err));
    HF_TRY(get(stage, "aws_secret_access_key", &secret_key, err));
    HF_TRY(get(stage, "aws_session_token", &token, err));
    if (!access_key && !secret_key)
        return HF_OK;
    values.access_key = hf_s3_text_of(access_key);
    values.secret_key = hf_s3_text_of(secret_key);
    values.session_token = hf_s3_text_of(token);
    (void)snprintf(what, sizeof what, "profile %.100s of %.300s", stage->profile,
                   access_key ? path : stage->files->credentials_path);
    HF_TRY(hf_s3_credentials_set(&values, what, out, err));
    say_way(stage, "keys in ", path);
    *out_found = true;
    return HF_OK;
}

/* What a role is taken on with, when it is said to be no profile. */
static enum hf_status take_named_source(const struct stage *stage, const char *name,
                                        struct hf_s3_credentials *out, struct hf_error *err)
{
    static const struct {
        const char *name;
        hf_s3_way_fn *way;
    } sources[] = {{"Environment", hf_s3_way_environment},
                   {"EcsContainer", hf_s3_way_container},
                   {"Ec2InstanceMetadata", hf_s3_way_instance}};

    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        if (strcmp(name, sources[i].name) != 0)
            continue;
        enum hf_status status = sources[i].way(stage->look, out, err);
        if (status == HF_NOT_FOUND)
            err->status = HF_CONFIG;
        return status == HF_OK ? HF_OK : hf_error_prefix(err, "credential_source %s", name);
    }
    return hf_error_set(err, HF_CONFIG,
                        "credential_source is none of Environment, EcsContainer and "
                        "Ec2InstanceMetadata");
}

static enum hf_status take_source(const struct stage *stage, struct hf_s3_credentials *out,
                                  struct hf_error *err)
{
    HF_AUTO_PTR(hf_secret) profile = NULL;
    HF_AUTO_PTR(hf_secret) named = NULL;
    struct stage next = *stage;
    bool found = false;

    HF_TRY(get(stage, "source_profile", &profile, err));
    HF_TRY(get(stage, "credential_source", &named, err));
    if (!profile && !named)
        return hf_error_set(err, HF_CONFIG,
                            "it has a role_arn, and neither source_profile, credential_source nor "
                            "web_identity_token_file to take it on with");
    if (!profile)
        return take_named_source(stage, hf_secret_text(named), out, err);
    next.depth++;
    if (strcmp(hf_secret_text(profile), stage->profile) == 0) { /* its own keys */
        HF_TRY(take_keys(&next, out, &found, err));
        return found ? HF_OK
                     : hf_error_set(err, HF_CONFIG, "it is its own source_profile, without keys");
    }
    if (next.depth > DEPTH_MAX)
        return hf_error_set(err, HF_CONFIG, "source_profile leads in a circle, or too far");
    next.profile = hf_secret_text(profile);
    return resolve(&next, out, err);
}

static enum hf_status take_role(const struct stage *stage, const struct hf_secret *arn,
                                struct hf_s3_credentials *out, struct hf_error *err)
{
    HF_AUTO_PTR(hf_secret) name = NULL;
    HF_AUTO_PTR(hf_secret) external_id = NULL;
    HF_AUTO_PTR(hf_secret) token_file = NULL;
    HF_AUTO_PTR(hf_secret) mfa = NULL;
    HF_AUTO_PTR(hf_secret) region = NULL;
    HF_AUTO(hf_s3_credentials) by = HF_S3_CREDENTIALS_INIT;

    HF_TRY(get(stage, "role_session_name", &name, err));
    HF_TRY(get(stage, "external_id", &external_id, err));
    HF_TRY(get(stage, "web_identity_token_file", &token_file, err));
    HF_TRY(get(stage, "mfa_serial", &mfa, err));
    HF_TRY(get(stage, "region", &region, err));
    if (mfa)
        return hf_error_set(err, HF_UNSUPPORTED,
                            "it wants a code of an MFA device (mfa_serial), which nobody can type "
                            "into a backup at night; use another role");
    struct hf_s3_role role = {.arn = hf_secret_text(arn),
                              .name = text_or_null(name),
                              .external_id = text_or_null(external_id),
                              .region = text_or_null(region)};
    if (token_file) {
        HF_TRY(hf_s3_sts_web_identity(stage->look, &role, hf_secret_text(token_file), out, err));
        say_way(stage, "web identity as ", role.arn);
        return HF_OK;
    }
    HF_TRY(take_source(stage, &by, err));
    HF_TRY(hf_s3_sts_assume_role(stage->look, &role, &by, out, err));
    say_way(stage, "role ", role.arn);
    return HF_OK;
}

/* What is there, but not understood, is said; nothing at all is HF_NOT_FOUND. */
static enum hf_status nothing_there(const struct stage *stage, struct hf_error *err)
{
    HF_AUTO_PTR(hf_secret) session = NULL;
    HF_AUTO_PTR(hf_secret) start_url = NULL;

    HF_TRY(get(stage, "sso_session", &session, err));
    HF_TRY(get(stage, "sso_start_url", &start_url, err));
    if (session || start_url)
        return hf_error_set(err, HF_UNSUPPORTED,
                            "it signs in by IAM Identity Center (sso_…), which holdfast does not "
                            "do; let the AWS CLI do it: credential_process = aws configure "
                            "export-credentials --profile %.100s --format process",
                            stage->profile);
    return hf_error_set(err, HF_NOT_FOUND, "it has no keys, no role_arn and no credential_process");
}

static enum hf_status resolve_named(const struct stage *stage, struct hf_s3_credentials *out,
                                    struct hf_error *err)
{
    HF_AUTO_PTR(hf_secret) arn = NULL;
    HF_AUTO_PTR(hf_secret) process = NULL;
    bool found = false;

    HF_TRY(get(stage, "role_arn", &arn, err));
    if (arn)
        return take_role(stage, arn, out, err);
    HF_TRY(take_keys(stage, out, &found, err));
    if (found)
        return HF_OK;
    HF_TRY(get(stage, "credential_process", &process, err));
    if (!process)
        return nothing_there(stage, err);
    HF_TRY(hf_s3_run_process(stage->look, hf_secret_text(process), out, err));
    say_way(stage, "credential_process", "");
    return HF_OK;
}

static enum hf_status resolve(const struct stage *stage, struct hf_s3_credentials *out,
                              struct hf_error *err)
{
    if (!hf_profiles_have(stage->files, stage->profile))
        return hf_error_set(err, HF_NOT_FOUND, "neither %.300s nor %.300s has a profile \"%.100s\"",
                            stage->files->credentials_path, stage->files->config_path,
                            stage->profile);
    if (resolve_named(stage, out, err) != HF_OK)
        return hf_error_prefix(err, "profile %.100s", stage->profile);
    return HF_OK;
}

enum hf_status hf_s3_way_profile(struct hf_s3_look *look, struct hf_s3_credentials *out,
                                 struct hf_error *err)
{
    __attribute__((cleanup(hf_profiles_auto))) struct hf_profiles files = HF_PROFILES_INIT;
    bool said;
    struct stage stage = {.look = look, .files = &files};

    stage.profile = hf_profiles_choose(look->options->profile, &said);
    HF_TRY(hf_profiles_read(&files, err));
    enum hf_status status = resolve(&stage, out, err);
    if (status == HF_NOT_FOUND && said)
        status = err->status = HF_CONFIG; /* whoever named it does not want another one */
    return status;
}
