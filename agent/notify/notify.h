/*
 * Telling people: how a run ended, that a source was not proven for too long.
 *
 * A notification never fails what it tells of: what goes wrong is a warning. Each attempt has the
 * target's time limit; what may pass (nobody answers, the server is overloaded) is tried
 * HF_NOTIFY_TRIES times in all. What is sent is one JSON object (docs/json.md); secrets of targets
 * are fetched for the sending and are in no text. Main thread, or one thread at a time.
 */
#ifndef HF_AGENT_NOTIFY_NOTIFY_H
#define HF_AGENT_NOTIFY_NOTIFY_H

#include "agent/config/config.h"
#include "agent/history/alarms.h"
#include "agent/terminal/output.h"

#include <jansson.h>

enum { HF_NOTIFY_TRIES = 3 };

/* One way of telling; each is one attempt. body is one line of JSON, title a line for a person. */
enum hf_status hf_notify_webhook(const struct hf_config_notify *target, const char *body,
                                 struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_notify_command(const struct hf_config_notify *target, const char *body,
                                 struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_notify_mail(const struct hf_config_notify *target, const char *title,
                              const char *body, struct hf_error *err) HF_WARN_UNUSED;

/* To those of the job's targets that want to be told of this (job NULL: to all that do); consumes
 * body, which gets "event", "text" and "host". */
void hf_notify_send(const struct hf_config *config, struct hf_output *output, const char *job,
                    enum hf_notify_on on, const char *title, json_t *body);

/*
 * A run that ended: tells of a failure, of a recovery (the run of the same command and job before
 * had not ended well; history may be NULL), of a success.
 */
void hf_notify_run(const struct hf_config *config, struct hf_output *output,
                   struct hf_history *history, const struct hf_history_run *run);

/* Looks which alarms came on and which are over since the last look, and which runs of the last
 * days were killed and could not tell themselves; logs the alarms and tells of all. */
void hf_notify_alarms(const struct hf_config *config, struct hf_output *output,
                      struct hf_history *history);

#endif
