#include "formats/postgres/restore_input.h"

#include "base/file.h"
#include "base/json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ARCHIVE_MAX = 1 << 30, PARTS_MAX = 1 << 20 };

enum hf_status hf_pg_input_stream_name(struct hf_buf *out, const char *database, const char *rest,
                                       struct hf_error *err)
{
    const char *text;

    HF_TRY(hf_stream_name_part(out, database, err));
    HF_TRY(hf_buf_append_str(out, "/", err));
    HF_TRY(hf_buf_append_str(out, rest, err));
    return hf_buf_cstr(out, &text, err);
}

struct archive {
    int fd;
    uint64_t len; /* so far */
};

static enum hf_status copy_piece(void *ctx, const uint8_t *data, size_t len, struct hf_error *err)
{
    struct archive *archive = ctx;

    archive->len += len;
    if (archive->len > ARCHIVE_MAX)
        return hf_error_set(err, HF_UNSUPPORTED, "the schema archive is above 1 GiB");
    return hf_fd_write(archive->fd, data, len, "schema archive", err);
}

static enum hf_status read_archive(const struct hf_feed *feed, struct hf_pg_input *input,
                                   struct hf_error *err)
{
    HF_AUTO(hf_buf) name = HF_BUF_INIT;
    struct archive archive = {.len = 0};

    HF_TRY(hf_pg_input_stream_name(&name, input->database, "schema", err));
    if (!feed->find(feed->ctx, (const char *)name.data))
        return hf_error_set(err, HF_DAMAGED, "the snapshot has no stream %s",
                            (const char *)name.data);
    HF_TRY(hf_fd_memory("schema", &input->archive_fd, err));
    archive.fd = input->archive_fd;
    return hf_feed_each(feed, (const char *)name.data, copy_piece, &archive, err);
}

enum hf_status hf_pg_archive_parse(int fd, struct hf_pg_toc **out, struct hf_error *err)
{
    enum hf_status status;
    struct stat st;
    void *map;

    if (fstat(fd, &st) != 0)
        return hf_error_sys(err, errno, "the schema archive");
    if (st.st_size == 0)
        return hf_error_set(err, HF_DAMAGED, "the schema archive is empty");
    map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (map == MAP_FAILED)
        return hf_error_sys(err, errno, "the schema archive");
    status = hf_pg_toc_parse(map, (size_t)st.st_size, out, err);
    if (munmap(map, (size_t)st.st_size) != 0 && status == HF_OK) {
        hf_pg_toc_free(*out);
        *out = NULL;
        return hf_error_sys(err, errno, "the schema archive");
    }
    return status;
}

static enum hf_status read_columns(const json_t *attrs, struct hf_strings *out,
                                   struct hf_error *err)
{
    json_t *columns;
    json_t *item;
    size_t i;

    HF_TRY(hf_json_array(attrs, "columns", &columns, err));
    json_array_foreach (columns, i, item) {
        const char *name = json_string_value(item);

        if (!name)
            return hf_error_set(err, HF_DAMAGED, "a column has no name");
        HF_TRY(hf_strings_add(out, name, err));
    }
    return HF_OK;
}

static void free_table(struct hf_pg_rows_of *table)
{
    hf_strings_free(&table->columns);
    free(table->parts);
    free(table->root_schema);
    free(table->root_table);
}

/* What the first part that is met says of the table. */
static enum hf_status begin_table(const struct hf_stream_info *info, struct hf_pg_rows_of *out,
                                  struct hf_error *err)
{
    struct hf_pg_rows_of table = {.columns = HF_STRINGS_INIT};
    enum hf_status status;
    uint64_t parts;

    HF_TRY(hf_json_string(info->attrs, "schema", &table.schema, err));
    HF_TRY(hf_json_string(info->attrs, "table", &table.table, err));
    HF_TRY(hf_json_string_optional(info->attrs, "where", &table.where, err));
    HF_TRY(hf_json_string_optional(info->attrs, "extension", &table.extension, err));
    HF_TRY(hf_json_u64(info->attrs, "parts", PARTS_MAX, &parts, err));
    if (parts == 0)
        return hf_error_set(err, HF_DAMAGED, "it has no parts");
    status = read_columns(info->attrs, &table.columns, err);
    table.parts = calloc(parts, sizeof *table.parts); /* NOLINT(bugprone-sizeof-expression) */
    table.parts_count = parts;
    if (!table.parts && status == HF_OK)
        status = hf_error_memory(err);
    if (status != HF_OK) {
        free_table(&table);
        return status;
    }
    *out = table;
    return HF_OK;
}

static enum hf_status add_part(struct hf_pg_rows_of *table, const struct hf_stream_info *info,
                               struct hf_error *err)
{
    const char *schema;
    const char *name;
    uint64_t part;
    uint64_t parts;

    HF_TRY(hf_json_string(info->attrs, "schema", &schema, err));
    HF_TRY(hf_json_string(info->attrs, "table", &name, err));
    HF_TRY(hf_json_u64(info->attrs, "parts", PARTS_MAX, &parts, err));
    HF_TRY(hf_json_u64(info->attrs, "part", PARTS_MAX, &part, err));
    if (strcmp(schema, table->schema) != 0 || strcmp(name, table->table) != 0 ||
        parts != table->parts_count || part >= parts || table->parts[part])
        return hf_error_set(err, HF_DAMAGED, "it does not fit the other parts of its table");
    table->parts[part] = info;
    table->bytes += info->bytes;
    table->rows += info->records;
    return HF_OK;
}

/* Length of a stream's name up to its part's number: the same for all parts of a table. */
static size_t table_prefix(const char *name)
{
    const char *slash = strrchr(name, '/');

    return slash ? (size_t)(slash - name) : strlen(name);
}

static enum hf_status check_whole(const struct hf_pg_rows_of *table, struct hf_error *err)
{
    for (size_t i = 0; i < table->parts_count; i++)
        if (!table->parts[i])
            return hf_error_set(err, HF_DAMAGED,
                                "table %s.%s: part %zu of %zu is missing in the snapshot",
                                table->schema, table->table, i + 1, table->parts_count);
    return HF_OK;
}

static enum hf_status grow(struct hf_pg_input *input, size_t *cap, struct hf_error *err)
{
    size_t wanted = *cap == 0 ? 64 : *cap * 2;
    struct hf_pg_rows_of *tables;

    if (input->tables_count < *cap)
        return HF_OK;
    tables = realloc(input->tables, wanted * sizeof *tables);
    if (!tables)
        return hf_error_memory(err);
    input->tables = tables;
    *cap = wanted;
    return HF_OK;
}

/* Streams come in the order of their names, so the parts of a table are neighbours. */
static enum hf_status read_tables(const struct hf_feed *feed, const char *prefix,
                                  struct hf_pg_input *input, struct hf_error *err)
{
    const struct hf_stream_info *before = NULL;
    const struct hf_stream_info *info;
    size_t cap = 0;

    for (size_t i = 0; (info = feed->info(feed->ctx, i)) != NULL; i++) {
        enum hf_status status = HF_OK;
        size_t len = table_prefix(info->name);

        if (strncmp(info->name, prefix, strlen(prefix)) != 0)
            continue;
        if (!before || table_prefix(before->name) != len ||
            strncmp(before->name, info->name, len) != 0) {
            HF_TRY(grow(input, &cap, err));
            status = begin_table(info, &input->tables[input->tables_count], err);
            input->tables_count += status == HF_OK;
        }
        if (status == HF_OK)
            status = add_part(&input->tables[input->tables_count - 1], info, err);
        if (status != HF_OK)
            return hf_error_prefix(err, "stream %s", info->name);
        before = info;
    }
    for (size_t i = 0; i < input->tables_count; i++)
        HF_TRY(check_whole(&input->tables[i], err));
    return HF_OK;
}

static void drop_unselected(struct hf_pg_input *input)
{
    size_t kept = 0;

    for (size_t i = 0; i < input->tables_count; i++) {
        struct hf_pg_rows_of *t = &input->tables[i];

        if (!hf_pg_selection_has_rows(input->toc, &input->selection, t->schema, t->table,
                                      t->extension)) {
            free_table(t);
            continue;
        }
        input->bytes += t->bytes;
        input->rows += t->rows;
        input->tables[kept++] = *t;
    }
    input->tables_count = kept;
}

static int compare_sizes(const void *a, const void *b)
{
    const struct hf_pg_rows_of *x = a;
    const struct hf_pg_rows_of *y = b;

    return (x->bytes < y->bytes) - (x->bytes > y->bytes);
}

static enum hf_status read_all(const struct hf_feed *feed, int64_t expected,
                               const struct hf_pg_choice *choice, struct hf_pg_input *input,
                               struct hf_error *err)
{
    HF_AUTO(hf_buf) prefix = HF_BUF_INIT;

    HF_TRY(read_archive(feed, input, err));
    HF_TRY(hf_pg_archive_parse(input->archive_fd, &input->toc, err));
    HF_TRY(hf_pg_selection_make(input->toc, choice, &input->selection, err));
    HF_TRY(hf_pg_input_stream_name(&prefix, input->database, "data/", err));
    HF_TRY(read_tables(feed, (const char *)prefix.data, input, err));
    if (expected >= 0 && (uint64_t)expected != input->tables_count)
        return hf_error_set(err, HF_DAMAGED,
                            "the snapshot has the rows of %zu tables and should have %" PRId64,
                            input->tables_count, expected);
    drop_unselected(input);
    if (input->tables_count > 1)
        qsort(input->tables, input->tables_count, sizeof *input->tables, compare_sizes);
    return HF_OK;
}

enum hf_status hf_pg_input_read(const struct hf_feed *feed, const char *database, int64_t expected,
                                const struct hf_pg_choice *choice, struct hf_pg_input *out,
                                struct hf_error *err)
{
    struct hf_pg_input input = HF_PG_INPUT_INIT;
    enum hf_status status;

    input.database = database;
    status = read_all(feed, expected, choice, &input, err);
    if (status != HF_OK) {
        hf_pg_input_free(&input);
        return status;
    }
    *out = input;
    return HF_OK;
}

void hf_pg_input_free(struct hf_pg_input *input)
{
    for (size_t i = 0; i < input->tables_count; i++)
        free_table(&input->tables[i]);
    free(input->tables);
    hf_pg_selection_free(&input->selection);
    hf_pg_toc_free(input->toc);
    hf_fd_auto(&input->archive_fd);
    *input = (struct hf_pg_input)HF_PG_INPUT_INIT;
}

static bool has_schema_entry(const struct hf_pg_toc *toc, const char *name)
{
    for (size_t i = 0; i < toc->count; i++)
        if (strcmp(toc->entries[i].desc, "SCHEMA") == 0 && strcmp(toc->entries[i].tag, name) == 0)
            return true;
    return false;
}

enum hf_status hf_pg_input_missing_schemas(const struct hf_pg_input *input, struct hf_strings *out,
                                           struct hf_error *err)
{
    const struct hf_pg_toc *toc = input->toc;

    for (size_t i = 0; i < toc->count; i++) {
        const char *name = toc->entries[i].nspace;

        if (input->selection.included[i] && *name && strncmp(name, "pg_", 3) != 0 &&
            !hf_strings_contain(out, name) && !has_schema_entry(toc, name))
            HF_TRY(hf_strings_add(out, name, err));
    }
    return HF_OK;
}

enum hf_status hf_pg_input_large_objects(const struct hf_pg_input *input,
                                         const struct hf_restore_options *options,
                                         const json_t *database, bool *out, struct hf_error *err)
{
    if (options->large_objects == HF_LARGE_OBJECTS_YES &&
        json_is_false(json_object_get(database, "large_objects")))
        return hf_error_set(
            err, HF_USAGE,
            "the snapshot has no large objects: they were left out when it was made");
    *out = options->large_objects == HF_LARGE_OBJECTS_YES ||
           (options->large_objects == HF_LARGE_OBJECTS_DEFAULT && input->selection.everything);
    return HF_OK;
}
