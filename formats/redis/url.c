#include "formats/redis/url.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

const char *const hf_redis_url_schemes[] = {"redis://",
                                            "rediss://",
                                            "valkey://",
                                            "valkeys://",
                                            "redis+sentinel://",
                                            "rediss+sentinel://",
                                            "redis+cluster://",
                                            "rediss+cluster://",
                                            "redis+unix://",
                                            "unix://",
                                            NULL};

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10 : -1;
}

/* A heap copy, decoded; a '%' that begins no code, and a NUL, are errors. */
static enum hf_status decode(const char *text, size_t len, char **out, struct hf_error *err)
{
    char *copy = malloc(len + 1);
    size_t n = 0;

    if (!copy)
        return hf_error_memory(err);
    for (size_t i = 0; i < len; i++) {
        int high = i + 2 < len ? hex_digit(text[i + 1]) : -1;
        int low = i + 2 < len ? hex_digit(text[i + 2]) : -1;

        copy[n++] = text[i];
        if (text[i] != '%')
            continue;
        if (high < 0 || low < 0 || high + low == 0) {
            explicit_bzero(copy, n);
            free(copy);
            return hf_error_set(err, HF_USAGE, "the URL has a \"%%\" that begins no code");
        }
        copy[n - 1] = (char)(high << 4 | low);
        i += 2;
    }
    copy[n] = '\0';
    *out = copy;
    return HF_OK;
}

static enum hf_status decode_secret(const char *text, size_t len, struct hf_secret **out,
                                    struct hf_error *err)
{
    char *plain;
    enum hf_status status;

    HF_TRY(decode(text, len, &plain, err));
    status = hf_secret_new(plain, strlen(plain), out, err);
    explicit_bzero(plain, strlen(plain));
    free(plain);
    return status;
}

/* "user:password@", either of which may be missing. A bare word is the password, as it was for
 * Redis before it had users: "redis://:secret@host" and "redis://user:secret@host". */
static enum hf_status take_login(struct hf_redis_config *config, const char *text, size_t len,
                                 struct hf_error *err)
{
    const char *colon = memchr(text, ':', len);
    size_t user = colon ? (size_t)(colon - text) : len;

    if (user > 0)
        HF_TRY(decode(text, user, &config->user, err));
    if (colon && len > user + 1)
        HF_TRY(decode_secret(colon + 1, len - user - 1, &config->password, err));
    return HF_OK;
}

static enum hf_status take_hosts(struct hf_redis_config *config, const char *text, size_t len,
                                 struct hf_error *err)
{
    while (len > 0) {
        const char *comma = memchr(text, ',', len);
        size_t part = comma ? (size_t)(comma - text) : len;
        HF_AUTO_FREE char *host = NULL;

        if (part > 0) {
            HF_TRY(decode(text, part, &host, err));
            HF_TRY(hf_strings_add(&config->hosts, host, err));
        }
        text += part + (comma ? 1 : 0);
        len -= part + (comma ? 1 : 0);
    }
    if (config->hosts.count == 0)
        return hf_error_set(err, HF_USAGE, "the URL names no host");
    if (config->hosts.count > 1 && config->topology == HF_REDIS_SINGLE)
        return hf_error_set(err, HF_USAGE,
                            "the URL names several hosts: redis+cluster:// and redis+sentinel:// "
                            "are for that");
    return HF_OK;
}

static enum hf_status take_database(struct hf_redis_config *config, const char *text,
                                    struct hf_error *err)
{
    char *end;
    unsigned long number = strtoul(text, &end, 10);

    if (!*text)
        return HF_OK;
    if (*end || !isdigit((unsigned char)*text) || number > INT32_MAX)
        return hf_error_set(err, HF_USAGE, "\"%.60s\" is no number of a logical database", text);
    config->database = (int)number;
    return HF_OK;
}

/* What follows the hosts, decoded: "", "3", "mymaster", "mymaster/3". */
static enum hf_status take_path(struct hf_redis_config *config, char *path, struct hf_error *err)
{
    char *slash;

    if (config->topology != HF_REDIS_SENTINEL)
        return take_database(config, path, err);
    slash = strchr(path, '/');
    if (slash)
        *slash = '\0';
    if (!*path)
        return hf_error_set(err, HF_USAGE, "the URL names no master: redis+sentinel://HOST/MASTER");
    HF_TRY(hf_text_copy(path, &config->master, err));
    return slash ? take_database(config, slash + 1, err) : HF_OK;
}

static enum hf_status take_setting(struct hf_redis_config *config, const char *key, char *value,
                                   struct hf_error *err)
{
    const struct {
        const char *key;
        char **text;
        bool *flag;
    } settings[] = {{"tls_ca", &config->tls_ca, NULL},
                    {"tls_cert", &config->tls_cert, NULL},
                    {"tls_key", &config->tls_key, NULL},
                    {"tls_name", &config->tls_name, NULL},
                    {"tls_insecure", NULL, &config->tls_insecure},
                    {"from_replica", NULL, &config->from_replica}};

    if (strcmp(key, "db") == 0)
        return take_database(config, value, err);
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        if (strcmp(key, settings[i].key) != 0)
            continue;
        if (settings[i].flag)
            *settings[i].flag = strcmp(value, "yes") == 0 || strcmp(value, "true") == 0;
        else
            return hf_text_copy(value, settings[i].text, err);
        return HF_OK;
    }
    return hf_error_set(err, HF_USAGE, "the URL has an unknown setting \"%.40s\"", key);
}

static enum hf_status take_query(struct hf_redis_config *config, const char *text,
                                 struct hf_error *err)
{
    while (text && *text) {
        size_t len = strcspn(text, "&");
        const char *equals = memchr(text, '=', len);
        size_t key_len = equals ? (size_t)(equals - text) : len;
        HF_AUTO_FREE char *key = NULL;
        HF_AUTO_FREE char *value = NULL;

        HF_TRY(decode(text, key_len, &key, err));
        HF_TRY(decode(text + key_len + (equals ? 1 : 0), len - key_len - (equals ? 1 : 0), &value,
                      err));
        HF_TRY(take_setting(config, key, value, err));
        text += len + (text[len] == '&' ? 1 : 0);
    }
    return HF_OK;
}

static const char *take_scheme(struct hf_redis_config *config, const char *url)
{
    for (size_t i = 0; hf_redis_url_schemes[i]; i++) {
        const char *scheme = hf_redis_url_schemes[i];

        if (strncmp(url, scheme, strlen(scheme)) != 0)
            continue;
        config->tls = strncmp(scheme, "rediss", 6) == 0 || strncmp(scheme, "valkeys", 7) == 0;
        config->topology = strstr(scheme, "+sentinel")  ? HF_REDIS_SENTINEL
                           : strstr(scheme, "+cluster") ? HF_REDIS_CLUSTER
                                                        : HF_REDIS_SINGLE;
        return url + strlen(scheme);
    }
    return NULL;
}

enum hf_status hf_redis_url_parse(const char *url, struct hf_redis_config *config,
                                  struct hf_error *err)
{
    const char *rest = take_scheme(config, url);
    size_t authority, path_len;
    const char *at, *query;
    HF_AUTO_FREE char *path = NULL;

    if (!rest)
        return hf_error_set(err, HF_USAGE, "this is no URL of a Redis server");
    query = strchr(rest, '?');
    authority = strcspn(rest, "/?");
    path_len = query ? (size_t)(query - rest) : strlen(rest);
    HF_TRY(take_query(config, query ? query + 1 : NULL, err));
    at = memrchr(rest, '@', authority);
    if (at) {
        HF_TRY(take_login(config, rest, (size_t)(at - rest), err));
        path_len -= (size_t)(at + 1 - rest);
        authority -= (size_t)(at + 1 - rest);
        rest = at + 1;
    }
    if (strncmp(url, "unix://", 7) == 0 || strncmp(url, "redis+unix://", 13) == 0) {
        if (path_len == 0 || rest[0] != '/')
            return hf_error_set(err, HF_USAGE, "the URL names no socket: unix:///PATH");
        return decode(rest, path_len, &config->socket, err);
    }
    HF_TRY(take_hosts(config, rest, authority, err));
    if (path_len <= authority + 1)
        return config->topology == HF_REDIS_SENTINEL ? take_path(config, (char[]){""}, err) : HF_OK;
    HF_TRY(decode(rest + authority + 1, path_len - authority - 1, &path, err));
    return take_path(config, path, err);
}
