#include "formats/postgres/filter.h"

#include <stdlib.h>
#include <string.h>

struct list {
    const char *key; /* as the configuration calls it */
    const struct hf_strings *patterns;
};

enum { INCLUDE_SCHEMAS, EXCLUDE_SCHEMAS, INCLUDE_TABLES, EXCLUDE_TABLES, EXCLUDE_DATA, LISTS };

static void lists_of(const struct hf_pg_config *config, struct list lists[LISTS])
{
    lists[INCLUDE_SCHEMAS] = (struct list){"include_schemas", &config->include_schemas};
    lists[EXCLUDE_SCHEMAS] = (struct list){"exclude_schemas", &config->exclude_schemas};
    lists[INCLUDE_TABLES] = (struct list){"include_tables", &config->include_tables};
    lists[EXCLUDE_TABLES] = (struct list){"exclude_tables", &config->exclude_tables};
    lists[EXCLUDE_DATA] = (struct list){"exclude_data", &config->exclude_data};
}

enum hf_status hf_pg_filter_init(struct hf_pg_filter *filter, const struct hf_pg_config *config,
                                 struct hf_error *err)
{
    struct list lists[LISTS];
    size_t patterns = 0;
    bool *matched;

    lists_of(config, lists);
    for (size_t i = 0; i < LISTS; i++)
        patterns += lists[i].patterns->count;
    matched = calloc(patterns + 1, sizeof *matched);
    if (!matched)
        return hf_error_memory(err);
    *filter = (struct hf_pg_filter){.config = config, .matched = matched, .patterns = patterns};
    return HF_OK;
}

void hf_pg_filter_done(struct hf_pg_filter *filter)
{
    free(filter->matched);
    filter->matched = NULL;
}

/* Where the marks of a list begin in filter->matched. */
static bool *marks_of(struct hf_pg_filter *filter, const struct list lists[LISTS], size_t list)
{
    bool *marks = filter->matched;

    for (size_t i = 0; i < list; i++)
        marks += lists[i].patterns->count;
    return marks;
}

static bool matches(const char *pattern, const char *name, const char *qualified)
{
    return hf_text_match(pattern, name) ||
           (strchr(pattern, '.') && hf_text_match(pattern, qualified));
}

/* Every pattern is tried, so that each gets its mark. */
static bool any_match(const struct hf_strings *patterns, bool *marks, const char *name,
                      const char *qualified)
{
    bool found = false;

    for (size_t i = 0; i < patterns->count; i++) {
        if (matches(patterns->items[i], name, qualified)) {
            marks[i] = true;
            found = true;
        }
    }
    return found;
}

/* What the lists say of one relation, by itself. */
struct verdict {
    bool schema_out, included, excluded, data_excluded;
};

static enum hf_status judge(struct hf_pg_filter *filter, const struct hf_pg_table *table,
                            struct verdict *out, struct hf_error *err)
{
    HF_AUTO_FREE char *qualified = NULL;
    struct list lists[LISTS];
    bool hit[LISTS];

    lists_of(filter->config, lists);
    HF_TRY(hf_text_format(&qualified, err, "%s.%s", table->schema, table->name));
    for (size_t i = 0; i < LISTS; i++) {
        bool of_schema = i == INCLUDE_SCHEMAS || i == EXCLUDE_SCHEMAS;

        hit[i] = any_match(lists[i].patterns, marks_of(filter, lists, i),
                           of_schema ? table->schema : table->name,
                           of_schema ? table->schema : qualified);
    }
    out->schema_out = hit[EXCLUDE_SCHEMAS] ||
                      (lists[INCLUDE_SCHEMAS].patterns->count > 0 && !hit[INCLUDE_SCHEMAS]);
    out->included = hit[INCLUDE_TABLES];
    out->excluded = hit[EXCLUDE_TABLES];
    out->data_excluded = hit[EXCLUDE_DATA];
    return HF_OK;
}

/* Adds what the lists say of the tables that this one is a partition of. A sequence follows the
 * table that owns it in, but out only when it is that of an identity column: so does pg_dump. */
static void inherit(const struct hf_pg_tables *tables, const struct verdict *verdicts, size_t index,
                    struct verdict *sum)
{
    const struct hf_pg_table *table = &tables->items[index];
    bool out_too = table->kind != HF_PG_KIND_SEQUENCE || table->identity;

    *sum = verdicts[index];
    for (size_t depth = 0; table->parent && depth < tables->count; depth++) {
        const struct verdict *of_parent;

        table = hf_pg_tables_find(tables, table->parent);
        if (!table)
            return;
        of_parent = &verdicts[table - tables->items];
        sum->included |= of_parent->included;
        sum->excluded |= out_too && of_parent->excluded;
        sum->data_excluded |= of_parent->data_excluded;
    }
}

static void decide(const struct hf_pg_config *config, const struct verdict *sum, bool standby,
                   struct hf_pg_table *table)
{
    bool member = table->extension && !table->configuration;

    table->selected =
        !sum->schema_out && !sum->excluded && (config->include_tables.count == 0 || sum->included);
    table->rows = table->selected && !sum->data_excluded && !member &&
                  (table->kind == HF_PG_KIND_TABLE || table->kind == HF_PG_KIND_SEQUENCE) &&
                  !(standby && table->unlogged);
}

/* A schema may hold functions only. */
static void mark_schemas(struct hf_pg_filter *filter, const struct hf_strings *schemas)
{
    struct list lists[LISTS];

    lists_of(filter->config, lists);
    for (size_t i = INCLUDE_SCHEMAS; i <= EXCLUDE_SCHEMAS; i++) {
        for (size_t k = 0; k < schemas->count; k++)
            (void)any_match(lists[i].patterns, marks_of(filter, lists, i), schemas->items[k],
                            schemas->items[k]);
    }
}

enum hf_status hf_pg_filter_apply(struct hf_pg_filter *filter, struct hf_pg_tables *tables,
                                  bool standby, struct hf_error *err)
{
    HF_AUTO_FREE struct verdict *verdicts = calloc(tables->count + 1, sizeof *verdicts);

    if (!verdicts)
        return hf_error_memory(err);
    mark_schemas(filter, &tables->schemas);
    for (size_t i = 0; i < tables->count; i++)
        HF_TRY(judge(filter, &tables->items[i], &verdicts[i], err));
    for (size_t i = 0; i < tables->count; i++) {
        struct verdict sum;

        inherit(tables, verdicts, i, &sum);
        decide(filter->config, &sum, standby, &tables->items[i]);
    }
    return HF_OK;
}

enum hf_status hf_pg_filter_check(const struct hf_pg_filter *filter, struct hf_error *err)
{
    struct list lists[LISTS];
    const bool *mark = filter->matched;

    lists_of(filter->config, lists);
    for (size_t i = 0; i < LISTS; i++) {
        for (size_t k = 0; k < lists[i].patterns->count; k++) {
            if (!*mark++)
                return hf_error_set(err, HF_CONFIG, "%s: \"%s\" matches nothing in the database",
                                    lists[i].key, lists[i].patterns->items[k]);
        }
    }
    return HF_OK;
}

bool hf_pg_filter_includes(const struct hf_pg_config *config)
{
    return config->include_schemas.count > 0 || config->include_tables.count > 0;
}

bool hf_pg_filter_large_objects(const struct hf_pg_config *config)
{
    if (config->large_objects == HF_LARGE_OBJECTS_DEFAULT)
        return !hf_pg_filter_includes(config);
    return config->large_objects == HF_LARGE_OBJECTS_YES;
}

bool hf_pg_filter_partial(const struct hf_pg_config *config)
{
    return hf_pg_filter_includes(config) || config->exclude_schemas.count > 0 ||
           config->exclude_tables.count > 0 || config->exclude_data.count > 0 ||
           config->large_objects == HF_LARGE_OBJECTS_NO;
}
