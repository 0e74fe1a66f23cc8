/* Redis and Valkey, as the agent sees them. */
#include "agent/config/redis.h"
#include "agent/kinds/kind.h"
#include "agent/kinds/show_redis.h"
#include "formats/redis/url.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* By --name, or else the host or the master; a port that is not the usual one tells two apart. */
static enum hf_status name_source(const struct hf_args *args, const struct hf_redis_config *config,
                                  char **out, struct hf_error *err)
{
    const char *name = hf_args_value(args, HF_OPT_NAME);
    HF_AUTO_FREE char *made = NULL;

    if (!name && config->master)
        name = config->master;
    if (!name && config->hosts.count > 0) {
        HF_TRY(hf_text_copy(config->hosts.items[0], &made, err));
        if (strlen(made) > 5 && strcmp(made + strlen(made) - 5, ":6379") == 0)
            made[strlen(made) - 5] = '\0';
        name = made;
    }
    name = name ? name : "redis";
    HF_TRY(hf_kind_check_name(name, err));
    return hf_text_copy(name, out, err);
}

/* A password of the environment, where a person keeps it for redis-cli too. */
static enum hf_status take_password(const struct hf_session *session,
                                    struct hf_redis_config *config, struct hf_error *err)
{
    const char *password = getenv("REDISCLI_AUTH");

    if (config->password) {
        hf_output_warning(session->output,
                          "a password on the command line can be seen by others on this machine; "
                          "use a configuration file or REDISCLI_AUTH");
        return HF_OK;
    }
    if (!password || !*password)
        return HF_OK;
    return hf_secret_new(password, strlen(password), &config->password, err);
}

static enum hf_status config_from_url(const struct hf_session *session, const char *url,
                                      struct hf_redis_config *config, struct hf_error *err)
{
    hf_redis_config_init(config);
    HF_TRY(hf_redis_url_parse(url, config, err));
    return take_password(session, config, err);
}

static enum hf_status from_url(const struct hf_session *session, const char *url,
                               struct hf_config_source *out, struct hf_error *err)
{
    struct hf_redis_config *config = &out->as.redis.config;

    HF_TRY(config_from_url(session, url, config, err));
    if (config->database >= 0)
        return hf_error_set(
            err, HF_USAGE, "a backup takes all logical databases: leave the number out of the URL");
    return name_source(session->args, config, &out->name, err);
}

static enum hf_status prepare(const struct hf_session *session, struct hf_config_source *source,
                              struct hf_error *err)
{
    struct hf_config_redis *redis = &source->as.redis;
    char what[HF_CONFIG_NAME_MAX + 64];

    (void)snprintf(what, sizeof what, "the password of source %s", source->name);
    if (!redis->config.password)
        HF_TRY(hf_secret_spec_read(&redis->password, what, session->cancel, &redis->config.password,
                                   err));
    (void)snprintf(what, sizeof what, "the sentinel password of source %s", source->name);
    if (redis->config.sentinel_password)
        return HF_OK;
    return hf_secret_spec_read(&redis->sentinel_password, what, session->cancel,
                               &redis->config.sentinel_password, err);
}

static uint64_t holds(const struct hf_config_source *source)
{
    uint64_t wanted = source->as.redis.config.order_memory;

    return wanted ? wanted : HF_REDIS_ORDER_MEMORY;
}

static enum hf_status target_from_url(struct hf_session *session, const char *url,
                                      struct hf_target *out, struct hf_error *err)
{
    out->made.kind = &hf_kind_redis;
    if (config_from_url(session, url, &out->made.as.redis.config, err) != HF_OK)
        return hf_error_prefix(err, "--to");
    out->source = &out->made;
    return hf_text_copy("--to", &out->made.name, err);
}

static enum hf_status target_file(const char *path, struct hf_target *out, struct hf_error *err)
{
    out->made.kind = &hf_kind_redis;
    hf_redis_config_init(&out->made.as.redis.config);
    out->source = &out->made;
    HF_TRY(hf_text_copy("--to", &out->made.name, err));
    return hf_text_copy(path, &out->made.as.redis.config.file, err);
}

static bool is_file(const char *to)
{
    size_t len = strlen(to);

    return strchr(to, '/') || (len > 4 && strcmp(to + len - 4, ".rdb") == 0);
}

/* "same": the source's own server as it was; a number: all into that database there. */
static enum hf_status target(struct hf_session *session, const char *to, const char *name,
                             struct hf_config_source *source, struct hf_target *out,
                             struct hf_error *err)
{
    const struct hf_kind *kind = hf_kind_of_url(to);
    char *end;
    unsigned long database = strtoul(to, &end, 10);
    bool number = isdigit((unsigned char)*to) && !*end && database <= INT32_MAX;

    if (kind == &hf_kind_redis)
        return target_from_url(session, to, out, err);
    if (!strstr(to, "://") && is_file(to)) /* as a source, a path is a volume */
        return target_file(to, out, err);
    if (kind || (!number && strcmp(to, "same") != 0))
        return hf_error_set(err, HF_USAGE,
                            "--to takes a redis:// URL, the name of an .rdb file, a number of a "
                            "logical database on the source's server, or \"same\"");
    if (!source)
        return hf_error_set(err, HF_USAGE,
                            "--to %.20s: on which server? The configuration has no source \"%s\"; "
                            "write --to redis://HOST/%.20s",
                            to, name, number ? to : "");
    out->source = source;
    source->as.redis.config.database = number ? (int)database : -1;
    return prepare(session, source, err);
}

/* Into the server where it was. A server beside it is for a person to start. */
static enum hf_status own_target(struct hf_session *session, struct hf_config_source *source,
                                 const char *suffix, struct hf_target *out, struct hf_error *err)
{
    if (*suffix)
        return hf_error_set(err, HF_USAGE,
                            "no server of Redis can be made for %s%s: say where %s is restored to, "
                            "--to %s=redis://HOST, a number of a logical database, or an .rdb file",
                            source->name, suffix, source->name, source->name);
    out->source = source;
    source->as.redis.config.database = -1;
    return prepare(session, source, err);
}

static enum hf_status for_export(const struct hf_session *session,
                                 const struct hf_config_source *source,
                                 struct hf_config_source *out, struct hf_error *err)
{
    (void)session;
    (void)source;
    (void)err;
    hf_redis_config_init(&out->as.redis.config);
    return HF_OK;
}

const struct hf_kind hf_kind_redis = {
    .source = &hf_redis_source,
    .noun = "a Redis source",
    .records = "keys",
    .schemes = hf_redis_url_schemes,
    .url_options = HF_OPTION_BIT(HF_OPT_NAME),
    .restore_options = HF_OPTION_BIT(HF_OPT_DATABASE) | HF_OPTION_BIT(HF_OPT_MATCH),
    .read = hf_config_read_redis,
    .done = hf_config_redis_done,
    .from_url = from_url,
    .prepare = prepare,
    .holds = holds,
    .target = target,
    .own_target = own_target,
    .for_export = for_export,
    .report = hf_report_redis,
    .show = hf_show_redis,
};
