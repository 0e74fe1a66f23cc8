/*
 * Time. Wall-clock moments are nanoseconds since 1970-01-01 UTC in an int64_t.
 * HF_CLOCK_OFFSET (seconds, for tests) in the environment moves the wall clock, and with it the
 * times of what is put in a store on a local disk; HF_STORE_CLOCK_OFFSET moves these alone.
 */
#ifndef HF_BASE_CLOCK_H
#define HF_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define HF_NS_PER_S INT64_C(1000000000)

int64_t hf_clock_now(void);
/* How far the clock of local stores is moved, ns; 0 but in tests. */
int64_t hf_clock_store_offset(void);
/* Never goes back; for durations and deadlines. Nanoseconds. */
int64_t hf_clock_monotonic(void);

enum { HF_TIME_TEXT = 32 };
/* "2026-11-21T02:00:00Z" */
void hf_time_format(char text[HF_TIME_TEXT], int64_t time);
/* "20261121T020000.123456Z", sortable, for object names */
void hf_time_format_compact(char text[HF_TIME_TEXT], int64_t time);
/* Full or shortened from the right: "2026", "2026-11-21", "2026-11-21T02", "...T02:00",
 * "...T02:00:05", each with an optional Z. out_end is the first moment after the named span. */
bool hf_time_parse(const char *text, int64_t *out_begin, int64_t *out_end);

#endif
