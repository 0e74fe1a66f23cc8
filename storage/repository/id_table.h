/*
 * A hash table of ids that lie elsewhere: it holds places (two numbers), and asks where the id of a
 * place is. Ids are keyed hashes or SHA-256, so their first bytes are hash enough.
 *
 * Open addressing, no removal. One thread at a time for changes; finds may go on together.
 */
#ifndef HF_REPOSITORY_ID_TABLE_H
#define HF_REPOSITORY_ID_TABLE_H

#include "base/error.h"
#include "storage/repository/chunk.h"

#include <stddef.h>
#include <stdint.h>

struct hf_place {
    uint32_t major; /* below UINT32_MAX */
    uint32_t minor;
};

struct hf_id_table {
    struct hf_place *cells; /* major + 1; 0: empty */
    size_t cap;             /* 0 or a power of two */
    size_t used;
    const struct hf_chunk_id *(*id_of)(const void *ctx, struct hf_place place);
    const void *ctx;
};

void hf_id_table_init(struct hf_id_table *table,
                      const struct hf_chunk_id *(*id_of)(const void *ctx, struct hf_place place),
                      const void *ctx);
void hf_id_table_done(struct hf_id_table *table);
/* Room for extra ids more, so that as many puts cannot fail. */
enum hf_status hf_id_table_reserve(struct hf_id_table *table, size_t extra,
                                   struct hf_error *err) HF_WARN_UNUSED;
/* Adds the id of place, or, when it is there already, gives its cell's place back and changes
 * nothing. Room was reserved. */
bool hf_id_table_put(struct hf_id_table *table, struct hf_place place, struct hf_place *out_known);
/* Makes the id's cell point to this place instead; it is in the table. */
void hf_id_table_move(struct hf_id_table *table, struct hf_place place);
bool hf_id_table_find(const struct hf_id_table *table, const struct hf_chunk_id *id,
                      struct hf_place *out);
/* Empties it, keeping its memory. */
void hf_id_table_clear(struct hf_id_table *table);

#endif
