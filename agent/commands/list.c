/* holdfast list */
#include "agent/commands/list_files.h"
#include "agent/commands/list_sources.h"
#include "agent/commands/run.h"
#include "agent/config/duration.h"
#include "agent/repositories/choose.h"
#include "agent/repositories/pins.h"
#include "agent/repositories/snapshots.h"
#include "agent/terminal/table.h"
#include "base/clock.h"
#include "base/json.h"

#include <stdlib.h>
#include <string.h>

/* A repository that is listed, and what is in it. */
struct listed {
    struct hf_chosen chosen;
    const char *name; /* what people call it */
    struct hf_snapshots list;
    struct hf_pins pins;
};

struct listing {
    struct hf_session *session;
    struct listed *items;
    size_t count;
    bool several;                         /* of the configuration: say where each snapshot is */
    const struct hf_snapshot_info **rows; /* each snapshot once, oldest first */
    size_t row_count;
    size_t unreadable;
    size_t unlisted; /* repositories that could not be listed */
    struct hf_error why;
};

static void listing_auto(struct listing *listing)
{
    for (size_t i = 0; i < listing->count; i++) {
        hf_snapshots_free(&listing->items[i].list);
        hf_pins_free(&listing->items[i].pins);
    }
    free(listing->items);
    free(listing->rows);
}

/* ---- which repositories ---- */

static enum hf_status choose(struct listing *listing, struct hf_error *err)
{
    const struct hf_session *session = listing->session;
    const struct hf_config *config = session->config;

    listing->several = !session->args->given[HF_OPT_REPOSITORY] && config->repository_count > 1;
    listing->items = calloc(config->repository_count + 1, sizeof *listing->items);
    if (!listing->items)
        return hf_error_memory(err);
    for (size_t i = 0; listing->several && i < config->repository_count; i++)
        HF_TRY(hf_choose_named(listing->session, config->repositories[i].name,
                               &listing->items[listing->count++].chosen, err));
    if (!listing->several)
        HF_TRY(hf_choose_repository(listing->session, NULL,
                                    &listing->items[listing->count++].chosen, err));
    for (size_t i = 0; i < listing->count; i++) {
        struct listed *one = &listing->items[i];

        one->name = one->chosen.name ? one->chosen.name : one->chosen.place;
    }
    return HF_OK;
}

static enum hf_status load_one(struct listing *listing, struct listed *one, const char *source,
                               struct hf_error *err)
{
    struct hf_session *session = listing->session;
    const struct hf_observer *observer = hf_output_observer(session->output);
    struct hf_opened *opened;

    HF_TRY(hf_choose_open_beside(session, &one->chosen, &opened, err));
    if (hf_snapshots_load(opened->repo, source, observer, &one->list, err) != HF_OK ||
        hf_pins_load(opened->repo, observer, &one->pins, err) != HF_OK)
        return hf_opened_name(opened, err);
    listing->unreadable += one->list.unreadable;
    return HF_OK;
}

/* Of several, one that cannot be had does not hide the others. */
static enum hf_status load(struct listing *listing, const char *source, struct hf_error *err)
{
    for (size_t i = 0; i < listing->count; i++) {
        struct listed *one = &listing->items[i];
        struct hf_error why = HF_ERROR_INIT;

        if (load_one(listing, one, source, &why) == HF_OK)
            continue;
        if (listing->unlisted++ == 0)
            listing->why = why;
        one->name = NULL;
        if (listing->several)
            hf_output_warning(listing->session->output, "not listed: %s", why.text);
    }
    if (listing->unlisted == listing->count) {
        *err = listing->why;
        return err->status;
    }
    return HF_OK;
}

/* ---- one row a snapshot ---- */

static int by_time(const void *a, const void *b)
{
    const struct hf_snapshot_info *x = *(const struct hf_snapshot_info *const *)a;
    const struct hf_snapshot_info *y = *(const struct hf_snapshot_info *const *)b;

    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    return strcmp(x->id, y->id);
}

static int like(const void *a, const void *b)
{
    const struct hf_snapshot_info *x = a, *y = b;

    return by_time(&x, &y);
}

/* The same snapshot there; lists are in the order of rows. */
static const struct hf_snapshot_info *find_in(const struct listed *one,
                                              const struct hf_snapshot_info *info)
{
    const struct hf_snapshots *list = &one->list;

    return list->count > 0 ? bsearch(info, list->items, list->count, sizeof *list->items, like)
                           : NULL;
}

/* Of the same snapshot in several repositories, the one that was proven furthest stands for all. */
static bool is_row(const struct listing *listing, size_t at, const struct hf_snapshot_info *info)
{
    for (size_t i = 0; i < listing->count; i++) {
        const struct hf_snapshot_info *other = find_in(&listing->items[i], info);

        if (other && i != at &&
            (other->state > info->state || (other->state == info->state && i < at)))
            return false;
    }
    return true;
}

/* --tag and --job. */
static bool is_wanted(const struct listing *listing, const struct hf_snapshot_info *info)
{
    const struct hf_strings *tags = &listing->session->args->values[HF_OPT_TAG];
    const char *job = hf_args_value(listing->session->args, HF_OPT_JOB);
    bool tagged = tags->count == 0;

    for (size_t i = 0; i < tags->count && !tagged; i++)
        tagged = hf_strings_contain(&info->tags, tags->items[i]);
    return tagged && (!job || (info->job && strcmp(info->job, job) == 0));
}

static enum hf_status make_rows(struct listing *listing, struct hf_error *err)
{
    size_t most = 0;

    for (size_t i = 0; i < listing->count; i++)
        most += listing->items[i].list.count;
    listing->rows = calloc(most + 1, sizeof(const struct hf_snapshot_info *));
    if (!listing->rows)
        return hf_error_memory(err);
    for (size_t i = 0; i < listing->count; i++) {
        const struct hf_snapshots *list = &listing->items[i].list;

        for (size_t k = 0; k < list->count; k++)
            if (is_row(listing, i, &list->items[k]) && is_wanted(listing, &list->items[k]))
                listing->rows[listing->row_count++] = &list->items[k];
    }
    if (listing->row_count > 1)
        qsort(listing->rows, listing->row_count, sizeof(const struct hf_snapshot_info *), by_time);
    return HF_OK;
}

/* ---- where ---- */

/* A job puts snapshots of the source there. */
static bool is_expected(const struct listing *listing, const char *source, const char *repository)
{
    const struct hf_config *config = listing->session->config;

    for (size_t i = 0; i < config->job_count; i++)
        if (hf_strings_contain(&config->jobs[i].sources, source) &&
            hf_strings_contain(&config->jobs[i].repositories, repository))
            return true;
    return false;
}

/* Names of the repositories in which it is, or of those in which it should be and is not. */
static json_t *places(const struct listing *listing, const struct hf_snapshot_info *info, bool in)
{
    json_t *names = json_array();

    for (size_t i = 0; names && i < listing->count; i++) {
        const struct listed *one = &listing->items[i];
        bool here = one->name && find_in(one, info);
        bool take = in ? here
                       : one->name && !here && listing->several &&
                             is_expected(listing, info->source, one->name);

        if (take && json_array_append_new(names, json_string(one->name)) != 0) {
            json_decref(names);
            return NULL;
        }
    }
    return names;
}

static enum hf_status join(const json_t *names, struct hf_buf *out, struct hf_error *err)
{
    size_t i;
    const json_t *name;

    json_array_foreach (names, i, name)
        HF_TRY(hf_buf_printf(out, err, "%s%s", i ? ", " : "", json_string_value(name)));
    return HF_OK;
}

/* "local, offsite", "local; not in offsite" */
static enum hf_status add_places(struct hf_table *table, const json_t *in, const json_t *missing,
                                 struct hf_error *err)
{
    HF_AUTO(hf_buf) text = HF_BUF_INIT;
    const char *cell;

    HF_TRY(join(in, &text, err));
    if (json_array_size(missing) > 0)
        HF_TRY(hf_buf_append_str(&text, "; not in ", err));
    HF_TRY(join(missing, &text, err));
    HF_TRY(hf_buf_cstr(&text, &cell, err));
    return hf_table_add(table, err, "%s", cell);
}

/* ---- pins and tags ---- */

/* In any of the repositories. */
static const struct hf_pin *pin_of(const struct listing *listing,
                                   const struct hf_snapshot_info *info, int64_t now)
{
    for (size_t i = 0; i < listing->count; i++) {
        const struct hf_pin *pin = hf_pins_find(&listing->items[i].pins, info->id);

        if (hf_pin_holds(pin, now))
            return pin;
    }
    return NULL;
}

/* "pinned, release" */
static enum hf_status add_notes(struct hf_table *table, const struct hf_snapshot_info *info,
                                const struct hf_pin *pin, struct hf_error *err)
{
    HF_AUTO(hf_buf) text = HF_BUF_INIT;
    const char *cell;

    HF_TRY(hf_buf_append_str(&text, pin ? "pinned" : "", err));
    for (size_t i = 0; i < info->tags.count; i++)
        HF_TRY(hf_buf_printf(&text, err, "%s%s", text.len ? ", " : "", info->tags.items[i]));
    HF_TRY(hf_buf_cstr(&text, &cell, err));
    return hf_table_add(table, err, "%.200s", cell);
}

/* "proven 2026-11-21": since when it is known. */
static enum hf_status add_state(struct hf_table *table, const struct hf_snapshot_info *info,
                                struct hf_error *err)
{
    char time[HF_TIME_TEXT];

    hf_time_format(time, info->state_time);
    return hf_table_add(table, err, "%s%s%.10s", hf_snapshot_state_name(info->state),
                        info->state_time ? " " : "", info->state_time ? time : "");
}

/* ---- writing ---- */

static enum hf_status add_row(struct hf_table *table, const struct hf_snapshot_info *info,
                              int64_t now, struct hf_error *err)
{
    char time[HF_TIME_TEXT], age[HF_DURATION_TEXT], size[HF_SIZE_TEXT], stored[HF_SIZE_TEXT];

    hf_time_format(time, info->time);
    hf_age_format(age, now - info->time);
    hf_text_format_size(size, info->bytes);
    hf_text_format_size(stored, info->stored_bytes);
    HF_TRY(hf_table_add(table, err, "%.*s", HF_SHORT_ID, info->id));
    HF_TRY(hf_table_add(table, err, "%s", time));
    HF_TRY(hf_table_add(table, err, "%s", info->source));
    HF_TRY(add_state(table, info, err));
    HF_TRY(hf_table_add(table, err, "%s", size));
    HF_TRY(hf_table_add(table, err, "%s", stored));
    return hf_table_add(table, err, "%s", age);
}

static enum hf_status write_row(const struct listing *listing, struct hf_table *table,
                                const struct hf_snapshot_info *info, int64_t now,
                                struct hf_error *err)
{
    HF_AUTO_JSON in = places(listing, info, true);
    HF_AUTO_JSON missing = places(listing, info, false);
    const struct hf_pin *pin = pin_of(listing, info, now);
    json_t *event = hf_snapshot_json(info);

    if (!in || json_object_set_new(event, "pin", hf_pin_json(pin)) != 0 || !missing ||
        json_object_set(event, "repositories", in) != 0 ||
        json_object_set(event, "missing", missing) != 0) {
        json_decref(event);
        return hf_error_memory(err);
    }
    hf_output_event(listing->session->output, "snapshot", event);
    HF_TRY(add_row(table, info, now, err));
    HF_TRY(add_notes(table, info, pin, err));
    return listing->several ? add_places(table, in, missing, err) : HF_OK;
}

static enum hf_status write_list(const struct listing *listing, struct hf_error *err)
{
    HF_AUTO(hf_table) table = {.columns = 0};
    int64_t now = hf_clock_now();

    HF_TRY(hf_table_begin(&table,
                          listing->several
                              ? "ID|TIME|SOURCE|STATE|>SIZE|>STORED|>AGE|NOTES|REPOSITORIES"
                              : "ID|TIME|SOURCE|STATE|>SIZE|>STORED|>AGE|NOTES",
                          err));
    for (size_t i = 0; i < listing->row_count; i++)
        HF_TRY(write_row(listing, &table, listing->rows[i], now, err));
    hf_table_write(&table, listing->session->output);
    return HF_OK;
}

static enum hf_status result(const struct listing *listing, const char *source,
                             struct hf_error *err)
{
    struct hf_output *output = listing->session->output;
    const char *where = listing->several ? "the repositories" : listing->items[0].name;

    if (listing->unreadable > 0)
        return hf_error_set(err, HF_DAMAGED,
                            "repository %s: %zu snapshots cannot be read; \"holdfast check\" tells "
                            "more",
                            where, listing->unreadable);
    if (listing->unlisted > 0)
        return hf_error_set(err, listing->why.status, "%zu of %zu repositories could not be listed",
                            listing->unlisted, listing->count);
    if (listing->row_count == 0 && source)
        hf_output_news(output, "no snapshots of %s in %s%s\n", source,
                       listing->several ? "" : "repository ", where);
    else if (listing->row_count == 0)
        hf_output_news(output, "no snapshots in %s%s\n", listing->several ? "" : "repository ",
                       where);
    return HF_OK;
}

static enum hf_status sources(const struct listing *listing, const char *filter, size_t *out_alarms,
                              struct hf_error *err)
{
    HF_AUTO_FREE struct hf_list_repository *repositories =
        calloc(listing->count + 1, sizeof *repositories);

    if (!repositories)
        return hf_error_memory(err);
    for (size_t i = 0; i < listing->count; i++)
        repositories[i] = (struct hf_list_repository){.name = listing->items[i].name,
                                                      .snapshots = &listing->items[i].list};
    return hf_list_sources(listing->session, repositories, listing->count, listing->rows,
                           listing->row_count, filter, out_alarms, err);
}

enum hf_status hf_run_list(struct hf_session *session, struct hf_error *err)
{
    __attribute__((cleanup(listing_auto))) struct listing listing = {.session = session};
    const char *source =
        session->args->operands.count > 0 ? session->args->operands.items[0] : NULL;
    size_t alarms = 0;

    if (source && hf_list_is_snapshot(source))
        return hf_list_files(session, err);
    HF_TRY(choose(&listing, err));
    HF_TRY(load(&listing, source, err));
    HF_TRY(make_rows(&listing, err));
    if (!session->args->given[HF_OPT_ALARMS])
        HF_TRY(write_list(&listing, err));
    HF_TRY(sources(&listing, source, &alarms, err));
    if (alarms > 0 && session->args->given[HF_OPT_ALARMS])
        return hf_error_set(err, HF_FAILED, "%zu source%s not proven in time", alarms,
                            alarms == 1 ? " was" : "s were");
    return result(&listing, source, err);
}
