#include "agent/terminal/progress.h"

#include "agent/config/duration.h"
#include "base/clock.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { PARTS = 6, PART_TEXT = 128 };

/* A rate says nothing about the present when nothing has come for so long. */
static const int64_t stalled_after = 3 * HF_NS_PER_S;

/* How long a sample stands for: with 16 of them the rate is of the last 8 seconds. */
static const int64_t sample_step = HF_NS_PER_S / 2;

/* Cuts text to at most size - 1 bytes between UTF-8 characters; control characters become '?'. */
static void copy_cut(char *out, size_t size, const char *text)
{
    size_t len = strlen(text);

    if (len > size - 1) {
        len = size - 1;
        while (len > 0 && ((unsigned char)text[len] & 0xc0U) == 0x80U)
            len--;
    }
    for (size_t i = 0; i < len; i++)
        out[i] = (unsigned char)text[i] < 0x20 || text[i] == 0x7f ? '?' : text[i];
    out[len] = 0;
}

void hf_progress_begin(struct hf_progress *progress, const char *label, int64_t now)
{
    *progress = (struct hf_progress){.start = now, .moved = now};
    copy_cut(progress->label, sizeof progress->label, label);
    progress->samples[0].time = now;
    progress->sample_count = 1;
    progress->sample_next = 1;
}

void hf_progress_step(struct hf_progress *progress, const char *text)
{
    copy_cut(progress->step, sizeof progress->step, text);
}

void hf_progress_advance(struct hf_progress *progress, uint64_t bytes, uint64_t items, int64_t now)
{
    size_t last = (progress->sample_next + HF_PROGRESS_SAMPLES - 1) % HF_PROGRESS_SAMPLES;

    if (bytes > 0)
        progress->moved = now;
    progress->bytes += bytes;
    progress->items += items;
    if (progress->sample_count > 0 && now - progress->samples[last].time < sample_step)
        return;
    progress->samples[progress->sample_next].time = now;
    progress->samples[progress->sample_next].bytes = progress->bytes;
    progress->sample_next = (progress->sample_next + 1) % HF_PROGRESS_SAMPLES;
    if (progress->sample_count < HF_PROGRESS_SAMPLES)
        progress->sample_count++;
}

uint64_t hf_progress_rate(const struct hf_progress *progress, int64_t now)
{
    size_t oldest = (progress->sample_next + HF_PROGRESS_SAMPLES - progress->sample_count) %
                    HF_PROGRESS_SAMPLES;
    int64_t span;

    if (progress->sample_count == 0)
        return 0;
    span = now - progress->samples[oldest].time;
    if (span < sample_step)
        return 0;
    return (uint64_t)((double)(progress->bytes - progress->samples[oldest].bytes) *
                      (double)HF_NS_PER_S / (double)span);
}

static void part_percent(const struct hf_progress *p, char part[PART_TEXT])
{
    uint64_t percent;

    if (p->total_bytes == 0)
        return;
    /* What is expected is an estimate, so that it may be passed; 100% is for the end. */
    percent = p->bytes >= p->total_bytes ? 99 : p->bytes * 100 / p->total_bytes;
    (void)snprintf(part, PART_TEXT, "%2" PRIu64 "%%", percent);
}

static void part_amount(const struct hf_progress *p, char part[PART_TEXT])
{
    char done[HF_SIZE_TEXT], total[HF_SIZE_TEXT];

    hf_text_format_size(done, p->bytes);
    hf_text_format_size(total, p->total_bytes);
    if (p->total_bytes > p->bytes)
        (void)snprintf(part, PART_TEXT, "%s of %s", done, total);
    else if (p->bytes > 0)
        (void)snprintf(part, PART_TEXT, "%s", done);
}

static void part_rate(uint64_t rate, char part[PART_TEXT])
{
    char text[HF_SIZE_TEXT];

    hf_text_format_size(text, rate);
    if (rate > 0)
        (void)snprintf(part, PART_TEXT, "%s/s", text);
}

static void part_left(const struct hf_progress *p, uint64_t rate, char part[PART_TEXT])
{
    char text[HF_DURATION_TEXT];
    uint64_t seconds;

    if (rate == 0 || p->total_bytes <= p->bytes)
        return;
    seconds = (p->total_bytes - p->bytes) / rate + 1;
    if (seconds > UINT64_C(100) * 3600)
        return;
    if (seconds < 10)
        (void)snprintf(text, sizeof text, "%" PRIu64 " s", seconds);
    else
        hf_duration_format(text, (int64_t)seconds * HF_NS_PER_S);
    (void)snprintf(part, PART_TEXT, "%s left", text);
}

static size_t characters(const char *text)
{
    size_t count = 0;

    for (; *text; text++)
        count += ((unsigned char)*text & 0xc0U) != 0x80U;
    return count;
}

/* Adds parts in the order they are shown, in the order of their importance (here the same), until
 * one does not fit. */
static void join_parts(char parts[PARTS][PART_TEXT], size_t width, char *line, size_t size)
{
    size_t used = 0, columns = 0;

    line[0] = 0;
    for (size_t i = 0; i < PARTS; i++) {
        size_t gap = used > 0 ? 2 : 0;

        if (!parts[i][0])
            continue;
        if (columns + gap + characters(parts[i]) > width ||
            used + gap + strlen(parts[i]) + 1 > size)
            break;
        used += (size_t)snprintf(line + used, size - used, "%s%s", gap ? "  " : "", parts[i]);
        columns += gap + characters(parts[i]);
    }
}

void hf_progress_render(const struct hf_progress *progress, int64_t now, size_t width, char *line,
                        size_t size)
{
    char parts[PARTS][PART_TEXT] = {{0}};
    bool stalled = now - progress->moved > stalled_after;
    uint64_t rate = stalled ? 0 : hf_progress_rate(progress, now);

    (void)snprintf(parts[0], PART_TEXT, "%s", progress->label);
    part_percent(progress, parts[1]);
    part_amount(progress, parts[2]);
    part_rate(rate, parts[3]);
    part_left(progress, rate, parts[4]);
    (void)snprintf(parts[5], PART_TEXT, "%s", progress->step);
    join_parts(parts, width, line, size);
}
