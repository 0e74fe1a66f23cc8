#include "agent/kinds/show_redis.h"

#include "agent/kinds/restore_report.h"
#include "agent/terminal/table.h"
#include "base/json.h"

#include <inttypes.h>
#include <string.h>

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "?";
}

static json_int_t number_of(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static void write_server(struct hf_output *output, const json_t *properties)
{
    const json_t *server = json_object_get(properties, "server");
    const json_t *shards = json_object_get(properties, "shards");
    const json_t *shard;
    size_t i;

    hf_output_text(output, "server    %s %s, %s\n", text_of(server, "name"),
                   text_of(server, "version"), text_of(server, "mode"));
    hf_output_text(output, "read      %s\n",
                   json_is_true(json_object_get(properties, "point_in_time"))
                       ? "as a replica, at one point in time"
                       : "key by key, not at one point in time");
    json_array_foreach (shards, i, shard) {
        hf_output_text(output, "from      %s, RDB %" JSON_INTEGER_FORMAT, text_of(shard, "address"),
                       number_of(shard, "rdb_version"));
        if (number_of(shard, "replication_offset") >= 0)
            hf_output_text(output, ", offset %" JSON_INTEGER_FORMAT " of %s",
                           number_of(shard, "replication_offset"),
                           text_of(shard, "replication_id"));
        hf_output_text(output, "\n");
        if (number_of(shard, "not_understood") > 0)
            hf_output_text(output,
                           "          %" JSON_INTEGER_FORMAT
                           " bytes are kept that could not be counted\n",
                           number_of(shard, "not_understood"));
    }
}

/* "12 string, 3 hash" */
static enum hf_status put_types(struct hf_buf *out, const json_t *types, struct hf_error *err)
{
    const char *name;
    json_t *count;

    json_object_foreach ((json_t *)(uintptr_t)types, name, count)
        HF_TRY(hf_buf_printf(out, err, "%s%" JSON_INTEGER_FORMAT " %s", out->len > 0 ? ", " : "",
                             json_integer_value(count), name));
    return HF_OK;
}

static enum hf_status write_databases(struct hf_output *output, const json_t *properties,
                                      struct hf_error *err)
{
    const json_t *databases = json_object_get(properties, "databases");
    HF_AUTO(hf_table) table = {.columns = 0};
    const json_t *one;
    size_t i;

    HF_TRY(hf_table_begin(&table, ">DATABASE|>KEYS|>EXPIRING|>SIZE|TYPES", err));
    json_array_foreach (databases, i, one) {
        HF_AUTO(hf_buf) types = HF_BUF_INIT;
        char size[HF_SIZE_TEXT];
        const char *text;

        HF_TRY(put_types(&types, json_object_get(one, "types"), err));
        HF_TRY(hf_buf_cstr(&types, &text, err));
        hf_text_format_size(size, (uint64_t)number_of(one, "bytes"));
        HF_TRY(hf_table_add(&table, err, "%" JSON_INTEGER_FORMAT, number_of(one, "database")));
        HF_TRY(hf_table_add(&table, err, "%" JSON_INTEGER_FORMAT, number_of(one, "keys")));
        HF_TRY(hf_table_add(&table, err, "%" JSON_INTEGER_FORMAT, number_of(one, "expiring")));
        HF_TRY(hf_table_add(&table, err, "%s", size));
        HF_TRY(hf_table_add(&table, err, "%s", text));
    }
    hf_output_text(output, "\n");
    hf_table_write(&table, output);
    return HF_OK;
}

static enum hf_status write_largest(struct hf_output *output, const json_t *properties,
                                    struct hf_error *err)
{
    const json_t *largest = json_object_get(properties, "largest");
    HF_AUTO(hf_table) table = {.columns = 0};
    const json_t *one;
    size_t i;

    HF_TRY(hf_table_begin(&table, ">DATABASE|LARGEST KEYS|TYPE|>SIZE", err));
    json_array_foreach (largest, i, one) {
        char size[HF_SIZE_TEXT];

        hf_text_format_size(size, (uint64_t)number_of(one, "bytes"));
        HF_TRY(hf_table_add(&table, err, "%" JSON_INTEGER_FORMAT, number_of(one, "database")));
        HF_TRY(hf_table_add(&table, err, "%s", text_of(one, "key")));
        HF_TRY(hf_table_add(&table, err, "%s", text_of(one, "type")));
        HF_TRY(hf_table_add(&table, err, "%s", size));
    }
    hf_output_text(output, "\n");
    hf_table_write(&table, output);
    return HF_OK;
}

enum hf_status hf_show_redis(struct hf_output *output, const struct hf_snapshot_info *info,
                             const struct hf_feed *feed, json_t *event, struct hf_error *err)
{
    const json_t *functions = json_object_get(info->properties, "functions");
    const json_t *one;
    size_t i;

    (void)feed;
    (void)event; /* the properties are in it already */
    write_server(output, info->properties);
    json_array_foreach (functions, i, one)
        hf_output_text(output, "functions %s\n", json_string_value(one));
    HF_TRY(write_databases(output, info->properties, err));
    return write_largest(output, info->properties, err);
}

static void write_database(struct hf_output *output, const json_t *one)
{
    bool compared = json_is_true(json_object_get(one, "compared"));

    hf_output_text(output,
                   "database %" JSON_INTEGER_FORMAT " restored into %" JSON_INTEGER_FORMAT
                   ": %" JSON_INTEGER_FORMAT " keys",
                   number_of(one, "database"), number_of(one, "restored_as"),
                   number_of(one, "keys"));
    if (number_of(one, "expired") > 0)
        hf_output_text(output, ", %" JSON_INTEGER_FORMAT " of them expired meanwhile",
                       number_of(one, "expired"));
    hf_output_text(output, ", %s\n",
                   !compared                                     ? "not compared"
                   : json_is_true(json_object_get(one, "equal")) ? "compared, equal"
                                                                 : "compared, DIFFERENT");
}

void hf_report_redis(struct hf_output *output, const json_t *report)
{
    const json_t *databases = json_object_get(report, "databases");
    const char *file = json_string_value(json_object_get(report, "file"));
    const json_t *one;
    size_t i;

    if (file)
        hf_output_text(output, "written to %s\n", file);
    json_array_foreach (databases, i, one)
        write_database(output, one);
    hf_restore_report_notes(output, json_object_get(report, "notes"));
    hf_restore_report_differences(output, json_object_get(report, "differences"));
}
