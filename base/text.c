#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum hf_status hf_text_copy(const char *text, char **out, struct hf_error *err)
{
    char *copy = strdup(text);

    if (!copy)
        return hf_error_memory(err);
    *out = copy;
    return HF_OK;
}

enum hf_status hf_text_format(char **out, struct hf_error *err, const char *format, ...)
{
    char *text;
    va_list args;
    int len;

    va_start(args, format);
    len = vasprintf(&text, format, args);
    va_end(args);
    if (len < 0)
        return hf_error_memory(err);
    *out = text;
    return HF_OK;
}

enum hf_status hf_strings_add(struct hf_strings *list, const char *text, struct hf_error *err)
{
    if (list->count == list->cap) {
        size_t cap = list->cap ? list->cap * 2 : 8;
        char **items = reallocarray(list->items, cap, sizeof *items);

        if (!items)
            return hf_error_memory(err);
        list->items = items;
        list->cap = cap;
    }
    HF_TRY(hf_text_copy(text, &list->items[list->count], err));
    list->count++;
    return HF_OK;
}

bool hf_strings_contain(const struct hf_strings *list, const char *text)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i], text) == 0)
            return true;
    }
    return false;
}

void hf_strings_free(struct hf_strings *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
    *list = (struct hf_strings)HF_STRINGS_INIT;
}

/* Lead byte: how many follow, the payload bits it holds, the least code point of that length. */
static size_t utf8_lead(uint8_t lead, uint32_t *bits, uint32_t *least)
{
    if (lead < 0x80) {
        *bits = lead;
        *least = 0;
        return 1;
    }
    if ((lead & 0xe0) == 0xc0) {
        *bits = lead & 0x1f;
        *least = 0x80;
        return 2;
    }
    if ((lead & 0xf0) == 0xe0) {
        *bits = lead & 0x0f;
        *least = 0x800;
        return 3;
    }
    if ((lead & 0xf8) == 0xf0) {
        *bits = lead & 0x07;
        *least = 0x10000;
        return 4;
    }
    return 0;
}

size_t hf_text_utf8(const char *text, uint32_t *out)
{
    const uint8_t *at = (const uint8_t *)text;
    uint32_t code;
    uint32_t least;
    size_t len;

    if (*at == 0)
        return 0;
    len = utf8_lead(*at, &code, &least);
    for (size_t i = 1; i < len; i++) {
        if ((at[i] & 0xc0) != 0x80) /* also the NUL at the end */
            return 0;
        code = code << 6 | (at[i] & 0x3f);
    }
    if (len == 0 || code < least || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        return 0;
    if (out)
        *out = code;
    return len;
}

void hf_text_make_utf8(char *text)
{
    while (*text) {
        size_t len = hf_text_utf8(text, NULL);

        if (len == 0)
            *text = '?';
        text += len ? len : 1;
    }
}

/* One character; a byte that is not UTF-8 counts as one, beyond all real ones. */
static uint32_t next_char(const char **at)
{
    uint32_t code;
    size_t len = hf_text_utf8(*at, &code);

    if (len == 0) {
        code = 0x110000u + (uint8_t) * *at;
        len = 1;
    }
    *at += len;
    return code;
}

/* at is behind the '['. Sets *out_end behind the ']' and says whether c is in it; *out_end is NULL
 * when there is no ']': then the '[' is an ordinary character. */
static bool in_bracket(const char *at, uint32_t c, const char **out_end)
{
    bool negated = *at == '!' || *at == '^';
    bool found = false;

    *out_end = NULL;
    if (negated)
        at++;
    for (bool first = true; *at && (first || *at != ']'); first = false) {
        uint32_t low = next_char(&at);
        uint32_t high = low;

        if (at[0] == '-' && at[1] && at[1] != ']') {
            at++;
            high = next_char(&at);
        }
        found = found || (low <= c && c <= high);
    }
    if (*at != ']')
        return false;
    *out_end = at + 1;
    return found != negated;
}

/* One character of text against one of the pattern that is not '*'; both move on when it fits. */
static bool match_one(const char **pattern, const char **text)
{
    const char *p = *pattern;
    const char *t = *text;
    uint32_t c;

    if (!*p || !*t)
        return false;
    c = next_char(&t);
    if (*p == '?') {
        p++;
    } else {
        const char *end = NULL;
        bool fits = *p == '[' && in_bracket(p + 1, c, &end);

        if (end)
            p = end;
        else
            fits = next_char(&p) == c;
        if (!fits)
            return false;
    }
    *pattern = p;
    *text = t;
    return true;
}

/* Only the last '*' is ever tried again, so the work is bounded by the product of the lengths. */
bool hf_text_match(const char *pattern, const char *text)
{
    const char *star = NULL; /* behind the last '*' */
    const char *from = NULL; /* where the text that it has not taken begins */

    while (*pattern || *text) {
        if (*pattern == '*') {
            star = ++pattern;
            from = text;
        } else if (!match_one(&pattern, &text)) {
            if (!star || !*from)
                return false;
            (void)next_char(&from);
            pattern = star;
            text = from;
        }
    }
    return true;
}

enum { NEAREST_MAX = 64 };

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Insertions, deletions, replacements and swaps of neighbours; case does not count. Both at most
 * NEAREST_MAX long. */
static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t rows[3][NEAREST_MAX + 1];
    size_t *before = rows[0];
    size_t *above = rows[1];
    size_t *row = rows[2];

    for (size_t j = 0; j <= b_len; j++)
        above[j] = before[j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        size_t *free_row = before;

        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t same = lower(a[i - 1]) == lower(b[j - 1]) ? 0 : 1;

            row[j] = least(least(above[j], row[j - 1]) + 1, above[j - 1] + same);
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
                lower(a[i - 2]) == lower(b[j - 1]))
                row[j] = least(row[j], before[j - 2] + 1);
        }
        before = above;
        above = row;
        row = free_row;
    }
    return above[b_len];
}

const char *hf_text_nearest(const char *text, const char *const *candidates)
{
    const char *nearest = NULL;
    size_t len = strlen(text);
    size_t limit = (len + 2) / 3; /* a third of the name may be wrong */

    if (len == 0 || len > NEAREST_MAX)
        return NULL;
    for (; *candidates; candidates++) {
        size_t other = strlen(*candidates);
        size_t far = other <= NEAREST_MAX ? distance(text, len, *candidates, other) : SIZE_MAX;

        if (far <= limit && far < least(len, other)) {
            nearest = *candidates;
            if (far == 0)
                break;
            limit = far - 1; /* only a nearer one replaces it */
        }
    }
    return nearest;
}

static const char size_prefixes[] = "kmgtpe";

/* A factor for "", "B", "k", "kB", "KiB" and their larger kin; 0 when it is none. */
static uint64_t unit_of(const char *unit)
{
    const char *prefix;
    uint64_t base;
    uint64_t factor = 1;

    if (!*unit || strcasecmp(unit, "B") == 0)
        return 1;
    prefix = strchr(size_prefixes, lower(*unit));
    if (!prefix)
        return 0;
    unit++;
    if (!*unit || strcasecmp(unit, "iB") == 0 || strcasecmp(unit, "i") == 0)
        base = 1024;
    else if (strcasecmp(unit, "B") == 0)
        base = 1000;
    else
        return 0;
    for (const char *p = size_prefixes; p <= prefix; p++)
        factor *= base;
    return factor;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Digits; false for none, or for more than fits. */
static bool parse_digits(const char **at, uint64_t *out)
{
    uint64_t value = 0;

    if (!is_digit(**at))
        return false;
    for (; is_digit(**at); (*at)++) {
        if (__builtin_mul_overflow(value, UINT64_C(10), &value) ||
            __builtin_add_overflow(value, (uint64_t)(**at - '0'), &value))
            return false;
    }
    *out = value;
    return true;
}

/* ".25" is 25 of 100. */
static bool parse_part(const char **at, uint64_t *out, uint64_t *out_scale)
{
    const char *digits = *at + 1;
    uint64_t scale = 1;

    *at = digits;
    if (!parse_digits(at, out))
        return false;
    for (; digits < *at; digits++) {
        if (__builtin_mul_overflow(scale, UINT64_C(10), &scale))
            return false;
    }
    *out_scale = scale;
    return true;
}

bool hf_text_parse_size(const char *text, uint64_t *out)
{
    uint64_t whole;
    uint64_t part = 0;
    uint64_t scale = 1;
    uint64_t factor;
    unsigned __int128 bytes;

    if (!parse_digits(&text, &whole))
        return false;
    if (*text == '.' && !parse_part(&text, &part, &scale))
        return false;
    if (*text == ' ' && text[1])
        text++;
    factor = unit_of(text);
    if (factor == 0 || (factor == 1 && scale > 1)) /* there is no half byte */
        return false;
    bytes = (unsigned __int128)whole * factor + (unsigned __int128)part * factor / scale;
    if (bytes > UINT64_MAX)
        return false;
    *out = (uint64_t)bytes;
    return true;
}

void hf_text_format_size(char text[HF_SIZE_TEXT], uint64_t bytes)
{
    unsigned __int128 unit = 1024;
    const char *prefix = size_prefixes;
    uint64_t tenths;

    if (bytes < 1024) {
        (void)snprintf(text, HF_SIZE_TEXT, "%u B", (unsigned)bytes);
        return;
    }
    for (;;) {
        tenths = (uint64_t)(((unsigned __int128)bytes * 10 + unit / 2) / unit);
        if (tenths < 10240 || !prefix[1]) /* as rounded: never "1024.0 KiB" */
            break;
        unit *= 1024;
        prefix++;
    }
    (void)snprintf(text, HF_SIZE_TEXT, "%u.%u %ciB", (unsigned)(tenths / 10),
                   (unsigned)(tenths % 10), *prefix - 'a' + 'A');
}
