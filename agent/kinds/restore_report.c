#include "agent/kinds/restore_report.h"

#include "base/text.h"

#include <string.h>

/* Of one database; --json has all of them. */
enum { DIFFERENCES_SHOWN = 50 };

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static json_int_t number_of(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static bool is_true(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

static void write_value(struct hf_output *output, const char *label, const char *value)
{
    if (value)
        hf_output_text(output, "    %s %s\n", label, value);
}

void hf_restore_report_differences(struct hf_output *output, const json_t *differences)
{
    size_t count = json_array_size(differences);
    const json_t *one;
    size_t i;

    json_array_foreach (differences, i, one) {
        const char *what = text_of(one, "what");
        const char *name = text_of(one, "name");

        if (i == DIFFERENCES_SHOWN)
            break;
        hf_output_text(output, "  differs: %s%s%s\n", what ? what : "", what && name ? " " : "",
                       name ? name : "");
        write_value(output, "expected", text_of(one, "expected"));
        write_value(output, "found   ", text_of(one, "found"));
    }
    if (count > DIFFERENCES_SHOWN)
        hf_output_text(output, "  and %zu differences more; --json shows all\n",
                       count - DIFFERENCES_SHOWN);
}

void hf_restore_report_notes(struct hf_output *output, const json_t *notes)
{
    const json_t *one;
    size_t i;

    json_array_foreach (notes, i, one) {
        if (json_is_string(one))
            hf_output_text(output, "  note: %s\n", json_string_value(one));
    }
}

static const char *verdict(const json_t *database)
{
    if (!is_true(database, "compared"))
        return "not compared";
    return is_true(database, "equal") ? "compared and equal" : "NOT EQUAL to the snapshot";
}

static void write_database(struct hf_output *output, const json_t *database)
{
    const char *name = text_of(database, "name");
    const char *restored = text_of(database, "restored_as");
    const char *aside = text_of(database, "kept_aside");
    char size[HF_SIZE_TEXT];

    hf_text_format_size(size, (uint64_t)number_of(database, "bytes"));
    hf_output_text(output,
                   "%s restored as %s: %" JSON_INTEGER_FORMAT " table%s, %" JSON_INTEGER_FORMAT
                   " row%s, %s; %s\n",
                   name ? name : "?", restored ? restored : "?", number_of(database, "tables"),
                   hf_text_plural((uint64_t)number_of(database, "tables")),
                   number_of(database, "rows"),
                   hf_text_plural((uint64_t)number_of(database, "rows")), size, verdict(database));
    if (aside)
        hf_output_text(output, "  the database that was %s is kept as %s\n",
                       restored ? restored : "there", aside);
    hf_restore_report_notes(output, json_object_get(database, "notes"));
    hf_restore_report_differences(output, json_object_get(database, "differences"));
}

void hf_restore_report_databases(struct hf_output *output, const json_t *report)
{
    const json_t *databases = json_object_get(report, "databases");
    const json_t *one;
    size_t i;

    json_array_foreach (databases, i, one) {
        write_database(output, one);
    }
    hf_restore_report_notes(output, json_object_get(report, "notes"));
}

static bool is_whole(const json_t *part)
{
    return is_true(part, "compared") && is_true(part, "equal") && !is_true(part, "partial");
}

bool hf_restore_report_proves(const json_t *report)
{
    const json_t *databases = json_object_get(report, "databases");
    const json_t *one;
    size_t i;

    json_array_foreach (databases, i, one) {
        if (!is_whole(one))
            return false;
    }
    return is_whole(report) && (!databases || json_array_size(databases) > 0);
}
