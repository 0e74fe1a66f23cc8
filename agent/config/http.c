#include "agent/config/http.h"

#include "base/text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { PORT_MAX = 65535, PORT_DIGITS = 5, SOCKET_MAX = 100 };

struct written {
    char *listen;
};

static const struct hf_field fields[] = {
    {.key = "listen",
     .type = HF_FIELD_TEXT,
     .required = true,
     .offset = offsetof(struct written, listen)},
    {.key = NULL},
};

static bool read_port(const char *text, unsigned *out)
{
    size_t len = strspn(text, "0123456789");
    unsigned long port = len > 0 && len <= PORT_DIGITS && !text[len] ? strtoul(text, NULL, 10) : 0;

    *out = (unsigned)port;
    return port >= 1 && port <= PORT_MAX;
}

/* "9464", "127.0.0.1:9464", "localhost:9464", "[::1]:9464" */
static enum hf_status read_address(const struct hf_fields_file *file, const struct hf_yaml *at,
                                   const char *text, struct hf_config_http *out,
                                   struct hf_error *err)
{
    const char *colon = strrchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : 0;
    bool v6 = len > 2 && text[0] == '[' && text[len - 1] == ']';

    if (!colon && read_port(text, &out->port))
        return hf_text_copy("127.0.0.1", &out->host, err);
    if (!colon || len == 0 || (!v6 && memchr(text, ':', len)) || !read_port(colon + 1, &out->port))
        return hf_fields_error(file, at, err,
                               "\"listen\" in \"http\" is a port, HOST:PORT, [IPv6]:PORT or "
                               "unix:PATH, not \"%.100s\"",
                               text);
    return hf_text_format(&out->host, err, "%.*s", (int)(v6 ? len - 2 : len), text + v6);
}

static enum hf_status read_listen(const struct hf_fields_file *file, const struct hf_yaml *map,
                                  const char *text, struct hf_config_http *out,
                                  struct hf_error *err)
{
    const struct hf_yaml *at = hf_yaml_value(map, "listen");

    if (strncmp(text, "unix:", 5) != 0)
        return read_address(file, at, text, out, err);
    HF_TRY(hf_fields_path(file, text + 5, &out->socket, err));
    if (strlen(out->socket) > SOCKET_MAX)
        return hf_fields_error(file, at, err,
                               "the path of the socket in \"http\" is longer than %d bytes",
                               (int)SOCKET_MAX);
    return HF_OK;
}

enum hf_status hf_config_read_http(const struct hf_fields_file *file, const struct hf_yaml *map,
                                   struct hf_config_http *out, struct hf_error *err)
{
    struct written written = {.listen = NULL};
    enum hf_status status = hf_fields_read(file, map, fields, "in \"http\"", &written, err);

    if (status == HF_OK)
        status = read_listen(file, map, written.listen, out, err);
    free(written.listen);
    return status;
}

void hf_config_http_done(struct hf_config_http *http)
{
    free(http->host);
    free(http->socket);
}
