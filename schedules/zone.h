/*
 * Named time zones, from the system's zone database.
 *
 * An own small reader of TZif files (RFC 9636) with the rule of their footer for what comes after
 * the table: setenv("TZ") and tzset() are of the whole process and not safe beside threads, and the
 * data that ICU brings is older than the tzdata of the system, which is what the administrator
 * updates. "UTC" and "Etc/UTC" need no database.
 *
 * Moments are seconds since 1970 UTC; a local time is the seconds since 1970-01-01 00:00 on the
 * zone's own clock. Files are bounded and every count in them is checked before it is used.
 * A zone is immutable: any thread may use it.
 */
#ifndef HF_SCHEDULES_ZONE_H
#define HF_SCHEDULES_ZONE_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

/* What moments are bounded to: the begin of the first span, the end of the last one. */
#define HF_ZONE_BEGIN (INT64_MIN / 4)
#define HF_ZONE_END (INT64_MAX / 4)

struct hf_zone;

/* By name ("Europe/Berlin"); NULL: the machine's own, which is TZ in the environment, else
 * /etc/localtime, else UTC. The database is in TZDIR, else in /usr/share/zoneinfo.
 * HF_CONFIG: there is no such zone (the text says which package is missing, if it is that), or its
 * file is damaged. */
enum hf_status hf_zone_load(const char *name, struct hf_zone **out,
                            struct hf_error *err) HF_WARN_UNUSED;
/* From the bytes of a TZif file, for hf_zone_load and its tests. */
enum hf_status hf_zone_parse(const char *name, const void *data, size_t len, struct hf_zone **out,
                             struct hf_error *err) HF_WARN_UNUSED;
void hf_zone_free(struct hf_zone *zone);
HF_DEFINE_AUTO_PTR(hf_zone, hf_zone_free)

/* As it was asked for, or "local time". */
const char *hf_zone_name(const struct hf_zone *zone);

/* Moments from begin, before end, in which local time is UTC plus offset. Neighbours may have the
 * same offset. */
struct hf_zone_span {
    int64_t begin, end;
    int32_t offset;
};
void hf_zone_span_at(const struct hf_zone *zone, int64_t moment, struct hf_zone_span *out);
static inline int64_t hf_zone_local(const struct hf_zone *zone, int64_t moment)
{
    struct hf_zone_span span;

    hf_zone_span_at(zone, moment, &span);
    return moment + span.offset;
}

/* Seconds east of UTC; time in nanoseconds, zone a struct hf_zone: an hf_utc_offset_fn. */
int32_t hf_zone_offset(const void *zone, int64_t time);

enum { HF_ZONE_TEXT = 40 };
/* "2026-11-21 02:00:00 +01:00" */
void hf_zone_format(const struct hf_zone *zone, int64_t moment, char text[HF_ZONE_TEXT]);

#endif
