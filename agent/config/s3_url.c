/* A bucket by URL (s3.h): the URL's parts become the nodes that a file would have had. */
#include "agent/config/s3.h"

#include <stdlib.h>
#include <string.h>

enum { SCHEME = 5, URL_MAX = 4096, NODES_MAX = 48 }; /* a key and its value are two nodes */

/* Nodes of a map with bucket, prefix and the parameters; texts point into copy. */
struct nodes {
    char *copy;
    struct hf_yaml map;
    struct hf_yaml list[NODES_MAX];
    struct hf_yaml *items[NODES_MAX];
};

static void nodes_auto(struct nodes *nodes)
{
    free(nodes->copy);
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* In place: what comes out is no longer. False at an escape that is none, or gives NUL. */
static bool unescape(char *text)
{
    char *out = text;

    for (; *text; out++) {
        if (*text != '%') {
            *out = *text++;
            continue;
        }
        int high = digit(text[1]), low = high < 0 ? -1 : digit(text[2]);
        if (low < 0 || (high == 0 && low == 0))
            return false;
        *out = (char)(high * 16 + low);
        text += 3;
    }
    *out = 0;
    return true;
}

static enum hf_status wrong(struct hf_error *err, const char *why)
{
    return hf_error_set(err, HF_USAGE,
                        "--repository: %s; a bucket is s3://BUCKET/PREFIX?endpoint=URL&region=NAME",
                        why);
}

static void add(struct nodes *nodes, char *text, const char *from)
{
    struct hf_yaml *node = &nodes->list[nodes->map.count];

    *node = (struct hf_yaml){.type = HF_YAML_SCALAR,
                             .line = 1,
                             .column = (unsigned)(from - nodes->copy) + 1,
                             .text = text};
    nodes->items[nodes->map.count++] = node;
}

/* Keys are checked by the table of fields, but for these. */
static enum hf_status check_key(const char *key, struct hf_error *err)
{
    static const char *const secrets[] = {"access_key", "secret_key", "session_token", "proxy"};

    if (strcmp(key, "bucket") == 0 || strcmp(key, "prefix") == 0)
        return wrong(err, "bucket and prefix are its path, and no parameters");
    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++) {
        if (strncmp(key, secrets[i], strlen(secrets[i])) == 0)
            return wrong(err, "secrets are not given on a command line, where everybody sees them; "
                              "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, name a profile, or "
                              "use a configuration file");
    }
    return HF_OK;
}

static enum hf_status add_parameters(struct nodes *nodes, char *query, struct hf_error *err)
{
    for (char *next; query && *query; query = next) {
        char *value = strchr(query, '=');

        next = strchr(query, '&');
        if (next)
            *next++ = 0;
        if (!value || (next && value >= next))
            return wrong(err, "a parameter has no value");
        *value++ = 0;
        if (!unescape(query) || !unescape(value))
            return wrong(err, "a \"%\" is not followed by two hexadecimal digits");
        HF_TRY(check_key(query, err));
        for (size_t i = 0; i < nodes->map.count; i += 2) {
            if (strcmp(nodes->items[i]->text, query) == 0)
                return wrong(err, "a parameter is given twice");
        }
        if (nodes->map.count == NODES_MAX)
            return wrong(err, "there are too many parameters");
        add(nodes, query, query);
        add(nodes, value, value);
    }
    return HF_OK;
}

static enum hf_status take_apart(const char *url, struct nodes *nodes, struct hf_error *err)
{
    static char bucket_key[] = "bucket", prefix_key[] = "prefix";
    char *bucket, *prefix, *query;

    if (strlen(url) > URL_MAX)
        return wrong(err, "the URL is too long");
    HF_TRY(hf_text_copy(url, &nodes->copy, err));
    bucket = nodes->copy + SCHEME;
    query = strchr(bucket, '?');
    if (query)
        *query++ = 0;
    prefix = strchr(bucket, '/');
    if (prefix)
        *prefix++ = 0;
    if (!*bucket || strchr(bucket, '@'))
        return wrong(err, "the URL names no bucket, or a user");
    if (!unescape(bucket) || (prefix && !unescape(prefix)))
        return wrong(err, "a \"%\" is not followed by two hexadecimal digits");
    add(nodes, bucket_key, bucket);
    add(nodes, bucket, bucket);
    if (prefix && *prefix) {
        add(nodes, prefix_key, prefix);
        add(nodes, prefix, prefix);
    }
    return add_parameters(nodes, query, err);
}

static const char *from_environment(void *ctx, const char *name)
{
    (void)ctx;
    return getenv(name);
}

enum hf_status hf_config_s3_from_url(const char *url, struct hf_config_s3 **out,
                                     struct hf_error *err)
{
    __attribute__((cleanup(nodes_auto))) struct nodes nodes = {.copy = NULL};
    struct hf_fields_file file = {
        .name = "--repository", .folder = ".", .lookup = from_environment};
    HF_AUTO_PTR(hf_config_s3) s3 = NULL;

    HF_TRY(take_apart(url, &nodes, err));
    nodes.map.type = HF_YAML_MAP;
    nodes.map.line = nodes.map.column = 1;
    nodes.map.items = nodes.items;
    if (hf_config_read_s3(&file, &nodes.map, "in the URL", &s3, err) != HF_OK) {
        if (err->status == HF_CONFIG)
            err->status = HF_USAGE;
        return err->status;
    }
    *out = s3;
    s3 = NULL;
    return HF_OK;
}
