/* Which snapshot a name means, and what to say when it means none. */
#include "storage/repository/snapshot.h"

#include "base/clock.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

enum { LISTED_MAX = 5 }; /* snapshots an error text names */

static bool of_source(const struct hf_snapshot_info *info, const char *source)
{
    return !source || strcmp(info->source, source) == 0;
}

static const struct hf_snapshot_info *newest(const struct hf_snapshots *list, const char *source)
{
    for (size_t i = list->count; i-- > 0;) {
        if (of_source(&list->items[i], source))
            return &list->items[i];
    }
    return NULL;
}

/* "app, cache and 3 more" */
static enum hf_status name_sources(const struct hf_strings *sources, struct hf_buf *out,
                                   struct hf_error *err)
{
    for (size_t i = 0; i < sources->count && i < LISTED_MAX; i++)
        HF_TRY(hf_buf_printf(out, err, "%s%s", i ? ", " : "", sources->items[i]));
    if (sources->count > LISTED_MAX)
        HF_TRY(hf_buf_printf(out, err, " and %zu more", sources->count - LISTED_MAX));
    return HF_OK;
}

static enum hf_status collect_sources(const struct hf_snapshots *list, struct hf_strings *out,
                                      struct hf_error *err)
{
    for (size_t i = 0; i < list->count; i++) {
        if (!hf_strings_contain(out, list->items[i].source))
            HF_TRY(hf_strings_add(out, list->items[i].source, err));
    }
    return HF_OK;
}

static const char *nearest_source(const struct hf_strings *sources, const char *source)
{
    const char **candidates = calloc(sources->count + 1, sizeof *candidates);
    if (!candidates)
        return NULL;
    for (size_t i = 0; i < sources->count; i++)
        candidates[i] = sources->items[i];
    const char *nearest = hf_text_nearest(source, candidates);
    free(candidates);
    return nearest;
}

static enum hf_status no_source(const struct hf_snapshots *list, const char *source,
                                struct hf_error *err)
{
    HF_AUTO(hf_strings) sources = HF_STRINGS_INIT;
    HF_AUTO(hf_buf) text = HF_BUF_INIT;
    const char *listed;
    HF_TRY(collect_sources(list, &sources, err));
    HF_TRY(name_sources(&sources, &text, err));
    HF_TRY(hf_buf_cstr(&text, &listed, err));
    const char *nearest = nearest_source(&sources, source);
    if (nearest)
        return hf_error_set(err, HF_NOT_FOUND,
                            "no snapshot of \"%s\"; did you mean \"%s\"? There are snapshots of %s",
                            source, nearest, listed);
    return hf_error_set(err, HF_NOT_FOUND, "no snapshot of \"%s\"; there are snapshots of %s",
                        source, listed);
}

static enum hf_status describe(const struct hf_snapshot_info *info, struct hf_buf *out,
                               struct hf_error *err)
{
    char time[HF_TIME_TEXT];
    hf_time_format(time, info->time);
    return hf_buf_printf(out, err, "%s@%s (%.8s)", info->source, time, info->id);
}

/* The last snapshot before the span and the first after it. */
static enum hf_status no_time(const struct hf_snapshots *list, const char *source, const char *when,
                              int64_t begin, struct hf_error *err)
{
    const struct hf_snapshot_info *before = NULL, *after = NULL;
    HF_AUTO(hf_buf) text = HF_BUF_INIT;
    const char *nearest;
    for (size_t i = 0; i < list->count; i++) {
        const struct hf_snapshot_info *info = &list->items[i];
        if (!of_source(info, source))
            continue;
        if (info->time < begin)
            before = info;
        else if (!after)
            after = info;
    }
    if (before)
        HF_TRY(describe(before, &text, err));
    if (before && after)
        HF_TRY(hf_buf_append_str(&text, " and ", err));
    if (after)
        HF_TRY(describe(after, &text, err));
    HF_TRY(hf_buf_cstr(&text, &nearest, err));
    return hf_error_set(err, HF_NOT_FOUND, "no snapshot of %s at %s; the nearest: %s", source, when,
                        nearest);
}

static bool is_id(const char *text)
{
    size_t len = strlen(text);
    return len > 0 && len < HF_SNAPSHOT_ID_TEXT && strspn(text, "0123456789abcdef") == len;
}

static enum hf_status ambiguous(const struct hf_snapshots *list, const char *source, const char *id,
                                struct hf_error *err)
{
    HF_AUTO(hf_buf) text = HF_BUF_INIT;
    const char *all;
    size_t found = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (!of_source(&list->items[i], source) ||
            strncmp(list->items[i].id, id, strlen(id)) != 0 || found++ >= LISTED_MAX)
            continue;
        HF_TRY(hf_buf_printf(&text, err, "%s%s", found > 1 ? ", " : "", list->items[i].id));
    }
    HF_TRY(hf_buf_cstr(&text, &all, err));
    return hf_error_set(err, HF_USAGE, "%s begins the ids of %zu snapshots: %s%s; give more of it",
                        id, found, all, found > LISTED_MAX ? " and more" : "");
}

static enum hf_status find_id(const struct hf_snapshots *list, const char *source, const char *id,
                              const struct hf_snapshot_info **out, struct hf_error *err)
{
    const struct hf_snapshot_info *found = NULL;
    for (size_t i = 0; i < list->count; i++) {
        const struct hf_snapshot_info *info = &list->items[i];
        if (!of_source(info, source) || strncmp(info->id, id, strlen(id)) != 0)
            continue;
        if (found)
            return ambiguous(list, source, id, err);
        found = info;
    }
    if (!found)
        return hf_error_set(err, HF_NOT_FOUND,
                            "no snapshot has an id that begins with %s; \"holdfast list\" shows "
                            "what there is",
                            id);
    *out = found;
    return HF_OK;
}

static enum hf_status find_time(const struct hf_snapshots *list, const char *source,
                                const char *when, int64_t begin, int64_t end,
                                const struct hf_snapshot_info **out, struct hf_error *err)
{
    for (size_t i = list->count; i-- > 0;) {
        const struct hf_snapshot_info *info = &list->items[i];
        if (of_source(info, source) && info->time >= begin && info->time < end) {
            *out = info;
            return HF_OK;
        }
    }
    return no_time(list, source, when, begin, err);
}

static enum hf_status find_of_source(const struct hf_snapshots *list, const char *source,
                                     const char *when, const struct hf_snapshot_info **out,
                                     struct hf_error *err)
{
    const struct hf_snapshot_info *last = newest(list, source);
    int64_t begin, end;
    if (!last)
        return no_source(list, source, err);
    if (strcmp(when, "latest") == 0) {
        *out = last;
        return HF_OK;
    }
    if (hf_time_parse(when, &begin, &end))
        return find_time(list, source, when, begin, end, out, err);
    if (is_id(when))
        return find_id(list, source, when, out, err);
    return hf_error_set(err, HF_USAGE,
                        "%s@%s: after the @ comes \"latest\", a time such as 2026-11-21T02:00 "
                        "(shortened as you like), or an id",
                        source, when);
}

static enum hf_status find_plain(const struct hf_snapshots *list, const char *name,
                                 const struct hf_snapshot_info **out, struct hf_error *err)
{
    if (strcmp(name, "latest") == 0) {
        *out = newest(list, NULL);
        return HF_OK;
    }
    if (newest(list, name))
        return hf_error_set(err, HF_USAGE, "%s is a source; its newest snapshot is %s@latest", name,
                            name);
    if (is_id(name))
        return find_id(list, NULL, name, out, err);
    return hf_error_set(
        err, HF_USAGE, "\"%s\" names no snapshot: give SOURCE@latest, SOURCE@TIME, or an id", name);
}

enum hf_status hf_snapshots_find(const struct hf_snapshots *list, const char *name,
                                 const struct hf_snapshot_info **out, struct hf_error *err)
{
    if (list->count == 0)
        return hf_error_set(err, HF_NOT_FOUND, "the repository holds no snapshot%s",
                            list->unreadable ? " that can be read; run \"holdfast check\""
                                             : " yet; \"holdfast backup\" makes the first");
    const char *at = strrchr(name, '@');
    if (!at)
        return find_plain(list, name, out, err);
    HF_AUTO_FREE char *source = strndup(name, (size_t)(at - name));
    if (!source)
        return hf_error_memory(err);
    return find_of_source(list, source, at + 1, out, err);
}
