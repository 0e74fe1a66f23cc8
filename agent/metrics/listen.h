/* The socket that server.h listens on. */
#ifndef HF_AGENT_METRICS_LISTEN_H
#define HF_AGENT_METRICS_LISTEN_H

#include "agent/config/http.h"
#include "base/error.h"

/* Closed on exec, does not block. A unix socket that nobody listens on any more is replaced; it is
 * for user and group (0660). Errors as server.h says. */
enum hf_status hf_listen(const struct hf_config_http *http, int *out,
                         struct hf_error *err) HF_WARN_UNUSED;

#endif
