#include "agent/config/duration.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>

void hf_duration_format(char text[HF_DURATION_TEXT], int64_t nanoseconds)
{
    int64_t s = (nanoseconds + HF_NS_PER_S / 2) / HF_NS_PER_S;

    if (nanoseconds < 10 * HF_NS_PER_S)
        (void)snprintf(text, HF_DURATION_TEXT, "%.1f s", (double)nanoseconds / (double)HF_NS_PER_S);
    else if (s < 60)
        (void)snprintf(text, HF_DURATION_TEXT, "%" PRId64 " s", s);
    else if (s < 3600)
        (void)snprintf(text, HF_DURATION_TEXT, "%" PRId64 " min %" PRId64 " s", s / 60, s % 60);
    else
        (void)snprintf(text, HF_DURATION_TEXT, "%" PRId64 " h %" PRId64 " min", s / 3600,
                       s / 60 % 60);
}

void hf_age_format(char text[HF_DURATION_TEXT], int64_t nanoseconds)
{
    int64_t minutes = nanoseconds / HF_NS_PER_S / 60;

    if (nanoseconds < 0)
        (void)snprintf(text, HF_DURATION_TEXT, "in the future");
    else if (minutes < 1)
        (void)snprintf(text, HF_DURATION_TEXT, "now");
    else if (minutes < 60)
        (void)snprintf(text, HF_DURATION_TEXT, "%" PRId64 " min", minutes);
    else if (minutes < 48 * INT64_C(60))
        (void)snprintf(text, HF_DURATION_TEXT, "%" PRId64 " h", minutes / 60);
    else
        (void)snprintf(text, HF_DURATION_TEXT, "%" PRId64 " days", minutes / 60 / 24);
}

bool hf_duration_parse(const char *text, int64_t *out)
{
    static const struct {
        char letter;
        int64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}, {'y', 31536000}};
    int64_t number = 0;
    size_t i = 0;

    for (; *text >= '0' && *text <= '9'; text++)
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, *text - '0', &number))
            return false;
    while (i < sizeof units / sizeof *units && units[i].letter != *text)
        i++;
    return number > 0 && i < sizeof units / sizeof *units && text[1] == '\0' &&
           !__builtin_mul_overflow(number, units[i].seconds * HF_NS_PER_S, out);
}
