#include "schedules/schedule.h"

#include "base/clock.h"
#include "base/text.h"
#include "schedules/civil.h"
#include "schedules/cron.h"

#include <stdlib.h>
#include <string.h>

struct hf_schedule {
    char *text;
    struct hf_cron cron;
    struct hf_zone *zone;
    int64_t jitter;
};

enum hf_status hf_schedule_new(const char *expression, const char *zone, int64_t jitter,
                               struct hf_schedule **out, struct hf_error *err)
{
    HF_AUTO_PTR(hf_schedule) schedule = calloc(1, sizeof *schedule);

    if (!schedule)
        return hf_error_memory(err);
    HF_TRY(hf_text_copy(expression, &schedule->text, err));
    HF_TRY(hf_cron_parse(expression, &schedule->cron, err));
    HF_TRY(hf_zone_load(zone, &schedule->zone, err));
    schedule->jitter = jitter;
    *out = schedule;
    schedule = NULL;
    return HF_OK;
}

void hf_schedule_free(struct hf_schedule *schedule)
{
    if (!schedule)
        return;
    free(schedule->text);
    hf_zone_free(schedule->zone);
    free(schedule);
}

int64_t hf_schedule_next(const struct hf_schedule *schedule, int64_t after)
{
    int64_t next = hf_cron_next(&schedule->cron, schedule->zone, hf_floor_div(after, HF_NS_PER_S));

    return next > INT64_MAX / HF_NS_PER_S ? HF_NEVER : next * HF_NS_PER_S;
}

uint64_t hf_schedule_hash(uint64_t seed, const char *name, int64_t number)
{
    uint64_t hash = seed ^ UINT64_C(0xcbf29ce484222325);

    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
    hash ^= (uint64_t)number;
    hash = (hash ^ (hash >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    hash = (hash ^ (hash >> 27)) * UINT64_C(0x94d049bb133111eb);
    return hash ^ (hash >> 31);
}

int64_t hf_schedule_start(const struct hf_schedule *schedule, uint64_t seed, const char *name,
                          int64_t nominal)
{
    if (schedule->jitter == 0 || nominal > INT64_MAX - schedule->jitter)
        return nominal;
    return nominal + (int64_t)(hf_schedule_hash(seed, name, nominal) % (uint64_t)schedule->jitter);
}

/* A moment before which everything has started, and from which few nominal times are left to look
 * at: years may lie between after and now. */
static int64_t skip(const struct hf_schedule *schedule, int64_t after, int64_t now)
{
    int64_t started = now - schedule->jitter;

    for (int64_t span = INT64_C(3600) * HF_NS_PER_S; started - span > after; span *= 4) {
        if (hf_schedule_next(schedule, started - span) <= started)
            return started - span;
    }
    return after;
}

int64_t hf_schedule_due(const struct hf_schedule *schedule, uint64_t seed, const char *name,
                        int64_t after, int64_t now)
{
    int64_t due = HF_NEVER;
    int64_t next = hf_schedule_next(schedule, skip(schedule, after, now));

    while (next <= now && hf_schedule_start(schedule, seed, name, next) <= now) {
        due = next;
        next = hf_schedule_next(schedule, next);
    }
    return due;
}

bool hf_schedule_same(const struct hf_schedule *a, const struct hf_schedule *b)
{
    if (!a || !b)
        return a == b;
    return strcmp(a->text, b->text) == 0 && a->jitter == b->jitter &&
           strcmp(hf_zone_name(a->zone), hf_zone_name(b->zone)) == 0;
}

const struct hf_zone *hf_schedule_zone(const struct hf_schedule *schedule)
{
    return schedule->zone;
}

const char *hf_schedule_text(const struct hf_schedule *schedule)
{
    return schedule->text;
}
