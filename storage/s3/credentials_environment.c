/* Keys of the configuration and of the environment (credential_ways.h). */
#include "storage/s3/credential_values.h"
#include "storage/s3/credential_ways.h"

#include <stdio.h>
#include <string.h>

enum hf_status hf_s3_way_configured(struct hf_s3_look *look, struct hf_s3_credentials *out,
                                    struct hf_error *err)
{
    const struct hf_s3_chain_options *options = look->options;

    if (!options->configured)
        return hf_error_set(err, HF_NOT_FOUND, "it has no access_key");
    HF_TRY(options->configured(options->configured_ctx, look->cancel, out, err));
    (void)snprintf(look->way, sizeof look->way, "the configuration (access_key)");
    return HF_OK;
}

static struct hf_s3_text variable(const char *name)
{
    const char *value = hf_s3_env(name);
    return (struct hf_s3_text){.text = value, .len = value ? strlen(value) : 0};
}

enum hf_status hf_s3_way_environment(struct hf_s3_look *look, struct hf_s3_credentials *out,
                                     struct hf_error *err)
{
    struct hf_s3_values values = {.access_key = variable("AWS_ACCESS_KEY_ID"),
                                  .secret_key = variable("AWS_SECRET_ACCESS_KEY"),
                                  .session_token = variable("AWS_SESSION_TOKEN")};

    if (!values.access_key.text && !values.secret_key.text)
        return hf_error_set(err, HF_NOT_FOUND, "AWS_ACCESS_KEY_ID is not set");
    if (!values.access_key.text || !values.secret_key.text)
        return hf_error_set(err, HF_CONFIG, "%s is set, and %s is not: set both, or neither",
                            values.access_key.text ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY",
                            values.access_key.text ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID");
    HF_TRY(hf_s3_credentials_set(&values, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY", out, err));
    (void)snprintf(look->way, sizeof look->way, "the environment (AWS_ACCESS_KEY_ID)");
    return HF_OK;
}
