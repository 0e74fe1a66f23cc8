#include "storage/s3/credential_chain.h"

#include "base/buffer.h"
#include "base/text.h"
#include "storage/s3/credential_values.h"
#include "storage/s3/credential_ways.h"
#include "storage/s3/profiles.h"

#include <stdlib.h>
#include <string.h>

/* The order. A profile that the configuration names is looked at in the place of its keys. */
static const struct {
    const char *name; /* as errors say it */
    hf_s3_way_fn *find;
} ways[] = {
    {"the configuration", hf_s3_way_configured}, {"the environment", hf_s3_way_environment},
    {"the shared files", hf_s3_way_profile},     {"the container", hf_s3_way_container},
    {"web identity", hf_s3_way_web_identity},    {"the EC2 metadata service", hf_s3_way_instance},
};

struct hf_s3_chain {
    struct hf_s3_chain_options options;
    char *profile, *region; /* what the options point to */
    struct hf_s3_look look;
};

enum hf_status hf_s3_chain_new(const struct hf_s3_chain_options *options, struct hf_s3_chain **out,
                               struct hf_error *err)
{
    HF_AUTO_PTR(hf_s3_chain) chain = calloc(1, sizeof *chain);

    if (!chain)
        return hf_error_memory(err);
    chain->options = *options;
    if (options->profile)
        HF_TRY(hf_text_copy(options->profile, &chain->profile, err));
    if (options->region)
        HF_TRY(hf_text_copy(options->region, &chain->region, err));
    chain->options.profile = chain->profile;
    chain->options.region = chain->region;
    chain->look.options = &chain->options;
    *out = chain;
    chain = NULL;
    return HF_OK;
}

void hf_s3_chain_free(struct hf_s3_chain *chain)
{
    if (!chain)
        return;
    free(chain->profile);
    free(chain->region);
    free(chain);
}

const char *hf_s3_chain_way(const struct hf_s3_chain *chain)
{
    return chain->look.way;
}

static enum hf_status find_one(struct hf_s3_chain *chain, size_t way, struct hf_s3_credentials *out,
                               struct hf_error *err)
{
    enum hf_status status = ways[way].find(&chain->look, out, err);

    if (status != HF_OK)
        hf_s3_credentials_done(out);
    return status;
}

/* Why it was nowhere, one after the other. */
static enum hf_status found_nowhere(const struct hf_buf *reasons, struct hf_error *err)
{
    return hf_error_set(err, HF_CONFIG,
                        "no S3 credentials were found (%.*s); give access_key and secret_key in "
                        "the configuration, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
                        (int)reasons->len, (const char *)reasons->data);
}

static enum hf_status fetch(void *ctx, struct hf_s3_credentials *out, struct hf_error *err)
{
    struct hf_s3_chain *chain = ctx;
    HF_AUTO(hf_buf) reasons = HF_BUF_INIT;

    chain->look.cancel = chain->options.cancel ? *chain->options.cancel : NULL;
    if (chain->options.profile && !chain->options.configured) {
        if (hf_s3_way_profile(&chain->look, out, err) == HF_OK)
            return HF_OK;
        hf_s3_credentials_done(out);
        return hf_error_prefix(err, "S3 credentials");
    }
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct hf_error why = HF_ERROR_INIT;
        enum hf_status status = find_one(chain, i, out, &why);

        if (status == HF_OK)
            return HF_OK;
        if (status != HF_NOT_FOUND) {
            *err = why;
            return hf_error_prefix(err, "S3 credentials");
        }
        HF_TRY(hf_buf_printf(&reasons, err, "%s%s: %.300s", i > 0 ? "; " : "", ways[i].name,
                             why.text));
    }
    return found_nowhere(&reasons, err);
}

static void free_chain(void *ctx)
{
    hf_s3_chain_free(ctx);
}

struct hf_s3_source hf_s3_chain_source(struct hf_s3_chain *chain)
{
    return (struct hf_s3_source){.ctx = chain, .fetch = fetch, .free = free_chain};
}

enum hf_status hf_s3_default_region(const char *profile, char **out, struct hf_error *err)
{
    __attribute__((cleanup(hf_profiles_auto))) struct hf_profiles files = HF_PROFILES_INIT;
    HF_AUTO_PTR(hf_secret) region = NULL;
    const char *said = hf_s3_env("AWS_REGION");
    bool named;

    if (!said)
        said = hf_s3_env("AWS_DEFAULT_REGION");
    if (said)
        return hf_text_copy(said, out, err);
    HF_TRY(hf_profiles_read(&files, err));
    HF_TRY(
        hf_profiles_get(&files, hf_profiles_choose(profile, &named), "region", &region, NULL, err));
    if (!region)
        return hf_error_set(err, HF_NOT_FOUND,
                            "no region: neither AWS_REGION nor AWS_DEFAULT_REGION is set, and the "
                            "profile names none");
    return hf_text_copy(hf_secret_text(region), out, err);
}
