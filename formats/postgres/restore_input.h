/*
 * What a restore works from: the schema archive of a database and the streams of its rows,
 * checked for being whole. Nothing here talks to a server.
 */
#ifndef HF_POSTGRES_RESTORE_INPUT_H
#define HF_POSTGRES_RESTORE_INPUT_H

#include "base/stream.h"
#include "base/text.h"
#include "formats/postgres/digest.h"
#include "formats/postgres/selection.h"
#include "formats/postgres/toc.h"
#include "formats/source.h"

/* A table's rows. Strings are borrowed from the feed. */
struct hf_pg_rows_of {
    const char *schema, *table;
    const char *where;     /* of an extension's configuration table: what is ours; or NULL */
    const char *extension; /* that it belongs to, or NULL */
    struct hf_strings columns;
    const struct hf_stream_info **parts; /* in their order */
    size_t parts_count;
    uint64_t bytes, rows; /* of all parts */
    char *root_schema,
        *root_table;               /* rows go in by way of this partitioned table; owned, or NULL */
    struct hf_pg_digest_sum fed;   /* what went into the database */
    struct hf_pg_digest_sum found; /* what was read back */
};

struct hf_pg_input {
    const char *database; /* its name in the snapshot */
    int archive_fd;       /* the schema archive in memory, or -1 */
    struct hf_pg_toc *toc;
    struct hf_pg_selection selection;
    struct hf_pg_rows_of *tables; /* those that the selection takes, largest first */
    size_t tables_count;
    uint64_t bytes, rows; /* of these */
};

#define HF_PG_INPUT_INIT                                                                           \
    {                                                                                              \
        .archive_fd = -1                                                                           \
    }

/* HF_DAMAGED, naming the stream, when one is missing or does not say what it must. expected: how
 * many tables with rows the snapshot must have, or -1 where it does not say. */
enum hf_status hf_pg_input_read(const struct hf_feed *feed, const char *database, int64_t expected,
                                const struct hf_pg_choice *choice, struct hf_pg_input *out,
                                struct hf_error *err) HF_WARN_UNUSED;
void hf_pg_input_free(struct hf_pg_input *input);

/* Appends the schemas that entries are in and that have none of their own: the archive of a capture
 * of chosen tables has none. */
enum hf_status hf_pg_input_missing_schemas(const struct hf_pg_input *input, struct hf_strings *out,
                                           struct hf_error *err) HF_WARN_UNUSED;

/* Whether large objects are to come back: with everything, or as the options say. HF_USAGE when
 * they are asked for and the snapshot was made without. */
enum hf_status hf_pg_input_large_objects(const struct hf_pg_input *input,
                                         const struct hf_restore_options *options,
                                         const json_t *database, bool *out,
                                         struct hf_error *err) HF_WARN_UNUSED;

/* "DB/rest", with DB encoded. */
enum hf_status hf_pg_input_stream_name(struct hf_buf *out, const char *database, const char *rest,
                                       struct hf_error *err) HF_WARN_UNUSED;

/* Parses a pg_dump archive that a descriptor holds. */
enum hf_status hf_pg_archive_parse(int fd, struct hf_pg_toc **out,
                                   struct hf_error *err) HF_WARN_UNUSED;

#endif
