/*
 * Which entries of an archive a restore takes, and in which stage: everything, or the chosen
 * tables and schemas with what they need.
 *
 * A chosen table brings what it depends on (schema, types, functions, sequences, parents,
 * extensions; tables among these with their structure only), its partitions, and what is attached
 * to it: defaults, indexes, constraints, triggers, rules, policies, statistics, comments, ACLs.
 * What is attached to several tables (a foreign key) is taken when all of them are, and otherwise
 * left out and named. Publications, subscriptions and event triggers are taken only when
 * everything is.
 *
 * The object borrows nothing; indexes are those of toc->entries.
 */
#ifndef HF_POSTGRES_SELECTION_H
#define HF_POSTGRES_SELECTION_H

#include "base/buffer.h"
#include "base/text.h"
#include "formats/postgres/toc.h"

struct hf_pg_choice {
    const struct hf_strings *schemas; /* patterns; both empty: everything */
    const struct hf_strings *tables;  /* "schema.table" or "table" patterns */
};

struct hf_pg_selection {
    bool everything;
    bool *included;             /* one an entry */
    bool *with_rows;            /* one an entry: a chosen table, or a partition of one */
    struct hf_strings left_out; /* sentences for the report */
};

#define HF_PG_SELECTION_INIT                                                                       \
    {                                                                                              \
        .everything = false                                                                        \
    }

/* HF_NOT_FOUND when a pattern matches nothing, with the nearest name. */
enum hf_status hf_pg_selection_make(const struct hf_pg_toc *toc, const struct hf_pg_choice *choice,
                                    struct hf_pg_selection *out,
                                    struct hf_error *err) HF_WARN_UNUSED;
void hf_pg_selection_free(struct hf_pg_selection *selection);
static inline void hf_pg_selection_auto(struct hf_pg_selection *selection)
{
    hf_pg_selection_free(selection);
}

/* Whether rows of this table are to be restored. extension: the name of the extension that the
 * table belongs to, or NULL. */
bool hf_pg_selection_has_rows(const struct hf_pg_toc *toc, const struct hf_pg_selection *selection,
                              const char *schema, const char *table, const char *extension);

/*
 * Stages in their order. ACLs come after everything that we do ourselves as owner or superuser
 * but refreshing materialized views, which runs with their owners' rights; event triggers come
 * last so that none fires for what the restore does.
 */
enum hf_pg_stage {
    HF_PG_STAGE_NONE, /* never restored from the archive */
    HF_PG_STAGE_PRE_DATA,
    HF_PG_STAGE_POST_DATA,
    HF_PG_STAGE_ACL,
    HF_PG_STAGE_EVENT_TRIGGERS,
};

enum hf_pg_stage hf_pg_entry_stage(const struct hf_pg_toc *toc, size_t index);

/* Appends a list for pg_restore -L with the included entries of a stage, in the archive's order.
 * skip: one an entry, those that come in another way; or NULL. *out_count is how many. */
enum hf_status hf_pg_selection_list(const struct hf_pg_toc *toc,
                                    const struct hf_pg_selection *selection, enum hf_pg_stage stage,
                                    const bool *skip, struct hf_buf *out, size_t *out_count,
                                    struct hf_error *err) HF_WARN_UNUSED;

#endif
