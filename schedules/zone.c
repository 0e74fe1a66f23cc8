#include "schedules/zone.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "schedules/civil.h"
#include "schedules/zone_rule.h"

#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* RFC 9636: 44 bytes of header; what is larger than any zone that there is, is none. */
enum { HEADER = 44, FILE_MAX = 1 << 18, TIMES_MAX = 4096, TYPES_MAX = 256, TYPE_BYTES = 6 };
enum { OFFSET_MAX = 26 * 3600, FOOTER_MAX = 256, NAME_MAX_LENGTH = 100 };

struct hf_zone {
    char *name;
    int64_t *times; /* from each on, offsets[i] is the offset */
    int32_t *offsets;
    size_t count;
    int32_t first; /* before times[0] */
    bool ruled;    /* after the last time, rule is */
    struct hf_zone_rule rule;
};

struct reader {
    const unsigned char *at, *end;
    unsigned time_bytes;
};

struct counts {
    uint32_t isut, isstd, leap, time, type, chars;
};

static enum hf_status damaged(struct hf_error *err, const char *what)
{
    return hf_error_set(err, HF_CONFIG, "the file is damaged: %s", what);
}

static uint32_t read_u32(const unsigned char *at)
{
    uint32_t n;

    memcpy(&n, at, sizeof n);
    return be32toh(n);
}

static int64_t read_time(const struct reader *r, const unsigned char *at)
{
    uint64_t n;

    if (r->time_bytes == 4)
        return (int32_t)read_u32(at);
    memcpy(&n, at, sizeof n);
    return (int64_t)be64toh(n);
}

static enum hf_status read_header(struct reader *r, char *out_version, struct counts *out,
                                  struct hf_error *err)
{
    if (r->end - r->at < HEADER || memcmp(r->at, "TZif", 4) != 0)
        return damaged(err, "it does not begin as time zone files do");
    *out_version = (char)r->at[4];
    *out = (struct counts){.isut = read_u32(r->at + 20),
                           .isstd = read_u32(r->at + 24),
                           .leap = read_u32(r->at + 28),
                           .time = read_u32(r->at + 32),
                           .type = read_u32(r->at + 36),
                           .chars = read_u32(r->at + 40)};
    r->at += HEADER;
    if (out->time > TIMES_MAX || out->type == 0 || out->type > TYPES_MAX || out->chars > FILE_MAX ||
        out->leap > TIMES_MAX || out->isut > TYPES_MAX || out->isstd > TYPES_MAX)
        return damaged(err, "its counts are out of bounds");
    return HF_OK;
}

/* Bytes of the block that the counts are of. */
static size_t block_bytes(const struct reader *r, const struct counts *c)
{
    return (size_t)c->time * (r->time_bytes + 1) + (size_t)c->type * TYPE_BYTES + c->chars +
           (size_t)c->leap * (r->time_bytes + 4) + c->isstd + c->isut;
}

static enum hf_status read_offset(const unsigned char *types, size_t index, int32_t *out,
                                  struct hf_error *err)
{
    int32_t offset = (int32_t)read_u32(types + index * TYPE_BYTES);

    if (offset < -OFFSET_MAX || offset > OFFSET_MAX)
        return damaged(err, "an offset is more than a day");
    *out = offset;
    return HF_OK;
}

static enum hf_status read_block(struct reader *r, const struct counts *c, struct hf_zone *zone,
                                 struct hf_error *err)
{
    const unsigned char *indexes = r->at + (size_t)c->time * r->time_bytes;
    const unsigned char *types = indexes + c->time;

    if ((size_t)(r->end - r->at) < block_bytes(r, c))
        return damaged(err, "it ends too soon");
    if (c->leap > 0)
        return hf_error_set(err, HF_CONFIG,
                            "the zone counts leap seconds, which the system's clock does not; use "
                            "the one without \"right/\"");
    zone->times = calloc((size_t)c->time + 1, sizeof *zone->times);
    zone->offsets = calloc((size_t)c->time + 1, sizeof *zone->offsets);
    if (!zone->times || !zone->offsets)
        return hf_error_memory(err);
    HF_TRY(read_offset(types, 0, &zone->first, err));
    for (size_t i = 0; i < c->time; i++) {
        zone->times[i] = read_time(r, r->at + i * r->time_bytes);
        if (i > 0 && zone->times[i] <= zone->times[i - 1])
            return damaged(err, "its times are not in order");
        if (zone->times[i] < HF_ZONE_BEGIN || zone->times[i] >= HF_ZONE_END ||
            indexes[i] >= c->type)
            return damaged(err, "a change of the time is out of bounds");
        HF_TRY(read_offset(types, indexes[i], &zone->offsets[i], err));
    }
    zone->count = c->time;
    r->at += block_bytes(r, c);
    return HF_OK;
}

/* A line between two newlines; empty where there is no rule. */
static enum hf_status read_footer(struct reader *r, struct hf_zone *zone, struct hf_error *err)
{
    const unsigned char *end;

    if (r->at == r->end || *r->at++ != '\n')
        return damaged(err, "its footer is missing");
    end = memchr(r->at, '\n', (size_t)(r->end - r->at));
    if (!end || end - r->at > FOOTER_MAX)
        return damaged(err, "its footer does not end");
    if (end == r->at)
        return HF_OK;
    if (!hf_zone_rule_parse((const char *)r->at, (size_t)(end - r->at), &zone->rule))
        return damaged(err, "its footer is no rule");
    zone->ruled = true;
    return HF_OK;
}

static enum hf_status read_all(const void *data, size_t len, struct hf_zone *zone,
                               struct hf_error *err)
{
    struct reader r = {.at = data, .end = (const unsigned char *)data + len, .time_bytes = 4};
    struct counts counts = {.time = 0};
    char version = 0;

    HF_TRY(read_header(&r, &version, &counts, err));
    if (version == 0)
        return read_block(&r, &counts, zone, err);
    /* The first block is for readers of 32 bits; the second has it all. */
    if ((size_t)(r.end - r.at) < block_bytes(&r, &counts))
        return damaged(err, "it ends too soon");
    r.at += block_bytes(&r, &counts);
    r.time_bytes = 8;
    HF_TRY(read_header(&r, &version, &counts, err));
    HF_TRY(read_block(&r, &counts, zone, err));
    return read_footer(&r, zone, err);
}

enum hf_status hf_zone_parse(const char *name, const void *data, size_t len, struct hf_zone **out,
                             struct hf_error *err)
{
    HF_AUTO_PTR(hf_zone) zone = calloc(1, sizeof *zone);

    if (!zone)
        return hf_error_memory(err);
    HF_TRY(hf_text_copy(name, &zone->name, err));
    HF_TRY(read_all(data, len, zone, err));
    *out = zone;
    zone = NULL;
    return HF_OK;
}

/* A zone of one rule. */
static enum hf_status from_rule(const char *name, const struct hf_zone_rule *rule,
                                struct hf_zone **out, struct hf_error *err)
{
    HF_AUTO_PTR(hf_zone) zone = calloc(1, sizeof *zone);

    if (!zone)
        return hf_error_memory(err);
    HF_TRY(hf_text_copy(name, &zone->name, err));
    zone->rule = *rule;
    zone->ruled = true;
    *out = zone;
    zone = NULL;
    return HF_OK;
}

static enum hf_status load_file(const char *name, const char *path, struct hf_zone **out,
                                struct hf_error *err)
{
    HF_AUTO(hf_buf) data = HF_BUF_INIT;

    if (hf_file_read(path, FILE_MAX, &data, err) != HF_OK ||
        hf_zone_parse(name, data.data, data.len, out, err) != HF_OK) {
        err->status = err->status == HF_NO_MEMORY ? HF_NO_MEMORY : HF_CONFIG;
        return hf_error_prefix(err, "time zone \"%.100s\": %s", name, path);
    }
    return HF_OK;
}

/* Of the database only: no way out of its folder. */
static bool good_name(const char *name)
{
    size_t len = strlen(name);

    if (len == 0 || len > NAME_MAX_LENGTH || name[0] == '/' || strstr(name, ".."))
        return false;
    return strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-/") ==
           len;
}

enum { HINT = NAME_MAX_LENGTH + 100 };

static enum hf_status list_folder(const char *path, struct hf_strings *out, struct hf_error *err)
{
    DIR *folder = opendir(path);
    const struct dirent *entry;
    enum hf_status status = HF_OK;

    if (!folder)
        return hf_error_sys(err, errno, "%s", path);
    while (status == HF_OK && (entry = readdir(folder)) != NULL)
        status = hf_strings_add(out, entry->d_name, err);
    (void)closedir(folder);
    return status;
}

/* The entry nearest to the last part of the name, which begins at path[folder]. It is no more than
 * a hint: without one, there is none. */
static void suggest(const char *path, size_t folder, char out[HINT])
{
    const char *last = strrchr(path, '/') + 1;
    HF_AUTO(hf_strings) names = HF_STRINGS_INIT;
    HF_AUTO_FREE char *parent = NULL;
    HF_AUTO_FREE const char **list = NULL;
    struct hf_error err = HF_ERROR_INIT;
    const char *near;

    out[0] = 0;
    if (hf_text_format(&parent, &err, "%.*s", (int)(last - path), path) != HF_OK ||
        list_folder(parent, &names, &err) != HF_OK ||
        (list = calloc(names.count + 1, sizeof(const char *))) == NULL)
        return;
    for (size_t i = 0; i < names.count; i++)
        list[i] = names.items[i];
    near = hf_text_nearest(last, list);
    if (near)
        (void)snprintf(out, HINT, "; did you mean \"%.*s%.60s\"?",
                       (int)(last - path - (ptrdiff_t)folder), path + folder, near);
}

static enum hf_status load_named(const char *name, struct hf_zone **out, struct hf_error *err)
{
    const char *folder = getenv("TZDIR");
    HF_AUTO_FREE char *path = NULL;
    char hint[HINT];

    if (!folder || !*folder)
        folder = "/usr/share/zoneinfo";
    if (!good_name(name))
        return hf_error_set(err, HF_CONFIG,
                            "\"%.100s\" is no name of a time zone, such as Europe/Berlin", name);
    if (strcmp(name, "UTC") == 0 || strcmp(name, "Etc/UTC") == 0)
        return from_rule(name, &(struct hf_zone_rule){.changes = false}, out, err);
    HF_TRY(hf_text_format(&path, err, "%s/%s", folder, name));
    if (access(folder, F_OK) != 0)
        return hf_error_set(err, HF_CONFIG,
                            "time zone \"%.100s\": there is no zone database in %s; install the "
                            "package tzdata",
                            name, folder);
    if (access(path, F_OK) != 0) {
        suggest(path, strlen(folder) + 1, hint);
        return hf_error_set(err, HF_CONFIG, "there is no time zone \"%.100s\" in %s%s", name,
                            folder, *hint ? hint : ", whose names are as Europe/Berlin");
    }
    return load_file(name, path, out, err);
}

enum hf_status hf_zone_load(const char *name, struct hf_zone **out, struct hf_error *err)
{
    static const char own[] = "/etc/localtime";
    const char *tz = getenv("TZ");
    struct hf_zone_rule rule = {.changes = false};

    if (name)
        return load_named(name, out, err);
    if (tz && *tz == ':')
        tz++;
    if (tz && *tz && hf_zone_rule_parse(tz, strlen(tz), &rule))
        return from_rule("local time", &rule, out, err);
    if (tz && *tz) {
        if ((*tz == '/' ? load_file(tz, tz, out, err) : load_named(tz, out, err)) == HF_OK)
            return HF_OK;
        return hf_error_prefix(err, "TZ in the environment");
    }
    if (!tz && access(own, F_OK) == 0)
        return load_file("local time", own, out, err);
    return load_named("UTC", out, err);
}

void hf_zone_free(struct hf_zone *zone)
{
    if (!zone)
        return;
    free(zone->name);
    free(zone->times);
    free(zone->offsets);
    free(zone);
}

const char *hf_zone_name(const struct hf_zone *zone)
{
    return zone->name;
}

/* How many changes were at a moment. */
static size_t changes_until(const struct hf_zone *zone, int64_t moment)
{
    size_t low = 0, high = zone->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (zone->times[middle] <= moment)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void hf_zone_span_at(const struct hf_zone *zone, int64_t moment, struct hf_zone_span *out)
{
    size_t n = changes_until(zone, moment);
    int64_t begin = n > 0 ? zone->times[n - 1] : HF_ZONE_BEGIN;

    if (n == zone->count && zone->ruled) {
        hf_zone_rule_span(&zone->rule, moment, out);
        if (out->begin < begin)
            out->begin = begin;
        return;
    }
    *out = (struct hf_zone_span){.begin = begin,
                                 .end = n < zone->count ? zone->times[n] : HF_ZONE_END,
                                 .offset = n > 0 ? zone->offsets[n - 1] : zone->first};
}

int32_t hf_zone_offset(const void *zone, int64_t time)
{
    struct hf_zone_span span;

    hf_zone_span_at(zone, hf_floor_div(time, HF_NS_PER_S), &span);
    return span.offset;
}

void hf_zone_format(const struct hf_zone *zone, int64_t moment, char text[HF_ZONE_TEXT])
{
    struct hf_zone_span span;
    struct hf_civil day;
    int64_t local, second;
    int offset;

    hf_zone_span_at(zone, moment, &span);
    local = moment + span.offset;
    day = hf_civil_of_days(hf_floor_div(local, HF_DAY_SECONDS));
    second = local - hf_floor_div(local, HF_DAY_SECONDS) * HF_DAY_SECONDS;
    offset = abs((int)span.offset) / 60;
    (void)snprintf(text, HF_ZONE_TEXT, "%04d-%02d-%02d %02d:%02d:%02d %c%02d:%02d",
                   (int)(day.year % 10000), day.month, day.day, (int)(second / 3600),
                   (int)(second / 60 % 60), (int)(second % 60), span.offset < 0 ? '-' : '+',
                   offset / 60 % 100, offset % 60);
}
