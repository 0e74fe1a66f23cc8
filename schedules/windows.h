/*
 * Windows: parts of the week in which a job must not start, in the local time of a zone.
 *
 * One is "08:00-18:00", "mon-fri 08:00-18:00", "sat,sun 00:00-24:00": days as in a cron expression
 * (none: each day), then the first minute and the end, which is not part of it. An end before the
 * begin is that of the next day: "fri 22:00-06:00" ends on Saturday. When the clocks change, the
 * clocks count: a minute that exists twice is in the window twice.
 *
 * Moments are nanoseconds since 1970 UTC. Immutable: any thread may use it.
 */
#ifndef HF_SCHEDULES_WINDOWS_H
#define HF_SCHEDULES_WINDOWS_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

struct hf_windows;
struct hf_strings;

/* zone as in hf_schedule_new. HF_CONFIG when a line is none, or nothing is left of the week;
 * *out_line is the line that was wrong. */
enum hf_status hf_windows_new(const struct hf_strings *lines, const char *zone,
                              struct hf_windows **out, size_t *out_line,
                              struct hf_error *err) HF_WARN_UNUSED;
void hf_windows_free(struct hf_windows *windows);
HF_DEFINE_AUTO_PTR(hf_windows, hf_windows_free)

/* The first moment from this on that is in no window: itself, when it is in none. */
int64_t hf_windows_end(const struct hf_windows *windows, int64_t moment);

#endif
