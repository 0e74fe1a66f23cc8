/* Spans of time, for a person and by one. */
#ifndef HF_AGENT_CONFIG_DURATION_H
#define HF_AGENT_CONFIG_DURATION_H

#include <stdbool.h>
#include <stdint.h>

enum { HF_DURATION_TEXT = 32 };

/* "4.2 s", "18 s", "3 min 20 s", "2 h 5 min" */
void hf_duration_format(char text[HF_DURATION_TEXT], int64_t nanoseconds);

/* How long ago: "now", "5 min", "30 h", "12 days", "in the future" */
void hf_age_format(char text[HF_DURATION_TEXT], int64_t nanoseconds);

/* "90s", "15m", "36h", "30d", "8w", "1y" (365 days) to nanoseconds; false when it is none, or 0. */
bool hf_duration_parse(const char *text, int64_t *out);

#endif
