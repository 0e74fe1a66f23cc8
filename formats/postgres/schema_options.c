#include "formats/postgres/schema_dump.h"

#include "formats/postgres/quote.h"

#include <string.h>

/* Bytes of the argument list; Linux takes a quarter of the stack limit, 2 MiB as a rule. */
enum { ARGUMENTS_MAX = 1 << 20 };

/* --schema=PATTERN and the like; a quoted name is a pattern that means itself. */
static enum hf_status add_schemas(struct hf_pg_command *command, const char *option,
                                  const struct hf_strings *patterns,
                                  const struct hf_pg_tables *tables, struct hf_error *err)
{
    for (size_t i = 0; i < tables->schemas.count; i++) {
        const char *schema = tables->schemas.items[i];
        HF_AUTO(hf_buf) quoted = HF_BUF_INIT;
        const char *text;
        bool meant = false;

        for (size_t k = 0; k < patterns->count && !meant; k++)
            meant = hf_text_match(patterns->items[k], schema);
        if (!meant)
            continue;
        HF_TRY(hf_pg_quote_ident(&quoted, schema, err));
        HF_TRY(hf_buf_cstr(&quoted, &text, err));
        HF_TRY(hf_pg_command_add(command, err, "%s=%s", option, text));
    }
    return HF_OK;
}

static bool named_to_pg_dump(const struct hf_pg_table *table, bool selected)
{
    return table->selected == selected && !table->extension && !table->out_by_schema;
}

/* --table or --exclude-table for every relation chosen, or left out, by name. */
static enum hf_status add_tables(struct hf_pg_command *command, const char *option,
                                 const struct hf_pg_tables *tables, bool selected,
                                 struct hf_error *err)
{
    size_t bytes = 0;

    for (size_t i = 0; i < tables->count; i++) {
        const struct hf_pg_table *table = &tables->items[i];
        HF_AUTO(hf_buf) quoted = HF_BUF_INIT;
        const char *text;

        if (!named_to_pg_dump(table, selected))
            continue;
        HF_TRY(hf_pg_quote_qualified(&quoted, table->schema, table->name, err));
        HF_TRY(hf_buf_cstr(&quoted, &text, err));
        HF_TRY(hf_pg_command_add(command, err, "%s=%s", option, text));
        bytes += strlen(option) + quoted.len + 16;
        if (bytes > ARGUMENTS_MAX)
            return hf_error_set(err, HF_CONFIG,
                                "%s: more tables than pg_dump's command line can name; choose or "
                                "leave out whole schemas instead",
                                selected ? "include_tables" : "exclude_tables");
    }
    return HF_OK;
}

/*
 * Once something is chosen pg_dump leaves out extensions, which chosen tables may need for their
 * types; it can be told to take them since 14.
 */
enum hf_status hf_pg_schema_dump_options(const struct hf_pg_config *config,
                                         const struct hf_pg_tables *tables, int pg_dump_major,
                                         struct hf_pg_command *command, struct hf_error *err)
{
    bool by_name = config->include_tables.count > 0;

    if (hf_pg_filter_includes(config) && pg_dump_major >= 14)
        HF_TRY(hf_pg_command_add(command, err, "--extension=*"));
    if (by_name)
        return add_tables(command, "--table", tables, true, err);
    HF_TRY(add_schemas(command, "--schema", &config->include_schemas, tables, err));
    HF_TRY(add_schemas(command, "--exclude-schema", &config->exclude_schemas, tables, err));
    if (config->exclude_tables.count == 0)
        return HF_OK;
    return add_tables(command, "--exclude-table", tables, false, err);
}
