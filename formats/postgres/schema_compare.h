/*
 * Compares two archives' tables of contents: what was captured, and what a dump of the restored
 * database gives. Entries are matched by kind, schema, name and definition; dump ids and order do
 * not count.
 *
 * Definitions that differ only in parentheses, casts and blanks are equal: the server itself
 * writes an expression it was given in another way than it printed it (a list of varchar values
 * in a CHECK, say). ACLs are compared as sets of statements, and as sets too the columns of a
 * table that inherits, as it gets its parents' first, and the roles of a policy.
 */
#ifndef HF_POSTGRES_SCHEMA_COMPARE_H
#define HF_POSTGRES_SCHEMA_COMPARE_H

#include "formats/postgres/selection.h"
#include "formats/postgres/toc.h"

#include <jansson.h>

struct hf_pg_schema_comparison {
    const struct hf_pg_toc *expected;
    const struct hf_pg_selection *selection; /* of expected; what it left out is not expected */
    const struct hf_pg_toc *found;
    bool no_owner; /* owners and ACLs do not count */
    bool no_acl;
    bool partial; /* expected was chosen at capture: what it lacks may be there */
};

/*
 * Appends to differences objects {"what","name","expected","found"} and to notes strings. Where
 * the two dumps were made by other majors of pg_dump or of the server, definitions and owners
 * that differ become one note each, and entries that only the newer one has become one note;
 * missing entries are always differences.
 */
enum hf_status hf_pg_schema_compare(const struct hf_pg_schema_comparison *comparison,
                                    json_t *differences, json_t *notes,
                                    struct hf_error *err) HF_WARN_UNUSED;

/* Whether two definitions say the same. Exposed for its test. */
bool hf_pg_definition_equal(const char *a, const char *b);

#endif
