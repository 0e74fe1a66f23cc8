#include "agent/repositories/known.h"

#include <stdlib.h>
#include <string.h>

enum hf_status hf_known_new(size_t snapshots, struct hf_known *out, struct hf_error *err)
{
    *out = (struct hf_known){.items = calloc(snapshots + 1, sizeof *out->items)};
    return out->items ? HF_OK : hf_error_memory(err);
}

void hf_known_free(struct hf_known *known)
{
    free(known->items);
    *known = (struct hf_known){.count = 0};
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Room was made for every name there can be. */
static struct hf_history_holding *holding_of(struct hf_known *known, const char *source)
{
    for (size_t i = 0; i < known->count; i++)
        if (strcmp(known->items[i].source, source) == 0)
            return &known->items[i];
    known->items[known->count] = (struct hf_history_holding){.source = source};
    return &known->items[known->count++];
}

void hf_known_add(struct hf_known *known, const struct hf_snapshot_info *info)
{
    struct hf_history_holding *holding = holding_of(known, info->source);

    holding->snapshots++;
    holding->newest = later(holding->newest, info->time);
    if (holding->first == 0 || info->time < holding->first)
        holding->first = info->time;
    if (info->state >= HF_SNAPSHOT_CHECKED)
        holding->checked = later(holding->checked, info->state_time);
    if (info->state == HF_SNAPSHOT_PROVEN)
        holding->proven = later(holding->proven, info->state_time);
}
