/*
 * When something runs: a cron expression (cron.h) in a time zone (zone.h), and jitter.
 *
 * Moments are nanoseconds since 1970 UTC, as everywhere (base/clock.h). The time a schedule names
 * is its nominal time; it starts up to the jitter later. The jitter of a nominal time is a hash of
 * seed, name and time, so that neither a restart nor a second look changes it, and that hosts
 * with one configuration but different seeds do not all start at once.
 *
 * A schedule is immutable: any thread may use it.
 */
#ifndef HF_SCHEDULES_SCHEDULE_H
#define HF_SCHEDULES_SCHEDULE_H

#include "base/error.h"

#include <stdint.h>

#define HF_NEVER INT64_MAX

struct hf_schedule;
struct hf_zone;

/* zone: a name, or NULL for the machine's own (zone.h). jitter: nanoseconds, 0 for none.
 * HF_CONFIG when the expression is none, or there is no such zone. */
enum hf_status hf_schedule_new(const char *expression, const char *zone, int64_t jitter,
                               struct hf_schedule **out, struct hf_error *err) HF_WARN_UNUSED;
void hf_schedule_free(struct hf_schedule *schedule);
HF_DEFINE_AUTO_PTR(hf_schedule, hf_schedule_free)

/* The first nominal time later than after, or HF_NEVER. */
int64_t hf_schedule_next(const struct hf_schedule *schedule, int64_t after);

/* When a nominal time starts: at it, or up to the jitter later. */
int64_t hf_schedule_start(const struct hf_schedule *schedule, uint64_t seed, const char *name,
                          int64_t nominal);

/* The latest nominal time later than after of those whose start, and that of all before them, has
 * come at now; HF_NEVER when there is none. Its cost does not grow with the time between. */
int64_t hf_schedule_due(const struct hf_schedule *schedule, uint64_t seed, const char *name,
                        int64_t after, int64_t now);

/* What jitter is made of: the same for the same three, else unlike. */
uint64_t hf_schedule_hash(uint64_t seed, const char *name, int64_t number);

/* The same cron expression, zone and jitter. Either may be NULL. */
bool hf_schedule_same(const struct hf_schedule *a, const struct hf_schedule *b);
const struct hf_zone *hf_schedule_zone(const struct hf_schedule *schedule);
const char *hf_schedule_text(const struct hf_schedule *schedule);

#endif
