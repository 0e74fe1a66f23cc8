#include "schedules/zone_rule.h"

#include "schedules/civil.h"

#include <ctype.h>

/* RFC 9636: times of a change may lie a week off their day. */
enum { HOURS_MAX = 167 };

struct text {
    const char *at, *end;
};

static bool next_is(struct text *t, char c)
{
    if (t->at == t->end || *t->at != c)
        return false;
    t->at++;
    return true;
}

static bool read_name(struct text *t)
{
    const char *begin;
    bool quoted = next_is(t, '<');

    begin = t->at;
    while (t->at < t->end &&
           (isalpha((unsigned char)*t->at) ||
            (quoted && (isdigit((unsigned char)*t->at) || *t->at == '+' || *t->at == '-'))))
        t->at++;
    return t->at - begin >= 3 && (!quoted || next_is(t, '>'));
}

static bool read_number(struct text *t, int min, int max, int *out)
{
    int number = 0;
    const char *begin = t->at;

    while (t->at < t->end && isdigit((unsigned char)*t->at) && t->at - begin < 4)
        number = number * 10 + (*t->at++ - '0');
    *out = number;
    return t->at > begin && number >= min && number <= max;
}

/* [+-]h[:mm[:ss]] */
static bool read_time(struct text *t, int hours_max, int32_t *out)
{
    int sign = next_is(t, '-') ? -1 : 1;
    int hours, minutes = 0, seconds = 0;

    if (sign > 0)
        (void)next_is(t, '+');
    if (!read_number(t, 0, hours_max, &hours))
        return false;
    if (next_is(t, ':') && !read_number(t, 0, 59, &minutes))
        return false;
    if (t->at > t->end - 1 || *t->at != ':') {
        *out = sign * (hours * 3600 + minutes * 60);
        return true;
    }
    t->at++;
    if (!read_number(t, 0, 59, &seconds))
        return false;
    *out = sign * (hours * 3600 + minutes * 60 + seconds);
    return true;
}

static bool read_day(struct text *t, struct hf_zone_day *out)
{
    *out = (struct hf_zone_day){.time = 2 * 3600};
    if (next_is(t, 'M')) {
        out->kind = HF_ZONE_DAY_MONTH;
        if (!read_number(t, 1, 12, &out->month) || !next_is(t, '.') ||
            !read_number(t, 1, 5, &out->week) || !next_is(t, '.') ||
            !read_number(t, 0, 6, &out->day))
            return false;
    } else if (next_is(t, 'J')) {
        out->kind = HF_ZONE_DAY_JULIAN;
        if (!read_number(t, 1, 365, &out->day))
            return false;
    } else {
        out->kind = HF_ZONE_DAY_OF_YEAR;
        if (!read_number(t, 0, 365, &out->day))
            return false;
    }
    return !next_is(t, '/') || read_time(t, HOURS_MAX, &out->time);
}

bool hf_zone_rule_parse(const char *text, size_t len, struct hf_zone_rule *out)
{
    struct text t = {.at = text, .end = text + len};
    struct hf_zone_rule rule = {.changes = false};
    int32_t west;

    if (!read_name(&t) || !read_time(&t, 24, &west))
        return false;
    rule.standard = -west;
    if (t.at < t.end) {
        rule.changes = true;
        if (!read_name(&t))
            return false;
        rule.summer = rule.standard + 3600;
        if (t.at < t.end && *t.at != ',') {
            if (!read_time(&t, 24, &west))
                return false;
            rule.summer = -west;
        }
        if (!next_is(&t, ',') || !read_day(&t, &rule.begin) || !next_is(&t, ',') ||
            !read_day(&t, &rule.end))
            return false;
    }
    if (t.at != t.end)
        return false;
    *out = rule;
    return true;
}

/* Days since 1970. */
static int64_t day_in(const struct hf_zone_day *day, int64_t year)
{
    int64_t first = hf_civil_days(year, 1, 1);
    int64_t in_month;
    bool leap = hf_civil_month_days(year, 2) == 29;
    int length;

    if (day->kind == HF_ZONE_DAY_OF_YEAR)
        return first + day->day;
    if (day->kind == HF_ZONE_DAY_JULIAN)
        return first + day->day - 1 + (leap && day->day > 59);
    first = hf_civil_days(year, day->month, 1);
    length = hf_civil_month_days(year, day->month);
    in_month = (day->day - hf_civil_weekday(first) + 7) % 7 + 7 * (day->week - 1);
    return first + (in_month >= length ? in_month - 7 : in_month);
}

void hf_zone_rule_span(const struct hf_zone_rule *rule, int64_t moment, struct hf_zone_span *out)
{
    int64_t year;
    struct hf_zone_span last = {.begin = HF_ZONE_BEGIN, .end = HF_ZONE_END};

    if (!rule->changes) {
        last.offset = rule->standard;
        *out = last;
        return;
    }
    year = hf_civil_of_days(hf_floor_div(moment, HF_DAY_SECONDS)).year;
    /* Northern: begin, end within a year; southern: end, begin. Either way the changes of the year
     * before, this and the next hold the moment between two of them. */
    for (int64_t y = year - 1; y <= year + 1; y++) {
        int64_t begin =
            day_in(&rule->begin, y) * HF_DAY_SECONDS + rule->begin.time - rule->standard;
        int64_t end = day_in(&rule->end, y) * HF_DAY_SECONDS + rule->end.time - rule->summer;
        bool north = begin < end;
        int64_t at[2] = {north ? begin : end, north ? end : begin};
        int32_t offset[2] = {north ? rule->summer : rule->standard,
                             north ? rule->standard : rule->summer};

        for (int i = 0; i < 2; i++) {
            if (at[i] <= moment && at[i] >= last.begin) {
                last.begin = at[i];
                last.offset = offset[i];
            } else if (at[i] > moment && at[i] < last.end) {
                last.end = at[i];
            }
        }
    }
    *out = last;
}
