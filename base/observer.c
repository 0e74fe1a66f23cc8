#include "base/observer.h"

#include <stdarg.h>
#include <stdio.h>

void hf_observe(const struct hf_observer *observer, enum hf_note_level level, const char *format,
                ...)
{
    char text[HF_ERROR_TEXT_MAX];
    va_list args;

    if (!observer || !observer->note)
        return;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    observer->note(observer->ctx, level, text);
}

void hf_observe_expect(const struct hf_observer *observer, uint64_t bytes, uint64_t items)
{
    if (observer && observer->expect)
        observer->expect(observer->ctx, bytes, items);
}

void hf_observe_advance(const struct hf_observer *observer, uint64_t bytes, uint64_t items)
{
    if (observer && observer->advance)
        observer->advance(observer->ctx, bytes, items);
}
