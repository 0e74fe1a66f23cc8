#include "formats/postgres/schema_compare.h"

#include "base/json.h"
#include "formats/postgres/sql_split.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXCERPT = 600 };

struct side {
    const struct hf_pg_toc_entry **entries; /* sorted */
    size_t count;
};

struct comparer {
    const struct hf_pg_schema_comparison *c;
    json_t *differences;
    json_t *notes;
    bool other_major;
};

static bool is_symbol(const struct hf_sql_token *t, const char *symbol)
{
    return t->kind == HF_SQL_SYMBOL && t->len == strlen(symbol) &&
           memcmp(t->at, symbol, t->len) == 0;
}

static struct hf_sql_token peek(const char *at, const char *end)
{
    return hf_sql_token_next(&at, end);
}

/* Over the words of a type's name behind its first: "character varying", "time with time zone". */
static void skip_type_words(const char **at, const char *end, bool is_time)
{
    static const char *const words[] = {"VARYING", "PRECISION"};
    static const char *const time_words[] = {"WITH", "WITHOUT", "TIME", "ZONE"};

    for (;;) {
        struct hf_sql_token t = peek(*at, end);
        bool known = false;

        for (size_t i = 0; i < 2; i++)
            known |= hf_sql_token_is(&t, words[i]);
        for (size_t i = 0; is_time && i < 4; i++)
            known |= hf_sql_token_is(&t, time_words[i]);
        if (!known)
            return;
        (void)hf_sql_token_next(at, end);
    }
}

/* Over "(10,2)" and "[]" behind a type's name. */
static void skip_type_modifiers(const char **at, const char *end)
{
    const char *p = *at;
    struct hf_sql_token t = hf_sql_token_next(&p, end);

    if (is_symbol(&t, "(") && peek(p, end).kind == HF_SQL_NUMBER) {
        do {
            t = hf_sql_token_next(&p, end);
        } while (t.kind == HF_SQL_NUMBER || is_symbol(&t, ","));
        *at = p;
    }
    for (p = *at; t = hf_sql_token_next(&p, end), is_symbol(&t, "["); *at = p) {
        t = hf_sql_token_next(&p, end);
        if (!is_symbol(&t, "]"))
            return;
    }
}

/* Over the type behind "::". */
static void skip_type(const char **at, const char *end)
{
    struct hf_sql_token t = hf_sql_token_next(at, end);
    struct hf_sql_token dot = peek(*at, end);
    bool is_time = hf_sql_token_is(&t, "TIME") || hf_sql_token_is(&t, "TIMESTAMP");

    if (is_symbol(&dot, ".")) {
        (void)hf_sql_token_next(at, end);
        (void)hf_sql_token_next(at, end);
    } else {
        skip_type_words(at, end, is_time);
    }
    skip_type_modifiers(at, end);
    skip_type_words(at, end, is_time); /* "timestamp(3) with time zone" */
    skip_type_modifiers(at, end);
}

/* The next token that counts. */
static struct hf_sql_token next_token(const char **at, const char *end)
{
    for (;;) {
        struct hf_sql_token t = hf_sql_token_next(at, end);

        if (is_symbol(&t, "::"))
            skip_type(at, end);
        else if (!is_symbol(&t, "(") && !is_symbol(&t, ")"))
            return t;
    }
}

bool hf_pg_definition_equal(const char *a, const char *b)
{
    const char *a_end = a + strlen(a);
    const char *b_end = b + strlen(b);

    if (strcmp(a, b) == 0)
        return true;
    for (;;) {
        struct hf_sql_token x = next_token(&a, a_end);
        struct hf_sql_token y = next_token(&b, b_end);

        if (x.kind != y.kind || x.len != y.len || memcmp(x.at, y.at, x.len) != 0)
            return false;
        if (x.kind == HF_SQL_END)
            return true;
    }
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static enum hf_status sorted_statements(const char *text, struct hf_strings *out,
                                        struct hf_error *err)
{
    struct hf_sql_script script;
    const char *at;
    size_t len;

    hf_sql_script_init(&script, text);
    for (;;) {
        HF_AUTO_FREE char *copy = NULL;

        HF_TRY(hf_sql_script_next(&script, &at, &len, err));
        if (len == 0)
            break;
        HF_TRY(hf_text_format(&copy, err, "%.*s", (int)len, at));
        HF_TRY(hf_strings_add(out, copy, err));
    }
    if (out->count > 1)
        qsort(out->items, out->count, sizeof *out->items, compare_lines);
    return HF_OK;
}

static enum hf_status acl_equal(const char *a, const char *b, bool *out, struct hf_error *err)
{
    HF_AUTO(hf_strings) x = HF_STRINGS_INIT;
    HF_AUTO(hf_strings) y = HF_STRINGS_INIT;

    HF_TRY(sorted_statements(a, &x, err));
    HF_TRY(sorted_statements(b, &y, err));
    *out = x.count == y.count;
    for (size_t i = 0; *out && i < x.count; i++)
        *out = strcmp(x.items[i], y.items[i]) == 0;
    return HF_OK;
}

/* The lines of a definition without the commas at their ends, sorted. */
static enum hf_status sorted_lines(const char *text, struct hf_strings *out, struct hf_error *err)
{
    while (*text) {
        size_t whole = strcspn(text, "\n");
        size_t len = whole > 0 && text[whole - 1] == ',' ? whole - 1 : whole;
        HF_AUTO_FREE char *copy = NULL;

        HF_TRY(hf_text_format(&copy, err, "%.*s", (int)len, text));
        HF_TRY(hf_strings_add(out, copy, err));
        text += whole + (text[whole] == '\n');
    }
    if (out->count > 1)
        qsort(out->items, out->count, sizeof *out->items, compare_lines);
    return HF_OK;
}

/* A child of inheritance gets its parents' columns first, wherever it had them before. */
static enum hf_status child_equal(const char *a, const char *b, bool *out, struct hf_error *err)
{
    HF_AUTO(hf_strings) x = HF_STRINGS_INIT;
    HF_AUTO(hf_strings) y = HF_STRINGS_INIT;

    HF_TRY(sorted_lines(a, &x, err));
    HF_TRY(sorted_lines(b, &y, err));
    *out = x.count == y.count;
    for (size_t i = 0; *out && i < x.count; i++)
        *out = hf_pg_definition_equal(x.items[i], y.items[i]);
    return HF_OK;
}

/* The list of roles at *at, sorted; *at moves behind it. */
static enum hf_status sorted_roles(const char **at, const char *end, struct hf_buf *out,
                                   struct hf_error *err)
{
    HF_AUTO(hf_strings) names = HF_STRINGS_INIT;

    for (;;) {
        struct hf_sql_token t = peek(*at, end);
        HF_AUTO_FREE char *copy = NULL;

        if (t.kind == HF_SQL_END || hf_sql_token_is(&t, "USING") || hf_sql_token_is(&t, "WITH"))
            break;
        (void)hf_sql_token_next(at, end);
        if (is_symbol(&t, ","))
            continue;
        HF_TRY(hf_text_format(&copy, err, "%.*s", (int)t.len, t.at));
        HF_TRY(hf_strings_add(&names, copy, err));
    }
    if (names.count > 1)
        qsort(names.items, names.count, sizeof *names.items, compare_lines);
    for (size_t i = 0; i < names.count; i++)
        HF_TRY(hf_buf_printf(out, err, " %s", names.items[i]));
    return HF_OK;
}

/* "CREATE POLICY … TO roles USING …" with its roles sorted. */
static enum hf_status sorted_policy(const char *text, struct hf_buf *out, struct hf_error *err)
{
    const char *end = text + strlen(text);
    const char *at = text;
    const char *cstr;

    for (struct hf_sql_token t = peek(at, end); t.kind != HF_SQL_END; t = peek(at, end)) {
        (void)hf_sql_token_next(&at, end);
        if (!hf_sql_token_is(&t, "TO"))
            continue;
        HF_TRY(hf_buf_append(out, text, (size_t)(at - text), err));
        HF_TRY(sorted_roles(&at, end, out, err));
        text = at;
        break;
    }
    HF_TRY(hf_buf_printf(out, err, " %s", text));
    return hf_buf_cstr(out, &cstr, err);
}

/* A server lists a policy's roles in the order in which it happens to have them. */
static enum hf_status policy_equal(const char *a, const char *b, bool *out, struct hf_error *err)
{
    HF_AUTO(hf_buf) x = HF_BUF_INIT;
    HF_AUTO(hf_buf) y = HF_BUF_INIT;

    HF_TRY(sorted_policy(a, &x, err));
    HF_TRY(sorted_policy(b, &y, err));
    *out = hf_pg_definition_equal((const char *)x.data, (const char *)y.data);
    return HF_OK;
}

/* By kind, schema and name; then by definition, so that overloads without arguments in their
 * names (operators, casts) stand side by side. */
static int compare_keys(const struct hf_pg_toc_entry *a, const struct hf_pg_toc_entry *b)
{
    int order = strcmp(a->desc, b->desc);

    if (order == 0)
        order = strcmp(a->nspace, b->nspace);
    return order != 0 ? order : strcmp(a->tag, b->tag);
}

static int compare_entries(const void *a, const void *b)
{
    const struct hf_pg_toc_entry *x = *(const struct hf_pg_toc_entry *const *)a;
    const struct hf_pg_toc_entry *y = *(const struct hf_pg_toc_entry *const *)b;
    int order = compare_keys(x, y);

    return order != 0 ? order : strcmp(x->defn, y->defn);
}

static bool counts(const struct comparer *k, const struct hf_pg_toc *toc, size_t i)
{
    enum hf_pg_stage stage = hf_pg_entry_stage(toc, i);

    if (stage == HF_PG_STAGE_NONE)
        return false;
    return stage != HF_PG_STAGE_ACL || !(k->c->no_owner || k->c->no_acl);
}

static enum hf_status make_side(const struct comparer *k, const struct hf_pg_toc *toc,
                                const struct hf_pg_selection *selection, struct side *out,
                                struct hf_error *err)
{
    struct side side = {.count = 0};
    size_t size = sizeof *side.entries; /* NOLINT(bugprone-sizeof-expression): of a pointer */

    side.entries = calloc(toc->count + 1, size);
    if (!side.entries)
        return hf_error_memory(err);
    for (size_t i = 0; i < toc->count; i++)
        if (counts(k, toc, i) && (!selection || selection->included[i]))
            side.entries[side.count++] = &toc->entries[i];
    qsort(side.entries, side.count, size, compare_entries);
    *out = side;
    return HF_OK;
}

/* "TABLE public.orders" */
static void name_entry(char name[EXCERPT], const struct hf_pg_toc_entry *e)
{
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): every place up to count is set */
    (void)snprintf(name, EXCERPT, "%s%s%s", e->nspace, e->nspace[0] ? "." : "", e->tag);
}

static enum hf_status add_note(const struct comparer *k, const char *format,
                               const struct hf_pg_toc_entry *e, struct hf_error *err)
{
    char name[EXCERPT];
    char text[EXCERPT * 2];

    name_entry(name, e);
    (void)snprintf(text, sizeof text, "%s %s: %s", e->desc, name, format);
    return json_array_append_new(k->notes, json_string(text)) == 0 ? HF_OK : hf_error_memory(err);
}

static enum hf_status add_difference(const struct comparer *k, const struct hf_pg_toc_entry *e,
                                     const char *expected, const char *found, struct hf_error *err)
{
    char name[EXCERPT];
    json_t *one = NULL;

    name_entry(name, e);
    HF_TRY(hf_json_pack(&one, err, "{s:s, s:s, s:s?, s:s?}", "what", e->desc, "name", name,
                        "expected", expected, "found", found));
    if (json_array_append_new(k->differences, one) != 0)
        return hf_error_memory(err);
    return HF_OK;
}

static enum hf_status same_definition(const struct hf_pg_toc_entry *a,
                                      const struct hf_pg_toc_entry *b, bool *out,
                                      struct hf_error *err)
{
    if (strcmp(a->desc, "ACL") == 0)
        return acl_equal(a->defn, b->defn, out, err);
    if (strcmp(a->desc, "POLICY") == 0)
        return policy_equal(a->defn, b->defn, out, err);
    *out = hf_pg_definition_equal(a->defn, b->defn);
    if (!*out && strstr(a->defn, "\nINHERITS (") && strstr(b->defn, "\nINHERITS ("))
        return child_equal(a->defn, b->defn, out, err);
    return HF_OK;
}

static enum hf_status compare_pair(const struct comparer *k, const struct hf_pg_toc_entry *a,
                                   const struct hf_pg_toc_entry *b, struct hf_error *err)
{
    bool same;

    HF_TRY(same_definition(a, b, &same, err));
    if (!same && k->other_major)
        HF_TRY(add_note(k, "defined in other words by another version", a, err));
    else if (!same)
        HF_TRY(add_difference(k, a, a->defn, b->defn, err));
    if (k->c->no_owner || strcmp(a->owner, b->owner) == 0)
        return HF_OK;
    if (k->other_major)
        return add_note(k, "owned otherwise by another version's rules", a, err);
    return add_difference(k, a, a->owner, b->owner, err);
}

static enum hf_status only_one(const struct comparer *k, const struct hf_pg_toc_entry *expected,
                               const struct hf_pg_toc_entry *found, struct hf_error *err)
{
    if (expected)
        return add_difference(k, expected, "present", "missing", err);
    if (k->other_major)
        return add_note(k, "only the target's version has it", found, err);
    return k->c->partial ? HF_OK : add_difference(k, found, "missing", "present", err);
}

static enum hf_status merge(const struct comparer *k, const struct side *a, const struct side *b,
                            struct hf_error *err)
{
    size_t i = 0;
    size_t j = 0;

    while (i < a->count || j < b->count) {
        int order = i == a->count   ? 1
                    : j == b->count ? -1
                                    : compare_keys(a->entries[i], b->entries[j]);

        if (order == 0)
            HF_TRY(compare_pair(k, a->entries[i++], b->entries[j++], err));
        else if (order < 0)
            HF_TRY(only_one(k, a->entries[i++], NULL, err));
        else
            HF_TRY(only_one(k, NULL, b->entries[j++], err));
    }
    return HF_OK;
}

static bool same_major(const char *a, const char *b)
{
    return strtol(a, NULL, 10) == strtol(b, NULL, 10);
}

enum hf_status hf_pg_schema_compare(const struct hf_pg_schema_comparison *comparison,
                                    json_t *differences, json_t *notes, struct hf_error *err)
{
    const struct hf_pg_toc *x = comparison->expected;
    const struct hf_pg_toc *y = comparison->found;
    struct comparer k = {
        .c = comparison,
        .differences = differences,
        .notes = notes,
        .other_major = !same_major(x->server_version, y->server_version) ||
                       !same_major(x->dump_version, y->dump_version),
    };
    struct side a = {.entries = NULL};
    struct side b = {.entries = NULL};
    enum hf_status status = make_side(&k, x, comparison->selection, &a, err);

    if (status == HF_OK)
        status = make_side(&k, y, NULL, &b, err);
    if (status == HF_OK)
        status = merge(&k, &a, &b, err);
    free(a.entries);
    free(b.entries);
    return status;
}
