#include "agent/terminal/table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROW_TEXT = 4096 };

static size_t columns_of(const char *text)
{
    size_t count = 0;

    for (; *text; text++)
        count += ((unsigned char)*text & 0xc0U) != 0x80U;
    return count;
}

enum hf_status hf_table_begin(struct hf_table *table, const char *headings, struct hf_error *err)
{
    *table = (struct hf_table){.columns = 0};
    while (table->columns < HF_TABLE_COLUMNS) {
        size_t len = strcspn(headings, "|");
        bool right = headings[0] == '>';

        table->right[table->columns++] = right;
        HF_TRY(hf_table_add(table, err, "%.*s", (int)(len - right), headings + right));
        if (!headings[len])
            break;
        headings += len + 1;
    }
    return HF_OK;
}

enum hf_status hf_table_add(struct hf_table *table, struct hf_error *err, const char *format, ...)
{
    char cell[1024];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(cell, sizeof cell, format, args);
    va_end(args);
    for (char *c = cell; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
    }
    return hf_strings_add(&table->cells, cell, err);
}

static void write_row(const struct hf_table *table, size_t first, const size_t *widths,
                      struct hf_output *output)
{
    char row[ROW_TEXT];
    size_t used = 0;

    for (size_t c = 0; c < table->columns && first + c < table->cells.count; c++) {
        const char *cell = table->cells.items[first + c];
        size_t pad = widths[c] - columns_of(cell);
        bool last = c + 1 == table->columns;
        int written =
            snprintf(row + used, sizeof row - used, "%*s%s%*s", table->right[c] ? (int)pad : 0, "",
                     cell, last ? 0 : (int)(table->right[c] ? 2 : pad + 2), "");

        if (written < 0 || used + (size_t)written >= sizeof row)
            break;
        used += (size_t)written;
    }
    while (used > 0 && row[used - 1] == ' ')
        used--;
    row[used] = 0;
    hf_output_text(output, "%s\n", row);
}

void hf_table_write(const struct hf_table *table, struct hf_output *output)
{
    size_t widths[HF_TABLE_COLUMNS] = {0};

    if (table->cells.count <= table->columns)
        return;
    for (size_t i = 0; i < table->cells.count; i++) {
        size_t width = columns_of(table->cells.items[i]);

        if (width > widths[i % table->columns])
            widths[i % table->columns] = width;
    }
    for (size_t first = 0; first < table->cells.count; first += table->columns)
        write_row(table, first, widths, output);
}

void hf_table_auto(struct hf_table *table)
{
    hf_strings_free(&table->cells);
}
