/*
 * Health, metrics and alarms beside the runs (agent/metrics/server.h). Its threads look at a board
 * that the agent's thread writes now and then: the planner is that one's alone.
 */
#include "agent/daemon/daemon_internal.h"

#include "agent/metrics/server.h"
#include "base/clock.h"
#include "schedules/schedule.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* The agent looks around at least each minute (HF_PLAN_WAIT). */
#define STUCK_AFTER (INT64_C(180) * HF_NS_PER_S)

struct row {
    char *job;
    int64_t next;
};

struct hf_board {
    pthread_mutex_t lock;
    struct hf_monitor *monitor;
    struct row *rows;
    size_t count;
    int64_t written; /* monotonic */
    bool filled;     /* rows say when jobs are due */
};

static int64_t next_of(void *ctx, const char *job)
{
    struct hf_board *board = ctx;
    int64_t next = 0;

    (void)pthread_mutex_lock(&board->lock);
    for (size_t i = 0; i < board->count; i++) {
        if (strcmp(board->rows[i].job, job) == 0)
            next = board->rows[i].next;
    }
    (void)pthread_mutex_unlock(&board->lock);
    return next;
}

static bool is_healthy(void *ctx, char why[HF_ERROR_TEXT_MAX])
{
    struct hf_board *board = ctx;
    bool healthy;

    (void)pthread_mutex_lock(&board->lock);
    healthy = hf_clock_monotonic() - board->written < STUCK_AFTER;
    (void)pthread_mutex_unlock(&board->lock);
    if (!healthy)
        (void)snprintf(why, HF_ERROR_TEXT_MAX, "the agent has stopped looking for what is due");
    return healthy;
}

static void clear_rows(struct hf_board *board)
{
    for (size_t i = 0; i < board->count; i++)
        free(board->rows[i].job);
    free(board->rows);
    board->rows = NULL;
    board->count = 0;
    board->filled = false;
}

static enum hf_status name_rows(struct hf_board *board, const struct hf_agenda *agenda,
                                struct hf_error *err)
{
    clear_rows(board);
    board->rows = calloc(agenda->count + 1, sizeof *board->rows);
    if (!board->rows)
        return hf_error_memory(err);
    for (size_t i = 0; i < agenda->count; i++) {
        HF_TRY(hf_text_copy(agenda->items[i].name, &board->rows[i].job, err));
        board->count++;
    }
    return HF_OK;
}

static enum hf_status make_board(struct hf_daemon *d, struct hf_error *err)
{
    if (d->board)
        return HF_OK;
    d->board = calloc(1, sizeof *d->board);
    if (!d->board)
        return hf_error_memory(err);
    if (pthread_mutex_init(&d->board->lock, NULL) != 0) {
        free(d->board);
        d->board = NULL;
        return hf_error_memory(err);
    }
    return HF_OK;
}

static enum hf_status start(struct hf_daemon *d, struct hf_error *err)
{
    struct hf_monitor_options options = {.config = d->config,
                                         .output = d->output,
                                         .started = d->started,
                                         .next = next_of,
                                         .healthy = is_healthy};

    HF_TRY(make_board(d, err));
    HF_TRY(name_rows(d->board, d->agenda, err));
    options.ctx = d->board;
    d->board->written = hf_clock_monotonic();
    return hf_monitor_start(&options, &d->board->monitor, err);
}

void hf_daemon_monitor_start(struct hf_daemon *d)
{
    struct hf_error err = HF_ERROR_INIT;

    if (start(d, &err) == HF_OK)
        return;
    (void)hf_error_prefix(&err, "no metrics and no alarms");
    hf_output_error(d->output, &err);
}

void hf_daemon_monitor_stop(struct hf_daemon *d)
{
    if (!d->board)
        return;
    hf_monitor_stop(d->board->monitor);
    d->board->monitor = NULL;
}

void hf_daemon_monitor_free(struct hf_daemon *d)
{
    if (!d->board)
        return;
    hf_daemon_monitor_stop(d);
    clear_rows(d->board);
    (void)pthread_mutex_destroy(&d->board->lock);
    free(d->board);
}

void hf_daemon_monitor_write(struct hf_daemon *d)
{
    struct hf_board *board = d->board;
    int64_t now = hf_clock_monotonic();
    struct hf_plan_view view;

    if (!board || (board->filled && now - board->written < HF_NS_PER_S))
        return;
    (void)pthread_mutex_lock(&board->lock);
    board->written = now;
    board->filled = true;
    for (size_t i = 0; i < board->count; i++) {
        if (hf_planner_view(d->planner, i, hf_daemon_now(d), &view))
            board->rows[i].next = view.next == HF_NEVER ? 0 : view.next;
    }
    (void)pthread_mutex_unlock(&board->lock);
}
