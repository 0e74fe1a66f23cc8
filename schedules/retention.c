#include "schedules/retention.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PERIOD_TEXT = 40, REASON_TEXT = 400 };

/* A snapshot in a view, and the time it counts with there. */
struct entry {
    int64_t time;
    size_t index;
    const char *id;
};

/* Snapshots as one reading of the clocks has them, newest first. */
struct view {
    struct entry *entries;
    size_t count;
    bool of_doubted;     /* only doubted ones are picked here; the others are there to count */
    const char *reading; /* said behind the reason that a wrong clock's snapshot stays for */
};

enum { SOUND, CLAIMED, CORRECTED, VIEWS };

struct judging {
    const struct hf_retention_question *question;
    struct hf_retention_verdict *verdicts;
    struct view views[VIEWS];
};

/* ---- what is doubted ---- */

static int64_t corrected(const struct hf_retention_snapshot *snapshot)
{
    int64_t time = snapshot->time < snapshot->earliest ? snapshot->earliest : snapshot->time;

    return time > snapshot->latest ? snapshot->latest : time;
}

static bool further_than_tolerance(int64_t later, int64_t earlier)
{
    int64_t apart;

    return __builtin_sub_overflow(later, earlier, &apart) ? later > earlier
                                                          : apart > HF_RETENTION_TOLERANCE;
}

static bool is_ahead(const struct judging *j, int64_t time)
{
    return further_than_tolerance(time, j->question->now);
}

static bool clock_is_wrong(const struct judging *j, const struct hf_retention_snapshot *snapshot)
{
    int64_t right = corrected(snapshot);

    return is_ahead(j, snapshot->time) || further_than_tolerance(snapshot->time, right) ||
           further_than_tolerance(right, snapshot->time);
}

static void doubt(struct judging *j)
{
    const struct hf_retention_question *q = j->question;
    bool all_empty = true;

    for (size_t i = 0; i < q->count; i++)
        all_empty = all_empty && q->snapshots[i].empty;
    for (size_t i = 0; i < q->count; i++) {
        if (clock_is_wrong(j, &q->snapshots[i]))
            j->verdicts[i].doubt = HF_RETENTION_CLOCK;
        else if (q->snapshots[i].empty && !all_empty)
            j->verdicts[i].doubt = HF_RETENTION_EMPTY;
    }
}

/* ---- views ---- */

static int newest_first(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;

    if (x->time != y->time)
        return x->time > y->time ? -1 : 1;
    return strcmp(y->id, x->id);
}

static enum hf_status make_view(struct judging *j, int which, struct hf_error *err)
{
    const struct hf_retention_question *q = j->question;
    struct view *view = &j->views[which];

    view->of_doubted = which != SOUND;
    view->reading = which == CLAIMED     ? ", by its host's clock"
                    : which == CORRECTED ? ", by the store's clock"
                                         : "";
    view->entries = calloc(q->count + 1, sizeof *view->entries);
    if (!view->entries)
        return hf_error_memory(err);
    for (size_t i = 0; i < q->count; i++) {
        const struct hf_retention_snapshot *snapshot = &q->snapshots[i];
        bool wrong = j->verdicts[i].doubt == HF_RETENTION_CLOCK;
        int64_t time = wrong && which == CORRECTED ? corrected(snapshot) : snapshot->time;

        if (is_ahead(j, time) || (which == SOUND && j->verdicts[i].doubt != HF_RETENTION_NO_DOUBT))
            continue;
        view->entries[view->count++] = (struct entry){.time = time, .index = i, .id = snapshot->id};
    }
    qsort(view->entries, view->count, sizeof *view->entries, newest_first);
    return HF_OK;
}

/* ---- picking ---- */

static enum hf_status keep_for(struct judging *j, size_t index, const char *reason,
                               struct hf_error *err)
{
    struct hf_retention_verdict *verdict = &j->verdicts[index];

    verdict->keep = true;
    return hf_strings_contain(&verdict->reasons, reason)
               ? HF_OK
               : hf_strings_add(&verdict->reasons, reason, err);
}

/* Because of a rule; with several policies, it is said whose. */
static enum hf_status pick(struct judging *j, const struct view *view,
                           const struct hf_retention_policy *policy, const struct entry *entry,
                           const char *what, struct hf_error *err)
{
    enum hf_retention_doubt doubted = j->verdicts[entry->index].doubt;
    bool several = j->question->policy_count > 1 && policy;
    char reason[REASON_TEXT];

    if (view->of_doubted && doubted == HF_RETENTION_NO_DOUBT)
        return HF_OK;
    (void)snprintf(reason, sizeof reason, "%s%s%s%s%s", what,
                   doubted == HF_RETENTION_CLOCK ? view->reading : "", several ? " (" : "",
                   several ? policy->job : "", several ? ")" : "");
    return keep_for(j, entry->index, reason, err);
}

static const struct hf_retention_policy *policy_of(const struct hf_retention_question *q,
                                                   const char *job)
{
    for (size_t i = 0; job && i < q->policy_count; i++)
        if (strcmp(q->policies[i].job, job) == 0)
            return &q->policies[i];
    return NULL;
}

static bool belongs(const struct hf_retention_question *q, size_t index,
                    const struct hf_retention_policy *policy)
{
    const char *job = q->snapshots[index].job;
    const struct hf_retention_policy *own = policy_of(q, job);

    return own ? own == policy : !job || q->adopt;
}

/* "2026-11-20": what tells a period from another, too. An hour that a change of the clock repeats
 * is two. */
static void name_period(char text[PERIOD_TEXT], enum hf_keep_rule rule,
                        const struct hf_retention_policy *policy, int64_t time)
{
    int32_t offset = policy->offset ? policy->offset(policy->zone, time) : 0;
    time_t local = time / HF_NS_PER_S - (time % HF_NS_PER_S < 0) + offset;
    struct tm tm;

    (void)gmtime_r(&local, &tm); /* the years of an int64_t of nanoseconds always fit */
    tm.tm_gmtoff = offset;
    if (rule == HF_KEEP_HOURLY)
        (void)strftime(text, PERIOD_TEXT, "%Y-%m-%dT%H%z", &tm);
    else if (rule == HF_KEEP_DAILY)
        (void)strftime(text, PERIOD_TEXT, "%Y-%m-%d", &tm);
    else if (rule == HF_KEEP_WEEKLY)
        (void)strftime(text, PERIOD_TEXT, "%G-W%V", &tm);
    else if (rule == HF_KEEP_MONTHLY)
        (void)strftime(text, PERIOD_TEXT, "%Y-%m", &tm);
    else
        (void)strftime(text, PERIOD_TEXT, "%Y", &tm);
}

/* Names of the last periods that were seen: clocks that are set back may come to one again, but
 * not to one that is long past. */
struct seen {
    char names[4][PERIOD_TEXT];
    unsigned count;
};

static bool see(struct seen *seen, const char *name)
{
    for (size_t i = 0; i < sizeof seen->names / sizeof *seen->names; i++)
        if (strcmp(seen->names[i], name) == 0)
            return false;
    (void)snprintf(seen->names[seen->count++ % 4], PERIOD_TEXT, "%s", name);
    return true;
}

static enum hf_status pick_last(struct judging *j, const struct view *view,
                                const struct hf_retention_policy *policy, struct hf_error *err)
{
    unsigned most = policy->keep->count[HF_KEEP_LAST], count = 0;

    for (size_t i = 0; i < view->count && count < most; i++) {
        char what[PERIOD_TEXT];

        if (!belongs(j->question, view->entries[i].index, policy))
            continue;
        (void)snprintf(what, sizeof what, "last %u of %u", ++count, most);
        HF_TRY(pick(j, view, policy, &view->entries[i], what, err));
    }
    return HF_OK;
}

static enum hf_status pick_periods(struct judging *j, const struct view *view,
                                   const struct hf_retention_policy *policy, enum hf_keep_rule rule,
                                   struct hf_error *err)
{
    struct seen seen = {.count = 0};

    for (size_t i = 0; i < view->count && seen.count < policy->keep->count[rule]; i++) {
        const struct entry *entry = &view->entries[i];
        char period[PERIOD_TEXT], what[2 * PERIOD_TEXT];

        if (!belongs(j->question, entry->index, policy))
            continue;
        name_period(period, rule, policy, entry->time);
        if (!see(&seen, period))
            continue;
        (void)snprintf(what, sizeof what, "%s %s", hf_keep_rule_name(rule), period);
        HF_TRY(pick(j, view, policy, entry, what, err));
    }
    return HF_OK;
}

static enum hf_status pick_within(struct judging *j, const struct view *view,
                                  const struct hf_retention_policy *policy, struct hf_error *err)
{
    const struct hf_keep within = {.within = policy->keep->within};
    const struct entry *newest = NULL;
    char what[HF_KEEP_TEXT];

    hf_keep_format(what, &within);
    for (size_t i = 0; i < view->count; i++) {
        const struct entry *entry = &view->entries[i];
        int64_t apart;

        if (!belongs(j->question, entry->index, policy))
            continue;
        newest = newest ? newest : entry;
        if (__builtin_sub_overflow(newest->time, entry->time, &apart) || apart > within.within)
            break;
        HF_TRY(pick(j, view, policy, entry, what, err));
    }
    return HF_OK;
}

static enum hf_status apply_policy(struct judging *j, const struct view *view,
                                   const struct hf_retention_policy *policy, struct hf_error *err)
{
    HF_TRY(pick_last(j, view, policy, err));
    for (int rule = HF_KEEP_HOURLY; rule < HF_KEEP_RULES; rule++)
        HF_TRY(pick_periods(j, view, policy, (enum hf_keep_rule)rule, err));
    return policy->keep->within > 0 ? pick_within(j, view, policy, err) : HF_OK;
}

/* ---- what stays whatever the rules say ---- */

static enum hf_status keep_newest(struct judging *j, const struct view *view, bool proven,
                                  struct hf_error *err)
{
    for (size_t i = 0; i < view->count; i++) {
        if (proven && !j->question->snapshots[view->entries[i].index].proven)
            continue;
        return keep_for(j, view->entries[i].index, proven ? "newest proven" : "newest", err);
    }
    return HF_OK;
}

static bool has_any(const struct view *view, const struct judging *j, bool proven)
{
    for (size_t i = 0; i < view->count; i++)
        if (!proven || j->question->snapshots[view->entries[i].index].proven)
            return true;
    return false;
}

/* Of those that are not doubted; where there is none, by either clock. */
static enum hf_status keep_the_newest(struct judging *j, struct hf_error *err)
{
    for (int proven = 0; proven < 2; proven++) {
        HF_TRY(keep_newest(j, &j->views[SOUND], proven, err));
        if (has_any(&j->views[SOUND], j, proven))
            continue;
        HF_TRY(keep_newest(j, &j->views[CLAIMED], proven, err));
        HF_TRY(keep_newest(j, &j->views[CORRECTED], proven, err));
    }
    return HF_OK;
}

static enum hf_status keep_without_rules(struct judging *j, size_t index, struct hf_error *err)
{
    const struct hf_retention_question *q = j->question;
    const struct hf_retention_snapshot *snapshot = &q->snapshots[index];
    char reason[REASON_TEXT];
    bool judged = false;

    for (size_t i = 0; i < q->policy_count; i++) {
        if (!belongs(q, index, &q->policies[i]))
            continue;
        judged = true;
        if (hf_keep_given(q->policies[i].keep))
            continue;
        (void)snprintf(reason, sizeof reason, "job %s has no \"keep\"", q->policies[i].job);
        HF_TRY(keep_for(j, index, reason, err));
    }
    if (judged)
        return HF_OK;
    if (!snapshot->job)
        return keep_for(j, index, "no job backs the source up", err);
    (void)snprintf(reason, sizeof reason, "of job %s, which has no rules here", snapshot->job);
    return keep_for(j, index, reason, err);
}

static enum hf_status keep_tagged(struct judging *j, size_t index, struct hf_error *err)
{
    const struct hf_retention_question *q = j->question;
    const struct hf_strings *tags = q->snapshots[index].tags;
    char reason[REASON_TEXT];

    for (size_t i = 0; i < q->policy_count; i++) {
        for (size_t k = 0; tags && k < tags->count && belongs(q, index, &q->policies[i]); k++) {
            if (!hf_strings_contain(&q->policies[i].keep->tags, tags->items[k]))
                continue;
            (void)snprintf(reason, sizeof reason, "tag %s", tags->items[k]);
            HF_TRY(keep_for(j, index, reason, err));
        }
    }
    return HF_OK;
}

static enum hf_status keep_always(struct judging *j, struct hf_error *err)
{
    const struct hf_retention_question *q = j->question;

    for (size_t i = 0; i < q->count; i++) {
        const struct hf_retention_snapshot *snapshot = &q->snapshots[i];

        if (snapshot->pinned)
            HF_TRY(keep_for(j, i, "pinned", err));
        if (snapshot->unclear)
            HF_TRY(keep_for(j, i, "a proof of it cannot be read", err));
        if (is_ahead(j, corrected(snapshot)))
            HF_TRY(keep_for(j, i, "dated ahead of the store's clock", err));
        HF_TRY(keep_tagged(j, i, err));
        HF_TRY(keep_without_rules(j, i, err));
    }
    return HF_OK;
}

/* ---- an empty run ---- */

static enum hf_status hold(struct judging *j, bool *out_held, struct hf_error *err)
{
    const struct hf_retention_question *q = j->question;
    const struct view *view = &j->views[CLAIMED];
    size_t first = 0;
    char reason[REASON_TEXT];

    while (first < view->count &&
           j->verdicts[view->entries[first].index].doubt == HF_RETENTION_CLOCK)
        first++;
    *out_held =
        first < view->count && j->verdicts[view->entries[first].index].doubt == HF_RETENTION_EMPTY;
    if (!*out_held)
        return HF_OK;
    (void)snprintf(reason, sizeof reason, "the newest snapshot, %.12s, is empty",
                   view->entries[first].id);
    for (size_t i = 0; i < q->count; i++)
        HF_TRY(keep_for(j, i, reason, err));
    return HF_OK;
}

/* ---- what goes ---- */

static enum hf_status say_why_it_goes(struct judging *j, size_t index, struct hf_error *err)
{
    const struct hf_retention_question *q = j->question;

    for (size_t i = 0; i < q->policy_count; i++) {
        char rules[HF_KEEP_TEXT], reason[REASON_TEXT];

        if (!belongs(q, index, &q->policies[i]))
            continue;
        hf_keep_format(rules, q->policies[i].keep);
        (void)snprintf(reason, sizeof reason, "not kept by job %s: %s", q->policies[i].job, rules);
        HF_TRY(hf_strings_add(&j->verdicts[index].reasons, reason, err));
    }
    return HF_OK;
}

static enum hf_status judge(struct judging *j, bool *out_held, struct hf_error *err)
{
    const struct hf_retention_question *q = j->question;

    doubt(j);
    for (int which = 0; which < VIEWS; which++)
        HF_TRY(make_view(j, which, err));
    for (int which = 0; which < VIEWS; which++)
        for (size_t i = 0; i < q->policy_count; i++)
            HF_TRY(apply_policy(j, &j->views[which], &q->policies[i], err));
    HF_TRY(keep_the_newest(j, err));
    HF_TRY(keep_always(j, err));
    HF_TRY(hold(j, out_held, err));
    for (size_t i = 0; i < q->count; i++)
        if (!j->verdicts[i].keep)
            HF_TRY(say_why_it_goes(j, i, err));
    return HF_OK;
}

enum hf_status hf_retention_judge(const struct hf_retention_question *question,
                                  struct hf_retention_verdicts *out, struct hf_error *err)
{
    HF_AUTO(hf_retention_verdicts) verdicts = {.count = question->count};
    struct judging j = {.question = question};

    verdicts.items = calloc(question->count + 1, sizeof *verdicts.items);
    if (!verdicts.items)
        return hf_error_memory(err);
    j.verdicts = verdicts.items;
    enum hf_status status = judge(&j, &verdicts.held, err);
    for (int which = 0; which < VIEWS; which++)
        free(j.views[which].entries);
    HF_TRY(status);
    *out = verdicts;
    verdicts = (struct hf_retention_verdicts){.items = NULL};
    return HF_OK;
}

void hf_retention_verdicts_free(struct hf_retention_verdicts *verdicts)
{
    for (size_t i = 0; verdicts->items && i < verdicts->count; i++)
        hf_strings_free(&verdicts->items[i].reasons);
    free(verdicts->items);
    *verdicts = (struct hf_retention_verdicts){.items = NULL};
}
