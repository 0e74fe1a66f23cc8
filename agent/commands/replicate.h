/* Copying between two repositories that are open: "holdfast copy", and jobs with several. */
#ifndef HF_AGENT_COMMANDS_REPLICATE_H
#define HF_AGENT_COMMANDS_REPLICATE_H

#include "agent/session.h"
#include "base/text.h"

/* What is to be copied; both lists may be NULL or empty: all. */
struct hf_replicate {
    const struct hf_opened *from;
    const struct hf_opened *to;
    const struct hf_strings *snapshots; /* whole ids */
    const struct hf_strings *sources;
};

/* Copies and reports what came of it, also when it failed. Errors name both repositories. */
enum hf_status hf_replicate(struct hf_session *session, const struct hf_replicate *what,
                            struct hf_error *err) HF_WARN_UNUSED;
/* The event of a copy that could not even begin. */
void hf_replicate_report_failed(struct hf_session *session, const char *from, const char *to,
                                const struct hf_error *why);

#endif
