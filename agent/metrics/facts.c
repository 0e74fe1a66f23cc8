#include "agent/metrics/facts.h"

#include "agent/metrics/text.h"
#include "base/text.h"

#include <stdlib.h>

/* A name that is missing is "", as a label has it. */
static enum hf_status keep(const char **name, struct hf_error *err)
{
    char *copy = NULL;

    HF_TRY(hf_text_copy(*name ? *name : "", &copy, err));
    *name = copy;
    return HF_OK;
}

static void drop(const char *name)
{
    free((void *)name);
}

/* Room for one more; rows come one by one. */
static enum hf_status grow(void *rows, size_t count, size_t size, struct hf_error *err)
{
    void **array = rows;
    void *more;

    if (count & (count - 1)) /* it was doubled at the last power of two */
        return HF_OK;
    more = realloc(*array, (count ? 2 * count : 1) * size);
    if (!more)
        return hf_error_memory(err);
    *array = more;
    return HF_OK;
}

static enum hf_status add_last(void *ctx, const struct hf_history_last *last, struct hf_error *err)
{
    struct hf_facts *facts = ctx;
    struct hf_history_last *row;

    if (facts->last_count >= HF_METRICS_ROWS_MAX)
        return HF_OK;
    HF_TRY(grow(&facts->lasts, facts->last_count, sizeof *row, err));
    row = &facts->lasts[facts->last_count++];
    *row = *last;
    row->action = row->job = row->source = row->repository = NULL;
    row->action = last->action;
    if (keep(&row->action, err) != HF_OK) {
        row->action = NULL;
        return err->status;
    }
    row->job = last->job;
    if (keep(&row->job, err) != HF_OK) {
        row->job = NULL;
        return err->status;
    }
    row->source = last->source;
    if (keep(&row->source, err) != HF_OK) {
        row->source = NULL;
        return err->status;
    }
    row->repository = last->repository;
    if (keep(&row->repository, err) != HF_OK)
        row->repository = NULL;
    return row->repository ? HF_OK : err->status;
}

static enum hf_status add_holding(void *ctx, const struct hf_history_holding *holding,
                                  struct hf_error *err)
{
    struct hf_facts *facts = ctx;
    const char *repository = holding->repository, *source = holding->source;

    if (facts->holding_count >= HF_METRICS_ROWS_MAX)
        return HF_OK;
    HF_TRY(grow(&facts->holdings, facts->holding_count, sizeof *holding, err));
    HF_TRY(keep(&repository, err));
    if (keep(&source, err) != HF_OK) {
        drop(repository);
        return err->status;
    }
    facts->holdings[facts->holding_count] = *holding;
    facts->holdings[facts->holding_count].repository = repository;
    facts->holdings[facts->holding_count++].source = source;
    return HF_OK;
}

static enum hf_status count_run(void *ctx, const struct hf_history_run *run, struct hf_error *err)
{
    (void)run;
    (void)err;
    ++*(uint64_t *)ctx;
    return HF_OK;
}

enum hf_status hf_facts_load(struct hf_history *history, const struct hf_config *config,
                             int64_t now, struct hf_facts *out, struct hf_error *err)
{
    const struct hf_history_query running = {.running = true};

    *out = (struct hf_facts){.last_count = 0};
    HF_TRY(hf_history_lasts(history, add_last, out, err));
    HF_TRY(hf_history_holdings(history, add_holding, out, err));
    HF_TRY(hf_history_runs(history, &running, count_run, &out->running, err));
    return hf_alarms_load(history, config, now, &out->alarms, err);
}

void hf_facts_auto(struct hf_facts *facts)
{
    for (size_t i = 0; i < facts->last_count; i++) {
        drop(facts->lasts[i].action);
        drop(facts->lasts[i].job);
        drop(facts->lasts[i].source);
        drop(facts->lasts[i].repository);
    }
    for (size_t i = 0; i < facts->holding_count; i++) {
        drop(facts->holdings[i].repository);
        drop(facts->holdings[i].source);
    }
    free(facts->lasts);
    free(facts->holdings);
    hf_alarms_free(&facts->alarms);
}
