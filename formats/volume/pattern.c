#include "formats/volume/pattern.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct rule {
    char *text; /* without the signs at either end; owned */
    bool takes_back;
    bool directories; /* only */
    bool anchored;    /* matched with the whole path, not with its last part */
};

struct hf_vol_patterns {
    size_t count;
    struct rule rules[];
};

void hf_vol_patterns_free(struct hf_vol_patterns *patterns)
{
    if (!patterns)
        return;
    for (size_t i = 0; i < patterns->count; i++)
        free(patterns->rules[i].text);
    free(patterns);
}

/* Blanks at the end do not count, but after a backslash. */
static size_t trimmed(const char *line)
{
    size_t len = strlen(line);
    while (len > 0 && line[len - 1] == ' ') {
        size_t slashes = 0;
        while (slashes + 1 < len && line[len - 2 - slashes] == '\\')
            slashes++;
        if (slashes % 2 == 1)
            break;
        len--;
    }
    return len;
}

static enum hf_status parse(const char *line, struct rule *out, bool *out_is, struct hf_error *err)
{
    size_t len = trimmed(line);
    const char *at = line;
    *out_is = false;
    if (len == 0 || *at == '#')
        return HF_OK;
    if (*at == '!') {
        out->takes_back = true;
        at++;
        len--;
    }
    if (len > 0 && at[len - 1] == '/') {
        out->directories = true;
        len--;
    }
    if (len == 0 || (len == 1 && *at == '/'))
        return hf_error_set(err, HF_USAGE, "pattern \"%.200s\": it names nothing", line);
    if (at[len - 1] == '\\' && (len < 2 || at[len - 2] != '\\'))
        return hf_error_set(err, HF_USAGE, "pattern \"%.200s\": nothing follows the backslash",
                            line);
    out->anchored = memchr(at, '/', len) != NULL;
    if (*at == '/') {
        at++;
        len--;
    }
    out->text = strndup(at, len);
    *out_is = true;
    return out->text ? HF_OK : hf_error_memory(err);
}

enum hf_status hf_vol_patterns_new(const struct hf_strings *lines, struct hf_vol_patterns **out,
                                   struct hf_error *err)
{
    HF_AUTO_PTR(hf_vol_patterns) patterns = NULL;
    if (lines->count == 0) {
        *out = NULL;
        return HF_OK;
    }
    patterns = calloc(1, sizeof *patterns + lines->count * sizeof patterns->rules[0]);
    if (!patterns)
        return hf_error_memory(err);
    for (size_t i = 0; i < lines->count; i++) {
        bool is_rule;
        HF_TRY(parse(lines->items[i], &patterns->rules[patterns->count], &is_rule, err));
        patterns->count += is_rule;
    }
    *out = patterns;
    patterns = NULL;
    return HF_OK;
}

/* ---- one pattern ---- */

static bool in_named_class(const char *name, size_t len, unsigned char c)
{
    static const struct {
        const char *name;
        int (*is)(int c);
    } classes[] = {{"alnum", isalnum}, {"alpha", isalpha}, {"blank", isblank},
                   {"cntrl", iscntrl}, {"digit", isdigit}, {"graph", isgraph},
                   {"lower", islower}, {"print", isprint}, {"punct", ispunct},
                   {"space", isspace}, {"upper", isupper}, {"xdigit", isxdigit}};
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++)
        if (strlen(classes[i].name) == len && memcmp(classes[i].name, name, len) == 0)
            return c < 0x80 && classes[i].is(c);
    return false;
}

/* A "[…]" at p: its end, or NULL when it has none, which matches nothing. */
static const char *match_brackets(const char *p, unsigned char c, bool *out)
{
    bool found = false, negated = false, first = true;
    p++;
    if (*p == '!' || *p == '^') {
        negated = true;
        p++;
    }
    for (; *p && (*p != ']' || first); first = false) {
        const char *end;
        if (p[0] == '[' && p[1] == ':' && (end = strstr(p + 2, ":]")) != NULL) {
            found |= in_named_class(p + 2, (size_t)(end - p - 2), c);
            p = end + 2;
            continue;
        }
        if (*p == '\\' && p[1])
            p++;
        unsigned char low = (unsigned char)*p++, high = low;
        if (*p == '-' && p[1] && p[1] != ']') {
            p++;
            if (*p == '\\' && p[1])
                p++;
            high = (unsigned char)*p++;
        }
        found |= low <= c && c <= high;
    }
    *out = found != negated;
    return *p == ']' ? p + 1 : NULL;
}

/* One character of the text, which is no slash unless the pattern has one there. NULL: no. */
static const char *match_one(const char *p, char c)
{
    bool found;
    switch (*p) {
    case '?':
        return c != '/' ? p + 1 : NULL;
    case '[':
        p = match_brackets(p, (unsigned char)c, &found);
        return p && found && c != '/' ? p : NULL;
    case '\\':
        p++;
        break;
    default:
        break;
    }
    return *p && *p == c ? p + 1 : NULL;
}

static bool is_double_star(const char *pattern, const char *p)
{
    return p[0] == '*' && p[1] == '*' && (p == pattern || p[-1] == '/') &&
           (p[2] == '/' || p[2] == 0);
}

/* Where to go on after a mismatch: the last star takes one character more, or the last double star
 * one directory more; what was before them never has to be tried again. */
struct retry {
    const char *star, *star_text;
    const char *stars, *stars_text;
};

static bool go_back(struct retry *retry, const char **p, const char **text)
{
    if (retry->star && *retry->star_text && *retry->star_text != '/') {
        *p = retry->star;
        *text = ++retry->star_text;
        return true;
    }
    if (!retry->stars)
        return false;
    const char *slash = strchr(retry->stars_text, '/');
    if (!slash)
        return false;
    retry->star = NULL;
    retry->stars_text = slash + 1;
    *p = retry->stars;
    *text = slash + 1;
    return true;
}

static bool match_text(const char *pattern, const char *text)
{
    struct retry retry = {.star = NULL};
    const char *p = pattern;
    while (*text) {
        if (is_double_star(pattern, p)) {
            if (!p[2])
                return true;
            p += 3;
            retry = (struct retry){.stars = p, .stars_text = text};
            continue;
        }
        if (*p == '*') {
            while (*p == '*')
                p++;
            retry.star = p;
            retry.star_text = text;
            continue;
        }
        const char *next = match_one(p, *text);
        if (next) {
            p = next;
            text++;
        } else if (!go_back(&retry, &p, &text)) {
            return false;
        }
    }
    while (*p == '*')
        p++;
    return *p == 0;
}

/* ---- all of them ---- */

enum hf_vol_match hf_vol_patterns_match(const struct hf_vol_patterns *patterns, const char *path,
                                        bool is_directory)
{
    if (!patterns || !*path)
        return HF_VOL_NO_MATCH;
    const char *slash = strrchr(path, '/');
    for (size_t i = patterns->count; i > 0; i--) {
        const struct rule *rule = &patterns->rules[i - 1];
        if (rule->directories && !is_directory)
            continue;
        if (match_text(rule->text, rule->anchored || !slash ? path : slash + 1))
            return rule->takes_back ? HF_VOL_TAKEN_BACK : HF_VOL_MATCH;
    }
    return HF_VOL_NO_MATCH;
}

bool hf_vol_patterns_cover(const struct hf_vol_patterns *patterns, const char *path,
                           bool is_directory)
{
    bool covered = false;
    char *prefix = patterns ? strdup(path) : NULL;
    if (!prefix)
        return false;
    for (char *slash = strchr(prefix, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        enum hf_vol_match match = hf_vol_patterns_match(patterns, prefix, true);
        *slash = '/';
        if (match != HF_VOL_NO_MATCH)
            covered = match == HF_VOL_MATCH;
    }
    free(prefix);
    enum hf_vol_match match = hf_vol_patterns_match(patterns, path, is_directory);
    return match == HF_VOL_NO_MATCH ? covered : match == HF_VOL_MATCH;
}
