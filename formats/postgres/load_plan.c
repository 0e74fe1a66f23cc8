#include "formats/postgres/load_plan.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* What it takes to sort and write a row's entry of an index, in bytes of rows that are loaded in
 * the same time. */
enum { INDEX_ROW_COST = 16 };

/* What is under way at a table. */
struct place {
    size_t rows;    /* tasks of its rows that are not done yet */
    size_t indexes; /* running */
    bool alone;     /* a constraint is running */
    size_t entry;   /* of the table itself in the archive, or toc->count */
    bool large;
    uint64_t index_weight; /* of all its indexes and constraints */
};

struct step {
    struct hf_pg_task task;
    struct place *place;
    uint64_t weight; /* the heaviest goes first */
    bool given;
};

struct hf_pg_load_plan {
    const struct hf_pg_input *input;
    struct place *places; /* one a table */
    struct step *steps;   /* heaviest first */
    size_t count;
    size_t tables;        /* with rows to load */
    bool *entries;        /* one an entry of the archive: a task makes it */
    pthread_mutex_t lock; /* guards what follows, places and steps[].given */
    pthread_cond_t changed;
    size_t first; /* all before it were given out */
    bool stopped;
};

static bool is_split(const struct hf_pg_input *input, const struct hf_pg_rows_of *table,
                     unsigned jobs)
{
    return table->parts_count > 1 && !table->extension && jobs > 1 &&
           table->bytes > input->bytes / jobs;
}

/* Empty tables are left as they were created; an extension's may have rows of its script. */
static bool is_left(const struct hf_pg_rows_of *table)
{
    return table->rows == 0 && table->bytes == 0 && !table->extension;
}

static void add_step(struct hf_pg_load_plan *plan, const struct hf_pg_task *task,
                     struct place *place, uint64_t weight)
{
    plan->steps[plan->count++] = (struct step){.task = *task, .place = place, .weight = weight};
    place->rows += task->kind == HF_PG_TASK_ROWS;
}

static void add_rows(struct hf_pg_load_plan *plan, size_t index, unsigned jobs)
{
    struct hf_pg_rows_of *table = &plan->input->tables[index];
    struct place *place = &plan->places[index];
    struct hf_pg_task task = {.kind = HF_PG_TASK_ROWS, .table = table, .end = table->parts_count};

    if (is_left(table))
        return;
    plan->tables++;
    if (!is_split(plan->input, table, jobs)) {
        task.whole = true;
        add_step(plan, &task, place, table->bytes);
        return;
    }
    for (size_t i = 0; i < table->parts_count; i++) {
        task.first = i;
        task.end = i + 1;
        add_step(plan, &task, place, table->parts[i]->bytes);
    }
}

static size_t find_table(const struct hf_pg_toc *toc, const struct hf_pg_rows_of *table)
{
    size_t i = 0;

    while (i < toc->count && !(strcmp(toc->entries[i].desc, "TABLE") == 0 &&
                               strcmp(toc->entries[i].tag, table->table) == 0 &&
                               strcmp(toc->entries[i].nspace, table->schema) == 0))
        i++;
    return i;
}

/* The rows of a partition that is loaded by way of its root are in when those of its siblings are,
 * and what an extension's script made has its indexes already. */
static void find_places(struct hf_pg_load_plan *plan)
{
    for (size_t i = 0; i < plan->input->tables_count; i++) {
        const struct hf_pg_rows_of *table = &plan->input->tables[i];
        struct place *place = &plan->places[i];

        place->large = table->bytes >= HF_PG_LARGE_TABLE && !table->root_table && !table->extension;
        if (place->large)
            place->entry = find_table(plan->input->toc, table);
    }
}

/* The large table with this entry, or tables_count. */
static size_t table_of(const struct hf_pg_load_plan *plan, size_t entry)
{
    size_t i = 0;

    /* Tables come largest first. */
    while (i < plan->input->tables_count && plan->input->tables[i].bytes >= HF_PG_LARGE_TABLE) {
        if (plan->places[i].large && plan->places[i].entry == entry)
            return i;
        i++;
    }
    return plan->input->tables_count;
}

/* The one large table that an entry belongs to, when it needs nothing else that is made after the
 * rows; or tables_count. */
static size_t subject(const struct hf_pg_load_plan *plan, const struct hf_pg_toc_entry *e)
{
    const struct hf_pg_toc *toc = plan->input->toc;
    size_t none = plan->input->tables_count;
    size_t found = none;

    for (size_t d = 0; d < e->deps_count; d++) {
        size_t at = hf_pg_toc_find(toc, e->deps[d]);

        if (at == toc->count)
            continue;
        if (hf_pg_entry_stage(toc, at) != HF_PG_STAGE_PRE_DATA)
            return none;
        if (strcmp(toc->entries[at].desc, "TABLE") != 0)
            continue;
        if (found != none && table_of(plan, at) != found)
            return none;
        found = table_of(plan, at);
        if (found == none)
            return none;
    }
    return found;
}

static void add_entries(struct hf_pg_load_plan *plan)
{
    const struct hf_pg_toc *toc = plan->input->toc;

    for (size_t i = 0; i < toc->count; i++) {
        const struct hf_pg_toc_entry *e = &toc->entries[i];
        bool index = strcmp(e->desc, "INDEX") == 0;
        struct hf_pg_task task = {.kind = index ? HF_PG_TASK_INDEX : HF_PG_TASK_CONSTRAINT,
                                  .entry = i};
        size_t at;

        if (!plan->input->selection.included[i] || e->section != HF_PG_SECTION_POST_DATA ||
            (!index && strcmp(e->desc, "CONSTRAINT") != 0))
            continue;
        at = subject(plan, e);
        if (at == plan->input->tables_count)
            continue;
        task.table = &plan->input->tables[at];
        add_step(plan, &task, &plan->places[at], 0);
        plan->places[at].index_weight += task.table->rows * INDEX_ROW_COST;
        plan->entries[i] = true;
    }
}

/* Constraints of a table wait for one another, so the table that has most to do for its indexes
 * goes first. */
static void weigh_indexes(struct hf_pg_load_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++) {
        if (plan->steps[i].task.kind != HF_PG_TASK_ROWS)
            plan->steps[i].weight = plan->steps[i].place->index_weight;
    }
}

static int compare_steps(const void *a, const void *b)
{
    const struct step *x = a;
    const struct step *y = b;

    if (x->weight != y->weight)
        return (x->weight < y->weight) - (x->weight > y->weight);
    return (x->task.entry > y->task.entry) - (x->task.entry < y->task.entry);
}

static size_t most_steps(const struct hf_pg_input *input)
{
    size_t most = input->tables_count + input->toc->count;

    for (size_t i = 0; i < input->tables_count; i++)
        most += input->tables[i].parts_count;
    return most;
}

enum hf_status hf_pg_load_plan_make(const struct hf_pg_input *input, unsigned jobs,
                                    struct hf_pg_load_plan **out, struct hf_error *err)
{
    HF_AUTO_PTR(hf_pg_load_plan) plan = calloc(1, sizeof *plan);

    if (!plan)
        return hf_error_memory(err);
    plan->input = input;
    (void)pthread_mutex_init(&plan->lock, NULL);
    (void)pthread_cond_init(&plan->changed, NULL);
    plan->places = calloc(input->tables_count + 1, sizeof *plan->places);
    plan->steps = calloc(most_steps(input) + 1, sizeof *plan->steps);
    plan->entries = calloc(input->toc->count + 1, sizeof *plan->entries);
    if (!plan->places || !plan->steps || !plan->entries)
        return hf_error_memory(err);
    find_places(plan);
    for (size_t i = 0; i < input->tables_count; i++)
        add_rows(plan, i, jobs);
    add_entries(plan);
    weigh_indexes(plan);
    qsort(plan->steps, plan->count, sizeof *plan->steps, compare_steps);
    *out = plan;
    plan = NULL;
    return HF_OK;
}

void hf_pg_load_plan_free(struct hf_pg_load_plan *plan)
{
    if (!plan)
        return;
    free(plan->places);
    free(plan->steps);
    free(plan->entries);
    (void)pthread_cond_destroy(&plan->changed);
    (void)pthread_mutex_destroy(&plan->lock);
    free(plan);
}

size_t hf_pg_load_plan_count(const struct hf_pg_load_plan *plan)
{
    return plan->count;
}

size_t hf_pg_load_plan_tables(const struct hf_pg_load_plan *plan)
{
    return plan->tables;
}

const bool *hf_pg_load_plan_entries(const struct hf_pg_load_plan *plan)
{
    return plan->entries;
}

/* CREATE INDEX shares the table's lock with its like; ALTER TABLE ADD CONSTRAINT wants it alone. */
static bool can_start(const struct step *step)
{
    const struct place *place = step->place;

    switch (step->task.kind) {
    case HF_PG_TASK_INDEX:
        return place->rows == 0 && !place->alone;
    case HF_PG_TASK_CONSTRAINT:
        return place->rows == 0 && !place->alone && place->indexes == 0;
    case HF_PG_TASK_ROWS:
    default:
        return true;
    }
}

/* The heaviest that can start, or NULL; *out_left: some cannot yet. */
static struct step *pick(struct hf_pg_load_plan *plan, bool *out_left)
{
    *out_left = false;
    while (plan->first < plan->count && plan->steps[plan->first].given)
        plan->first++;
    for (size_t i = plan->first; i < plan->count; i++) {
        struct step *step = &plan->steps[i];

        if (step->given)
            continue;
        if (can_start(step))
            return step;
        *out_left = true;
    }
    return NULL;
}

static void start(struct step *step)
{
    step->given = true;
    step->place->indexes += step->task.kind == HF_PG_TASK_INDEX;
    step->place->alone |= step->task.kind == HF_PG_TASK_CONSTRAINT;
}

const struct hf_pg_task *hf_pg_load_plan_next(struct hf_pg_load_plan *plan)
{
    struct step *step = NULL;
    bool left = true;

    (void)pthread_mutex_lock(&plan->lock);
    while (!plan->stopped && left && (step = pick(plan, &left)) == NULL && left)
        (void)pthread_cond_wait(&plan->changed, &plan->lock);
    if (plan->stopped)
        step = NULL;
    if (step)
        start(step);
    (void)pthread_mutex_unlock(&plan->lock);
    return step ? &step->task : NULL;
}

void hf_pg_load_plan_done(struct hf_pg_load_plan *plan, const struct hf_pg_task *task)
{
    struct place *place = &plan->places[task->table - plan->input->tables];

    (void)pthread_mutex_lock(&plan->lock);
    place->rows -= task->kind == HF_PG_TASK_ROWS;
    place->indexes -= task->kind == HF_PG_TASK_INDEX;
    if (task->kind == HF_PG_TASK_CONSTRAINT)
        place->alone = false;
    (void)pthread_cond_broadcast(&plan->changed);
    (void)pthread_mutex_unlock(&plan->lock);
}

void hf_pg_load_plan_stop(struct hf_pg_load_plan *plan)
{
    (void)pthread_mutex_lock(&plan->lock);
    plan->stopped = true;
    (void)pthread_cond_broadcast(&plan->changed);
    (void)pthread_mutex_unlock(&plan->lock);
}
