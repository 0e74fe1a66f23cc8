#include "formats/redis/server.h"

#include "base/json.h"
#include "formats/redis/sentinel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONNECT_SECONDS = 30, IDLE_SECONDS = 300, OLDEST_VALKEY = 70200 };

void hf_redis_server_done(struct hf_redis_server *server)
{
    hf_redis_close(server->redis);
    free(server->info);
    hf_redis_server_init(server);
}

enum hf_status hf_redis_host_split(const char *text, unsigned default_port, char **out_host,
                                   unsigned *out_port, struct hf_error *err)
{
    const char *end = text[0] == '[' ? strchr(text, ']') : NULL;
    const char *colon = end ? (end[1] == ':' ? end + 1 : NULL) : strrchr(text, ':');
    size_t len = end ? (size_t)(end - text - 1) : colon ? (size_t)(colon - text) : strlen(text);
    unsigned long port = default_port;
    char *rest = NULL;

    if (colon)
        port = strtoul(colon + 1, &rest, 10);
    if (len == 0 || (colon && (rest == colon + 1 || *rest)) || port < 1 || port > 65535 ||
        (text[0] == '[' && (!end || (end[1] && end[1] != ':'))))
        return hf_error_set(err, HF_CONFIG, "\"%.200s\" is no host with a port", text);
    HF_TRY(hf_text_format(out_host, err, "%.*s", (int)len, text + (end ? 1 : 0)));
    *out_port = (unsigned)port;
    return HF_OK;
}

enum hf_status hf_redis_reach(const struct hf_redis_config *config, const char *host, bool sentinel,
                              struct hf_cancel *cancel, struct hf_redis **out, struct hf_error *err)
{
    HF_AUTO_FREE char *name = NULL;
    struct hf_redis_place place = {
        .socket = host ? NULL : config->socket,
        .tls = config->tls,
        .tls_insecure = config->tls_insecure,
        .tls_ca = config->tls_ca,
        .tls_cert = config->tls_cert,
        .tls_key = config->tls_key,
        .tls_name = config->tls_name,
        .connect_timeout = config->connect_timeout ? config->connect_timeout : CONNECT_SECONDS,
        .timeout = config->timeout ? config->timeout : IDLE_SECONDS,
    };
    const struct hf_redis_login login = {
        .user = sentinel ? config->sentinel_user : config->user,
        .password = sentinel ? config->sentinel_password : config->password,
    };

    if (host)
        HF_TRY(hf_redis_host_split(host, sentinel ? HF_REDIS_SENTINEL_PORT : HF_REDIS_PORT, &name,
                                   &place.port, err));
    place.host = name;
    return hf_redis_connect(&place, &login, cancel, out, err);
}

static const char *info_line(const struct hf_redis_server *server, const char *name, size_t *len)
{
    size_t name_len = strlen(name);

    for (const char *line = server->info; line && *line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, name_len) == 0 && line[name_len] == ':') {
            *len = strcspn(line + name_len + 1, "\r\n");
            return line + name_len + 1;
        }
    }
    return NULL;
}

enum hf_status hf_redis_info(const struct hf_redis_server *server, const char *name, char **out,
                             struct hf_error *err)
{
    size_t len = 0;
    const char *value = info_line(server, name, &len);

    *out = NULL;
    return value ? hf_text_format(out, err, "%.*s", (int)len, value) : HF_OK;
}

uint64_t hf_redis_info_number(const struct hf_redis_server *server, const char *name)
{
    size_t len;
    const char *value = info_line(server, name, &len);

    return value ? strtoull(value, NULL, 10) : 0;
}

static bool info_is(const struct hf_redis_server *server, const char *name, const char *expected)
{
    size_t len;
    const char *value = info_line(server, name, &len);

    return value && len == strlen(expected) && strncmp(value, expected, len) == 0;
}

static unsigned version_number(const char *text)
{
    unsigned number = 0;

    for (int part = 0; text && part < 3; part++) {
        char *end;
        unsigned long value = strtoul(text, &end, 10);

        number = number * 100 + (unsigned)(value < 100 ? value : 99);
        text = *end == '.' ? end + 1 : "";
    }
    return number;
}

static enum hf_status identify(struct hf_redis_server *server, struct hf_error *err)
{
    size_t len;
    const char *own = info_line(server, "valkey_version", &len);
    const char *where = hf_redis_where(server->redis);

    server->valkey = own != NULL;
    server->version = version_number(own ? own : info_line(server, "redis_version", &len));
    server->cluster =
        info_is(server, "redis_mode", "cluster") || info_is(server, "server_mode", "cluster");
    server->sentinel =
        info_is(server, "redis_mode", "sentinel") || info_is(server, "server_mode", "sentinel");
    server->replica = info_is(server, "role", "slave");
    if (server->version == 0)
        return hf_error_set(err, HF_UNSUPPORTED, "%s: the server does not tell its version", where);
    if (server->version < (server->valkey ? (unsigned)OLDEST_VALKEY : (unsigned)HF_REDIS_OLDEST))
        return hf_error_set(err, HF_UNSUPPORTED,
                            "%s: the server is version %u.%u; Redis 6.2 and Valkey 7.2 are the "
                            "oldest supported",
                            where, server->version / 10000, server->version / 100 % 100);
    return HF_OK;
}

enum hf_status hf_redis_server_open(const struct hf_redis_config *config, const char *host,
                                    struct hf_cancel *cancel, struct hf_redis_server *out,
                                    struct hf_error *err)
{
    HF_AUTO(hf_redis_server) server = {.redis = NULL};

    HF_TRY(hf_redis_reach(config, host, false, cancel, &server.redis, err));
    HF_TRY(hf_redis_call_text(server.redis, &server.info, err, "INFO", NULL));
    HF_TRY(identify(&server, err));
    *out = server;
    hf_redis_server_init(&server);
    return HF_OK;
}

enum hf_status hf_redis_server_find(const struct hf_redis_config *config, bool writable,
                                    struct hf_cancel *cancel, struct hf_redis_server *out,
                                    struct hf_error *err)
{
    HF_AUTO_FREE char *found = NULL;
    const char *host = config->socket ? NULL : config->hosts.items[0];

    if (config->topology == HF_REDIS_SENTINEL) {
        HF_TRY(
            hf_redis_sentinel_ask(config, !writable && config->from_replica, cancel, &found, err));
        host = found;
    }
    HF_TRY(hf_redis_server_open(config, host, cancel, out, err));
    if (!out->sentinel)
        return HF_OK;
    hf_redis_server_done(out);
    return hf_error_set(err, HF_USAGE,
                        "%s is a sentinel, not a server: name it as one, with the "
                        "name of the master it watches",
                        host ? host : config->socket);
}

enum hf_status hf_redis_server_time(struct hf_redis *redis, int64_t *out, struct hf_error *err)
{
    HF_AUTO_REPLY reply = NULL;

    HF_TRY(hf_redis_call(redis, &reply, err, "TIME", NULL));
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
        reply->element[0]->type != REDIS_REPLY_STRING ||
        reply->element[1]->type != REDIS_REPLY_STRING)
        return hf_error_set(err, HF_FAILED, "%s: the server did not tell the time",
                            hf_redis_where(redis));
    *out = strtoll(reply->element[0]->str, NULL, 10) * 1000 +
           strtoll(reply->element[1]->str, NULL, 10) / 1000;
    return HF_OK;
}

enum hf_status hf_redis_server_json(const struct hf_redis_server *server, json_t **out,
                                    struct hf_error *err)
{
    HF_AUTO_FREE char *run_id = NULL;

    HF_TRY(hf_redis_info(server, "run_id", &run_id, err));
    return hf_json_pack(out, err, "{s:s, s:o, s:s, s:s, s:s}", "name",
                        server->valkey ? "valkey" : "redis", "version",
                        json_sprintf("%u.%u.%u", server->version / 10000,
                                     server->version / 100 % 100, server->version % 100),
                        "mode", server->cluster ? "cluster" : "standalone", "role",
                        server->replica ? "replica" : "master", "run_id", run_id ? run_id : "");
}
