/* The database's own properties as the restored one has them. */
#include "formats/postgres/restore_job.h"

#include "base/json.h"
#include "formats/postgres/properties.h"

#include <stdlib.h>

static bool equal(const json_t *a, const json_t *b);

static bool holds(const json_t *array, const json_t *wanted)
{
    const json_t *item;
    size_t i;

    json_array_foreach (array, i, item) {
        if (equal(item, wanted))
            return true;
    }
    return false;
}

static bool equal_objects(const json_t *a, const json_t *b)
{
    const char *key;
    json_t *value;

    if (json_object_size(a) != json_object_size(b))
        return false;
    json_object_foreach ((json_t *)a, key, value) {
        if (!equal(value, json_object_get(b, key)))
            return false;
    }
    return true;
}

/* Arrays are sets: ACLs and settings have no order that counts. Nothing deeper than these comes
 * out of hf_pg_properties_database, so the recursion is as deep as that. */
static bool equal(const json_t *a, const json_t *b)
{
    const json_t *item;
    size_t i;

    if (!a || !b || json_typeof(a) != json_typeof(b))
        return false;
    if (json_is_object(a))
        return equal_objects(a, b);
    if (!json_is_array(a))
        return json_equal(a, b) == 1;
    json_array_foreach (a, i, item) {
        if (!holds(b, item))
            return false;
    }
    return json_array_size(a) == json_array_size(b);
}

static enum hf_status describe(const json_t *value, struct hf_buf *out, const char **text,
                               struct hf_error *err)
{
    char *dump = json_dumps(value ? value : json_null(), JSON_ENCODE_ANY | JSON_COMPACT);
    enum hf_status status = dump ? hf_buf_append_str(out, dump, err) : hf_error_memory(err);

    free(dump);
    return status == HF_OK ? hf_buf_cstr(out, text, err) : status;
}

static enum hf_status compare_key(struct hf_pg_job *job, const json_t *found, const char *key,
                                  struct hf_error *err)
{
    const json_t *a = json_object_get(job->database, key);
    const json_t *b = json_object_get(found, key);
    HF_AUTO(hf_buf) a_buf = HF_BUF_INIT;
    HF_AUTO(hf_buf) b_buf = HF_BUF_INIT;
    const char *a_text;
    const char *b_text;

    if (!a || equal(a, b)) /* one that an older snapshot does not say cannot differ */
        return HF_OK;
    HF_TRY(describe(a, &a_buf, &a_text, err));
    HF_TRY(describe(b, &b_buf, &b_text, err));
    return hf_pg_job_differ(job, "database property", key, a_text, b_text, err);
}

static bool same_major(const struct hf_pg_job *job, const struct hf_pg *pg)
{
    json_int_t version = json_integer_value(json_object_get(job->server, "version_num"));

    return version / 10000 == hf_pg_major(pg);
}

enum hf_status hf_pg_compare_properties(struct hf_pg_job *job, struct hf_pg *pg,
                                        struct hf_error *err)
{
    static const char *const always[] = {"encoding", "locale_provider", "collate", "ctype",
                                         "locale",   "icu_rules",       NULL};
    static const char *const whole[] = {"connection_limit", "is_template", NULL};
    bool everything = job->input.selection.everything;
    HF_AUTO_JSON found = NULL;

    HF_TRY(hf_pg_properties_database(pg, &found, err));
    for (const char *const *key = always; *key; key++)
        HF_TRY(compare_key(job, found, *key, err));
    for (const char *const *key = whole; everything && *key; key++)
        HF_TRY(compare_key(job, found, *key, err));
    if (!everything || job->options->no_owner)
        return HF_OK;
    HF_TRY(compare_key(job, found, "owner", err));
    if (same_major(job, pg)) /* another may not know a parameter: a note said so */
        HF_TRY(compare_key(job, found, "settings", err));
    return job->options->no_acl ? HF_OK : compare_key(job, found, "acl", err);
}
