/* Expressions as text (cron.h). */
#include "schedules/cron.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { FIELDS = 5, FIELD_TEXT = 128 };

struct field {
    const char *noun;
    int min, max;             /* max of the weekday is 7, Sunday once more */
    const char *const *names; /* from min; NULL-ended; or NULL */
};

static const char *const month_names[] = {"jan", "feb", "mar", "apr", "may", "jun", "jul",
                                          "aug", "sep", "oct", "nov", "dec", NULL};
static const char *const day_names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL};

static const struct field fields[FIELDS] = {
    {"minute", 0, 59, NULL},
    {"hour", 0, 23, NULL},
    {"day of the month", 1, 31, NULL},
    {"month", 1, 12, month_names},
    {"day of the week", 0, 7, day_names},
};

static enum hf_status bad_field(const struct field *field, const char *text, const char *why,
                                struct hf_error *err)
{
    return hf_error_set(err, HF_CONFIG, "%s \"%.60s\": %s", field->noun, text, why);
}

/* A number or a name at *at, which moves behind it. */
static bool read_value(const struct field *field, const char **at, int *out)
{
    int number = 0;
    const char *c = *at;

    for (int i = 0; field->names && field->names[i]; i++) {
        if (strncasecmp(c, field->names[i], 3) == 0 && !isalnum((unsigned char)c[3])) {
            *out = field->min + i;
            *at = c + 3;
            return true;
        }
    }
    while (isdigit((unsigned char)*c) && c - *at < 4)
        number = number * 10 + (*c++ - '0');
    if (c == *at)
        return false;
    *at = c;
    *out = number;
    return true;
}

struct range {
    int first, last, step;
};

static enum hf_status read_range(const struct field *field, const char *whole, const char *text,
                                 struct range *out, struct hf_error *err)
{
    bool star = *text == '*' || *text == '?', open = false;
    char bounds[80];

    (void)snprintf(bounds, sizeof bounds, "values are from %d to %d%s%s", field->min, field->max,
                   field->names ? ", or names such as " : "", field->names ? field->names[1] : "");
    *out = (struct range){.first = field->min, .last = field->max, .step = 1};
    if (star) {
        text++;
        out->last = field->max == 7 ? 6 : field->max;
    } else {
        if (!read_value(field, &text, &out->first))
            return bad_field(field, whole, bounds, err);
        open = *text != '-';
        out->last = out->first;
        if (*text == '-') {
            text++;
            if (!read_value(field, &text, &out->last))
                return bad_field(field, whole, bounds, err);
        }
    }
    if (*text == '/') {
        text++;
        if (!isdigit((unsigned char)*text) || !read_value(field, &text, &out->step) ||
            out->step == 0 || out->step > field->max)
            return bad_field(field, whole, "the step after \"/\" is none", err);
        if (open)
            out->last = field->max == 7 ? 6 : field->max;
    }
    if (*text)
        return bad_field(field, whole, "it is no list of values, ranges (1-5) and steps (*/5)",
                         err);
    if (out->first < field->min || out->first > field->max || out->last < field->min ||
        out->last > field->max)
        return bad_field(field, whole, bounds, err);
    if (out->first > out->last && field->max != 7)
        return bad_field(field, whole, "the range ends before it begins", err);
    return HF_OK;
}

static enum hf_status read_field(const struct field *field, const char *text, uint64_t *out,
                                 struct hf_error *err)
{
    const char *at = text;
    uint64_t bits = 0;

    for (;;) {
        size_t len = strcspn(at, ",");
        char item[FIELD_TEXT];
        struct range range;

        (void)snprintf(item, sizeof item, "%.*s", (int)len, at);
        HF_TRY(read_range(field, text, item, &range, err));
        if (range.first > range.last) /* fri-mon: weeks go round */
            range.last += 7;
        for (int i = range.first; i <= range.last; i += range.step)
            bits |= UINT64_C(1) << (field->max == 7 ? i % 7 : i);
        if (!at[len])
            break;
        at += len + 1;
    }
    *out = bits;
    return HF_OK;
}

static enum hf_status split(const char *text, char out[FIELDS][FIELD_TEXT], struct hf_error *err)
{
    int count = 0;

    for (;;) {
        size_t len;

        text += strspn(text, " \t");
        len = strcspn(text, " \t");
        if (len == 0)
            break;
        if (len >= FIELD_TEXT)
            return hf_error_set(err, HF_CONFIG, "a field is longer than %d characters",
                                FIELD_TEXT - 1);
        if (count < FIELDS)
            (void)snprintf(out[count], FIELD_TEXT, "%.*s", (int)len, text);
        count++;
        text += len;
    }
    if (count == FIELDS)
        return HF_OK;
    return hf_error_set(err, HF_CONFIG,
                        "a schedule has five fields (minute, hour, day of the month, month, day of "
                        "the week), not %d",
                        count);
}

/* "@daily" */
static enum hf_status read_macro(const char *text, const char **out, struct hf_error *err)
{
    static const char *const macros[][2] = {
        {"@hourly", "0 * * * *"},   {"@daily", "0 0 * * *"},   {"@midnight", "0 0 * * *"},
        {"@weekly", "0 0 * * 0"},   {"@monthly", "0 0 1 * *"}, {"@yearly", "0 0 1 1 *"},
        {"@annually", "0 0 1 1 *"},
    };

    for (size_t i = 0; i < sizeof macros / sizeof *macros; i++) {
        if (strcasecmp(text, macros[i][0]) == 0) {
            *out = macros[i][1];
            return HF_OK;
        }
    }
    return hf_error_set(err, HF_CONFIG,
                        "\"%.40s\" is none of @hourly, @daily, @weekly, @monthly and @yearly",
                        text);
}

/* A day of the month that none of the months has, and no weekday that would do. */
static bool never(const struct hf_cron *cron)
{
    static const int longest[] = {0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    for (int month = 1; month <= 12; month++) {
        if ((cron->months >> month & 1) &&
            (cron->days & (UINT32_C(0xffffffff) >> (31 - longest[month]))))
            return false;
    }
    return cron->both;
}

enum hf_status hf_cron_parse(const char *text, struct hf_cron *out, struct hf_error *err)
{
    char texts[FIELDS][FIELD_TEXT] = {{0}};
    uint64_t bits[FIELDS];
    struct hf_cron cron;

    if (*text == '@')
        HF_TRY(read_macro(text, &text, err));
    HF_TRY(split(text, texts, err));
    for (int i = 0; i < FIELDS; i++)
        HF_TRY(read_field(&fields[i], texts[i], &bits[i], err));
    cron = (struct hf_cron){.minutes = bits[0],
                            .hours = (uint32_t)bits[1],
                            .days = (uint32_t)bits[2],
                            .months = (uint32_t)bits[3],
                            .weekdays = (uint32_t)bits[4],
                            .both = strchr("*?", texts[2][0]) || strchr("*?", texts[4][0])};
    if (never(&cron))
        return hf_error_set(err, HF_CONFIG,
                            "day of the month \"%.60s\": no month of \"%.60s\" has it", texts[2],
                            texts[3]);
    *out = cron;
    return HF_OK;
}

enum hf_status hf_cron_weekdays(const char *text, uint32_t *out, struct hf_error *err)
{
    uint64_t bits;

    HF_TRY(read_field(&fields[FIELDS - 1], text, &bits, err));
    *out = (uint32_t)bits;
    return HF_OK;
}
