#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "schedules/retention.h"
#include "tests/support/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/*
 * Random sets of snapshots under random rules, against what a second, slow and plain reading of
 * the rules says. The oracle shares nothing with the code: it works on calendar numbers that it
 * gets from the C library.
 */
enum { MOST = 60, ROUNDS = 3000 };
#define DAY (86400 * HF_NS_PER_S)
#define HOUR (3600 * HF_NS_PER_S)

static const int64_t year_2026 = INT64_C(1767225600) * HF_NS_PER_S; /* 2026-01-01 */

struct set {
    struct hf_retention_snapshot items[MOST];
    char ids[MOST][33];
    size_t count;
};

static uint32_t seed = 1;

static unsigned below(unsigned bound)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % bound;
}

/* Central Europe by the rule of the European Union: the last Sundays of March and October, 01:00
 * UTC. */
static int64_t last_sunday(int year, int month)
{
    struct tm tm = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = 31, .tm_hour = 1};
    time_t at = timegm(&tm);

    (void)gmtime_r(&at, &tm);
    return at - (int64_t)tm.tm_wday * 86400;
}

static int32_t central_europe(const void *zone, int64_t time)
{
    time_t seconds = time / HF_NS_PER_S;
    struct tm tm;

    (void)zone;
    (void)gmtime_r(&seconds, &tm);
    return seconds >= last_sunday(tm.tm_year + 1900, 3) &&
                   seconds < last_sunday(tm.tm_year + 1900, 10)
               ? 7200
               : 3600;
}

static struct hf_retention_snapshot *add(struct set *set, int64_t time)
{
    struct hf_retention_snapshot *item = &set->items[set->count];

    assert_true(set->count < MOST);
    (void)snprintf(set->ids[set->count], sizeof set->ids[0], "%032zx", set->count);
    *item = (struct hf_retention_snapshot){.id = set->ids[set->count],
                                           .job = "nightly",
                                           .time = time,
                                           .earliest = time - HF_NS_PER_S,
                                           .latest = time + HF_NS_PER_S};
    set->count++;
    return item;
}

static struct hf_retention_verdicts judge(const struct set *set, const struct hf_keep *keep,
                                          hf_utc_offset_fn *offset)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_retention_verdicts verdicts;
    const struct hf_retention_policy policy = {.job = "nightly", .keep = keep, .offset = offset};
    const struct hf_retention_question question = {.snapshots = set->items,
                                                   .count = set->count,
                                                   .policies = &policy,
                                                   .policy_count = 1,
                                                   .now = year_2026 + 4000 * DAY};

    assert_ok(hf_retention_judge(&question, &verdicts, &err), &err);
    for (size_t i = 0; i < verdicts.count; i++)
        assert_true(verdicts.items[i].reasons.count > 0);
    return verdicts;
}

static bool says(const struct hf_retention_verdicts *verdicts, size_t index, const char *reason)
{
    return hf_strings_contain(&verdicts->items[index].reasons, reason);
}

/* ---- the oracle ---- */

/* A number that is the same within a period, and larger in a later one. */
static long period_number(enum hf_keep_rule rule, hf_utc_offset_fn *offset, int64_t time)
{
    int64_t utc = time / HF_NS_PER_S;
    time_t local = utc + offset(NULL, time);
    struct tm tm;

    (void)gmtime_r(&local, &tm);
    switch (rule) {
    case HF_KEEP_HOURLY: /* zones of whole hours: an hour there is one in UTC */
        return (long)(utc / 3600);
    case HF_KEEP_DAILY:
        return (long)(local / 86400);
    case HF_KEEP_WEEKLY: /* 1970-01-05 was a Monday */
        return (long)((local / 86400 - 4) / 7);
    case HF_KEEP_MONTHLY:
        return tm.tm_year * 12L + tm.tm_mon;
    default:
        return tm.tm_year;
    }
}

static bool newer(const struct hf_retention_snapshot *a, const struct hf_retention_snapshot *b)
{
    return a->time > b->time || (a->time == b->time && strcmp(a->id, b->id) > 0);
}

static bool is_sound(const struct set *set, const struct hf_retention_snapshot *s)
{
    bool any = false;

    if (s->time > s->latest + HOUR || s->time < s->earliest - HOUR)
        return false;
    for (size_t i = 0; i < set->count; i++)
        any = any || !set->items[i].empty;
    return !(s->empty && any);
}

static bool picked(const struct set *set, size_t index, const struct hf_keep *keep,
                   enum hf_keep_rule rule, hf_utc_offset_fn *offset)
{
    const struct hf_retention_snapshot *me = &set->items[index];
    long mine = period_number(rule, offset, me->time), seen[MOST];
    unsigned periods = 0, ahead = 0;

    for (size_t i = 0; i < set->count; i++) {
        const struct hf_retention_snapshot *other = &set->items[i];
        long number = period_number(rule, offset, other->time);
        bool known = false;

        if (i == index || !is_sound(set, other) || !newer(other, me))
            continue;
        ahead++;
        if (rule != HF_KEEP_LAST && number == mine)
            return false;
        for (unsigned k = 0; k < periods; k++)
            known = known || seen[k] == number;
        if (!known)
            seen[periods++] = number;
    }
    return (rule == HF_KEEP_LAST ? ahead : periods) < keep->count[rule];
}

static bool must_stay(const struct set *set, size_t index, const struct hf_keep *keep,
                      hf_utc_offset_fn *offset)
{
    const struct hf_retention_snapshot *me = &set->items[index];
    bool newest = is_sound(set, me), newest_proven = newest && me->proven;
    int64_t last = INT64_MIN;

    if (me->pinned || me->unclear)
        return true;
    if (!is_sound(set, me))
        return false; /* says nothing of these */
    for (size_t i = 0; i < set->count; i++) {
        const struct hf_retention_snapshot *other = &set->items[i];

        if (!is_sound(set, other))
            continue;
        last = other->time > last ? other->time : last;
        newest = newest && (i == index || !newer(other, me));
        newest_proven = newest_proven && (i == index || !other->proven || !newer(other, me));
    }
    if (newest || newest_proven || (keep->within > 0 && last - me->time <= keep->within))
        return true;
    for (int rule = 0; rule < HF_KEEP_RULES; rule++)
        if (picked(set, index, keep, rule, offset))
            return true;
    return false;
}

/* ---- random questions ---- */

static void make_rules(struct hf_keep *keep)
{
    *keep = (struct hf_keep){.within = 0};
    while (!hf_keep_given(keep)) {
        for (int rule = 0; rule < HF_KEEP_RULES; rule++)
            keep->count[rule] = below(3) == 0 ? 1 + below(6) : 0;
        keep->within = below(4) == 0 ? (int64_t)(1 + below(40)) * DAY : 0;
    }
}

static struct hf_retention_snapshot *add_random(struct set *set)
{
    static const int64_t spans[] = {2, 40, 400, 2000};
    int64_t span = spans[below(4)] * 24 * 60;
    struct hf_retention_snapshot *item =
        add(set, year_2026 + (int64_t)below((unsigned)span) * 60 * HF_NS_PER_S);

    item->proven = below(6) == 0;
    item->pinned = below(20) == 0;
    item->unclear = below(40) == 0;
    item->empty = below(12) == 0;
    if (below(10) == 0) { /* a clock that lies */
        int64_t lie = (int64_t)(1 + below(900)) * DAY;

        item->time += below(2) ? lie : -lie;
    }
    return item;
}

static void make_set(struct set *set)
{
    unsigned count = 1 + below(MOST - 10);

    set->count = 0;
    while (set->count < count)
        (void)add_random(set);
}

static void judge_random_sets_keeps_what_must_stay_and_no_more(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        hf_utc_offset_fn *offset = central_europe;
        struct set set;
        struct hf_keep keep;

        make_set(&set);
        make_rules(&keep);
        struct hf_retention_verdicts verdicts = judge(&set, &keep, offset);
        for (size_t i = 0; i < set.count; i++) {
            bool must = must_stay(&set, i, &keep, offset);

            if (must && !verdicts.items[i].keep)
                fail_msg("round %d: snapshot %zu goes", round, i);
            if (!must && !verdicts.held && is_sound(&set, &set.items[i]) && verdicts.items[i].keep)
                fail_msg("round %d: snapshot %zu stays: %s", round, i,
                         verdicts.items[i].reasons.items[0]);
        }
        hf_retention_verdicts_free(&verdicts);
    }
}

/* What went is taken out, and nothing more goes. */
static void judge_again_lets_nothing_more_go(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        struct set set, left = {.count = 0};
        struct hf_keep keep;

        make_set(&set);
        make_rules(&keep);
        struct hf_retention_verdicts verdicts = judge(&set, &keep, central_europe);
        for (size_t i = 0; i < set.count; i++)
            if (verdicts.items[i].keep)
                left.items[left.count++] = set.items[i];
        hf_retention_verdicts_free(&verdicts);
        verdicts = judge(&left, &keep, central_europe);
        for (size_t i = 0; i < left.count; i++)
            if (!verdicts.items[i].keep)
                fail_msg("round %d: %s goes at the second time", round, left.items[i].id);
        hf_retention_verdicts_free(&verdicts);
    }
}

/* One that is older than all, one dated ahead, one dated back, an empty one: none of them makes a
 * sound one go. */
static void add_stranger(struct set *set, int which)
{
    int64_t now = year_2026 + 4000 * DAY, oldest = INT64_MAX;
    struct hf_retention_snapshot *item;

    for (size_t i = 0; i < set->count; i++)
        oldest = set->items[i].time < oldest ? set->items[i].time : oldest;
    item = add(set, which == 0 ? oldest - (int64_t)below(100) * DAY - 1 : now);
    if (which == 1)
        item->time += (int64_t)(1 + below(5000)) * DAY;
    if (which == 2)
        item->time = year_2026 + (int64_t)below(2000) * DAY;
    item->empty = which == 3;
    item->proven = below(2) == 0;
}

static void judge_with_a_stranger_lets_no_other_go(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        struct set set;
        struct hf_keep keep;

        make_set(&set);
        make_rules(&keep);
        struct hf_retention_verdicts before = judge(&set, &keep, central_europe);
        size_t count = set.count;
        bool proven_before = false;
        for (size_t i = 0; i < count; i++)
            proven_before = proven_before || (set.items[i].proven && is_sound(&set, &set.items[i]));
        add_stranger(&set, round % 4);
        struct hf_retention_verdicts after = judge(&set, &keep, central_europe);
        for (size_t i = 0; i < count; i++)
            if (before.items[i].keep && before.items[i].doubt == HF_RETENTION_NO_DOUBT &&
                !after.items[i].keep)
                fail_msg("round %d: a stranger of kind %d makes %zu go (%s)", round, round % 4, i,
                         before.items[i].reasons.items[0]);
        hf_retention_verdicts_free(&before);
        hf_retention_verdicts_free(&after);
    }
}

/* ---- single cases ---- */

static void judge_days_of_clock_changes_are_one_day_each(void **state)
{
    struct set set = {.count = 0};
    struct hf_keep keep = {.count = {[HF_KEEP_DAILY] = 3}};
    int64_t change = last_sunday(2026, 10) * HF_NS_PER_S; /* 2026-10-25T01:00Z */

    (void)state;
    (void)add(&set, change - 3 * HOUR - 1);  /* 0: 23:59:59 the day before */
    (void)add(&set, change - 3 * HOUR);      /* 1: 00:00 */
    (void)add(&set, change - HOUR / 2);      /* 2: 02:30 in summer time */
    (void)add(&set, change + HOUR / 2);      /* 3: 02:30 in winter time */
    (void)add(&set, change + 22 * HOUR - 1); /* 4: 23:59:59, the 25th hour of the day */
    (void)add(&set, change + 22 * HOUR);     /* 5: 00:00 the day after */
    struct hf_retention_verdicts verdicts = judge(&set, &keep, central_europe);
    assert_true(says(&verdicts, 5, "daily 2026-10-26"));
    assert_true(says(&verdicts, 4, "daily 2026-10-25"));
    assert_true(says(&verdicts, 0, "daily 2026-10-24"));
    for (size_t i = 1; i < 4; i++)
        assert_false(verdicts.items[i].keep);
    hf_retention_verdicts_free(&verdicts);

    keep = (struct hf_keep){.count = {[HF_KEEP_HOURLY] = 9}};
    verdicts = judge(&set, &keep, central_europe);
    assert_true(says(&verdicts, 2, "hourly 2026-10-25T02+0200"));
    assert_true(says(&verdicts, 3, "hourly 2026-10-25T02+0100"));
    hf_retention_verdicts_free(&verdicts);
}

/* Until 2011 Newfoundland set its clocks back at a minute past midnight: to the day before. */
static const int64_t set_back = INT64_C(1767234660) * HF_NS_PER_S; /* 2026-01-01T02:31Z */

static int32_t newfoundland(const void *zone, int64_t time)
{
    (void)zone;
    return time < set_back ? -9000 : -12600;
}

static void judge_a_day_that_comes_twice_is_one_day(void **state)
{
    struct set set = {.count = 0};
    struct hf_keep keep = {.count = {[HF_KEEP_DAILY] = 9}};

    (void)state;
    (void)add(&set, set_back - 120 * HF_NS_PER_S); /* 0: 23:59, 2025-12-31 */
    (void)add(&set, set_back - 30 * HF_NS_PER_S);  /* 1: 00:00:30 */
    (void)add(&set, set_back + 30 * HF_NS_PER_S);  /* 2: 23:01:30, 2025-12-31 again */
    struct hf_retention_verdicts verdicts = judge(&set, &keep, newfoundland);
    assert_false(verdicts.items[0].keep);
    assert_true(says(&verdicts, 1, "daily 2026-01-01"));
    assert_true(says(&verdicts, 2, "daily 2025-12-31"));
    hf_retention_verdicts_free(&verdicts);
}

static void judge_weeks_begin_on_monday_and_name_their_year(void **state)
{
    struct set set = {.count = 0};
    struct hf_keep keep = {.count = {[HF_KEEP_WEEKLY] = 2}};

    (void)state;
    (void)add(&set, year_2026 + 3 * DAY); /* Sunday, 2026-01-04 */
    (void)add(&set, year_2026 + 4 * DAY); /* Monday */
    (void)add(&set, year_2026 - 2 * DAY); /* Tuesday, 2025-12-30: the week of Sunday */
    struct hf_retention_verdicts verdicts = judge(&set, &keep, NULL);
    assert_true(says(&verdicts, 0, "weekly 2026-W01"));
    assert_true(says(&verdicts, 1, "weekly 2026-W02"));
    assert_false(verdicts.items[2].keep);
    assert_true(says(&verdicts, 2, "not kept by job nightly: weekly 2"));
    hf_retention_verdicts_free(&verdicts);
}

static void judge_future_snapshot_stays_and_counts_for_nothing(void **state)
{
    struct set set = {.count = 0};
    struct hf_keep keep = {.count = {[HF_KEEP_LAST] = 1}};

    (void)state;
    (void)add(&set, year_2026);
    (void)add(&set, year_2026 + DAY);
    add(&set, year_2026 + 2 * DAY)->time += 9000 * DAY;
    struct hf_retention_verdicts verdicts = judge(&set, &keep, NULL);
    assert_false(verdicts.items[0].keep);
    assert_true(says(&verdicts, 1, "newest"));
    assert_true(says(&verdicts, 1, "last 1 of 1"));
    assert_true(says(&verdicts, 2, "last 1 of 1, by the store's clock"));
    assert_int_equal(verdicts.items[2].doubt, HF_RETENTION_CLOCK);
    hf_retention_verdicts_free(&verdicts);

    (void)add(&set, year_2026 + 3 * DAY); /* and then it goes at the time it would have */
    verdicts = judge(&set, &keep, NULL);
    assert_false(verdicts.items[2].keep);
    hf_retention_verdicts_free(&verdicts);
}

/* A store whose clock is the one that is wrong: everything as if it were not. */
static void judge_store_that_lost_its_clock_lets_rules_work_by_the_hosts(void **state)
{
    struct set set = {.count = 0};
    struct hf_keep keep = {.count = {[HF_KEEP_DAILY] = 4}};

    (void)state;
    for (int day = 0; day < 10; day++) {
        struct hf_retention_snapshot *item = add(&set, year_2026 + day * DAY);

        item->earliest = item->latest = day * HF_NS_PER_S; /* 1970 */
    }
    struct hf_retention_verdicts verdicts = judge(&set, &keep, NULL);
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(verdicts.items[i].keep, i >= 6);
    hf_retention_verdicts_free(&verdicts);
}

static void judge_empty_newest_holds_everything(void **state)
{
    struct set set = {.count = 0};
    struct hf_keep keep = {.count = {[HF_KEEP_LAST] = 1}};

    (void)state;
    (void)add(&set, year_2026);
    (void)add(&set, year_2026 + DAY);
    add(&set, year_2026 + 2 * DAY)->empty = true;
    struct hf_retention_verdicts verdicts = judge(&set, &keep, NULL);
    assert_true(verdicts.held);
    assert_true(verdicts.items[0].keep && verdicts.items[1].keep && verdicts.items[2].keep);
    assert_true(says(&verdicts, 0, "the newest snapshot, 000000000000, is empty"));
    hf_retention_verdicts_free(&verdicts);

    (void)add(&set, year_2026 + 3 * DAY);
    verdicts = judge(&set, &keep, NULL);
    assert_false(verdicts.held);
    assert_true(!verdicts.items[0].keep && !verdicts.items[1].keep && !verdicts.items[2].keep);
    hf_retention_verdicts_free(&verdicts);
}

static void judge_a_source_that_was_always_empty_follows_the_rules(void **state)
{
    struct set set = {.count = 0};
    struct hf_keep keep = {.count = {[HF_KEEP_LAST] = 1}};

    (void)state;
    add(&set, year_2026)->empty = true;
    add(&set, year_2026 + DAY)->empty = true;
    struct hf_retention_verdicts verdicts = judge(&set, &keep, NULL);
    assert_false(verdicts.held);
    assert_false(verdicts.items[0].keep);
    hf_retention_verdicts_free(&verdicts);
}

static void judge_tags_pins_and_what_is_unclear_stay(void **state)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_strings kept = HF_STRINGS_INIT;
    struct hf_keep keep = {.count = {[HF_KEEP_LAST] = 1}};
    struct set set = {.count = 0};

    (void)state;
    assert_ok(hf_strings_add(&kept, "release", &err), &err);
    assert_ok(hf_strings_add(&keep.tags, "release", &err), &err);
    add(&set, year_2026)->tags = &kept;
    add(&set, year_2026 + DAY)->pinned = true;
    add(&set, year_2026 + 2 * DAY)->unclear = true;
    add(&set, year_2026 + 3 * DAY)->proven = true;
    (void)add(&set, year_2026 + 4 * DAY);
    (void)add(&set, year_2026 + 5 * DAY);
    struct hf_retention_verdicts verdicts = judge(&set, &keep, NULL);
    assert_true(says(&verdicts, 0, "tag release"));
    assert_true(says(&verdicts, 1, "pinned"));
    assert_true(verdicts.items[2].keep);
    assert_true(says(&verdicts, 3, "newest proven"));
    assert_false(verdicts.items[4].keep);
    assert_true(says(&verdicts, 5, "newest"));
    hf_retention_verdicts_free(&verdicts);
    hf_keep_done(&keep);
    hf_strings_free(&kept);
}

static struct hf_retention_verdicts judge_jobs(const struct set *set, bool adopt,
                                               const struct hf_keep *hourly,
                                               const struct hf_keep *nightly)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_retention_verdicts verdicts;
    const struct hf_retention_policy policies[] = {{.job = "hourly", .keep = hourly},
                                                   {.job = "nightly", .keep = nightly}};
    const struct hf_retention_question question = {.snapshots = set->items,
                                                   .count = set->count,
                                                   .policies = policies,
                                                   .policy_count = 2,
                                                   .adopt = adopt,
                                                   .now = year_2026 + 4000 * DAY};

    assert_ok(hf_retention_judge(&question, &verdicts, &err), &err);
    return verdicts;
}

static void judge_each_job_has_its_own_rules(void **state)
{
    struct hf_keep hourly = {.count = {[HF_KEEP_LAST] = 1}};
    struct hf_keep nightly = {.count = {[HF_KEEP_LAST] = 2}};
    struct set set = {.count = 0};

    (void)state;
    (void)add(&set, year_2026);
    (void)add(&set, year_2026 + DAY);
    add(&set, year_2026 + 2 * DAY)->job = "hourly";
    add(&set, year_2026 + 3 * DAY)->job = "hourly";
    add(&set, year_2026 + 4 * DAY)->job = "elsewhere";
    add(&set, year_2026 - DAY)->job = NULL;
    struct hf_retention_verdicts verdicts = judge_jobs(&set, false, &hourly, &nightly);
    assert_true(says(&verdicts, 0, "last 2 of 2 (nightly)"));
    assert_true(says(&verdicts, 1, "last 1 of 2 (nightly)"));
    assert_false(verdicts.items[2].keep);
    assert_true(says(&verdicts, 3, "last 1 of 1 (hourly)"));
    assert_true(says(&verdicts, 4, "of job elsewhere, which has no rules here"));
    assert_false(verdicts.items[5].keep);
    assert_int_equal(verdicts.items[5].reasons.count, 2);
    hf_retention_verdicts_free(&verdicts);

    add(&set, year_2026 - 2 * DAY)->job = "elsewhere";
    verdicts = judge_jobs(&set, true, &hourly, &nightly);
    assert_false(verdicts.items[6].keep);
    hf_retention_verdicts_free(&verdicts);

    hourly = (struct hf_keep){.within = 0}; /* a job without rules keeps what is of no job, too */
    verdicts = judge_jobs(&set, true, &hourly, &nightly);
    assert_true(says(&verdicts, 2, "job hourly has no \"keep\""));
    assert_true(says(&verdicts, 5, "job hourly has no \"keep\""));
    hf_retention_verdicts_free(&verdicts);
}

static void keep_format_says_every_rule(void **state)
{
    struct hf_keep keep = {.count = {1, 2, 3, 4, 5, 6}, .within = 30 * DAY};
    char text[HF_KEEP_TEXT];

    (void)state;
    hf_keep_format(text, &keep);
    assert_string_equal(text,
                        "last 1, hourly 2, daily 3, weekly 4, monthly 5, yearly 6, within 30 d");
    keep = (struct hf_keep){.within = 36 * HOUR};
    hf_keep_format(text, &keep);
    assert_string_equal(text, "within 36 h");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judge_random_sets_keeps_what_must_stay_and_no_more),
        cmocka_unit_test(judge_again_lets_nothing_more_go),
        cmocka_unit_test(judge_with_a_stranger_lets_no_other_go),
        cmocka_unit_test(judge_days_of_clock_changes_are_one_day_each),
        cmocka_unit_test(judge_a_day_that_comes_twice_is_one_day),
        cmocka_unit_test(judge_weeks_begin_on_monday_and_name_their_year),
        cmocka_unit_test(judge_future_snapshot_stays_and_counts_for_nothing),
        cmocka_unit_test(judge_store_that_lost_its_clock_lets_rules_work_by_the_hosts),
        cmocka_unit_test(judge_empty_newest_holds_everything),
        cmocka_unit_test(judge_a_source_that_was_always_empty_follows_the_rules),
        cmocka_unit_test(judge_tags_pins_and_what_is_unclear_stay),
        cmocka_unit_test(judge_each_job_has_its_own_rules),
        cmocka_unit_test(keep_format_says_every_rule),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
