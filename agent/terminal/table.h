/* Columns of text for a person: collected, then written with widths that fit. */
#ifndef HF_AGENT_TERMINAL_TABLE_H
#define HF_AGENT_TERMINAL_TABLE_H

#include "agent/terminal/output.h"
#include "base/text.h"

enum { HF_TABLE_COLUMNS = 12 };

struct hf_table {
    size_t columns;
    bool right[HF_TABLE_COLUMNS]; /* numbers are aligned on the right */
    struct hf_strings cells;
};

/* Headings separated by '|'; one that begins with '>' is of a column aligned on the right. */
enum hf_status hf_table_begin(struct hf_table *table, const char *headings,
                              struct hf_error *err) HF_WARN_UNUSED;
/* A cell; rows fill from the left. Control characters become '?'. */
enum hf_status hf_table_add(struct hf_table *table, struct hf_error *err, const char *format, ...)
    HF_PRINTF(3, 4) HF_WARN_UNUSED;
/* Nothing when there is no row but the headings. */
void hf_table_write(const struct hf_table *table, struct hf_output *output);
void hf_table_auto(struct hf_table *table);

#endif
