/*
 * The user's assertions about what was restored.
 *
 * SQL runs in a transaction that is read only, with a time limit, and holds when it gives exactly
 * one row with exactly one column that is true. A Redis command holds when it answers what was
 * expected. A file holds when it is there, a regular one, and what was said of it is so; its path
 * is never followed out of the volume.
 *
 * HF_OK whenever all could be asked, whether or not they hold; otherwise the scratch target, or the
 * way to it, is broken. Main thread only.
 */
#ifndef HF_AGENT_DRILL_ASSERT_H
#define HF_AGENT_DRILL_ASSERT_H

#include "agent/drill/report.h"
#include "agent/drill/scratch.h"

/* Adds those of the source to the report, as not asked yet. */
enum hf_status hf_drill_assertions_add(const struct hf_config_drill *drill,
                                       struct hf_drill_source *report,
                                       struct hf_error *err) HF_WARN_UNUSED;
/* Asks them; what came of it goes into the report. */
enum hf_status hf_drill_assertions_ask(const struct hf_config_drill *drill,
                                       const struct hf_scratch_request *request,
                                       const struct hf_scratch *scratch,
                                       struct hf_drill_source *report,
                                       struct hf_error *err) HF_WARN_UNUSED;

/* ---- one of each type, for assert.c ---- */

enum { HF_DRILL_FOUND_MAX = 400 };

struct hf_drill_ask {
    const struct hf_config_assertion *assertion;
    const struct hf_scratch_request *request;
    const struct hf_scratch *scratch;
    unsigned timeout;               /* seconds */
    bool holds;                     /* out */
    char found[HF_DRILL_FOUND_MAX]; /* out: what came, as it came */
};

enum hf_status hf_drill_ask_sql(struct hf_drill_ask *ask, struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_drill_ask_redis(struct hf_drill_ask *ask, struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_drill_ask_file(struct hf_drill_ask *ask, struct hf_error *err) HF_WARN_UNUSED;

#endif
