#include "agent/repositories/holders.h"

#include <stdlib.h>
#include <string.h>

void hf_holders_auto(struct hf_holders *holders)
{
    for (size_t i = 0; i < holders->count; i++)
        hf_snapshots_free(&holders->items[i].list);
    free(holders->items);
    free(holders->all.items); /* what is in them is the lists' */
}

static enum hf_status choose(struct hf_session *session, struct hf_holders *holders,
                             struct hf_error *err)
{
    const struct hf_config *config = session->config;
    bool one = session->args->given[HF_OPT_REPOSITORY] || config->repository_count <= 1;

    holders->items = calloc(config->repository_count + 1, sizeof *holders->items);
    if (!holders->items)
        return hf_error_memory(err);
    if (one)
        return hf_choose_repository(session, NULL, &holders->items[holders->count++].chosen, err);
    for (size_t i = 0; i < config->repository_count; i++)
        holders->items[holders->count++].chosen = hf_choose_configured(&config->repositories[i]);
    return HF_OK;
}

static enum hf_status load(struct hf_session *session, struct hf_holder *holder,
                           struct hf_error *err)
{
    holder->name = holder->chosen.name ? holder->chosen.name : holder->chosen.place;
    HF_TRY(hf_choose_open_beside(session, &holder->chosen, &holder->opened, err));
    if (hf_snapshots_load(holder->opened->repo, NULL, hf_output_observer(session->output),
                          &holder->list, err) != HF_OK)
        return hf_opened_name(holder->opened, err);
    return HF_OK;
}

static int by_time(const void *a, const void *b)
{
    const struct hf_snapshot_info *x = a, *y = b;

    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    return strcmp(x->id, y->id);
}

static enum hf_status merge(struct hf_holders *holders, struct hf_error *err)
{
    struct hf_snapshots *all = &holders->all;
    size_t most = 0, unique = 0;

    for (size_t i = 0; i < holders->count; i++)
        most += holders->items[i].list.count;
    all->items = calloc(most + 1, sizeof *all->items);
    if (!all->items)
        return hf_error_memory(err);
    for (size_t i = 0; i < holders->count; i++)
        for (size_t k = 0; k < holders->items[i].list.count; k++)
            all->items[all->count++] = holders->items[i].list.items[k];
    qsort(all->items, all->count, sizeof *all->items, by_time);
    for (size_t i = 0; i < all->count; i++)
        if (i == 0 || strcmp(all->items[i].id, all->items[unique - 1].id) != 0)
            all->items[unique++] = all->items[i];
    all->count = unique;
    return HF_OK;
}

enum hf_status hf_holders_open(struct hf_session *session, struct hf_holders *out,
                               struct hf_error *err)
{
    HF_TRY(choose(session, out, err));
    for (size_t i = 0; i < out->count; i++) {
        HF_TRY(load(session, &out->items[i], err));
        out->unreadable += out->items[i].list.unreadable;
    }
    return merge(out, err);
}

enum hf_status hf_holders_find(const struct hf_holders *holders, const char *name,
                               const struct hf_snapshot_info **out, struct hf_error *err)
{
    if (hf_snapshots_find(&holders->all, name, out, err) == HF_OK)
        return HF_OK;
    return holders->count == 1 ? hf_opened_name(holders->items[0].opened, err) : err->status;
}

bool hf_holder_has(const struct hf_holder *holder, const char *id)
{
    for (size_t i = 0; i < holder->list.count; i++)
        if (strcmp(holder->list.items[i].id, id) == 0)
            return true;
    return false;
}
