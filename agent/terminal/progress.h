/*
 * How far a piece of work has got, as a line of at most a terminal's width. Pure: the caller
 * passes the time (hf_clock_monotonic) and draws. One thread at a time.
 */
#ifndef HF_AGENT_TERMINAL_PROGRESS_H
#define HF_AGENT_TERMINAL_PROGRESS_H

#include <stddef.h>
#include <stdint.h>

enum { HF_PROGRESS_LABEL = 48, HF_PROGRESS_STEP = 120, HF_PROGRESS_SAMPLES = 16 };

struct hf_progress {
    char label[HF_PROGRESS_LABEL];
    char step[HF_PROGRESS_STEP]; /* what is done right now, "" for nothing in particular */
    int64_t start;
    int64_t moved;                     /* when bytes last came */
    uint64_t bytes, items;             /* done */
    uint64_t total_bytes, total_items; /* expected; 0: not known */
    /* The last few seconds, for the rate: ring of amounts at moments. */
    struct {
        int64_t time;
        uint64_t bytes;
    } samples[HF_PROGRESS_SAMPLES];
    size_t sample_count, sample_next;
};

void hf_progress_begin(struct hf_progress *progress, const char *label, int64_t now);
void hf_progress_step(struct hf_progress *progress, const char *text);
void hf_progress_advance(struct hf_progress *progress, uint64_t bytes, uint64_t items, int64_t now);

/* Bytes a second over the last seconds; 0 when not known. */
uint64_t hf_progress_rate(const struct hf_progress *progress, int64_t now);

/* Whole UTF-8 characters, at most width of them and size - 1 bytes; what matters least is left out
 * where there is no room. */
void hf_progress_render(const struct hf_progress *progress, int64_t now, size_t width, char *line,
                        size_t size);

#endif
