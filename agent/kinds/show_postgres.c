#include "agent/kinds/show_postgres.h"

#include "agent/terminal/table.h"
#include "base/json.h"

#include <inttypes.h>
#include <string.h>

/* A table of a database; its streams, the parts, follow one another. */
struct one_table {
    const char *stream; /* of its first part: "DB/data/SCHEMA.TABLE/0000" */
    size_t stem;        /* how much of that the parts share */
    const char *schema, *table;
    uint64_t rows, bytes, parts;
};

struct listing {
    struct hf_table *text;
    json_t *json;
};

/* The database's name is the first part of the stream's; encoded as there. */
static enum hf_status put_table(const struct listing *listing, const struct one_table *one,
                                struct hf_error *err)
{
    int database;
    char size[HF_SIZE_TEXT];

    if (one->parts == 0)
        return HF_OK;
    database = (int)strcspn(one->stream, "/");
    hf_text_format_size(size, one->bytes);
    HF_TRY(hf_table_add(listing->text, err, "%.*s", database, one->stream));
    HF_TRY(hf_table_add(listing->text, err, "%s.%s", one->schema, one->table));
    HF_TRY(hf_table_add(listing->text, err, "%" PRIu64, one->rows));
    HF_TRY(hf_table_add(listing->text, err, "%s", size));
    if (json_array_append_new(
            listing->json,
            json_pack("{s:s%, s:s, s:s, s:I, s:I, s:I}", "database", one->stream, (size_t)database,
                      "schema", one->schema, "table", one->table, "rows", (json_int_t)one->rows,
                      "bytes", (json_int_t)one->bytes, "parts", (json_int_t)one->parts)) != 0)
        return hf_error_memory(err);
    return HF_OK;
}

static bool same_table(const struct one_table *one, const char *name, size_t stem)
{
    return one->parts > 0 && one->stem == stem && strncmp(one->stream, name, stem) == 0;
}

static enum hf_status list_tables(const struct hf_feed *feed, const struct listing *listing,
                                  struct hf_error *err)
{
    struct one_table one = {.parts = 0};
    const struct hf_stream_info *info;

    for (size_t i = 0; (info = feed->info(feed->ctx, i)) != NULL; i++) {
        const char *schema = json_string_value(json_object_get(info->attrs, "schema"));
        const char *table = json_string_value(json_object_get(info->attrs, "table"));
        const char *last = strrchr(info->name, '/');
        size_t stem = last ? (size_t)(last - info->name) : 0;

        if (!schema || !table || !last)
            continue;
        if (!same_table(&one, info->name, stem)) {
            HF_TRY(put_table(listing, &one, err));
            one = (struct one_table){
                .stream = info->name, .stem = stem, .schema = schema, .table = table};
        }
        one.rows += info->records;
        one.bytes += info->bytes;
        one.parts++;
    }
    return put_table(listing, &one, err);
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "?";
}

/* Of the properties, what a person asks first; --json has them all. */
static enum hf_status write_properties(struct hf_output *output, const json_t *properties,
                                       struct hf_error *err)
{
    const json_t *server = json_object_get(properties, "server");
    json_t *databases = json_object_get(properties, "databases");
    HF_AUTO(hf_table) table = {.columns = 0};
    const json_t *one;
    size_t i;

    if (server)
        hf_output_text(output, "server    %s\n", text_of(server, "version"));
    HF_TRY(hf_table_begin(&table, "DATABASE|ENCODING|OWNER|>TABLES|>ROWS|", err));
    json_array_foreach (databases, i, one) {
        bool partial = json_is_true(json_object_get(one, "partial"));

        HF_TRY(hf_table_add(&table, err, "%s", text_of(one, "name")));
        HF_TRY(hf_table_add(&table, err, "%s", text_of(one, "encoding")));
        HF_TRY(hf_table_add(&table, err, "%s", text_of(one, "owner")));
        HF_TRY(hf_table_add(&table, err, "%" JSON_INTEGER_FORMAT,
                            json_integer_value(json_object_get(one, "tables"))));
        HF_TRY(hf_table_add(&table, err, "%" JSON_INTEGER_FORMAT,
                            json_integer_value(json_object_get(one, "rows"))));
        HF_TRY(hf_table_add(&table, err, "%s", partial ? "a part of it" : ""));
    }
    hf_output_text(output, "\n");
    hf_table_write(&table, output);
    return HF_OK;
}

enum hf_status hf_show_postgres(struct hf_output *output, const struct hf_snapshot_info *info,
                                const struct hf_feed *feed, json_t *event, struct hf_error *err)
{
    HF_AUTO(hf_table) table = {.columns = 0};
    HF_AUTO_JSON tables = json_array();
    struct listing listing = {.text = &table, .json = tables};

    if (!tables || json_object_set(event, "tables", tables) != 0)
        return hf_error_memory(err);
    HF_TRY(hf_table_begin(&table, "DATABASE|TABLE|>ROWS|>SIZE", err));
    HF_TRY(list_tables(feed, &listing, err));
    HF_TRY(write_properties(output, info->properties, err));
    hf_output_text(output, "\n");
    hf_table_write(&table, output);
    return HF_OK;
}
