#include "schedules/civil.h"

#include <stdbool.h>

/* Eras of 400 years, years that begin in March. */
enum { ERA_DAYS = 146097, EPOCH_DAYS = 719468 };

int64_t hf_civil_days(int64_t year, int month, int day)
{
    int64_t y = year - (month <= 2);
    int64_t era = hf_floor_div(y, 400);
    int64_t of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * ERA_DAYS + of_era * 365 + of_era / 4 - of_era / 100 + of_year - EPOCH_DAYS;
}

struct hf_civil hf_civil_of_days(int64_t days)
{
    int64_t z = days + EPOCH_DAYS;
    int64_t era = hf_floor_div(z, ERA_DAYS);
    int64_t day = z - era * ERA_DAYS;
    int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    int64_t of_year = day - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * of_year + 2) / 153;
    struct hf_civil out = {.day = (int)(of_year - (153 * month + 2) / 5 + 1),
                           .month = (int)(month < 10 ? month + 3 : month - 9)};

    out.year = year + era * 400 + (out.month <= 2);
    return out;
}

int hf_civil_weekday(int64_t days)
{
    int64_t weekday = (days + 4) % 7; /* 1970-01-01 was a Thursday */

    return (int)(weekday < 0 ? weekday + 7 : weekday);
}

int hf_civil_month_days(int64_t year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return days[month - 1] + (month == 2 && leap);
}
