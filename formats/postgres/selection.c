#include "formats/postgres/selection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const relations[] = {"TABLE", "FOREIGN TABLE", "VIEW", "MATERIALIZED VIEW",
                                        NULL};
/* A table pattern may name these. */
static const char *const choosable[] = {
    "TABLE", "FOREIGN TABLE", "VIEW", "MATERIALIZED VIEW", "SEQUENCE", NULL};
/* Comes along when all the relations it depends on are taken; its other needs come with it. */
static const char *const attached[] = {
    "DEFAULT", "CONSTRAINT", "FK CONSTRAINT", "CHECK CONSTRAINT", "INDEX",      "TRIGGER",
    "RULE",    "POLICY",     "ROW SECURITY",  "SEQUENCE",         "STATISTICS", NULL};
/* Comes along when all that it depends on is taken. */
static const char *const annotations[] = {
    "COMMENT", "ACL", "SECURITY LABEL", "INDEX ATTACH", "TABLE ATTACH", "SEQUENCE OWNED BY", NULL};
static const char *const server_wide[] = {
    "EVENT TRIGGER", "PUBLICATION",     "PUBLICATION TABLE",  "PUBLICATION TABLES IN SCHEMA",
    "SUBSCRIPTION",  "STATISTICS DATA", "SUBSCRIPTION TABLE", NULL};
static const char *const acls[] = {"ACL", "DEFAULT ACL", NULL};

struct maker {
    const struct hf_pg_toc *toc;
    struct hf_pg_selection *sel;
    const char *schema_done; /* the last one that include_schema looked for: entries come in runs */
    bool changed;
};

static const struct hf_pg_toc_entry *entry(const struct maker *m, size_t i)
{
    return &m->toc->entries[i];
}

static void include(struct maker *m, size_t i)
{
    if (i < m->toc->count && !m->sel->included[i] && !hf_pg_toc_is_special(entry(m, i))) {
        m->sel->included[i] = true;
        m->changed = true;
    }
}

static bool matches_table(const char *pattern, const struct hf_pg_toc_entry *e)
{
    char full[512];

    if (hf_text_match(pattern, e->tag))
        return true;
    (void)snprintf(full, sizeof full, "%s.%s", e->nspace, e->tag);
    return hf_text_match(pattern, full);
}

static void choose(struct maker *m, size_t i)
{
    include(m, i);
    if (strcmp(entry(m, i)->desc, "TABLE") == 0 && !m->sel->with_rows[i]) {
        m->sel->with_rows[i] = true;
        m->changed = true;
    }
}

/* A schema's own entry, and all in it but what is attached to something. */
static bool choose_schema(struct maker *m, const char *pattern)
{
    bool found = false;

    for (size_t i = 0; i < m->toc->count; i++) {
        const struct hf_pg_toc_entry *e = entry(m, i);
        bool own = strcmp(e->desc, "SCHEMA") == 0 && hf_text_match(pattern, e->tag);

        if (!own && (e->nspace[0] == '\0' || !hf_text_match(pattern, e->nspace)))
            continue;
        found = true;
        if (own || !(hf_pg_toc_is(e, annotations) || hf_pg_toc_is(e, server_wide) ||
                     (hf_pg_toc_is(e, attached) && strcmp(e->desc, "SEQUENCE") != 0)))
            choose(m, i);
    }
    return found;
}

static bool choose_table(struct maker *m, const char *pattern)
{
    bool found = false;

    for (size_t i = 0; i < m->toc->count; i++)
        if (hf_pg_toc_is(entry(m, i), choosable) && matches_table(pattern, entry(m, i))) {
            found = true;
            choose(m, i);
        }
    return found;
}

/* The error for a pattern without a match. kinds: what it could have named. */
static enum hf_status no_match(const struct maker *m, const char *what, const char *pattern,
                               const char *const *kinds, struct hf_error *err)
{
    const char **names = calloc(m->toc->count + 1, sizeof *names);
    const char *dot = strrchr(pattern, '.');
    const char *nearest;
    size_t count = 0;

    if (!names)
        return hf_error_memory(err);
    for (size_t i = 0; i < m->toc->count; i++)
        if (hf_pg_toc_is(entry(m, i), kinds))
            names[count++] = entry(m, i)->tag;
    nearest = hf_text_nearest(dot ? dot + 1 : pattern, names);
    (void)hf_error_set(err, HF_NOT_FOUND, "the snapshot has no %s \"%s\"%s%s%s", what, pattern,
                       nearest ? ": did you mean \"" : "", nearest ? nearest : "",
                       nearest ? "\"?" : "");
    free(names);
    return err->status;
}

static enum hf_status choose_all(struct maker *m, const struct hf_pg_choice *choice,
                                 struct hf_error *err)
{
    static const char *const schema[] = {"SCHEMA", NULL};

    for (size_t i = 0; i < choice->schemas->count; i++)
        if (!choose_schema(m, choice->schemas->items[i]))
            return no_match(m, "schema", choice->schemas->items[i], schema, err);
    for (size_t i = 0; i < choice->tables->count; i++)
        if (!choose_table(m, choice->tables->items[i]))
            return no_match(m, "table", choice->tables->items[i], choosable, err);
    return HF_OK;
}

/* Partitions of chosen tables are chosen. "TABLE ATTACH" has the partition's name and depends on
 * the parent and the partition; a partition that is itself partitioned needs another pass. */
static void choose_partitions(struct maker *m)
{
    for (size_t i = 0; i < m->toc->count; i++) {
        const struct hf_pg_toc_entry *e = entry(m, i);
        size_t parent = m->toc->count;
        size_t child = m->toc->count;

        if (strcmp(e->desc, "TABLE ATTACH") != 0)
            continue;
        for (size_t d = 0; d < e->deps_count; d++) {
            size_t at = hf_pg_toc_find(m->toc, e->deps[d]);

            if (at == m->toc->count || !hf_pg_toc_is(entry(m, at), relations))
                continue;
            if (strcmp(entry(m, at)->tag, e->tag) == 0 &&
                strcmp(entry(m, at)->nspace, e->nspace) == 0)
                child = at;
            else
                parent = at;
        }
        if (parent < m->toc->count && child < m->toc->count && m->sel->with_rows[parent])
            choose(m, child);
    }
}

/* The schema an entry is in, which the archive does not always name as a dependency. */
static void include_schema(struct maker *m, const char *name)
{
    if (name[0] == '\0' || (m->schema_done && strcmp(m->schema_done, name) == 0))
        return;
    m->schema_done = name;
    for (size_t i = 0; i < m->toc->count; i++)
        if (strcmp(entry(m, i)->desc, "SCHEMA") == 0 && strcmp(entry(m, i)->tag, name) == 0)
            include(m, i);
}

static void include_needs(struct maker *m, size_t i, bool *expanded)
{
    const struct hf_pg_toc_entry *e = entry(m, i);

    if (!m->sel->included[i] || expanded[i])
        return;
    expanded[i] = true;
    include_schema(m, e->nspace);
    for (size_t d = 0; d < e->deps_count; d++)
        include(m, hf_pg_toc_find(m->toc, e->deps[d]));
}

/* A view that another needs may have its query apart, as a rule: then the view is what counts. */
static bool is_view_query(const struct hf_pg_toc_entry *e)
{
    size_t len = strlen(e->tag);

    return strcmp(e->desc, "RULE") == 0 && len > 8 && strcmp(e->tag + len - 8, " _RETURN") == 0;
}

struct subjects {
    size_t relations, relations_in;
    size_t all, all_in;
    size_t missing; /* the first relation that is not taken */
    bool own_in;    /* the table that the entry's tag begins with is taken */
};

static struct subjects count_subjects(const struct maker *m, const struct hf_pg_toc_entry *e)
{
    struct subjects s = {.missing = m->toc->count};

    for (size_t d = 0; d < e->deps_count; d++) {
        size_t at = hf_pg_toc_find(m->toc, e->deps[d]);
        const struct hf_pg_toc_entry *dep;
        bool in;

        if (at == m->toc->count)
            continue;
        dep = entry(m, at);
        in = m->sel->included[at];
        s.all++;
        s.all_in += in;
        if (!hf_pg_toc_is(dep, relations))
            continue;
        s.relations++;
        s.relations_in += in;
        if (!in && s.missing == m->toc->count)
            s.missing = at;
        if (in && strcmp(dep->nspace, e->nspace) == 0 &&
            strncmp(dep->tag, e->tag, strlen(dep->tag)) == 0 && e->tag[strlen(dep->tag)] == ' ')
            s.own_in = true;
    }
    return s;
}

static void include_attached(struct maker *m, size_t i)
{
    const struct hf_pg_toc_entry *e = entry(m, i);
    struct subjects s;

    if (m->sel->included[i])
        return;
    if (hf_pg_toc_is(e, annotations)) {
        s = count_subjects(m, e);
        if (s.all > 0 && s.all == s.all_in)
            include(m, i);
    } else if (hf_pg_toc_is(e, attached)) {
        s = count_subjects(m, e);
        if (s.relations > 0 && (s.relations == s.relations_in || (is_view_query(e) && s.own_in)))
            include(m, i);
    }
}

static enum hf_status close_over_needs(struct maker *m, struct hf_error *err)
{
    bool *expanded = calloc(m->toc->count + 1, sizeof *expanded);

    if (!expanded)
        return hf_error_memory(err);
    do {
        m->changed = false;
        choose_partitions(m);
        for (size_t i = 0; i < m->toc->count; i++)
            include_needs(m, i, expanded);
        for (size_t i = 0; i < m->toc->count; i++)
            include_attached(m, i);
    } while (m->changed);
    free(expanded);
    return HF_OK;
}

static enum hf_status note_without_rows(struct maker *m, const struct hf_pg_toc_entry *e,
                                        struct hf_error *err)
{
    char text[1024];

    (void)snprintf(text, sizeof text, "%s.%s: restored without its rows, as others need it",
                   e->nspace, e->tag);
    return hf_strings_add(&m->sel->left_out, text, err);
}

static enum hf_status note_attached(struct maker *m, const struct hf_pg_toc_entry *e,
                                    struct hf_error *err)
{
    struct subjects s = count_subjects(m, e);
    char text[1024];

    if (!s.own_in || s.missing == m->toc->count)
        return HF_OK;
    (void)snprintf(text, sizeof text, "%s %s: left out, as %s.%s is not restored", e->desc, e->tag,
                   entry(m, s.missing)->nspace, entry(m, s.missing)->tag);
    return hf_strings_add(&m->sel->left_out, text, err);
}

static enum hf_status note_left_out(struct maker *m, struct hf_error *err)
{
    for (size_t i = 0; i < m->toc->count; i++) {
        const struct hf_pg_toc_entry *e = entry(m, i);

        if (!m->sel->included[i] && hf_pg_toc_is(e, attached))
            HF_TRY(note_attached(m, e, err));
        else if (m->sel->included[i] && !m->sel->with_rows[i] && strcmp(e->desc, "TABLE") == 0)
            HF_TRY(note_without_rows(m, e, err));
    }
    return HF_OK;
}

static void take_everything(struct maker *m)
{
    m->sel->everything = true;
    for (size_t i = 0; i < m->toc->count; i++)
        choose(m, i);
}

enum hf_status hf_pg_selection_make(const struct hf_pg_toc *toc, const struct hf_pg_choice *choice,
                                    struct hf_pg_selection *out, struct hf_error *err)
{
    struct hf_pg_selection sel = HF_PG_SELECTION_INIT;
    struct maker m = {.toc = toc, .sel = &sel};
    enum hf_status status = HF_OK;

    sel.included = calloc(toc->count + 1, sizeof *sel.included);
    sel.with_rows = calloc(toc->count + 1, sizeof *sel.with_rows);
    if (!sel.included || !sel.with_rows) {
        status = hf_error_memory(err);
    } else if (choice->schemas->count == 0 && choice->tables->count == 0) {
        take_everything(&m);
    } else {
        status = choose_all(&m, choice, err);
        if (status == HF_OK)
            status = close_over_needs(&m, err);
        if (status == HF_OK)
            status = note_left_out(&m, err);
    }
    if (status != HF_OK) {
        hf_pg_selection_free(&sel);
        return status;
    }
    *out = sel;
    return HF_OK;
}

void hf_pg_selection_free(struct hf_pg_selection *selection)
{
    free(selection->included);
    free(selection->with_rows);
    hf_strings_free(&selection->left_out);
    *selection = (struct hf_pg_selection)HF_PG_SELECTION_INIT;
}

bool hf_pg_selection_has_rows(const struct hf_pg_toc *toc, const struct hf_pg_selection *selection,
                              const char *schema, const char *table, const char *extension)
{
    if (selection->everything)
        return true;
    for (size_t i = 0; i < toc->count; i++) {
        const struct hf_pg_toc_entry *e = &toc->entries[i];

        if (extension) {
            if (selection->included[i] && strcmp(e->desc, "EXTENSION") == 0 &&
                strcmp(e->tag, extension) == 0)
                return true;
        } else if (selection->with_rows[i] && strcmp(e->tag, table) == 0 &&
                   strcmp(e->nspace, schema) == 0) {
            return true;
        }
    }
    return false;
}

/* Comments and labels go with what they are about. */
static enum hf_pg_stage stage_of_subject(const struct hf_pg_toc *toc,
                                         const struct hf_pg_toc_entry *e)
{
    for (size_t d = 0; d < e->deps_count; d++) {
        size_t at = hf_pg_toc_find(toc, e->deps[d]);

        if (at == toc->count || toc->entries[at].section == HF_PG_SECTION_NONE)
            continue;
        return hf_pg_entry_stage(toc, at);
    }
    return HF_PG_STAGE_PRE_DATA;
}

enum hf_pg_stage hf_pg_entry_stage(const struct hf_pg_toc *toc, size_t index)
{
    const struct hf_pg_toc_entry *e = &toc->entries[index];

    if (hf_pg_toc_is_special(e) || strcmp(e->desc, "STATISTICS DATA") == 0)
        return HF_PG_STAGE_NONE;
    if (hf_pg_toc_is(e, acls))
        return HF_PG_STAGE_ACL;
    if (strcmp(e->desc, "EVENT TRIGGER") == 0)
        return HF_PG_STAGE_EVENT_TRIGGERS;
    switch (e->section) {
    case HF_PG_SECTION_PRE_DATA:
        return HF_PG_STAGE_PRE_DATA;
    case HF_PG_SECTION_POST_DATA:
        return HF_PG_STAGE_POST_DATA;
    case HF_PG_SECTION_DATA:
        return HF_PG_STAGE_NONE;
    case HF_PG_SECTION_NONE:
    default:
        return stage_of_subject(toc, e);
    }
}

enum hf_status hf_pg_selection_list(const struct hf_pg_toc *toc,
                                    const struct hf_pg_selection *selection, enum hf_pg_stage stage,
                                    const bool *skip, struct hf_buf *out, size_t *out_count,
                                    struct hf_error *err)
{
    size_t count = 0;

    for (size_t i = 0; i < toc->count; i++) {
        if (!selection->included[i] || (skip && skip[i]) || hf_pg_entry_stage(toc, i) != stage)
            continue;
        HF_TRY(hf_buf_printf(out, err, "%d;\n", (int)toc->entries[i].id));
        count++;
    }
    *out_count = count;
    return HF_OK;
}
