#include "formats/postgres/split.h"

#include "formats/postgres/copy.h"
#include "formats/postgres/quote.h"

#include <inttypes.h>

void hf_pg_split(struct hf_pg_table *table, uint64_t split, int server_version)
{
    uint64_t block_bytes;
    uint64_t blocks = 1;

    table->parts = 1;
    table->part_blocks = 0;
    if (table->bytes <= split || table->blocks < 2 || !table->heap || table->where ||
        server_version < 140000)
        return;
    block_bytes = table->bytes / table->blocks;
    while (blocks * 2 * block_bytes <= split)
        blocks *= 2;
    while ((table->blocks + blocks - 1) / blocks > HF_PG_PARTS_MAX)
        blocks *= 2;
    table->parts = (unsigned)((table->blocks + blocks - 1) / blocks);
    table->part_blocks = table->parts > 1 ? (uint32_t)blocks : 0;
}

static enum hf_status append_range(struct hf_buf *sql, const struct hf_pg_table *table,
                                   unsigned part, struct hf_error *err)
{
    uint64_t from = (uint64_t)part * table->part_blocks;

    HF_TRY(hf_buf_printf(sql, err, " WHERE ctid >= '(%" PRIu64 ",0)'", from));
    if (part + 1 < table->parts)
        HF_TRY(hf_buf_printf(sql, err, " AND ctid < '(%" PRIu64 ",0)'", from + table->part_blocks));
    return HF_OK;
}

enum hf_status hf_pg_part_sql(struct hf_buf *sql, const struct hf_pg_table *table, unsigned part,
                              const char *encoding, struct hf_error *err)
{
    if (table->parts == 1 && !table->where)
        return hf_pg_copy_out_sql(sql, table->schema, table->name, &table->columns, encoding, err);
    HF_TRY(hf_buf_append_str(sql, "COPY (SELECT ", err));
    for (size_t i = 0; i < table->columns.count; i++) {
        HF_TRY(hf_buf_append_str(sql, i ? ", " : "", err));
        HF_TRY(hf_pg_quote_ident(sql, table->columns.items[i], err));
    }
    HF_TRY(hf_buf_append_str(sql, " FROM ONLY ", err));
    HF_TRY(hf_pg_quote_qualified(sql, table->schema, table->name, err));
    if (table->where)
        HF_TRY(hf_buf_printf(sql, err, " %s", table->where));
    else
        HF_TRY(append_range(sql, table, part, err));
    return hf_buf_printf(sql, err, ") TO STDOUT WITH (ENCODING '%s')", encoding);
}
