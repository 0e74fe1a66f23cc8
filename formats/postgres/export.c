#include "formats/postgres/export.h"

#include "base/file.h"
#include "base/json.h"
#include "formats/postgres/copy.h"
#include "formats/postgres/copy_text.h"
#include "formats/postgres/create_database.h"
#include "formats/postgres/quote.h"
#include "formats/postgres/script.h"

#include <inttypes.h>
#include <string.h>

enum { PARTITION_DEPTH = 64 };

/* How to restore it, for who runs the script. */
static enum hf_status put_usage(struct hf_pg_script *s, struct hf_error *err)
{
    HF_AUTO(hf_buf) options = HF_BUF_INIT;
    const char *text;

    HF_TRY(hf_pg_create_database_sql(s->database, &options, err));
    if (json_string_value(json_object_get(s->database, "locale"))) /* not libc's */
        HF_TRY(hf_pg_create_provider_sql(s->database, &options, err));
    HF_TRY(hf_buf_cstr(&options, &text, err));
    return hf_pg_script_put(s, err,
                            "-- A database, written by holdfast. Restore it into a new one:\n--\n"
                            "--   CREATE DATABASE new_name%s;\n"
                            "--   psql -v ON_ERROR_STOP=1 -d new_name -f THIS_FILE\n--\n",
                            strpbrk(text, "\r\n") ? "" : text);
}

static enum hf_status put_head(struct hf_pg_script *s, struct hf_error *err)
{
    bool globals = s->server && s->has_globals;

    if (!s->server)
        HF_TRY(put_usage(s, err));
    if (!globals)
        HF_TRY(hf_pg_script_roles(s, err));
    for (size_t i = 0; i < s->input.selection.left_out.count; i++)
        if (!strpbrk(s->input.selection.left_out.items[i], "\r\n"))
            HF_TRY(hf_pg_script_put(s, err, "-- %s\n", s->input.selection.left_out.items[i]));
    return hf_pg_script_put(s, err, "\n\\set ON_ERROR_STOP 1\n\nSET client_encoding = 'UTF8';\n");
}

struct part {
    struct hf_pg_script *script;
    uint8_t last; /* byte so far */
};

static enum hf_status put_piece(void *ctx, const uint8_t *data, size_t len, struct hf_error *err)
{
    struct part *part = ctx;

    HF_TRY(hf_cancel_check(part->script->work->cancel, err));
    part->last = data[len - 1];
    HF_TRY(hf_pg_script_bytes(part->script, data, len, err));
    hf_observe_advance(part->script->work->observer, len, 0);
    return HF_OK;
}

static enum hf_status put_part(struct hf_pg_script *s, const char *name, struct hf_error *err)
{
    struct part part = {.script = s, .last = '\n'};

    HF_TRY(hf_feed_each(s->feed, name, put_piece, &part, err));
    if (part.last != '\n')
        return hf_error_set(err, HF_DAMAGED, "stream %s ends in the middle of a row", name);
    return HF_OK;
}

/* The table that a table is a partition of, by the entry that attaches it; or NULL. */
static const struct hf_pg_toc_entry *parent_of(const struct hf_pg_toc *toc, const char *schema,
                                               const char *name)
{
    for (size_t i = 0; i < toc->count; i++) {
        const struct hf_pg_toc_entry *e = &toc->entries[i];

        if (strcmp(e->desc, "TABLE ATTACH") != 0 || strcmp(e->tag, name) != 0 ||
            strcmp(e->nspace, schema) != 0)
            continue;
        for (size_t d = 0; d < e->deps_count; d++) {
            size_t at = hf_pg_toc_find(toc, e->deps[d]);

            if (at < toc->count && strcmp(toc->entries[at].desc, "TABLE") == 0 &&
                (strcmp(toc->entries[at].tag, name) != 0 ||
                 strcmp(toc->entries[at].nspace, schema) != 0))
                return &toc->entries[at];
        }
    }
    return NULL;
}

/* The topmost table above it that is partitioned by hash: the hash of an enum's values is another
 * in another database, so rows must find their partitions anew. NULL when there is none. */
static const struct hf_pg_toc_entry *hash_root(const struct hf_pg_toc *toc, const char *schema,
                                               const char *name)
{
    const struct hf_pg_toc_entry *root = NULL;
    const struct hf_pg_toc_entry *at = parent_of(toc, schema, name);

    for (int depth = 0; at && depth < PARTITION_DEPTH; depth++) {
        if (strstr(at->defn, "\nPARTITION BY HASH ("))
            root = at;
        at = parent_of(toc, at->nspace, at->tag);
    }
    return root;
}

static enum hf_status put_table(struct hf_pg_script *s, const struct hf_pg_rows_of *t,
                                struct hf_error *err)
{
    const struct hf_pg_toc_entry *root = NULL;
    const char *encoding;

    if (s->has_hashes)
        root = hash_root(s->input.toc, t->schema, t->table);
    if (t->rows == 0 && !t->extension)
        return HF_OK;
    HF_TRY(hf_json_string(s->database, "encoding", &encoding, err));
    if (t->extension) {
        HF_TRY(hf_pg_script_put(s, err, "DELETE FROM ONLY "));
        HF_TRY(hf_pg_script_qualified(s, t->schema, t->table, err));
        HF_TRY(hf_pg_script_put(s, err, " %s;\n", t->where ? t->where : ""));
    }
    HF_TRY(hf_pg_copy_in_sql(&s->out, root ? root->nspace : t->schema, root ? root->tag : t->table,
                             &t->columns, encoding, false, err));
    HF_TRY(hf_pg_script_put(s, err, ";\n"));
    for (size_t i = 0; i < t->parts_count; i++)
        HF_TRY(put_part(s, t->parts[i]->name, err));
    hf_observe_advance(s->work->observer, 0, 1);
    return hf_pg_script_put(s, err, "\\.\n\n");
}

/* Whether a relation is part of what is exported; an extension's is no entry of its own. */
static bool is_included(const struct hf_pg_script *s, const char *desc, const char *schema,
                        const char *name)
{
    const struct hf_pg_toc *toc = s->input.toc;

    if (s->input.selection.everything)
        return true;
    for (size_t i = 0; i < toc->count; i++)
        if (s->input.selection.included[i] && strcmp(toc->entries[i].desc, desc) == 0 &&
            strcmp(toc->entries[i].tag, name) == 0 && strcmp(toc->entries[i].nspace, schema) == 0)
            return true;
    return false;
}

static enum hf_status put_sequence(struct hf_pg_script *s, const char *row, size_t len,
                                   struct hf_error *err)
{
    HF_AUTO(hf_buf) storage = HF_BUF_INIT;
    HF_AUTO(hf_buf) name = HF_BUF_INIT;
    const char *f[4];
    const char *text;

    HF_TRY(hf_pg_text_split(row, len, "sequence", &storage, f, 4, err));
    if (!f[0] || !f[1] || !f[2] || !f[3])
        return hf_error_set(err, HF_DAMAGED, "a sequence's row is not whole");
    if (!is_included(s, "SEQUENCE", f[0], f[1]))
        return HF_OK;
    HF_TRY(hf_pg_quote_qualified(&name, f[0], f[1], err));
    HF_TRY(hf_buf_cstr(&name, &text, err));
    HF_TRY(hf_pg_script_put(s, err, "SELECT pg_catalog.setval("));
    HF_TRY(hf_pg_script_literal(s, text, err));
    HF_TRY(hf_pg_script_put(s, err, ", "));
    HF_TRY(hf_pg_script_literal(s, f[2], err));
    HF_TRY(hf_pg_script_put(s, err, ", "));
    HF_TRY(hf_pg_script_literal(s, f[3], err));
    return hf_pg_script_put(s, err, ");\n");
}

static enum hf_status put_refresh(struct hf_pg_script *s, const char *row, size_t len,
                                  struct hf_error *err)
{
    HF_AUTO(hf_buf) storage = HF_BUF_INIT;
    const char *f[3];

    HF_TRY(hf_pg_text_split(row, len, "materialized view", &storage, f, 3, err));
    if (!f[0] || !f[1] || !f[2])
        return hf_error_set(err, HF_DAMAGED, "a materialized view's row is not whole");
    if (strcmp(f[2], "t") != 0 || !is_included(s, "MATERIALIZED VIEW", f[0], f[1]))
        return HF_OK;
    HF_TRY(hf_pg_script_put(s, err, "REFRESH MATERIALIZED VIEW "));
    HF_TRY(hf_pg_script_qualified(s, f[0], f[1], err));
    return hf_pg_script_put(s, err, ";\n");
}

static enum hf_status put_schemas(struct hf_pg_script *s, struct hf_error *err)
{
    HF_AUTO(hf_strings) names = HF_STRINGS_INIT;

    if (!json_is_true(json_object_get(s->database, "partial")))
        return HF_OK;
    HF_TRY(hf_pg_input_missing_schemas(&s->input, &names, err));
    for (size_t i = 0; i < names.count; i++) {
        HF_TRY(hf_pg_script_put(s, err, "CREATE SCHEMA IF NOT EXISTS "));
        HF_TRY(hf_pg_script_ident(s, names.items[i], err));
        HF_TRY(hf_pg_script_put(s, err, ";\n"));
    }
    return HF_OK;
}

static enum hf_status put_all(struct hf_pg_script *s, struct hf_error *err)
{
    HF_TRY(put_head(s, err));
    HF_TRY(put_schemas(s, err));
    HF_TRY(hf_pg_script_stage(s, HF_PG_STAGE_PRE_DATA, err));
    /* names are UTF-8 here, whatever the schema is in; COPY says its rows' encoding itself */
    HF_TRY(hf_pg_script_put(s, err, "SET client_encoding = 'UTF8';\n"));
    hf_observe_expect(s->work->observer, s->input.bytes, s->input.tables_count);
    for (size_t i = 0; i < s->input.tables_count; i++)
        HF_TRY(put_table(s, &s->input.tables[i], err));
    HF_TRY(
        hf_pg_script_put(s, err, "SET standard_conforming_strings = on;\nSET search_path = '';\n"));
    HF_TRY(hf_pg_script_rows(s, "sequences", put_sequence, err));
    HF_TRY(hf_pg_script_large_objects(s, err));
    HF_TRY(hf_pg_script_stage(s, HF_PG_STAGE_POST_DATA, err));
    HF_TRY(hf_pg_script_stage(s, HF_PG_STAGE_ACL, err));
    HF_TRY(hf_pg_script_put(s, err, "SET client_encoding = 'UTF8';\n"));
    HF_TRY(hf_pg_script_rows(s, "matviews", put_refresh, err));
    HF_TRY(hf_pg_script_stage(s, HF_PG_STAGE_EVENT_TRIGGERS, err));
    HF_TRY(hf_pg_script_put(s, err, "SET client_encoding = 'UTF8';\n"));
    HF_TRY(hf_pg_script_settings(s, err));
    return hf_pg_script_put(s, err, "\n-- The end\n");
}

/* pg_restore reads archives of its own version and older ones. */
static int least_restore(const struct hf_pg_toc *toc)
{
    return toc->minor >= 16 ? 17 : toc->minor == 15 ? 16 : 13;
}

static enum hf_status export_steps(struct hf_pg_script *s, const char *name, struct hf_error *err)
{
    const json_t *tables = json_object_get(s->database, "tables");
    const struct hf_pg_choice choice = {.schemas = &s->options->schemas,
                                        .tables = &s->options->tables};

    if (s->server)
        HF_TRY(hf_pg_script_connect(s, name, err));
    HF_TRY(hf_pg_input_read(s->feed, name,
                            json_is_integer(tables) ? (int64_t)json_integer_value(tables) : -1,
                            &choice, &s->input, err));
    HF_TRY(hf_pg_input_large_objects(&s->input, s->options, s->database, &s->wants_objects, err));
    HF_TRY(hf_pg_tool_find(HF_PG_RESTORE, s->config->bin_dir, least_restore(s->input.toc),
                           s->work->cancel, &s->pg_restore, err));
    for (size_t i = 0; i < s->input.toc->count; i++)
        s->has_hashes |= strstr(s->input.toc->entries[i].defn, "\nPARTITION BY HASH (") != NULL;
    return put_all(s, err);
}

static enum hf_status export_database(struct hf_pg_script *s, const json_t *database,
                                      struct hf_error *err)
{
    const char *name;
    enum hf_status status;

    HF_TRY(hf_json_string(database, "name", &name, err));
    s->database = database;
    s->input = (struct hf_pg_input)HF_PG_INPUT_INIT;
    s->has_hashes = false;
    status = export_steps(s, name, err);
    hf_pg_tool_free(&s->pg_restore);
    hf_pg_input_free(&s->input);
    return status == HF_OK ? HF_OK : hf_error_prefix(err, "database %s", name);
}

static enum hf_status export_all(struct hf_pg_script *s, const json_t *properties,
                                 struct hf_error *err)
{
    const json_t *database;
    size_t i;

    if (s->server)
        HF_TRY(hf_pg_script_server(s, properties, err));
    json_array_foreach (json_object_get(properties, "databases"), i, database) {
        const char *name = json_string_value(json_object_get(database, "name"));

        if (!s->options->database || (name && strcmp(name, s->options->database) == 0))
            HF_TRY(export_database(s, database, err));
    }
    return hf_pg_script_flush(s, err);
}

/* A snapshot of a server, or of several databases, makes a script that makes them. */
static enum hf_status choose(struct hf_pg_script *s, const json_t *properties, struct hf_error *err)
{
    const char *wanted = s->options->database;
    bool found = false;
    json_t *all;
    json_t *item;
    size_t i;

    HF_TRY(hf_json_array(properties, "databases", &all, err));
    json_array_foreach (all, i, item) {
        const char *name;

        HF_TRY(hf_json_string(item, "name", &name, err));
        found |= !wanted || strcmp(wanted, name) == 0;
    }
    if (!found)
        return hf_error_set(err, HF_NOT_FOUND, "the snapshot has no database \"%s\"",
                            wanted ? wanted : "");
    s->has_globals = json_is_true(json_object_get(properties, "globals")) && !s->options->no_owner;
    s->server = !wanted && (json_array_size(all) > 1 || s->has_globals);
    if (s->server && (s->options->schemas.count > 0 || s->options->tables.count > 0))
        return hf_error_set(err, HF_USAGE,
                            "the snapshot has %zu databases: say of which one to export a part "
                            "(--database)",
                            json_array_size(all));
    return HF_OK;
}

enum hf_status hf_pg_export(const void *config, const json_t *properties,
                            const struct hf_feed *feed, const struct hf_restore_options *options,
                            const struct hf_work *work, int out_fd, struct hf_error *err)
{
    static const char broken[] = "\n\\.\n;\nholdfast: the export broke off here;\n";
    struct hf_pg_script script = {
        .config = config,
        .options = options,
        .work = work,
        .feed = feed,
        .fd = out_fd,
    };
    struct hf_error ignored = HF_ERROR_INIT;
    enum hf_status status;

    HF_TRY(choose(&script, properties, err));
    status = export_all(&script, properties, err);
    if (status != HF_OK)
        (void)!hf_fd_write(out_fd, broken, sizeof broken - 1, "the script", &ignored);
    hf_buf_free(&script.out);
    return status;
}
