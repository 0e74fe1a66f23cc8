/*
 * Cron expressions, and the moments they name in a time zone.
 *
 * Five fields: minute (0-59), hour (0-23), day of the month (1-31), month (1-12, jan-dec), day of
 * the week (0-7, sun-sat; 0 and 7 are Sunday). A field is a list, separated by commas, of `*`, N,
 * N-M (also round the end of the week: fri-mon), each with a step: "*" "/5", 8-18/2; N/S is N to
 * the end. `?` is `*`. Names count in any case. @hourly, @daily (@midnight), @weekly, @monthly,
 * @yearly
 * (@annually) are the usual.
 *
 * The day is chosen as in Vixie cron: when both the day of the month and that of the week are
 * restricted, a day that matches either; when one of them begins with `*`, a day that matches both.
 *
 * When the clocks change:
 * - A local time that does not exist runs once, at the moment the gap ends; several in one gap run
 *   there once together.
 * - A local time that exists twice runs once, the first time. If however every hour matches (`*`),
 *   the expression means a rhythm rather than times of the day, and both passes through the hour
 *   run: nobody who backs up each quarter of an hour wants an hour without.
 *
 * Moments are seconds since 1970 UTC. An expression is a plain value.
 */
#ifndef HF_SCHEDULES_CRON_H
#define HF_SCHEDULES_CRON_H

#include "schedules/zone.h"

struct hf_cron {
    uint64_t minutes;
    uint32_t hours, days, months, weekdays; /* a bit each; days and months from 1 */
    bool both; /* the day has to match days and weekdays, rather than one of them */
};

/* HF_CONFIG names the field and why. What never comes (30 2 30 2 *) is an error, too. */
enum hf_status hf_cron_parse(const char *text, struct hf_cron *out,
                             struct hf_error *err) HF_WARN_UNUSED;

/* The field of weekdays alone: a bit each, from Sunday. */
enum hf_status hf_cron_weekdays(const char *text, uint32_t *out,
                                struct hf_error *err) HF_WARN_UNUSED;

/* The first moment later than after, or HF_ZONE_END if there is none within some forty years. */
int64_t hf_cron_next(const struct hf_cron *cron, const struct hf_zone *zone, int64_t after);

#endif
