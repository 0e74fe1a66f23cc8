#include "storage/repository/id_table.h"

#include "base/buffer.h"

#include <stdlib.h>
#include <string.h>

void hf_id_table_init(struct hf_id_table *table,
                      const struct hf_chunk_id *(*id_of)(const void *ctx, struct hf_place place),
                      const void *ctx)
{
    *table = (struct hf_id_table){.id_of = id_of, .ctx = ctx};
}

void hf_id_table_done(struct hf_id_table *table)
{
    free(table->cells);
    table->cells = NULL;
    table->cap = table->used = 0;
}

void hf_id_table_clear(struct hf_id_table *table)
{
    if (table->cap > 0)
        memset(table->cells, 0, table->cap * sizeof *table->cells);
    table->used = 0;
}

/* The cell that holds the id, or the empty one where it belongs. There is always an empty one. */
static struct hf_place *cell_of(const struct hf_id_table *table, const struct hf_chunk_id *id)
{
    size_t mask = table->cap - 1;
    for (size_t i = (size_t)hf_load_u64(id->bytes) & mask;; i = (i + 1) & mask) {
        struct hf_place *cell = &table->cells[i];
        if (cell->major == 0)
            return cell;
        struct hf_place place = {cell->major - 1, cell->minor};
        if (hf_chunk_id_equal(table->id_of(table->ctx, place), id))
            return cell;
    }
}

enum hf_status hf_id_table_reserve(struct hf_id_table *table, size_t extra, struct hf_error *err)
{
    size_t need = table->used + extra;
    size_t cap = table->cap ? table->cap : 64;
    while (need > cap / 3 * 2) {
        if (cap > SIZE_MAX / 4 / sizeof *table->cells)
            return hf_error_memory(err);
        cap *= 2;
    }
    if (cap == table->cap)
        return HF_OK;
    struct hf_id_table grown = *table;
    grown.cells = calloc(cap, sizeof *grown.cells);
    grown.cap = cap;
    if (!grown.cells)
        return hf_error_memory(err);
    for (size_t i = 0; i < table->cap; i++) {
        struct hf_place cell = table->cells[i];
        if (cell.major > 0) {
            struct hf_place place = {cell.major - 1, cell.minor};
            *cell_of(&grown, table->id_of(table->ctx, place)) = cell;
        }
    }
    free(table->cells);
    *table = grown;
    return HF_OK;
}

bool hf_id_table_put(struct hf_id_table *table, struct hf_place place, struct hf_place *out_known)
{
    struct hf_place *cell = cell_of(table, table->id_of(table->ctx, place));
    if (cell->major > 0) {
        *out_known = (struct hf_place){cell->major - 1, cell->minor};
        return false;
    }
    *cell = (struct hf_place){place.major + 1, place.minor};
    table->used++;
    return true;
}

void hf_id_table_move(struct hf_id_table *table, struct hf_place place)
{
    struct hf_place *cell = cell_of(table, table->id_of(table->ctx, place));
    *cell = (struct hf_place){place.major + 1, place.minor};
}

bool hf_id_table_find(const struct hf_id_table *table, const struct hf_chunk_id *id,
                      struct hf_place *out)
{
    if (table->used == 0)
        return false;
    const struct hf_place *cell = cell_of(table, id);
    if (cell->major == 0)
        return false;
    *out = (struct hf_place){cell->major - 1, cell->minor};
    return true;
}
