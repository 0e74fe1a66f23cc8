#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "schedules/civil.h"
#include "schedules/cron.h"
#include "tests/support/check.h"

#include <inttypes.h>
#include <time.h>

#define FOLDER HF_SOURCE_DIR "/tests/unit/schedules/"

/* The zones beside the tables, not the system's: an update of those changes nothing here. */
static int setup(void **state)
{
    (void)state;
    return setenv("TZDIR", FOLDER "zoneinfo", 1);
}

static struct hf_zone *zone_of(const char *name)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_zone *zone = NULL;

    assert_ok(hf_zone_load(name, &zone, &err), &err);
    return zone;
}

static struct hf_cron cron_of(const char *text)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_cron cron;

    assert_ok(hf_cron_parse(text, &cron, &err), &err);
    return cron;
}

/* tests/unit/schedules/make_tables made them with Python's zoneinfo. */
static void span_at_every_change_is_as_zoneinfo_has_it(void **state)
{
    FILE *file = fopen(FOLDER "offsets", "r");
    HF_AUTO_PTR(hf_zone) zone = NULL;
    char name[64];
    int64_t at;
    int offset, last = 0, lines = 0;

    (void)state;
    assert_non_null(file);
    while (fscanf(file, "%63s %" SCNd64 " %d", name, &at, &offset) == 3) {
        bool same = zone && strcmp(hf_zone_name(zone), name) == 0;

        if (!same) {
            hf_zone_free(zone);
            zone = zone_of(name);
        }
        assert_int_equal(hf_zone_local(zone, at) - at, offset);
        if (same)
            assert_int_equal(hf_zone_local(zone, at - 1) - (at - 1), last);
        last = offset;
        lines++;
    }
    assert_true(lines > 1000);
    (void)fclose(file);
}

static void check_times(char *line)
{
    char *save = NULL;
    HF_AUTO_PTR(hf_zone) zone = zone_of(strtok_r(line, "|\n", &save));
    const char *text = strtok_r(NULL, "|\n", &save);
    struct hf_cron cron = cron_of(text);
    int64_t at = strtoll(strtok_r(NULL, "|\n", &save), NULL, 10);
    int64_t until = strtoll(strtok_r(NULL, "|\n", &save), NULL, 10);

    for (char *word = strtok_r(NULL, "| \n", &save); word; word = strtok_r(NULL, " \n", &save)) {
        int64_t expected = strtoll(word, NULL, 10);
        int64_t next = hf_cron_next(&cron, zone, at);

        if (next != expected)
            fail_msg("%s in %s after %" PRId64 ": %" PRId64 ", not %" PRId64, text,
                     hf_zone_name(zone), at, next, expected);
        at = next;
    }
    assert_true(hf_cron_next(&cron, zone, at) > until);
}

static void next_around_changes_is_as_zoneinfo_has_it(void **state)
{
    FILE *file = fopen(FOLDER "times", "r");
    HF_AUTO_FREE char *line = NULL;
    size_t size = 0;
    int lines = 0;

    (void)state;
    assert_non_null(file);
    for (; getline(&line, &size, file) > 0; lines++)
        check_times(line);
    assert_true(lines > 500);
    (void)fclose(file);
}

static int64_t moment(const char *text)
{
    struct tm tm = {.tm_year = 0};

    assert_non_null(strptime(text, "%Y-%m-%dT%H:%M", &tm));
    return hf_civil_days(tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday) * HF_DAY_SECONDS +
           tm.tm_hour * INT64_C(3600) + tm.tm_min * INT64_C(60);
}

/* The rules in words, where tables would need to be believed. */
static void next_of_oddities_is_as_expected(void **state)
{
    static const char *const cases[][4] = {
        /* zone, expression, after, next; in UTC */
        {"Europe/Berlin", "30 2 * * *", "2026-03-28T12:00", "2026-03-29T01:00"}, /* not there */
        {"Europe/Berlin", "30 2 * * *", "2026-03-29T01:00", "2026-03-30T00:30"},
        {"Europe/Berlin", "30 2 * * *", "2026-10-24T12:00", "2026-10-25T00:30"}, /* twice */
        {"Europe/Berlin", "30 2 * * *", "2026-10-25T00:30", "2026-10-26T01:30"},
        {"Europe/Berlin", "30 * * * *", "2026-10-25T00:30", "2026-10-25T01:30"}, /* a rhythm */
        {"Europe/Berlin", "0,20,40 2 * * *", "2026-03-28T12:00", "2026-03-29T01:00"},
        {"Europe/Berlin", "0,20,40 2 * * *", "2026-03-29T01:00", "2026-03-30T00:00"},
        {"Europe/Berlin", "0 2 29 3 *", "2026-01-01T00:00", "2026-03-29T01:00"},
        {"Australia/Lord_Howe", "15 2 * * *", "2026-10-03T00:00", "2026-10-03T15:30"},
        {"Australia/Lord_Howe", "45 1 * * *", "2026-04-04T00:00", "2026-04-04T14:45"},
        {"Australia/Lord_Howe", "45 1 * * *", "2026-04-04T14:45", "2026-04-05T15:15"},
        {"Asia/Kathmandu", "0 2 * * *", "2026-01-01T00:00", "2026-01-01T20:15"},
        {"Pacific/Apia", "0 2 30 12 *", "2011-12-01T00:00", "2011-12-30T10:00"}, /* skipped day */
        {"Pacific/Apia", "0 2 * * fri", "2011-12-29T00:00", "2011-12-30T10:00"},
        {"America/Sao_Paulo", "0 0 * * *", "2018-11-03T12:00", "2018-11-04T03:00"}, /* midnight */
        {"UTC", "0 0 29 2 *", "2097-01-01T00:00", "2104-02-29T00:00"},
        {"UTC", "0 0 13 * fri", "2026-02-13T00:00", "2026-02-20T00:00"},  /* either */
        {"UTC", "0 0 */2 * fri", "2026-02-13T00:00", "2026-02-27T00:00"}, /* both */
        {"UTC", "0 0 * * fri-mon", "2026-02-16T00:00", "2026-02-20T00:00"},
        {"UTC", "0 0 * * 5-7", "2026-02-14T00:00", "2026-02-15T00:00"},
        {"UTC", "5/20 4 * DEC Wed", "2026-12-02T04:05", "2026-12-02T04:25"},
        {"UTC", "@yearly", "2026-01-01T00:00", "2027-01-01T00:00"},
        {"UTC", "@hourly", "2026-01-01T00:00", "2026-01-01T01:00"},
        {"UTC", "0 0 ? * 0", "2026-02-12T00:00", "2026-02-15T00:00"},
        {"Europe/Berlin", "30 2 * * *", "2040-03-24T12:00", "2040-03-25T01:00"}, /* footer */
        {"Australia/Sydney", "30 2 * * *", "2040-10-06T00:00", "2040-10-06T16:00"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        HF_AUTO_PTR(hf_zone) zone = zone_of(cases[i][0]);
        struct hf_cron cron = cron_of(cases[i][1]);
        int64_t next = hf_cron_next(&cron, zone, moment(cases[i][2]));

        if (next != moment(cases[i][3]))
            fail_msg("%s in %s after %s: %" PRId64 ", not %s (%" PRId64 ")", cases[i][1],
                     cases[i][0], cases[i][2], next, cases[i][3], moment(cases[i][3]));
    }
}

static void parse_bad_expression_names_the_field(void **state)
{
    static const char *const cases[][2] = {
        {"", "a schedule has five fields"},
        {"* * * * * *", "not 6"},
        {"60 * * * *", "minute \"60\": values are from 0 to 59"},
        {"* 24 * * *", "hour \"24\": values are from 0 to 23"},
        {"* * 0 * *", "day of the month \"0\": values are from 1 to 31"},
        {"* * * 13 *", "month \"13\": values are from 1 to 12, or names such as feb"},
        {"* * * * 8", "day of the week \"8\": values are from 0 to 7, or names such as mon"},
        {"* * * * mond", "day of the week \"mond\": values are"},
        {"1, * * * *", "minute \"1,\": values are"},
        {"5-1 * * * *", "minute \"5-1\": the range ends before it begins"},
        {"*/0 * * * *", "minute \"*/0\": the step after \"/\" is none"},
        {"*/99 * * * *", "the step"},
        {"1-2-3 * * * *", "it is no list"},
        {"99999999999999999999 * * * *", "minute"},
        {"* * 31 2,4,6 *", "day of the month \"31\": no month of \"2,4,6\" has it"},
        {"* * 30 2 */2", "no month of"},
        {"@reboot", "\"@reboot\" is none of @hourly"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct hf_error err = HF_ERROR_INIT;
        struct hf_cron cron;

        assert_fails(hf_cron_parse(cases[i][0], &cron, &err), HF_CONFIG, &err);
        assert_contains(err.text, cases[i][1]);
    }
}

/* ---- ten years, minute by minute ---- */

static uint64_t dice_state;

static unsigned dice(unsigned sides)
{
    dice_state = dice_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(dice_state >> 33) % sides;
}

/* Another reading of an expression: bits looked at by minute of a date. */
static bool matches(const struct hf_cron *cron, int64_t local_minute)
{
    time_t at = (time_t)local_minute * 60;
    struct tm tm;
    bool day, weekday;

    if (!(cron->minutes >> (local_minute - hf_floor_div(local_minute, 60) * 60) & 1))
        return false;
    assert_non_null(gmtime_r(&at, &tm));
    day = cron->days >> tm.tm_mday & 1;
    weekday = cron->weekdays >> tm.tm_wday & 1;
    return (cron->hours >> tm.tm_hour & 1) && (cron->months >> (tm.tm_mon + 1) & 1) &&
           (cron->both ? day && weekday : day || weekday);
}

static void random_expression(char *text, size_t size)
{
    char hour[16], day[16], weekday[16];

    (void)snprintf(hour, sizeof hour, dice(3) == 0 ? "*" : "%u-%u/%u", dice(4), 4 + dice(20),
                   1 + dice(3));
    (void)snprintf(day, sizeof day, dice(3) > 0 ? "*" : "%u-%u", 1 + dice(10), 15 + dice(16));
    (void)snprintf(weekday, sizeof weekday, dice(3) > 0 ? "*" : "%u-%u", dice(3), 3 + dice(4));
    (void)snprintf(text, size, "%u,%u %s %s * %s", dice(30), 30 + dice(30), hour, day, weekday);
}

/* What the clock shows for the first time runs, and so does, at once, what it passes over; a rhythm
 * runs whatever the clock shows. Neither more nor less. */
static void check_ten_years(const struct hf_cron *cron, const struct hf_zone *zone, int64_t from)
{
    int64_t next, end = from + 3653 * INT64_C(24) * 60;
    int64_t shown = hf_floor_div(hf_zone_local(zone, from * 60), 60);
    struct hf_zone_span span = {.end = INT64_MIN};

    for (int64_t back = 1; back < 3000; back++) {
        int64_t before = hf_floor_div(hf_zone_local(zone, (from - back) * 60), 60);

        shown = before > shown ? before : shown;
    }
    next = hf_cron_next(cron, zone, from * 60);
    for (int64_t minute = from + 1; minute < end; minute++) {
        int64_t local;
        bool expected;

        if (minute * 60 >= span.end)
            hf_zone_span_at(zone, minute * 60, &span);
        local = hf_floor_div(minute * 60 + span.offset, 60);
        expected = (local > shown || cron->hours == 0xffffff) && matches(cron, local);
        while (shown < local)
            expected |= matches(cron, ++shown);
        if (expected != (next == minute * 60))
            fail_msg("%s: %" PRId64 " %s", hf_zone_name(zone), minute * 60,
                     expected ? "is missed" : "is too much");
        if (expected)
            next = hf_cron_next(cron, zone, next);
    }
}

static void next_for_ten_years_is_never_twice_and_never_missed(void **state)
{
    static const char *const zones[] = {
        "Europe/Berlin",    "Australia/Lord_Howe", "Pacific/Apia",     "Africa/Casablanca",
        "America/Santiago", "America/Sao_Paulo",   "Antarctica/Troll", "America/Nuuk"};

    (void)state;
    for (size_t i = 0; i < sizeof zones / sizeof *zones; i++) {
        HF_AUTO_PTR(hf_zone) zone = zone_of(zones[i]);
        struct hf_cron cron;
        char text[80];

        dice_state = i;
        random_expression(text, sizeof text);
        cron = cron_of(text);
        check_ten_years(&cron, zone,
                        moment("2009-01-01T00:00") / 60 + 60 * 24 * 365 * (int)dice(15));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(span_at_every_change_is_as_zoneinfo_has_it),
        cmocka_unit_test(next_around_changes_is_as_zoneinfo_has_it),
        cmocka_unit_test(next_of_oddities_is_as_expected),
        cmocka_unit_test(parse_bad_expression_names_the_field),
        cmocka_unit_test(next_for_ten_years_is_never_twice_and_never_missed),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
