#include "base/json.h"

#include "base/clock.h"

#include <malloc.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* jansson says seldom that it had no memory: it leaves out a character and goes on, or calls it
 * damage, and either would be acted upon. So its allocations go through here; what each thread's
 * call saw is the thread's own. errno would not do: jansson clears it. */
static _Thread_local bool no_memory;

static void *allocate(size_t size)
{
    void *block = malloc(size);
    if (!block)
        no_memory = true;
    return block;
}

/* A document may bring secrets in, and jansson copies texts about as it reads. */
static void wipe_and_free(void *block)
{
    if (block)
        explicit_bzero(block, malloc_usable_size(block));
    free(block);
}

static void watch_allocations(void)
{
    json_set_alloc_funcs(allocate, wipe_and_free);
}

static void begin(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, watch_allocations);
    no_memory = false;
}

static bool was_memory(void)
{
    return no_memory;
}

/* Object texts may hold secrets, so jansson's words, which quote them, are not passed on. */
enum hf_status hf_json_parse_object(const void *data, size_t len, size_t max, const char *what,
                                    json_t **out, struct hf_error *err)
{
    json_error_t where;
    json_t *json;

    if (len > max)
        return hf_error_set(err, HF_DAMAGED, "%s: %zu bytes of JSON where at most %zu are expected",
                            what, len, max);
    begin();
    json = json_loadb(data ? data : "", len, JSON_REJECT_DUPLICATES, &where);
    if (!json) {
        if (was_memory())
            return hf_error_memory(err);
        return hf_error_set(err, HF_DAMAGED, "%s: not valid JSON at line %d, column %d", what,
                            where.line, where.column);
    }
    if (was_memory()) { /* a string may lack what there was no room for */
        json_decref(json);
        return hf_error_memory(err);
    }
    if (!json_is_object(json)) {
        json_decref(json);
        return hf_error_set(err, HF_DAMAGED, "%s: not a JSON object", what);
    }
    *out = json;
    return HF_OK;
}

struct dump {
    struct hf_buf *out;
    struct hf_error *err;
    enum hf_status status;
};

/* jansson goes on after some failures, and then says that all went well: the first one is kept, and
 * nothing is put behind the gap. */
static int dump_piece(const char *piece, size_t len, void *ctx)
{
    struct dump *dump = ctx;

    if (dump->status == HF_OK)
        dump->status = hf_buf_append(dump->out, piece, len, dump->err);
    return dump->status == HF_OK ? 0 : -1;
}

enum hf_status hf_json_dump(const json_t *json, struct hf_buf *out, struct hf_error *err)
{
    struct dump dump = {.out = out, .err = err, .status = HF_OK};
    size_t before = out->len;
    int failed;

    begin();
    failed = json_dump_callback(json, dump_piece, &dump, JSON_COMPACT | JSON_SORT_KEYS);
    if (failed == 0 && dump.status == HF_OK && !was_memory())
        return HF_OK;
    out->len = before;
    if (dump.status != HF_OK)
        return dump.status;
    if (was_memory())
        return hf_error_memory(err);
    return hf_error_set(err, HF_FAILED, "a value cannot be written as JSON");
}

enum hf_status hf_json_pack(json_t **out, struct hf_error *err, const char *format, ...)
{
    json_error_t why;
    json_t *json;
    va_list args;

    begin();
    va_start(args, format);
    json = json_vpack_ex(&why, 0, format, args);
    va_end(args);
    if (was_memory()) {
        json_decref(json);
        return hf_error_memory(err);
    }
    if (!json)
        return hf_error_set(err, HF_FAILED, "a JSON object cannot be made: %s", why.text);
    *out = json;
    return HF_OK;
}

static enum hf_status wrong(const char *key, const char *expected, struct hf_error *err)
{
    return hf_error_set(err, HF_DAMAGED, "field \"%s\" is not %s", key, expected);
}

static enum hf_status find(const json_t *object, const char *key, json_t **out,
                           struct hf_error *err)
{
    json_t *value = json_object_get(object, key);

    if (!value)
        return hf_error_set(err, HF_DAMAGED, "field \"%s\" is missing", key);
    *out = value;
    return HF_OK;
}

enum hf_status hf_json_string(const json_t *object, const char *key, const char **out,
                              struct hf_error *err)
{
    json_t *value;

    HF_TRY(find(object, key, &value, err));
    if (!json_is_string(value))
        return wrong(key, "a string", err);
    *out = json_string_value(value);
    return HF_OK;
}

enum hf_status hf_json_i64(const json_t *object, const char *key, int64_t *out,
                           struct hf_error *err)
{
    json_t *value;

    HF_TRY(find(object, key, &value, err));
    if (!json_is_integer(value))
        return wrong(key, "an integer", err);
    *out = json_integer_value(value);
    return HF_OK;
}

enum hf_status hf_json_u64(const json_t *object, const char *key, uint64_t max, uint64_t *out,
                           struct hf_error *err)
{
    int64_t value = 0;

    HF_TRY(hf_json_i64(object, key, &value, err));
    if (value < 0 || (uint64_t)value > max)
        return hf_error_set(err, HF_DAMAGED, "field \"%s\" is not between 0 and %llu", key,
                            (unsigned long long)max);
    *out = (uint64_t)value;
    return HF_OK;
}

enum hf_status hf_json_bool(const json_t *object, const char *key, bool *out, struct hf_error *err)
{
    json_t *value;

    HF_TRY(find(object, key, &value, err));
    if (!json_is_boolean(value))
        return wrong(key, "true or false", err);
    *out = json_is_true(value);
    return HF_OK;
}

enum hf_status hf_json_object(const json_t *object, const char *key, json_t **out,
                              struct hf_error *err)
{
    json_t *value;

    HF_TRY(find(object, key, &value, err));
    if (!json_is_object(value))
        return wrong(key, "an object", err);
    *out = value;
    return HF_OK;
}

enum hf_status hf_json_array(const json_t *object, const char *key, json_t **out,
                             struct hf_error *err)
{
    json_t *value;

    HF_TRY(find(object, key, &value, err));
    if (!json_is_array(value))
        return wrong(key, "an array", err);
    *out = value;
    return HF_OK;
}

enum hf_status hf_json_hex(const json_t *object, const char *key, uint8_t *out, size_t len,
                           struct hf_error *err)
{
    const char *text;

    HF_TRY(hf_json_string(object, key, &text, err));
    if (!hf_unhex(out, len, text))
        return hf_error_set(err, HF_DAMAGED, "field \"%s\" is not %zu hexadecimal digits", key,
                            2 * len);
    return HF_OK;
}

enum hf_status hf_json_string_optional(const json_t *object, const char *key, const char **out,
                                       struct hf_error *err)
{
    const json_t *value = json_object_get(object, key);

    if (!value || json_is_null(value))
        return HF_OK;
    return hf_json_string(object, key, out, err);
}

json_t *hf_json_time(int64_t time)
{
    char text[HF_TIME_TEXT];

    if (time <= 0)
        return json_null();
    hf_time_format(text, time);
    return json_string(text);
}
