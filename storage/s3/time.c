#include "storage/s3/time.h"

#include <stddef.h>
#include <string.h>

enum { SECONDS_TEXT = 19 }; /* "2026-11-25T07:52:00" */

bool hf_s3_time_parse(const char *text, int64_t *out)
{
    char seconds[SECONDS_TEXT + 1];
    int64_t begin, end;
    if (strnlen(text, SECONDS_TEXT) < SECONDS_TEXT)
        return false;
    memcpy(seconds, text, SECONDS_TEXT);
    seconds[SECONDS_TEXT] = '\0';
    if (!hf_time_parse(seconds, &begin, &end) || end - begin != HF_NS_PER_S)
        return false;
    text += SECONDS_TEXT;
    int64_t fraction = 0;
    if (*text == '.') {
        int64_t unit = HF_NS_PER_S / 10;
        for (text++; *text >= '0' && *text <= '9'; text++, unit /= 10)
            fraction += unit * (*text - '0');
    }
    if (strcmp(text, "Z") != 0 && *text != '\0')
        return false;
    *out = begin + fraction;
    return true;
}
