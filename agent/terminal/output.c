#include "agent/terminal/output.h"

#include "agent/terminal/progress.h"
#include "agent/terminal/ticker.h"
#include "base/clock.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

enum { LINE_MAX_BYTES = 1024, NOTE_MAX = HF_ERROR_TEXT_MAX, TICK_MS = 250, RUN_TEXT = 33 };

struct hf_output {
    struct hf_output_options options;
    struct hf_observer observer;
    pthread_mutex_t lock;
    struct hf_progress progress;
    struct hf_ticker *ticker; /* keeps the progress moving while nothing else does */
    bool working;
    bool drawn;         /* a progress line stands on the terminal */
    int64_t last_drawn; /* or last progress event */
    int event_error;    /* errno of an event that got lost */
    const struct hf_output_listener *listener;
    char run[RUN_TEXT], job[HF_PROGRESS_LABEL];
};

static size_t terminal_width(FILE *file)
{
    struct winsize size;

    if (ioctl(fileno(file), TIOCGWINSZ, &size) != 0 || size.ws_col < 2)
        return 79;
    return size.ws_col - 1U;
}

static void clear_line(struct hf_output *o)
{
    if (!o->drawn)
        return;
    (void)fputs("\r\033[K", o->options.messages);
    (void)fflush(o->options.messages);
    o->drawn = false;
}

static void draw_line(struct hf_output *o, int64_t now)
{
    char line[LINE_MAX_BYTES];

    hf_progress_render(&o->progress, now, terminal_width(o->options.messages), line, sizeof line);
    (void)fprintf(o->options.messages, "\r%s\033[K", line);
    (void)fflush(o->options.messages);
    o->drawn = true;
}

/* With the lock held; consumes object. */
static void write_event(struct hf_output *o, const char *event, json_t *object)
{
    char now[HF_TIME_TEXT];

    hf_time_format(now, hf_clock_now());
    if (!object || json_object_set_new(object, "event", json_string(event)) != 0 ||
        json_object_set_new(object, "time", json_string(now)) != 0) {
        o->event_error = ENOMEM;
    } else if (json_dumpf(object, o->options.events,
                          JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(9)) != 0 ||
               fputc('\n', o->options.events) == EOF || fflush(o->options.events) != 0) {
        o->event_error = errno ? errno : EIO;
    }
    json_decref(object);
}

static json_t *progress_object(const struct hf_progress *p, int64_t now)
{
    return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:f}", "work", p->label, "bytes",
                     (json_int_t)p->bytes, "bytes_expected", (json_int_t)p->total_bytes, "items",
                     (json_int_t)p->items, "items_expected", (json_int_t)p->total_items,
                     "bytes_per_second", (json_int_t)hf_progress_rate(p, now), "seconds",
                     (double)(now - p->start) / (double)HF_NS_PER_S);
}

/* At most ten lines a second for a person, one event a second for a program. */
static void show_progress(struct hf_output *o, int64_t now)
{
    if (!o->working || o->options.quiet)
        return;
    if (o->options.json && now - o->last_drawn >= HF_NS_PER_S)
        write_event(o, "progress", progress_object(&o->progress, now));
    else if (!o->options.json && o->options.terminal && now - o->last_drawn >= HF_NS_PER_S / 10)
        draw_line(o, now);
    else
        return;
    o->last_drawn = now;
}

static const char *work_of(const struct hf_output *o)
{
    return o->working ? o->progress.label : "";
}

/* A log that cannot be written is nothing to stop for. */
static void write_log(struct hf_output *o, enum hf_log_level level,
                      const struct hf_log_about *about, const char *text, const json_t *fields)
{
    HF_AUTO(hf_buf) line = HF_BUF_INIT;
    struct hf_error lost = HF_ERROR_INIT;
    const struct hf_log_about all = {.run = about->run ? about->run : o->run,
                                     .job = about->job ? about->job : o->job,
                                     .source = about->source};

    if (hf_log_line(&line, hf_clock_now(), level, &all, text, fields, &lost) != HF_OK)
        return;
    clear_line(o);
    (void)fwrite(line.data, 1, line.len, o->options.messages);
    (void)fflush(o->options.messages);
}

static void write_message(struct hf_output *o, enum hf_log_level level, const char *text)
{
    if (level > o->options.level)
        return;
    if (o->options.log_json) {
        write_log(o, level, &(struct hf_log_about){.source = work_of(o)}, text, NULL);
        return;
    }
    clear_line(o);
    (void)fprintf(o->options.messages, "holdfast: %s: %s\n", hf_log_level_name(level), text);
    (void)fflush(o->options.messages);
}

static void write_step(struct hf_output *o, enum hf_log_level level, const char *text)
{
    const char *label = work_of(o);

    if (o->options.quiet || level > o->options.level)
        return;
    if (o->options.log_json) {
        write_log(o, level, &(struct hf_log_about){.source = label}, text, NULL);
        return;
    }
    clear_line(o);
    (void)fprintf(o->options.messages, "%s%s%s\n", label, *label ? ": " : "", text);
    (void)fflush(o->options.messages);
}

static void tell_listener(struct hf_output *o, enum hf_log_level level, const char *text)
{
    if (o->listener)
        o->listener->said(o->listener->ctx, level, work_of(o), text);
}

/* On a terminal a step is part of the progress line; a line of its own only with --verbose. */
static void note_step(struct hf_output *o, const char *text)
{
    if (o->options.json)
        return;
    if (o->working && o->options.terminal)
        hf_progress_step(&o->progress, text);
    if (!o->options.terminal || o->options.verbose || !o->working)
        write_step(o, HF_LOG_INFO, text);
    show_progress(o, hf_clock_monotonic());
}

static void note_event(struct hf_output *o, const char *level, const char *text)
{
    if (o->options.json && !o->options.quiet)
        write_event(
            o, level,
            json_pack("{s:s, s:s}", "work", o->working ? o->progress.label : "", "text", text));
}

static void observe_note(void *ctx, enum hf_note_level level, const char *text)
{
    struct hf_output *o = ctx;

    (void)pthread_mutex_lock(&o->lock);
    switch (level) {
    case HF_NOTE_DETAIL:
        if (o->options.verbose) {
            note_event(o, "detail", text);
            if (!o->options.json)
                write_step(o, HF_LOG_DEBUG, text);
        }
        break;
    case HF_NOTE_STEP:
        tell_listener(o, HF_LOG_INFO, text);
        note_event(o, "step", text);
        note_step(o, text);
        break;
    case HF_NOTE_WARNING:
        tell_listener(o, HF_LOG_WARNING, text);
        if (o->options.json)
            write_event(o, "warning", json_pack("{s:s}", "text", text));
        write_message(o, HF_LOG_WARNING, text);
        break;
    }
    (void)pthread_mutex_unlock(&o->lock);
}

static void observe_expect(void *ctx, uint64_t bytes, uint64_t items)
{
    struct hf_output *o = ctx;

    (void)pthread_mutex_lock(&o->lock);
    o->progress.total_bytes = bytes;
    o->progress.total_items = items;
    (void)pthread_mutex_unlock(&o->lock);
}

static void observe_advance(void *ctx, uint64_t bytes, uint64_t items)
{
    struct hf_output *o = ctx;
    int64_t now = hf_clock_monotonic();

    (void)pthread_mutex_lock(&o->lock);
    hf_progress_advance(&o->progress, bytes, items, now);
    show_progress(o, now);
    (void)pthread_mutex_unlock(&o->lock);
}

enum hf_status hf_output_new(const struct hf_output_options *options, struct hf_output **out,
                             struct hf_error *err)
{
    struct hf_output *o = calloc(1, sizeof *o);

    if (!o)
        return hf_error_memory(err);
    if (pthread_mutex_init(&o->lock, NULL) != 0) {
        free(o);
        return hf_error_memory(err);
    }
    o->options = *options;
    o->observer = (struct hf_observer){
        .ctx = o, .note = observe_note, .expect = observe_expect, .advance = observe_advance};
    *out = o;
    return HF_OK;
}

static void on_tick(void *ctx)
{
    observe_advance(ctx, 0, 0);
}

void hf_output_free(struct hf_output *output)
{
    if (!output)
        return;
    hf_ticker_stop(output->ticker);
    clear_line(output);
    (void)pthread_mutex_destroy(&output->lock);
    free(output);
}

bool hf_output_is_json(const struct hf_output *output)
{
    return output->options.json;
}

bool hf_output_logs_json(const struct hf_output *output)
{
    return output->options.log_json;
}

const struct hf_observer *hf_output_observer(struct hf_output *output)
{
    return &output->observer;
}

void hf_output_begin(struct hf_output *output, const char *label)
{
    struct hf_error ignored = HF_ERROR_INIT; /* without a ticker it only moves less */
    bool moves = !output->options.quiet && (output->options.terminal || output->options.json);

    (void)pthread_mutex_lock(&output->lock);
    hf_progress_begin(&output->progress, label, hf_clock_monotonic());
    output->working = true;
    output->last_drawn = output->options.json ? hf_clock_monotonic() : 0;
    (void)pthread_mutex_unlock(&output->lock);
    if (moves && !output->ticker)
        (void)(hf_ticker_start(TICK_MS, on_tick, output, &output->ticker, &ignored) == HF_OK);
}

void hf_output_end(struct hf_output *output)
{
    hf_ticker_stop(output->ticker);
    output->ticker = NULL;
    (void)pthread_mutex_lock(&output->lock);
    clear_line(output);
    output->working = false;
    (void)pthread_mutex_unlock(&output->lock);
}

void hf_output_listen(struct hf_output *output, const struct hf_output_listener *listener)
{
    (void)pthread_mutex_lock(&output->lock);
    output->listener = listener;
    (void)pthread_mutex_unlock(&output->lock);
}

void hf_output_set_run(struct hf_output *output, const char *run, const char *job)
{
    (void)pthread_mutex_lock(&output->lock);
    (void)snprintf(output->run, sizeof output->run, "%s", run);
    (void)snprintf(output->job, sizeof output->job, "%s", job ? job : "");
    (void)pthread_mutex_unlock(&output->lock);
}

static void log_text(struct hf_output *o, enum hf_log_level level, const struct hf_log_about *about,
                     const char *text)
{
    const char *job = about->job ? about->job : "";
    const char *kind = level <= HF_LOG_WARNING ? hf_log_level_name(level) : "";

    clear_line(o);
    (void)fprintf(o->options.messages, "%s%s%s%s%s%s\n", *kind ? "holdfast: " : "", kind,
                  *kind ? ": " : "", job, *job ? ": " : "", text);
    (void)fflush(o->options.messages);
}

void hf_output_log(struct hf_output *output, enum hf_log_level level,
                   const struct hf_log_about *about, json_t *fields, const char *format, ...)
{
    char text[NOTE_MAX];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    (void)pthread_mutex_lock(&output->lock);
    if (level <= output->options.level && output->options.log_json)
        write_log(output, level, about, text, fields);
    else if (level <= output->options.level)
        log_text(output, level, about, text);
    (void)pthread_mutex_unlock(&output->lock);
    json_decref(fields);
}

HF_PRINTF(2, 0) static void write_text(struct hf_output *o, const char *format, va_list args)
{
    (void)pthread_mutex_lock(&o->lock);
    clear_line(o);
    (void)vfprintf(o->options.results, format, args);
    (void)pthread_mutex_unlock(&o->lock);
}

/* What came of the work is as much a line of the log as its steps were; not a second time on
 * standard output, which may be the same place. */
HF_PRINTF(2, 0) static void log_news(struct hf_output *o, const char *format, va_list args)
{
    char text[NOTE_MAX];
    size_t len;

    (void)vsnprintf(text, sizeof text, format, args);
    len = strlen(text);
    if (len > 0 && text[len - 1] == '\n')
        text[len - 1] = 0;
    hf_output_log(o, HF_LOG_INFO, &(struct hf_log_about){.run = NULL}, NULL, "%s", text);
}

void hf_output_text(struct hf_output *output, const char *format, ...)
{
    va_list args;

    if (output->options.json)
        return;
    va_start(args, format);
    write_text(output, format, args);
    va_end(args);
}

HF_PRINTF(2, 0) static void report_news(struct hf_output *o, const char *format, va_list args)
{
    char text[NOTE_MAX];

    (void)vsnprintf(text, sizeof text, format, args);
    hf_output_event(o, "news", json_pack("{s:s}", "text", text));
}

void hf_output_news(struct hf_output *output, const char *format, ...)
{
    va_list args;

    if (output->options.reports) {
        va_start(args, format);
        report_news(output, format, args);
        va_end(args);
    }
    if (output->options.json || output->options.quiet)
        return;
    va_start(args, format);
    if (output->options.log_json)
        log_news(output, format, args);
    else
        write_text(output, format, args);
    va_end(args);
}

void hf_output_event(struct hf_output *output, const char *event, json_t *object)
{
    (void)pthread_mutex_lock(&output->lock);
    if (output->listener && object)
        output->listener->result(output->listener->ctx, event, object);
    if (output->options.json)
        write_event(output, event, object);
    else
        json_decref(object);
    (void)pthread_mutex_unlock(&output->lock);
}

void hf_output_warning(struct hf_output *output, const char *format, ...)
{
    char text[NOTE_MAX];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    observe_note(output, HF_NOTE_WARNING, text);
}

void hf_output_error(struct hf_output *output, const struct hf_error *error)
{
    (void)pthread_mutex_lock(&output->lock);
    tell_listener(output, HF_LOG_ERROR, error->text);
    if (output->options.json)
        write_event(output, "error",
                    json_pack("{s:s, s:s, s:i, s:b}", "text", error->text, "status",
                              hf_status_words(error->status), "exit_code",
                              hf_status_exit_code(error->status), "retryable",
                              (int)hf_status_retryable(error->status)));
    /* What was said before comes first, also where both go to one place. */
    (void)fflush(output->options.results);
    write_message(output, HF_LOG_ERROR, error->text);
    (void)pthread_mutex_unlock(&output->lock);
}

void hf_output_exit(struct hf_output *output, int exit_code)
{
    if (output->options.reports)
        hf_output_event(output, "end", json_pack("{s:i}", "exit_code", exit_code));
}

enum hf_status hf_output_flush(struct hf_output *output, struct hf_error *err)
{
    int sys = 0;

    (void)pthread_mutex_lock(&output->lock);
    errno = 0;
    if (fflush(output->options.results) != 0 || ferror(output->options.results))
        sys = errno ? errno : EIO;
    else
        sys = output->event_error;
    (void)pthread_mutex_unlock(&output->lock);
    return sys ? hf_error_sys(err, sys, "writing to standard output") : HF_OK;
}
