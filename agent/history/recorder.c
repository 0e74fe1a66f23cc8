#include "agent/history/recorder.h"

#include "agent/daemon/report.h"
#include "agent/history/state.h"
#include "agent/signals.h"
#include "base/clock.h"
#include "base/json.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HOST_MAX = 256 };

/* What is known of the part at hand; strings are its own. */
struct part {
    bool open;
    char *action, *source, *repository, *snapshot, *result;
    struct hf_history_part facts;
};

struct hf_recorder {
    const struct hf_config *config;
    struct hf_output *output;
    struct hf_output_listener listener;
    struct hf_observer observer; /* of the history */
    pthread_mutex_t lock;        /* of all below: steps come from any thread */
    struct hf_history *history;
    bool tried;  /* to open it */
    bool passed; /* to another process */
    bool begun;
    bool proven; /* the part at hand made a proof */
    bool warned;
    bool recorded;           /* the command is one whose runs are kept */
    struct hf_error trouble; /* with the history, to be warned of as soon as that can be done */
    char host[HOST_MAX];
    char *subject;
    struct hf_history_run run;
    struct part part;
    unsigned parts;
};

/* ---- trouble ---- */

/* The output may be locked by who called: it is told later. */
static void note_trouble(struct hf_recorder *r, const struct hf_error *err)
{
    if (r->trouble.status == HF_OK)
        r->trouble = *err;
}

/* Of the history itself: that a damaged file was moved aside. */
static void hear_history(void *ctx, enum hf_note_level level, const char *text)
{
    struct hf_error trouble = HF_ERROR_INIT;

    if (level != HF_NOTE_WARNING)
        return;
    (void)hf_error_set(&trouble, HF_DAMAGED, "%s", text);
    note_trouble(ctx, &trouble);
}

static void tell_trouble(struct hf_recorder *r)
{
    if (r->warned || r->trouble.status == HF_OK)
        return;
    r->warned = true;
    hf_output_warning(r->output, "the history is not complete: %s", r->trouble.text);
}

/* A file that turns out to be damaged is replaced, once. True: it is worth another try. */
static bool mend(struct hf_recorder *r, struct hf_error *err)
{
    struct hf_error why = HF_ERROR_INIT;

    if (err->status != HF_DAMAGED)
        return false;
    if (hf_history_renew(r->history, &why) == HF_OK)
        return true;
    hf_history_close(r->history);
    r->history = NULL;
    *err = why;
    return false;
}

static enum hf_status open_history(struct hf_recorder *r, struct hf_error *err)
{
    HF_AUTO_FREE char *folder = NULL;
    struct hf_history_options options = {.mode = HF_HISTORY_WRITE,
                                         .keep = r->config->history.keep,
                                         .most = r->config->history.runs,
                                         .observer = &r->observer};

    HF_TRY(hf_state_folder(r->config, &folder, err));
    options.folder = folder;
    return hf_history_open(&options, &r->history, err);
}

struct hf_history *hf_recorder_history(struct hf_recorder *recorder)
{
    struct hf_error err = HF_ERROR_INIT;

    if (!recorder)
        return NULL;
    if (!recorder->tried && open_history(recorder, &err) != HF_OK)
        note_trouble(recorder, &err);
    recorder->tried = true;
    return recorder->history;
}

/* ---- parts ---- */

static void free_part(struct part *part)
{
    free(part->action);
    free(part->source);
    free(part->repository);
    free(part->snapshot);
    free(part->result);
    *part = (struct part){.open = false};
}

/* Whose job a part is: the run's, or the first that stores the source there. */
static const char *job_of(const struct hf_recorder *r, const struct part *part)
{
    const struct hf_config *config = r->config;

    if (r->run.job || !part->source || !part->repository)
        return r->run.job;
    for (size_t i = 0; i < config->job_count; i++)
        if (hf_strings_contain(&config->jobs[i].sources, part->source) &&
            hf_strings_contain(&config->jobs[i].repositories, part->repository))
            return config->jobs[i].name;
    return NULL;
}

/* With the lock held. */
static void put_part(struct hf_recorder *r)
{
    struct part *part = &r->part;
    struct hf_error err = HF_ERROR_INIT;

    part->facts.action = part->action;
    part->facts.source = part->source;
    part->facts.repository = part->repository;
    part->facts.snapshot = part->snapshot;
    part->facts.result = part->result;
    part->facts.job = job_of(r, part);
    if (!r->history || !part->action)
        return;
    if (hf_history_put_part(r->history, r->run.id, r->parts, &part->facts, &err) == HF_OK ||
        (mend(r, &err) &&
         hf_history_put_part(r->history, r->run.id, r->parts, &part->facts, &err) == HF_OK))
        return;
    note_trouble(r, &err);
}

/* What the repository holds now that it did not hold before. */
static void put_holding(struct hf_recorder *r)
{
    const struct part *part = &r->part;
    struct hf_history_holding change = {.repository = part->repository, .source = part->source};
    struct hf_error err = HF_ERROR_INIT;
    bool stored = part->facts.outcome == HF_HISTORY_DONE && strcmp(part->action, "backup") == 0;

    if (!r->history || !part->repository || !part->source || !(stored || r->proven))
        return;
    change.snapshots = stored;
    change.newest = change.first = stored ? part->facts.start : 0;
    change.proven = change.checked = r->proven ? part->facts.end : 0; /* it was read, too */
    if (hf_history_add_holding(r->history, &change, &err) != HF_OK)
        note_trouble(r, &err);
}

/* Who was interrupted knows best by whom. */
static enum hf_history_outcome outcome_of(enum hf_status status)
{
    if (status == HF_CANCELLED && hf_signals_time_over())
        return HF_HISTORY_OVERTIME;
    return hf_history_outcome_of(status);
}

/* With the lock held. */
static void close_part(struct hf_recorder *r, const struct hf_error *error)
{
    struct part *part = &r->part;

    if (!part->open)
        return;
    part->facts.end = hf_clock_now();
    part->facts.outcome = outcome_of(error ? error->status : HF_OK);
    part->facts.status = error ? error->status : HF_OK;
    part->facts.error = error && error->status != HF_OK ? error->text : NULL;
    r->run.read_bytes += part->facts.read_bytes;
    r->run.stored_bytes += part->facts.stored_bytes;
    put_part(r);
    put_holding(r);
    r->parts++;
    r->proven = false;
    free_part(part);
}

static char *copy_of(const char *text)
{
    return text ? strdup(text) : NULL;
}

/* With the lock held. */
static void open_part(struct hf_recorder *r, const char *action, const char *source,
                      const char *repository)
{
    r->part = (struct part){.open = true,
                            .action = copy_of(action),
                            .source = copy_of(source),
                            .repository = copy_of(repository),
                            .facts = {.start = hf_clock_now()}};
}

static void begin(struct hf_recorder *r)
{
    struct hf_error err = HF_ERROR_INIT;

    if (r->begun || !r->recorded || r->passed)
        return;
    r->begun = true;
    if (!hf_recorder_history(r))
        return;
    if (hf_history_begin(r->history, &r->run, &err) != HF_OK &&
        (!mend(r, &err) || hf_history_begin(r->history, &r->run, &err) != HF_OK))
        note_trouble(r, &err);
}

void hf_recorder_part(struct hf_recorder *recorder, const char *action, const char *source,
                      const char *repository)
{
    if (!recorder || !recorder->recorded)
        return;
    (void)pthread_mutex_lock(&recorder->lock);
    begin(recorder);
    close_part(recorder, NULL);
    open_part(recorder, action, source, repository);
    put_part(recorder);
    (void)pthread_mutex_unlock(&recorder->lock);
    tell_trouble(recorder);
}

void hf_recorder_part_end(struct hf_recorder *recorder, const struct hf_error *error)
{
    if (!recorder)
        return;
    (void)pthread_mutex_lock(&recorder->lock);
    close_part(recorder, error);
    (void)pthread_mutex_unlock(&recorder->lock);
    tell_trouble(recorder);
}

/* ---- what is heard ---- */

static void hear_said(void *ctx, enum hf_log_level level, const char *work, const char *text)
{
    static const enum hf_history_note_kind kinds[HF_LOG_LEVELS] = {
        [HF_LOG_ERROR] = HF_HISTORY_ERROR,
        [HF_LOG_WARNING] = HF_HISTORY_WARNING,
        [HF_LOG_INFO] = HF_HISTORY_STEP,
        [HF_LOG_DEBUG] = HF_HISTORY_STEP};
    struct hf_recorder *r = ctx;
    struct hf_history_note note = {
        .time = hf_clock_now(), .kind = kinds[level], .work = work, .text = text};
    struct hf_error err = HF_ERROR_INIT;

    (void)pthread_mutex_lock(&r->lock);
    r->run.warnings += level == HF_LOG_WARNING;
    if (r->history && r->begun && hf_history_add_note(r->history, r->run.id, &note, &err) != HF_OK)
        note_trouble(r, &err);
    (void)pthread_mutex_unlock(&r->lock);
}

static uint64_t number_in(const json_t *object, const char *key)
{
    json_int_t value = json_integer_value(json_object_get(object, key));

    return value > 0 ? (uint64_t)value : 0;
}

static void take_text(char **to, const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    if (!*to && text)
        *to = strdup(text);
}

/* Results are of many commands, and say the same things by the same names (docs/json.md). */
static void take_result(struct hf_recorder *r, const json_t *object)
{
    struct hf_history_part *facts = &r->part.facts;
    const json_t *rto = json_object_get(object, "rto");
    double recovery = json_number_value(json_object_get(rto, "measured_seconds"));

    take_text(&r->part.source, object, "source");
    take_text(&r->part.repository, object, "repository");
    take_text(&r->part.repository, object, "to");
    take_text(&r->part.snapshot, object, "snapshot");
    facts->read_bytes += number_in(object, "read_bytes") + number_in(object, "bytes_read");
    facts->stored_bytes += number_in(object, "stored_bytes");
    facts->records += number_in(object, "records");
    if (strcmp(r->part.action ? r->part.action : "", "copy") == 0)
        facts->stored_bytes += number_in(object, "bytes");
    if (recovery > 0 && recovery < 1e9)
        facts->recovery = (int64_t)(recovery * (double)HF_NS_PER_S);
    r->proven = r->proven || json_is_true(json_object_get(object, "proven")) ||
                json_is_true(json_object_get(object, "recorded"));
    if (!r->part.result)
        r->part.result = json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(9));
}

/* When what took so long began; the result comes at its end. */
static int64_t start_of(const json_t *object)
{
    double seconds = json_number_value(json_object_get(object, "seconds"));

    return hf_clock_now() -
           (seconds > 0 && seconds < 1e9 ? (int64_t)(seconds * (double)HF_NS_PER_S) : 0);
}

/* A drill says how each source went in its result. */
static enum hf_status status_in(const json_t *object, struct hf_error *out)
{
    const json_t *error = json_object_get(object, "error");
    const char *text =
        json_string_value(json_is_object(error) ? json_object_get(error, "text")
                                                : json_object_get(object, "problem"));

    return text ? hf_error_set(out, HF_FAILED, "%s", text) : HF_OK;
}

static bool is_result(const char *event)
{
    static const char *const events[] = {"backup", "copy", "restore", "check", "drill", "prune"};

    for (size_t i = 0; i < sizeof events / sizeof *events; i++)
        if (strcmp(events[i], event) == 0)
            return true;
    return false;
}

/* A result that no part was begun for is one. */
static void hear_result(void *ctx, const char *event, const json_t *object)
{
    struct hf_recorder *r = ctx;
    struct hf_error error = HF_ERROR_INIT;

    if (!is_result(event))
        return;
    (void)pthread_mutex_lock(&r->lock);
    if (r->recorded && !r->passed && r->part.open) {
        take_result(r, object);
    } else if (r->recorded && !r->passed) {
        begin(r);
        open_part(r, event, NULL, NULL);
        r->part.facts.start = start_of(object);
        take_result(r, object);
        close_part(r, status_in(object, &error) == HF_OK ? NULL : &error);
    }
    (void)pthread_mutex_unlock(&r->lock);
}

/* ---- the run ---- */

/* Names of jobs and sources, and what else was named that can hold no secret. */
static enum hf_status make_subject(const struct hf_args *args, char **out, struct hf_error *err)
{
    HF_AUTO(hf_buf) text = HF_BUF_INIT;
    const char *line;

    for (size_t i = 0; i < args->operands.count; i++) {
        const char *word = args->operands.items[i];

        HF_TRY(hf_buf_printf(&text, err, "%s%.200s", i ? " " : "",
                             strstr(word, "://") ? "(URL)" : word));
    }
    HF_TRY(hf_buf_cstr(&text, &line, err));
    return hf_text_copy(line, out, err);
}

static const char *job_named(const struct hf_args *args, const struct hf_config *config)
{
    const struct hf_config_job *job =
        args->operands.count == 1 ? hf_config_job(config, args->operands.items[0]) : NULL;

    return job ? job->name : NULL;
}

static void choose_id(char out[HF_HISTORY_ID_TEXT])
{
    const char *said = getenv(HF_RUN_VARIABLE);
    uint8_t id[HF_HISTORY_ID];

    if (said && hf_unhex(id, sizeof id, said))
        hf_hex(out, id, sizeof id);
    else
        hf_history_new_id(out);
}

static const char *trigger(void)
{
    const char *said = getenv(HF_TRIGGER_VARIABLE);

    if (said && *said && strlen(said) <= HF_CONFIG_NAME_MAX)
        return said;
    return getenv(HF_RUN_VARIABLE) ? "agent" : "manual";
}

enum hf_status hf_recorder_new(const struct hf_args *args, const struct hf_config *config,
                               struct hf_output *output, struct hf_recorder **out,
                               struct hf_error *err)
{
    HF_AUTO_PTR(hf_recorder) r = calloc(1, sizeof *r);

    if (!r)
        return hf_error_memory(err);
    (void)pthread_mutex_init(&r->lock, NULL);
    r->config = config;
    r->recorded = args->command->recorded;
    r->listener = (struct hf_output_listener){.ctx = r, .said = hear_said, .result = hear_result};
    r->observer = (struct hf_observer){.ctx = r, .note = hear_history};
    HF_TRY(make_subject(args, &r->subject, err));
    if (gethostname(r->host, sizeof r->host - 1) != 0)
        r->host[0] = 0;
    r->run = (struct hf_history_run){.command = args->command->name,
                                     .job = job_named(args, config),
                                     .subject = *r->subject ? r->subject : NULL,
                                     .trigger = trigger(),
                                     .host = r->host,
                                     .version = HF_VERSION,
                                     .pid = getpid(),
                                     .start = hf_clock_now()};
    choose_id(r->run.id);
    r->output = output;
    hf_output_set_run(output, r->run.id, r->run.job);
    hf_output_listen(output, &r->listener);
    *out = r;
    r = NULL;
    return HF_OK;
}

void hf_recorder_free(struct hf_recorder *recorder)
{
    if (!recorder)
        return;
    if (recorder->output)
        hf_output_listen(recorder->output, NULL);
    hf_history_close(recorder->history);
    free_part(&recorder->part);
    (void)pthread_mutex_destroy(&recorder->lock);
    free(recorder->subject);
    free(recorder);
}

const char *hf_recorder_run(const struct hf_recorder *recorder)
{
    return recorder ? recorder->run.id : NULL;
}

const struct hf_history_run *hf_recorder_facts(const struct hf_recorder *recorder)
{
    return &recorder->run;
}

void hf_recorder_pass(struct hf_recorder *recorder, bool passed)
{
    if (recorder)
        recorder->passed = passed;
}

bool hf_recorder_ended(const struct hf_recorder *recorder)
{
    return recorder && recorder->run.end > 0;
}

/* A person has seen it; a program wants to know the end for sure, with its numbers. */
static void log_end(const struct hf_recorder *r)
{
    const struct hf_history_run *run = &r->run;

    if (!hf_output_logs_json(r->output))
        return;
    hf_output_log(r->output, HF_LOG_INFO, &(struct hf_log_about){.run = NULL},
                  json_pack("{s:s, s:s, s:f, s:I, s:I, s:I, s:i}", "command", run->command,
                            "outcome", hf_history_outcome_name(run->outcome), "seconds",
                            (double)(run->end - run->start) / (double)HF_NS_PER_S, "read_bytes",
                            (json_int_t)run->read_bytes, "stored_bytes",
                            (json_int_t)run->stored_bytes, "warnings", (json_int_t)run->warnings,
                            "exit_code", hf_status_exit_code(run->status)),
                  "%s ended: %s", run->command, hf_history_outcome_name(run->outcome));
}

void hf_recorder_end(struct hf_recorder *recorder, const struct hf_error *error)
{
    struct hf_recorder *r = recorder;
    struct hf_error err = HF_ERROR_INIT;
    const bool failed = error->status != HF_OK;

    if (!r || !r->recorded || r->passed || (!r->begun && error->status == HF_USAGE))
        return;
    (void)pthread_mutex_lock(&r->lock);
    begin(r);
    close_part(r, failed ? error : NULL);
    r->run.end = hf_clock_now();
    r->run.status = error->status;
    r->run.outcome = outcome_of(error->status);
    r->run.error = failed ? error->text : NULL;
    if (r->history && hf_history_end(r->history, &r->run, &err) != HF_OK &&
        (!mend(r, &err) || hf_history_end(r->history, &r->run, &err) != HF_OK))
        note_trouble(r, &err);
    (void)pthread_mutex_unlock(&r->lock);
    tell_trouble(r);
    log_end(r);
}
