#include "schedules/windows.h"

#include "base/clock.h"
#include "base/text.h"
#include "schedules/civil.h"
#include "schedules/cron.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DAY = 1440, WEEK = 7 * DAY };

struct hf_windows {
    struct hf_zone *zone;
    bool minutes[WEEK]; /* from Sunday 00:00 */
};

/* Of one or two digits, at *at, which moves behind them; -1 if there are none. */
static int read_digits(const char **at)
{
    int number = 0, count = 0;

    for (; count < 2 && **at >= '0' && **at <= '9'; count++, (*at)++)
        number = number * 10 + (**at - '0');
    return count > 0 ? number : -1;
}

/* "08:00" to minutes; false when it is none. 24:00 is one. */
static bool read_clock(const char *text, int *out)
{
    int hours = read_digits(&text), minutes;

    if (hours < 0 || *text++ != ':' || text[0] == 0 || text[1] == 0)
        return false;
    minutes = read_digits(&text);
    *out = hours * 60 + minutes;
    return *text == 0 && minutes >= 0 && minutes < 60 && *out <= DAY;
}

static enum hf_status no_window(const char *line, struct hf_error *err)
{
    return hf_error_set(err, HF_CONFIG,
                        "\"%.80s\" is no window, such as \"08:00-18:00\" or \"mon-fri "
                        "08:00-18:00\"",
                        line);
}

static enum hf_status add(struct hf_windows *windows, const char *line, struct hf_error *err)
{
    char days[64] = "*", begin_text[8], end_text[8];
    const char *space = strchr(line, ' ');
    const char *span = space ? space + strspn(space, " ") : line;
    const char *dash = strchr(span, '-');
    uint32_t weekdays;
    int begin, end;

    if (!dash || (space && (size_t)(space - line) >= sizeof days))
        return no_window(line, err);
    if (space)
        (void)snprintf(days, sizeof days, "%.*s", (int)(space - line), line);
    (void)snprintf(begin_text, sizeof begin_text, "%.*s", (int)(dash - span), span);
    (void)snprintf(end_text, sizeof end_text, "%s", dash + 1);
    if (strlen(dash + 1) >= sizeof end_text || dash - span >= (int)sizeof begin_text ||
        !read_clock(begin_text, &begin) || !read_clock(end_text, &end) || begin == end ||
        begin == DAY)
        return no_window(line, err);
    HF_TRY(hf_cron_weekdays(days, &weekdays, err));
    if (end < begin)
        end += DAY;
    for (int day = 0; day < 7; day++) {
        for (int minute = begin; (weekdays >> day & 1) && minute < end; minute++)
            windows->minutes[(day * DAY + minute) % WEEK] = true;
    }
    return HF_OK;
}

enum hf_status hf_windows_new(const struct hf_strings *lines, const char *zone,
                              struct hf_windows **out, size_t *out_line, struct hf_error *err)
{
    HF_AUTO_PTR(hf_windows) windows = calloc(1, sizeof *windows);

    *out_line = 0;
    if (!windows)
        return hf_error_memory(err);
    for (size_t i = 0; i < lines->count; i++) {
        *out_line = i;
        HF_TRY(add(windows, lines->items[i], err));
    }
    if (!memchr(windows->minutes, false, sizeof windows->minutes))
        return hf_error_set(err, HF_CONFIG,
                            "the windows are the whole week, so that nothing could ever start");
    HF_TRY(hf_zone_load(zone, &windows->zone, err));
    *out = windows;
    windows = NULL;
    return HF_OK;
}

void hf_windows_free(struct hf_windows *windows)
{
    if (!windows)
        return;
    hf_zone_free(windows->zone);
    free(windows);
}

static bool is_inside(const struct hf_windows *windows, int64_t local)
{
    int64_t minute = hf_floor_div(local, 60) + INT64_C(4) * DAY; /* 1970 began on a Thursday */

    return windows->minutes[minute - hf_floor_div(minute, WEEK) * WEEK];
}

int64_t hf_windows_end(const struct hf_windows *windows, int64_t moment)
{
    int64_t at = hf_floor_div(moment, HF_NS_PER_S);
    struct hf_zone_span span;

    hf_zone_span_at(windows->zone, at, &span);
    if (!is_inside(windows, at + span.offset))
        return moment;
    /* There is a free minute within a week, unless the clocks skip just that: two will do. */
    for (int i = 0; i < 2 * WEEK && is_inside(windows, at + span.offset); i++) {
        at = hf_floor_div(at + span.offset, 60) * 60 + 60 - span.offset;
        if (at >= span.end) {
            at = span.end;
            hf_zone_span_at(windows->zone, at, &span);
        }
    }
    return at * HF_NS_PER_S;
}
