#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { NS_PER_US = 1000 };

static const int64_t s_per_day = 86400;

/* What an int64_t of nanoseconds holds in full years. */
enum { YEAR_MIN = 1678, YEAR_MAX = 2261 };

static int64_t read_clock(clockid_t id)
{
    struct timespec now;

    (void)clock_gettime(id, &now); /* cannot fail for these clocks */
    return (int64_t)now.tv_sec * HF_NS_PER_S + now.tv_nsec;
}

static int64_t offset_from_environment(const char *name)
{
    const char *text = getenv(name);
    char *end;
    int64_t seconds;
    int64_t ns;

    if (!text || !*text)
        return 0;
    errno = 0;
    seconds = strtoll(text, &end, 10);
    if (errno != 0 || *end != 0 || __builtin_mul_overflow(seconds, HF_NS_PER_S, &ns))
        return 0;
    return ns;
}

int64_t hf_clock_now(void)
{
    int64_t now = read_clock(CLOCK_REALTIME);
    int64_t moved;

    return __builtin_add_overflow(now, offset_from_environment("HF_CLOCK_OFFSET"), &moved) ? now
                                                                                           : moved;
}

int64_t hf_clock_store_offset(void)
{
    bool apart = getenv("HF_STORE_CLOCK_OFFSET") != NULL;

    return offset_from_environment(apart ? "HF_STORE_CLOCK_OFFSET" : "HF_CLOCK_OFFSET");
}

int64_t hf_clock_monotonic(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

/* Days since 1970-01-01 of a date in the Gregorian calendar; month from 1. Years are counted from
 * March, so that the leap day is the last of a year. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    int64_t y = month > 2 ? year : year - 1;
    int64_t month_from_march = (month + 9) % 12;

    return 365 * y + y / 4 - y / 100 + y / 400 + (153 * month_from_march + 2) / 5 + day - 1 -
           719468;
}

/* Splits into whole seconds as a UTC calendar and the nanoseconds above, also before 1970. */
static int64_t split(int64_t time, struct tm *out)
{
    int64_t ns = time % HF_NS_PER_S;
    time_t seconds = time / HF_NS_PER_S;

    if (ns < 0) {
        ns += HF_NS_PER_S;
        seconds--;
    }
    (void)gmtime_r(&seconds, out); /* the years of an int64_t of nanoseconds always fit */
    return ns;
}

void hf_time_format(char text[HF_TIME_TEXT], int64_t time)
{
    struct tm tm;

    (void)split(time, &tm);
    (void)strftime(text, HF_TIME_TEXT, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

void hf_time_format_compact(char text[HF_TIME_TEXT], int64_t time)
{
    struct tm tm;
    int us = (int)(split(time, &tm) / NS_PER_US);
    size_t len = strftime(text, HF_TIME_TEXT, "%Y%m%dT%H%M%S", &tm);

    (void)snprintf(text + len, HF_TIME_TEXT - len, ".%06dZ", us);
}

/* Fields from the largest to the smallest; what is behind each when it is not the last. */
enum { YEAR, MONTH, DAY, HOUR, MINUTE, SECOND, FIELDS };

static bool parse_number(const char **at, int digits, int *out)
{
    int value = 0;

    for (int i = 0; i < digits; i++, (*at)++) {
        if (**at < '0' || **at > '9')
            return false;
        value = value * 10 + (**at - '0');
    }
    *out = value;
    return true;
}

static int parse_fields(const char *text, int field[FIELDS])
{
    static const char before[FIELDS] = {0, '-', '-', 'T', ':', ':'};
    int count = 0;

    while (count < FIELDS) {
        if (count > 0) {
            if (*text != before[count])
                break;
            text++;
        }
        if (!parse_number(&text, count == YEAR ? 4 : 2, &field[count]))
            return 0;
        count++;
    }
    if (*text == 'Z')
        text++;
    return *text == 0 ? count : 0;
}

static bool is_moment(const int field[FIELDS])
{
    static const int month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year = field[YEAR];
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    if (year < YEAR_MIN || year > YEAR_MAX || field[MONTH] < 1 || field[MONTH] > 12)
        return false;
    if (field[DAY] < 1 ||
        field[DAY] > month_days[field[MONTH] - 1] + (field[MONTH] == 2 && leap ? 1 : 0))
        return false;
    return field[HOUR] < 24 && field[MINUTE] < 60 && field[SECOND] < 60;
}

static int64_t seconds_of(const int field[FIELDS])
{
    return days_of(field[YEAR], field[MONTH], field[DAY]) * s_per_day +
           (int64_t)field[HOUR] * 3600 + (int64_t)field[MINUTE] * 60 + field[SECOND];
}

bool hf_time_parse(const char *text, int64_t *out_begin, int64_t *out_end)
{
    static const int64_t span[FIELDS] = {0, 0, 86400, 3600, 60, 1};
    int field[FIELDS] = {0, 1, 1, 0, 0, 0};
    int count = parse_fields(text, field);
    int64_t begin;
    int64_t end;

    if (count == 0 || !is_moment(field))
        return false;
    begin = seconds_of(field);
    if (count > DAY) {
        end = begin + span[count - 1];
    } else { /* years and months differ in length */
        if (count - 1 == YEAR || field[MONTH] == 12) {
            field[YEAR]++;
            field[MONTH] = 1;
        } else {
            field[MONTH]++;
        }
        end = seconds_of(field);
    }
    *out_begin = begin * HF_NS_PER_S;
    *out_end = end * HF_NS_PER_S;
    return true;
}
