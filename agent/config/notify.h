/*
 * `notify:` of the configuration: whom to tell how runs ended, by name; jobs name them. Part of
 * config.h.
 */
#ifndef HF_AGENT_CONFIG_NOTIFY_H
#define HF_AGENT_CONFIG_NOTIFY_H

#include "agent/config/fields.h"
#include "agent/config/secret_spec.h"

/* What is told, as bits. */
enum hf_notify_on {
    HF_NOTIFY_FAILURE = 1,  /* a run did not end well */
    HF_NOTIFY_RECOVERY = 2, /* the next one did; an alarm is over */
    HF_NOTIFY_ALARM = 4,    /* a source was not proven for too long */
    HF_NOTIFY_SUCCESS = 8,  /* every run that ended well */
};

enum hf_notify_way { HF_NOTIFY_NOWAY, HF_NOTIFY_WEBHOOK, HF_NOTIFY_COMMAND, HF_NOTIFY_MAIL };

struct hf_config_notify {
    char *name;
    enum hf_notify_way way;
    unsigned on;     /* bits; failure, recovery and alarm unless it was said */
    int64_t timeout; /* ns, of one attempt */

    struct hf_secret_spec url; /* of a webhook: its path may be a secret */
    struct hf_secret_spec token;
    char *ca_file; /* or NULL; also of mail */

    struct hf_strings command; /* argv; one string alone is a line for /bin/sh */

    char *server; /* of mail: smtp://HOST[:PORT] or smtps:// */
    char *from;
    struct hf_strings to;
    char *user; /* or NULL */
    struct hf_secret_spec password;
    bool plain; /* without TLS, if the server has none */
};

struct hf_config_notifies {
    struct hf_config_notify *items;
    size_t count;
};

enum hf_status hf_config_read_notify(const struct hf_fields_file *file, const char *name,
                                     const struct hf_yaml *map, const char *where,
                                     struct hf_config_notify *out,
                                     struct hf_error *err) HF_WARN_UNUSED;
void hf_config_notifies_done(struct hf_config_notifies *notifies);

#endif
