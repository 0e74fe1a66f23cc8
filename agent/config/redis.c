#include "agent/config/redis.h"

#include "formats/redis/url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ORDER_MEMORY_MIN (UINT64_C(1) << 20)
#define ORDER_MEMORY_MAX (UINT64_C(1) << 40)

/* As written; what becomes of it: assemble below. */
struct written {
    char *url, *host, *socket, *master, *user, *sentinel_user, *read;
    unsigned port, connect_timeout, timeout;
    struct hf_strings sentinels, cluster;
    struct hf_secret_spec password, sentinel_password;
    bool tls, tls_insecure, from_replica;
    char *tls_ca, *tls_cert, *tls_key, *tls_name;
    uint64_t order_memory;
};

#define FIELD(name, kind, ...)                                                                     \
    {                                                                                              \
        .key = #name, .type = HF_FIELD_##kind, .offset = offsetof(struct written, name),           \
        __VA_ARGS__                                                                                \
    }

static const struct hf_field fields[] = {
    FIELD(url, TEXT, .min = 0),
    FIELD(host, TEXT, .min = 0),
    FIELD(port, NUMBER, .min = 1, .max = 65535),
    FIELD(socket, PATH, .min = 0),
    FIELD(sentinels, TEXTS, .min = 0),
    FIELD(master, TEXT, .min = 0),
    FIELD(cluster, TEXTS, .min = 0),
    FIELD(user, TEXT, .min = 0),
    FIELD(password, SECRET, .min = 0),
    FIELD(sentinel_user, TEXT, .min = 0),
    FIELD(sentinel_password, SECRET, .min = 0),
    FIELD(from_replica, BOOL, .min = 0),
    FIELD(tls, BOOL, .min = 0),
    FIELD(tls_ca, PATH, .min = 0),
    FIELD(tls_cert, PATH, .min = 0),
    FIELD(tls_key, PATH, .min = 0),
    FIELD(tls_name, TEXT, .min = 0),
    FIELD(tls_insecure, BOOL, .min = 0),
    FIELD(read, TEXT, .min = 0),
    FIELD(order_memory, SIZE, .min = ORDER_MEMORY_MIN, .max = ORDER_MEMORY_MAX),
    FIELD(connect_timeout, NUMBER, .min = 1, .max = 3600),
    FIELD(timeout, NUMBER, .min = 1, .max = 86400),
    {.key = NULL},
};

static void written_auto(struct written *w)
{
    char *const texts[] = {w->host, w->socket, w->master,   w->user,    w->sentinel_user,
                           w->read, w->tls_ca, w->tls_cert, w->tls_key, w->tls_name};

    if (w->url)
        explicit_bzero(w->url, strlen(w->url));
    free(w->url);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free(texts[i]);
    hf_strings_free(&w->sentinels);
    hf_strings_free(&w->cluster);
    hf_secret_spec_done(&w->password);
    hf_secret_spec_done(&w->sentinel_password);
}

/* Exactly one way to say where it is. */
static enum hf_status check_place(const struct hf_fields_file *file, const struct hf_yaml *map,
                                  const char *where, const struct written *w, struct hf_error *err)
{
    int said = (w->url != NULL) + (w->host != NULL) + (w->socket != NULL) +
               (w->sentinels.count > 0) + (w->cluster.count > 0);

    if (said != 1)
        return hf_fields_error(file, map, err,
                               "%s of \"url\", \"host\", \"socket\", \"sentinels\" and \"cluster\" "
                               "%s",
                               said == 0 ? "one is missing" : "only one can be given", where);
    if ((w->sentinels.count > 0) != (w->master != NULL))
        return hf_fields_error(file, map, err, "\"sentinels\" and \"master\" %s go together",
                               where);
    if (w->port && !w->host)
        return hf_fields_error(file, map, err, "\"port\" %s goes with \"host\"", where);
    return HF_OK;
}

static enum hf_status read_way(const struct hf_fields_file *file, const struct hf_yaml *map,
                               const char *where, const char *text, enum hf_redis_way *out,
                               struct hf_error *err)
{
    static const char *const words[] = {[HF_REDIS_REPLICA_OR_SCAN] = "auto",
                                        [HF_REDIS_REPLICA] = "replica",
                                        [HF_REDIS_SCAN] = "scan"};

    for (size_t i = 0; text && i < sizeof words / sizeof *words; i++) {
        if (strcmp(text, words[i]) == 0) {
            *out = (enum hf_redis_way)i;
            return HF_OK;
        }
    }
    return text ? hf_fields_error(file, map, err, "\"read\" %s must be one of auto, replica, scan",
                                  where)
                : HF_OK;
}

static void move_text(char **to, char **from)
{
    if (*from) {
        free(*to);
        *to = *from;
        *from = NULL;
    }
}

static void move_strings(struct hf_strings *to, struct hf_strings *from)
{
    *to = *from;
    *from = (struct hf_strings)HF_STRINGS_INIT;
}

static enum hf_status take_place(const struct hf_fields_file *file, const struct hf_yaml *map,
                                 const char *where, struct written *w,
                                 struct hf_redis_config *config, struct hf_error *err)
{
    HF_AUTO_FREE char *host = NULL;
    bool v6 = w->host && strchr(w->host, ':');

    if (w->url) {
        if (hf_redis_url_parse(w->url, config, err) != HF_OK) {
            struct hf_error reason = *err;

            return hf_fields_error(file, map, err, "\"url\" %s: %s", where, reason.text);
        }
        return HF_OK;
    }
    move_text(&config->socket, &w->socket);
    move_text(&config->master, &w->master);
    config->topology = w->sentinels.count > 0 ? HF_REDIS_SENTINEL
                       : w->cluster.count > 0 ? HF_REDIS_CLUSTER
                                              : HF_REDIS_SINGLE;
    if (w->sentinels.count > 0)
        move_strings(&config->hosts, &w->sentinels);
    else if (w->cluster.count > 0)
        move_strings(&config->hosts, &w->cluster);
    if (!w->host)
        return HF_OK;
    HF_TRY(hf_text_format(&host, err, "%s%s%s:%u", v6 ? "[" : "", w->host, v6 ? "]" : "",
                          w->port ? w->port : (unsigned)HF_REDIS_PORT));
    return hf_strings_add(&config->hosts, host, err);
}

static void take_rest(struct written *w, struct hf_config_redis *redis)
{
    struct hf_redis_config *config = &redis->config;

    move_text(&config->user, &w->user);
    move_text(&config->sentinel_user, &w->sentinel_user);
    move_text(&config->tls_ca, &w->tls_ca);
    move_text(&config->tls_cert, &w->tls_cert);
    move_text(&config->tls_key, &w->tls_key);
    move_text(&config->tls_name, &w->tls_name);
    config->tls = config->tls || w->tls || config->tls_ca || config->tls_cert;
    config->tls_insecure = config->tls_insecure || w->tls_insecure;
    config->from_replica = config->from_replica || w->from_replica;
    config->order_memory = w->order_memory;
    config->connect_timeout = w->connect_timeout;
    config->timeout = w->timeout;
    redis->password = w->password;
    redis->sentinel_password = w->sentinel_password;
    w->password = w->sentinel_password = (struct hf_secret_spec){.from = HF_SECRET_NOWHERE};
}

enum hf_status hf_config_read_redis(const struct hf_fields_file *file, const struct hf_yaml *map,
                                    const char *where, struct hf_config_source *out,
                                    struct hf_error *err)
{
    __attribute__((cleanup(written_auto))) struct written w = {.url = NULL};
    struct hf_config_redis *redis = &out->as.redis;

    hf_redis_config_init(&redis->config);
    HF_TRY(hf_fields_read(file, map, fields, where, &w, err));
    HF_TRY(check_place(file, map, where, &w, err));
    HF_TRY(read_way(file, map, where, w.read, &redis->config.way, err));
    HF_TRY(take_place(file, map, where, &w, &redis->config, err));
    if (redis->config.password && w.password.from != HF_SECRET_NOWHERE)
        return hf_fields_error(file, map, err, "\"password\" %s is given already in \"url\"",
                               where);
    take_rest(&w, redis);
    return HF_OK;
}

void hf_config_redis_done(struct hf_config_source *source)
{
    struct hf_config_redis *redis = &source->as.redis;

    hf_redis_config_done(&redis->config);
    hf_secret_spec_done(&redis->password);
    hf_secret_spec_done(&redis->sentinel_password);
}
