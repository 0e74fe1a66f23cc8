#include "agent/config/notify.h"

#include "base/clock.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT (10 * HF_NS_PER_S)
#define TIMEOUT_MAX (300 * HF_NS_PER_S)

#define FIELD(name, kind, ...)                                                                     \
    {                                                                                              \
        .key = #name, .type = HF_FIELD_##kind, .offset = offsetof(struct hf_config_notify, name),  \
        __VA_ARGS__                                                                                \
    }

static const struct hf_field webhook_fields[] = {
    FIELD(url, SECRET, .required = true),
    FIELD(token, SECRET, .min = 0),
    FIELD(ca_file, PATH, .min = 0),
    {.key = NULL},
};

static const struct hf_field mail_fields[] = {
    FIELD(server, TEXT, .required = true), FIELD(from, TEXT, .required = true),
    FIELD(to, TEXTS, .required = true),    FIELD(user, TEXT, .min = 0),
    FIELD(password, SECRET, .min = 0),     FIELD(ca_file, PATH, .min = 0),
    FIELD(plain, BOOL, .min = 0),          {.key = NULL},
};

static enum hf_status read_webhook(const struct hf_fields_file *file, const struct hf_yaml *value,
                                   const char *where, void *out, struct hf_error *err)
{
    struct hf_config_notify *notify = out;

    notify->way = HF_NOTIFY_WEBHOOK;
    return hf_fields_read(file, value, webhook_fields, where, notify, err);
}

static enum hf_status check_mail(const struct hf_fields_file *file, const struct hf_yaml *map,
                                 const char *where, const struct hf_config_notify *notify,
                                 struct hf_error *err)
{
    const char *server = notify->server;

    if ((strncmp(server, "smtp://", 7) != 0 && strncmp(server, "smtps://", 8) != 0) ||
        strpbrk(server, "@ \r\n"))
        return hf_fields_error(file, map, err,
                               "\"server\" %s is smtp://HOST or smtps://HOST, with :PORT if need "
                               "be; user and password are keys of their own",
                               where);
    for (size_t i = 0; i <= notify->to.count; i++) {
        const char *address = i < notify->to.count ? notify->to.items[i] : notify->from;

        if (!strchr(address, '@') || strpbrk(address, "<> \r\n"))
            return hf_fields_error(file, map, err, "\"%.100s\" %s is no address", address, where);
    }
    if (notify->user && notify->password.from == HF_SECRET_NOWHERE)
        return hf_fields_error(file, map, err, "\"user\" and \"password\" %s go together", where);
    return HF_OK;
}

static enum hf_status read_mail(const struct hf_fields_file *file, const struct hf_yaml *value,
                                const char *where, void *out, struct hf_error *err)
{
    struct hf_config_notify *notify = out;

    notify->way = HF_NOTIFY_MAIL;
    HF_TRY(hf_fields_read(file, value, mail_fields, where, notify, err));
    return check_mail(file, value, where, notify, err);
}

static const struct hf_field fields[] = {
    {.key = "webhook", .type = HF_FIELD_OTHER, .read = read_webhook},
    {.key = "mail", .type = HF_FIELD_OTHER, .read = read_mail},
    FIELD(command, TEXTS, .min = 0),
    FIELD(timeout, DURATION, .min = (uint64_t)HF_NS_PER_S, .max = (uint64_t)TIMEOUT_MAX),
    {.key = "on", .type = HF_FIELD_TEXTS, .offset = sizeof(struct hf_config_notify)},
    {.key = NULL},
};

/* With the words that become bits behind it. */
struct reading {
    struct hf_config_notify notify;
    struct hf_strings on;
};

static_assert(offsetof(struct reading, on) == sizeof(struct hf_config_notify), "as fields say");

static enum hf_status read_on(const struct hf_fields_file *file, const struct hf_yaml *map,
                              const char *where, const struct hf_strings *words, unsigned *out,
                              struct hf_error *err)
{
    static const struct {
        const char *word;
        unsigned bits;
    } known[] = {
        {"failure", HF_NOTIFY_FAILURE},
        {"recovery", HF_NOTIFY_RECOVERY},
        {"alarm", HF_NOTIFY_ALARM},
        {"success", HF_NOTIFY_SUCCESS},
        {"always", HF_NOTIFY_FAILURE | HF_NOTIFY_RECOVERY | HF_NOTIFY_ALARM | HF_NOTIFY_SUCCESS}};

    *out = words->count ? 0 : HF_NOTIFY_FAILURE | HF_NOTIFY_RECOVERY | HF_NOTIFY_ALARM;
    for (size_t i = 0; i < words->count; i++) {
        size_t k = 0;

        while (k < sizeof known / sizeof *known && strcmp(words->items[i], known[k].word) != 0)
            k++;
        if (k == sizeof known / sizeof *known)
            return hf_fields_error(file, hf_yaml_value(map, "on"), err,
                                   "\"on\" %s takes failure, recovery, alarm, success and always, "
                                   "not \"%.40s\"",
                                   where, words->items[i]);
        *out |= known[k].bits;
    }
    return HF_OK;
}

static enum hf_status check_way(const struct hf_fields_file *file, const struct hf_yaml *map,
                                const char *where, struct hf_config_notify *notify,
                                struct hf_error *err)
{
    int ways = (hf_yaml_key(map, "webhook") != NULL) + (hf_yaml_key(map, "mail") != NULL) +
               (notify->command.count > 0);

    if (ways != 1)
        return hf_fields_error(file, map, err, "%s of \"webhook\", \"command\" and \"mail\" %s",
                               ways == 0 ? "one is missing" : "only one can be given", where);
    if (notify->command.count > 0)
        notify->way = HF_NOTIFY_COMMAND;
    if (notify->timeout == 0)
        notify->timeout = TIMEOUT;
    return HF_OK;
}

enum hf_status hf_config_read_notify(const struct hf_fields_file *file, const char *name,
                                     const struct hf_yaml *map, const char *where,
                                     struct hf_config_notify *out, struct hf_error *err)
{
    struct reading reading = {.on = HF_STRINGS_INIT};
    enum hf_status status = hf_text_copy(name, &reading.notify.name, err);

    if (status == HF_OK)
        status = hf_fields_read(file, map, fields, where, &reading, err);
    if (status == HF_OK)
        status = read_on(file, map, where, &reading.on, &reading.notify.on, err);
    if (status == HF_OK)
        status = check_way(file, map, where, &reading.notify, err);
    hf_strings_free(&reading.on);
    *out = reading.notify; /* on failure, too: the caller frees it */
    return status;
}

void hf_config_notifies_done(struct hf_config_notifies *notifies)
{
    for (size_t i = 0; i < notifies->count; i++) {
        struct hf_config_notify *notify = &notifies->items[i];

        hf_secret_spec_done(&notify->url);
        hf_secret_spec_done(&notify->token);
        hf_secret_spec_done(&notify->password);
        hf_strings_free(&notify->command);
        hf_strings_free(&notify->to);
        free(notify->name);
        free(notify->ca_file);
        free(notify->server);
        free(notify->from);
        free(notify->user);
    }
    free(notifies->items);
}
