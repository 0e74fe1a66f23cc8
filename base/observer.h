/*
 * How the lower layers tell the agent what happens without logging themselves.
 *
 * Any thread may call; the implementer serialises. A NULL function is skipped by the helpers.
 */
#ifndef HF_BASE_OBSERVER_H
#define HF_BASE_OBSERVER_H

#include "base/error.h"

#include <stdint.h>

enum hf_note_level {
    HF_NOTE_DETAIL,  /* for --verbose */
    HF_NOTE_STEP,    /* a step began or ended: one line */
    HF_NOTE_WARNING, /* the person should know; the work goes on */
};

struct hf_observer {
    void *ctx;
    void (*note)(void *ctx, enum hf_note_level level, const char *text);
    /* What is expected in all, in bytes of streams and in items (tables); may be called again. */
    void (*expect)(void *ctx, uint64_t bytes, uint64_t items);
    /* What was done since the last call. */
    void (*advance)(void *ctx, uint64_t bytes, uint64_t items);
};

void hf_observe(const struct hf_observer *observer, enum hf_note_level level, const char *format,
                ...) HF_PRINTF(3, 4);
void hf_observe_expect(const struct hf_observer *observer, uint64_t bytes, uint64_t items);
void hf_observe_advance(const struct hf_observer *observer, uint64_t bytes, uint64_t items);

#endif
