/*
 * The proleptic Gregorian calendar: days since 1970-01-01 and back (after Howard Hinnant,
 * "chrono-Compatible Low-Level Date Algorithms"). Any thread.
 */
#ifndef HF_SCHEDULES_CIVIL_H
#define HF_SCHEDULES_CIVIL_H

#include <stdint.h>

enum { HF_DAY_SECONDS = 86400 };

struct hf_civil {
    int64_t year;
    int month; /* 1 to 12 */
    int day;   /* 1 to 31 */
};

int64_t hf_civil_days(int64_t year, int month, int day);
struct hf_civil hf_civil_of_days(int64_t days);
/* 0 is Sunday. */
int hf_civil_weekday(int64_t days);
int hf_civil_month_days(int64_t year, int month);

/* Rounded down, also below zero. */
static inline int64_t hf_floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

#endif
