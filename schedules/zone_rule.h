/*
 * The POSIX form of a zone's rule, with the extensions of RFC 9636, section 3.3.1:
 * "CET-1CEST,M3.5.0, M10.5.0/3". It is the footer of a TZif file and may be in TZ. Part of zone.h.
 */
#ifndef HF_SCHEDULES_ZONE_RULE_H
#define HF_SCHEDULES_ZONE_RULE_H

#include "schedules/zone.h"

enum hf_zone_day_kind { HF_ZONE_DAY_JULIAN, HF_ZONE_DAY_OF_YEAR, HF_ZONE_DAY_MONTH };

struct hf_zone_day {
    enum hf_zone_day_kind kind; /* J1 to J365 without leap days; 0 to 365; Mm.w.d */
    int day;                    /* of the year, or of the week */
    int month, week;
    int32_t
        time; /* seconds after local midnight, by the clock before the change; may be negative */
};

struct hf_zone_rule {
    int32_t standard, summer; /* offsets, seconds east */
    bool changes;             /* whether there is a summer time */
    struct hf_zone_day begin, end;
};

/* text need not be terminated. False when it is no such rule. */
bool hf_zone_rule_parse(const char *text, size_t len, struct hf_zone_rule *out);
void hf_zone_rule_span(const struct hf_zone_rule *rule, int64_t moment, struct hf_zone_span *out);

#endif
