#include "agent/repositories/place_s3.h"

#include "base/clock.h"
#include "storage/s3/credential_values.h"

#include <string.h>

/* hf_s3_configured_fn: secrets are fetched anew each time, as commands may print new ones. */
static enum hf_status read_keys(void *ctx, struct hf_cancel *cancel, struct hf_s3_credentials *out,
                                struct hf_error *err)
{
    const struct hf_config_s3 *s3 = ctx;
    HF_AUTO_PTR(hf_secret) access_key = NULL;
    HF_AUTO_PTR(hf_secret) secret_key = NULL;
    HF_AUTO_PTR(hf_secret) token = NULL;
    struct hf_s3_values values = {.expires = 0};

    HF_TRY(hf_secret_spec_read(&s3->access_key, "access_key", cancel, &access_key, err));
    HF_TRY(hf_secret_spec_read(&s3->secret_key, "secret_key", cancel, &secret_key, err));
    HF_TRY(hf_secret_spec_read(&s3->session_token, "session_token", cancel, &token, err));
    values.access_key = hf_s3_text_of(access_key);
    values.secret_key = hf_s3_text_of(secret_key);
    values.session_token = hf_s3_text_of(token);
    return hf_s3_credentials_set(&values, "access_key and secret_key", out, err);
}

enum hf_status hf_place_s3_chain(const struct hf_session *session, const struct hf_config_s3 *s3,
                                 struct hf_s3_chain **out, struct hf_error *err)
{
    struct hf_s3_chain_options options = {
        .profile = s3->profile, .region = s3->region, .cancel = &session->cancel};

    if (s3->access_key.from != HF_SECRET_NOWHERE) {
        options.configured = read_keys;
        options.configured_ctx = (struct hf_config_s3 *)(uintptr_t)s3; /* only read */
    }
    return hf_s3_chain_new(&options, out, err);
}

static enum hf_status new_provider(const struct hf_session *session, const struct hf_config_s3 *s3,
                                   struct hf_s3_provider **out, struct hf_error *err)
{
    struct hf_s3_chain *chain;
    enum hf_status status;

    HF_TRY(hf_place_s3_chain(session, s3, &chain, err));
    const struct hf_s3_source source = hf_s3_chain_source(chain);
    status = hf_s3_provider_new(&source, out, err);
    if (status != HF_OK)
        hf_s3_chain_free(chain);
    return status;
}

/* "none" is for a proxy that the environment names. */
static enum hf_status find_proxy(const struct hf_session *session, const struct hf_config_s3 *s3,
                                 struct hf_secret **out, const char **out_text,
                                 struct hf_error *err)
{
    HF_TRY(hf_secret_spec_read(&s3->proxy, "proxy", session->cancel, out, err));
    *out_text = *out ? hf_secret_text(*out) : NULL;
    if (*out && strcmp(hf_secret_text(*out), "none") == 0)
        *out_text = "";
    return HF_OK;
}

static const char *endpoint_from_environment(void)
{
    const char *ignore = hf_s3_env("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
    const char *url = hf_s3_env("AWS_ENDPOINT_URL_S3");

    if (ignore && strcmp(ignore, "true") == 0)
        return NULL;
    return url ? url : hf_s3_env("AWS_ENDPOINT_URL");
}

static enum hf_status find_region(const struct hf_config_s3 *s3, char **out, struct hf_error *err)
{
    struct hf_error why = HF_ERROR_INIT;
    enum hf_status status;

    if (s3->region)
        return HF_OK;
    status = hf_s3_default_region(s3->profile, out, &why);
    if (status == HF_OK || status == HF_NOT_FOUND)
        return HF_OK;
    *err = why;
    return err->status;
}

enum hf_status hf_place_s3_open(const struct hf_session *session, const struct hf_config_s3 *s3,
                                enum hf_place_patience patience, struct hf_store **out,
                                struct hf_error *err)
{
    static const struct hf_retry_policy quick = {
        .base = HF_NS_PER_S / 10, .cap = HF_NS_PER_S, .budget = 5 * HF_NS_PER_S};
    HF_AUTO_PTR(hf_s3_provider) provider = NULL;
    HF_AUTO_PTR(hf_secret) proxy = NULL;
    HF_AUTO_FREE char *region = NULL;
    struct hf_s3_config config;

    hf_config_s3_options(s3, &config);
    if (patience == HF_PLACE_QUICK)
        config.retry = quick;
    if (!config.endpoint)
        config.endpoint = endpoint_from_environment();
    HF_TRY(find_region(s3, &region, err));
    if (region)
        config.region = region;
    HF_TRY(find_proxy(session, s3, &proxy, &config.proxy, err));
    config.observer = hf_output_observer(session->output);
    HF_TRY(new_provider(session, s3, &provider, err));
    HF_TRY(hf_s3_open(&config, provider, out, err));
    provider = NULL;
    return HF_OK;
}
