#include "formats/redis/sentinel.h"

#include "formats/redis/server.h"

#include <string.h>

/* Of a flat list of names and values. */
static const char *field(const redisReply *reply, const char *name)
{
    for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i + 1 < reply->elements; i += 2) {
        const redisReply *key = reply->element[i], *value = reply->element[i + 1];

        if (key->type == REDIS_REPLY_STRING && value->type == REDIS_REPLY_STRING &&
            strcmp(key->str, name) == 0)
            return value->str;
    }
    return NULL;
}

static enum hf_status address(const char *host, const char *port, char **out, struct hf_error *err)
{
    return hf_text_format(out, err, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
}

static enum hf_status ask_master(struct hf_redis *sentinel, const char *master, char **out,
                                 struct hf_error *err)
{
    HF_AUTO_REPLY reply = NULL;

    HF_TRY(
        hf_redis_call(sentinel, &reply, err, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", master, NULL));
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
        reply->element[0]->type != REDIS_REPLY_STRING ||
        reply->element[1]->type != REDIS_REPLY_STRING)
        return hf_error_set(err, HF_NOT_FOUND, "sentinel %s watches no master \"%s\"",
                            hf_redis_where(sentinel), master);
    return address(reply->element[0]->str, reply->element[1]->str, out, err);
}

/* *out stays NULL where none is up and in sync. */
static enum hf_status ask_replica(struct hf_redis *sentinel, const char *master, char **out,
                                  struct hf_error *err)
{
    HF_AUTO_REPLY reply = NULL;

    HF_TRY(hf_redis_call(sentinel, &reply, err, "SENTINEL", "REPLICAS", master, NULL));
    for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++) {
        const char *host = field(reply->element[i], "ip");
        const char *port = field(reply->element[i], "port");
        const char *flags = field(reply->element[i], "flags");
        const char *link = field(reply->element[i], "master-link-status");

        if (host && port && flags && strcmp(flags, "slave") == 0 && link && strcmp(link, "ok") == 0)
            return address(host, port, out, err);
    }
    return HF_OK;
}

static enum hf_status ask(const struct hf_redis_config *config, const char *host, bool replica,
                          struct hf_cancel *cancel, char **out, struct hf_error *err)
{
    HF_AUTO_PTR(hf_redis) sentinel = NULL;

    *out = NULL;
    HF_TRY(hf_redis_reach(config, host, true, cancel, &sentinel, err));
    if (replica)
        HF_TRY(ask_replica(sentinel, config->master, out, err));
    return *out ? HF_OK : ask_master(sentinel, config->master, out, err);
}

enum hf_status hf_redis_sentinel_ask(const struct hf_redis_config *config, bool replica,
                                     struct hf_cancel *cancel, char **out, struct hf_error *err)
{
    enum hf_status status = hf_error_set(err, HF_CONFIG, "no sentinel is named");

    for (size_t i = 0; i < config->hosts.count; i++) {
        status = ask(config, config->hosts.items[i], replica, cancel, out, err);
        if (status != HF_UNREACHABLE)
            break;
    }
    return status;
}
