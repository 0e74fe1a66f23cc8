#include "schedules/cron.h"

#include "schedules/civil.h"

enum { HOURS_ALL = 0xffffff, DAY_MINUTES = 1440, YEARS = 41 };

/* How far back a change of the clocks can make a local time exist twice: by a day (a zone that
 * crossed the date line), and what zones have between them. */
enum { REPEATED = 2 * HF_DAY_SECONDS };

static bool day_matches(const struct hf_cron *cron, int64_t day)
{
    struct hf_civil date = hf_civil_of_days(day);
    bool by_day = cron->days >> date.day & 1;
    bool by_weekday = cron->weekdays >> hf_civil_weekday(day) & 1;

    return (cron->months >> date.month & 1) &&
           (cron->both ? by_day && by_weekday : by_day || by_weekday);
}

/* The first minute of a day that matches, from one on; DAY_MINUTES if there is none. */
static int minute_of_day(const struct hf_cron *cron, int from)
{
    for (int hour = from / 60; hour < 24; hour++) {
        uint64_t minutes = cron->minutes;

        if (!(cron->hours >> hour & 1))
            continue;
        if (hour == from / 60)
            minutes &= ~UINT64_C(0) << from % 60;
        if (minutes)
            return hour * 60 + __builtin_ctzll(minutes);
    }
    return DAY_MINUTES;
}

/* The first local time that matches, at or after from, before end; end if there is none. */
static int64_t local_match(const struct hf_cron *cron, int64_t from, int64_t end)
{
    int64_t minute = hf_floor_div(from + 59, 60);
    int64_t day = hf_floor_div(minute, DAY_MINUTES);
    int of_day = (int)(minute - day * DAY_MINUTES);

    for (; day * HF_DAY_SECONDS < end; day++, of_day = 0) {
        int found = day_matches(cron, day) ? minute_of_day(cron, of_day) : DAY_MINUTES;
        int64_t local = day * HF_DAY_SECONDS + found * INT64_C(60);

        if (found < DAY_MINUTES)
            return local < end ? local : end;
    }
    return end;
}

/* Up to which local time a span repeats what clocks have shown before it. */
static int64_t shown_before(const struct hf_zone *zone, const struct hf_zone_span *span)
{
    int64_t shown = HF_ZONE_BEGIN;
    struct hf_zone_span before = *span;

    while (before.begin > HF_ZONE_BEGIN && before.begin > span->begin - REPEATED) {
        hf_zone_span_at(zone, before.begin - 1, &before);
        if (before.end + before.offset > shown)
            shown = before.end + before.offset;
    }
    return shown;
}

int64_t hf_cron_next(const struct hf_cron *cron, const struct hf_zone *zone, int64_t after)
{
    bool rhythm = cron->hours == HOURS_ALL;
    int64_t at = after + 1;
    int64_t until = at + YEARS * INT64_C(366) * HF_DAY_SECONDS;
    struct hf_zone_span span;

    for (; at < until; at = span.end) {
        int64_t from, end, local, shown;

        hf_zone_span_at(zone, at, &span);
        shown = shown_before(zone, &span);
        from = at + span.offset;
        /* Where the clocks were set forward, this span begins with what they did not show. */
        if (at == span.begin && shown > HF_ZONE_BEGIN && from > shown &&
            local_match(cron, shown, from) < from)
            return at;
        if (!rhythm && from < shown)
            from = shown;
        end = (span.end < until ? span.end : until) + span.offset;
        local = local_match(cron, from, end);
        if (local < end)
            return local - span.offset;
    }
    return HF_ZONE_END;
}
