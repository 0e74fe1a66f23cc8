/* holdfast history */
#include "agent/history/history.h"
#include "agent/commands/run.h"
#include "agent/config/duration.h"
#include "agent/history/state.h"
#include "agent/terminal/table.h"
#include "base/clock.h"
#include "base/json.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

enum { LIMIT = 50, LIMIT_MAX = 1000000, ID_SHOWN = 8, ID_LEAST = 4, ERROR_SHOWN = 60 };

struct view {
    struct hf_session *session;
    struct hf_history *history;
    struct hf_table table;
    char found[HF_HISTORY_ID_TEXT]; /* the run, where one was named */
    size_t count;
    json_t *parts, *notes; /* of it */
};

static void view_auto(struct view *view)
{
    hf_history_close(view->history);
    hf_table_auto(&view->table);
    json_decref(view->parts);
    json_decref(view->notes);
}

/* ---- as JSON ---- */

static json_t *text_or_null(const char *text)
{
    json_t *json = text ? json_string(text) : json_null();

    return json ? json : json_string("(no text)"); /* not UTF-8: not written by us */
}

static double seconds_between(int64_t start, int64_t end)
{
    return end > start ? (double)(end - start) / (double)HF_NS_PER_S : 0;
}

static json_t *run_json(const struct hf_history_run *run)
{
    double took = seconds_between(run->start, run->end);

    return json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:f, s:s, s:o, s:o, s:I, s:I, s:I, s:I}",
        "run", text_or_null(run->id), "command", text_or_null(run->command), "job",
        text_or_null(run->job), "subject", text_or_null(run->subject), "trigger",
        text_or_null(run->trigger), "host", text_or_null(run->host), "version",
        text_or_null(run->version), "start", hf_json_time(run->start), "end",
        hf_json_time(run->end), "seconds", took, "outcome", hf_history_outcome_name(run->outcome),
        "status", text_or_null(run->error ? hf_status_words(run->status) : NULL), "error",
        text_or_null(run->error), "read_bytes", (json_int_t)run->read_bytes, "stored_bytes",
        (json_int_t)run->stored_bytes, "bytes_per_second",
        (json_int_t)(took > 0 ? (double)run->read_bytes / took : 0), "warnings",
        (json_int_t)run->warnings);
}

static json_t *part_json(const struct hf_history_part *part)
{
    double took = seconds_between(part->start, part->end);
    json_t *result = part->result ? json_loads(part->result, 0, NULL) : NULL;

    return json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:f, s:s, s:o, s:o, s:I, s:I, s:I, s:I, "
        "s:o}",
        "action", text_or_null(part->action), "job", text_or_null(part->job), "source",
        text_or_null(part->source), "repository", text_or_null(part->repository), "snapshot",
        text_or_null(part->snapshot), "start", hf_json_time(part->start), "end",
        hf_json_time(part->end), "seconds", took, "outcome", hf_history_outcome_name(part->outcome),
        "status", text_or_null(part->error ? hf_status_words(part->status) : NULL), "error",
        text_or_null(part->error), "read_bytes", (json_int_t)part->read_bytes, "stored_bytes",
        (json_int_t)part->stored_bytes, "records", (json_int_t)part->records, "bytes_per_second",
        (json_int_t)(took > 0 ? (double)part->read_bytes / took : 0), "result",
        result ? result : json_null());
}

/* ---- for a person ---- */

static void took_text(char text[HF_DURATION_TEXT], int64_t start, int64_t end)
{
    if (end > start)
        hf_duration_format(text, end - start);
    else
        (void)snprintf(text, HF_DURATION_TEXT, "-");
}

static enum hf_status add_run(struct hf_table *table, const struct hf_history_run *run,
                              struct hf_error *err)
{
    char time[HF_TIME_TEXT], took[HF_DURATION_TEXT], read[HF_SIZE_TEXT], stored[HF_SIZE_TEXT];

    hf_time_format(time, run->start);
    took_text(took, run->start, run->end);
    hf_text_format_size(read, run->read_bytes);
    hf_text_format_size(stored, run->stored_bytes);
    HF_TRY(hf_table_add(table, err, "%.*s", ID_SHOWN, run->id));
    HF_TRY(hf_table_add(table, err, "%s", time));
    HF_TRY(hf_table_add(table, err, "%s", run->command));
    HF_TRY(hf_table_add(table, err, "%s", run->job ? run->job : run->subject ? run->subject : "-"));
    HF_TRY(hf_table_add(table, err, "%s", run->trigger ? run->trigger : "-"));
    HF_TRY(hf_table_add(table, err, "%s", hf_history_outcome_name(run->outcome)));
    HF_TRY(hf_table_add(table, err, "%s", took));
    HF_TRY(hf_table_add(table, err, "%s", read));
    HF_TRY(hf_table_add(table, err, "%s", stored));
    HF_TRY(hf_table_add(table, err, "%" PRIu64, run->warnings));
    return hf_table_add(table, err, "%.*s%s", ERROR_SHOWN, run->error ? run->error : "",
                        run->error && strlen(run->error) > ERROR_SHOWN ? "..." : "");
}

static enum hf_status show_run(void *ctx, const struct hf_history_run *run, struct hf_error *err)
{
    struct view *view = ctx;

    view->count++;
    memcpy(view->found, run->id, sizeof view->found);
    hf_output_event(view->session->output, "run", run_json(run));
    return add_run(&view->table, run, err);
}

static enum hf_status list_runs(struct view *view, const struct hf_history_query *query,
                                struct hf_error *err)
{
    HF_TRY(hf_table_begin(
        &view->table, "RUN|BEGUN|COMMAND|JOB|BY|OUTCOME|>TOOK|>READ|>STORED|>WARNINGS|ERROR", err));
    HF_TRY(hf_history_runs(view->history, query, show_run, view, err));
    hf_table_write(&view->table, view->session->output);
    return HF_OK;
}

/* ---- one run ---- */

static enum hf_status take_part(void *ctx, const struct hf_history_part *part, struct hf_error *err)
{
    struct view *view = ctx;
    char took[HF_DURATION_TEXT], read[HF_SIZE_TEXT], stored[HF_SIZE_TEXT], rate[HF_SIZE_TEXT];
    double seconds = seconds_between(part->start, part->end);

    took_text(took, part->start, part->end);
    hf_text_format_size(read, part->read_bytes);
    hf_text_format_size(stored, part->stored_bytes);
    hf_text_format_size(rate, seconds > 0 ? (uint64_t)((double)part->read_bytes / seconds) : 0);
    hf_output_text(view->session->output, "  %s%s%s%s%s: %s, %s, %s read (%s/s), %s stored%s%s\n",
                   part->action, part->source ? " " : "", part->source ? part->source : "",
                   part->repository ? " in " : "", part->repository ? part->repository : "",
                   hf_history_outcome_name(part->outcome), took, read, rate, stored,
                   part->error ? "\n    " : "", part->error ? part->error : "");
    return json_array_append_new(view->parts, part_json(part)) == 0 ? HF_OK : hf_error_memory(err);
}

static enum hf_status take_note(void *ctx, const struct hf_history_note *note, struct hf_error *err)
{
    struct view *view = ctx;
    char time[HF_TIME_TEXT];

    hf_time_format(time, note->time);
    hf_output_text(view->session->output, "  %s %s%s%s%s%s\n", time,
                   note->kind == HF_HISTORY_STEP ? "" : hf_history_note_name(note->kind),
                   note->kind == HF_HISTORY_STEP ? "" : ": ", note->work ? note->work : "",
                   note->work ? ": " : "", note->text);
    return json_array_append_new(view->notes,
                                 json_pack("{s:o, s:s, s:o, s:o}", "time", hf_json_time(note->time),
                                           "kind", hf_history_note_name(note->kind), "work",
                                           text_or_null(note->work), "text",
                                           text_or_null(note->text))) == 0
               ? HF_OK
               : hf_error_memory(err);
}

static void write_run(struct hf_output *output, const struct hf_history_run *run)
{
    char begun[HF_TIME_TEXT], took[HF_DURATION_TEXT];

    hf_time_format(begun, run->start);
    took_text(took, run->start, run->end);
    hf_output_text(output, "run %s: %s%s%s, %s\n", run->id, run->command, run->subject ? " " : "",
                   run->subject ? run->subject : "", hf_history_outcome_name(run->outcome));
    hf_output_text(output, "  begun %s by %s on %s (process %" PRId64 ", holdfast %s), took %s\n",
                   begun, run->trigger ? run->trigger : "?", run->host ? run->host : "?", run->pid,
                   run->version ? run->version : "?", took);
    if (run->error)
        hf_output_text(output, "  error (%s): %s\n", hf_status_words(run->status), run->error);
}

/* A run is written whole: its own facts come first, so it is found before its parts are asked for.
 */
static enum hf_status show_one(void *ctx, const struct hf_history_run *run, struct hf_error *err)
{
    struct view *view = ctx;
    json_t *event = run_json(run);

    view->parts = json_array();
    view->notes = json_array();
    if (!event || !view->parts || !view->notes) {
        json_decref(event);
        return hf_error_memory(err);
    }
    write_run(view->session->output, run);
    if (hf_history_parts(view->history, run->id, take_part, view, err) != HF_OK ||
        hf_history_notes(view->history, run->id, take_note, view, err) != HF_OK) {
        json_decref(event);
        return err->status;
    }
    (void)json_object_set(event, "parts", view->parts);
    (void)json_object_set(event, "notes", view->notes);
    hf_output_event(view->session->output, "run", event);
    return HF_OK;
}

static enum hf_status count_run(void *ctx, const struct hf_history_run *run, struct hf_error *err)
{
    struct view *view = ctx;

    (void)err;
    view->count++;
    memcpy(view->found, run->id, sizeof view->found);
    return HF_OK;
}

static bool looks_like_id(const char *text)
{
    size_t len = strspn(text, "0123456789abcdef");

    return len >= ID_LEAST && len < HF_HISTORY_ID_TEXT && !text[len];
}

static enum hf_status show_named_run(struct view *view, const char *id, struct hf_error *err)
{
    HF_TRY(
        hf_history_runs(view->history, &(struct hf_history_query){.id = id}, count_run, view, err));
    if (view->count == 0)
        return hf_error_set(err, HF_NOT_FOUND, "there is no job, source or run \"%.100s\"", id);
    if (view->count > 1)
        return hf_error_set(err, HF_USAGE, "the ids of %zu runs begin with \"%s\"; give more of it",
                            view->count, id);
    return hf_history_runs(view->history, &(struct hf_history_query){.id = view->found}, show_one,
                           view, err);
}

/* ---- what is asked for ---- */

static enum hf_status read_since(const struct hf_args *args, int64_t *out, struct hf_error *err)
{
    const char *text = hf_args_value(args, HF_OPT_SINCE);
    int64_t begin = 0, end = 0, span = 0;

    if (!text)
        return HF_OK;
    if (hf_time_parse(text, &begin, &end))
        *out = begin;
    else if (hf_duration_parse(text, &span))
        *out = hf_clock_now() - span;
    else
        return hf_error_set(err, HF_USAGE,
                            "option --since takes a time such as 2026-11-21 or "
                            "2026-11-21T02:00, or a span such as 7d, not \"%.40s\"",
                            text);
    return HF_OK;
}

static enum hf_status open_history(struct view *view, struct hf_error *err)
{
    HF_AUTO_FREE char *folder = NULL;
    struct hf_history_options options = {.mode = HF_HISTORY_READ};
    enum hf_status status;

    HF_TRY(hf_state_folder(view->session->config, &folder, err));
    options.folder = folder;
    status = hf_history_open(&options, &view->history, err);
    if (status == HF_NOT_FOUND)
        return hf_error_set(err, status, "no run was recorded yet in %s", folder);
    return status;
}

static enum hf_status show(struct view *view, struct hf_error *err)
{
    const struct hf_args *args = view->session->args;
    const char *name = args->operands.count > 0 ? args->operands.items[0] : NULL;
    struct hf_history_query query = {
        .name = name, .failed = args->given[HF_OPT_FAILED] > 0, .limit = LIMIT};

    HF_TRY(hf_args_number(args, HF_OPT_LIMIT, 1, LIMIT_MAX, &query.limit, err));
    HF_TRY(read_since(args, &query.since, err));
    if (name && looks_like_id(name) && !hf_config_job(view->session->config, name) &&
        !hf_config_source(view->session->config, name))
        return show_named_run(view, name, err);
    HF_TRY(list_runs(view, &query, err));
    if (view->count == 0)
        hf_output_news(view->session->output, "no such run%s%s\n", name ? " of " : "",
                       name ? name : "");
    return HF_OK;
}

enum hf_status hf_run_history(struct hf_session *session, struct hf_error *err)
{
    __attribute__((cleanup(view_auto))) struct view view = {.session = session};

    HF_TRY(open_history(&view, err));
    return show(&view, err);
}
