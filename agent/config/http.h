/* `http:` of the configuration: where the agent serves health, metrics and status. Part of
 * config.h. */
#ifndef HF_AGENT_CONFIG_HTTP_H
#define HF_AGENT_CONFIG_HTTP_H

#include "agent/config/fields.h"

struct hf_config_http {
    char *host;    /* an address or a name; NULL: nothing is served, or by a socket */
    unsigned port; /* with host */
    char *socket;  /* the path of a unix socket, or NULL */
};

/* `listen:` is a port (on the loopback), HOST:PORT, [IPv6]:PORT, or unix:PATH. */
enum hf_status hf_config_read_http(const struct hf_fields_file *file, const struct hf_yaml *map,
                                   struct hf_config_http *out, struct hf_error *err) HF_WARN_UNUSED;
void hf_config_http_done(struct hf_config_http *http);

#endif
