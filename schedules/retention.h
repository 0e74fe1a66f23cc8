/*
 * Retention: which snapshots of one source, in one repository, stay and which go. Pure logic; any
 * thread.
 *
 * Rules pick snapshots by their time: `last` the newest so many, `hourly` to `yearly` the newest of
 * each of the newest so many hours, days, weeks (from Monday), months and years in the job's time
 * zone that have a snapshot, `within` all that are not older than that before the newest. What
 * several rules pick counts for each. Periods without a snapshot do not count, and everything is
 * told from the newest snapshot rather than from today, so that nothing goes because backups stop.
 *
 * Whatever the rules say, these stay: the newest snapshot, the newest proven one, what is pinned or
 * has a tag that is kept, and what is not clear.
 *
 * A snapshot is doubted when its own time is not what the store's clock makes of it, or when it is
 * empty and others of the source are not. Doubted ones do not count for the others: rules pick
 * among the rest as if they were not there. They stay themselves for as long as rules would pick
 * them among all, by one clock or the other.
 * While the newest snapshot is empty and others are not, nothing goes.
 */
#ifndef HF_SCHEDULES_RETENTION_H
#define HF_SCHEDULES_RETENTION_H

#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"

#include <stdint.h>

enum hf_keep_rule {
    HF_KEEP_LAST,
    HF_KEEP_HOURLY,
    HF_KEEP_DAILY,
    HF_KEEP_WEEKLY,
    HF_KEEP_MONTHLY,
    HF_KEEP_YEARLY,
    HF_KEEP_RULES
};

/* The rules of a job. Start zeroed: no rule, everything stays. */
struct hf_keep {
    unsigned count[HF_KEEP_RULES]; /* 0: no such rule */
    int64_t within;                /* ns; 0: no such rule */
    struct hf_strings tags;        /* what has one of them stays; alone this is no rule */
};
void hf_keep_done(struct hf_keep *keep);
/* Is there a rule? */
bool hf_keep_given(const struct hf_keep *keep);
/* "last", "hourly", ... */
const char *hf_keep_rule_name(enum hf_keep_rule rule);
/* "last 3, daily 14, within 30 d" */
enum { HF_KEEP_TEXT = 200 };
void hf_keep_format(char text[HF_KEEP_TEXT], const struct hf_keep *keep);

/* How far a snapshot's own time may be off what the store's clock makes of it, ns. */
#define HF_RETENTION_TOLERANCE (3600 * HF_NS_PER_S)

/* Everything is borrowed. */
struct hf_retention_snapshot {
    const char *id;
    const char *job; /* whose backup made it; NULL: none */
    const struct hf_strings *tags;
    int64_t time; /* its own, ns */
    /* It was taken not before and not after this, by the store's clock. */
    int64_t earliest, latest;
    bool empty; /* nothing is in it */
    bool proven;
    bool pinned;
    bool unclear; /* something that is known of it cannot be read */
};

/* Seconds east of UTC in a time zone at a moment. */
typedef int32_t hf_utc_offset_fn(const void *zone, int64_t time);

/* The rules of a job that backs up the source. Borrowed. */
struct hf_retention_policy {
    const char *job;
    const struct hf_keep *keep; /* without a rule all its snapshots stay */
    hf_utc_offset_fn *offset;   /* hf_zone_offset, say; NULL: UTC */
    const void *zone;
};

/*
 * A snapshot is judged by the rules of its job alone, and one of no job by those of all policies:
 * it goes when none keeps it. One of a job that has no policy stays, unless adopt is set: then it
 * is judged like one of no job.
 */
struct hf_retention_question {
    const struct hf_retention_snapshot *snapshots; /* all there are of the source, in any order */
    size_t count;
    const struct hf_retention_policy *policies;
    size_t policy_count;
    bool adopt;
    int64_t now; /* by the store's clock, ns */
};

enum hf_retention_doubt {
    HF_RETENTION_NO_DOUBT,
    HF_RETENTION_CLOCK, /* its own time cannot be right */
    HF_RETENTION_EMPTY, /* it is empty, and others are not */
};

struct hf_retention_verdict {
    bool keep;
    enum hf_retention_doubt doubt;
    struct hf_strings reasons; /* at least one: "daily 2026-11-20", "newest proven", ... */
};

struct hf_retention_verdicts {
    struct hf_retention_verdict *items; /* of each snapshot, in the order of the question */
    size_t count;
    bool held; /* nothing goes since the newest snapshot is empty */
};

/* Fails for want of memory only. */
enum hf_status hf_retention_judge(const struct hf_retention_question *question,
                                  struct hf_retention_verdicts *out,
                                  struct hf_error *err) HF_WARN_UNUSED;
void hf_retention_verdicts_free(struct hf_retention_verdicts *verdicts);
static inline void hf_retention_verdicts_auto(struct hf_retention_verdicts *verdicts)
{
    hf_retention_verdicts_free(verdicts);
}

#endif
