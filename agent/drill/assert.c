#include "agent/drill/assert.h"

#include "base/clock.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

static enum hf_status describe_redis(const struct hf_config_assertion *a, char **out,
                                     struct hf_error *err)
{
    HF_AUTO(hf_buf) text = HF_BUF_INIT;
    const char *line;

    HF_TRY(hf_buf_append_str(&text, "redis:", err));
    for (size_t i = 0; i < a->redis.count; i++)
        HF_TRY(hf_buf_printf(&text, err, strchr(a->redis.items[i], ' ') ? " \"%s\"" : " %s",
                             a->redis.items[i]));
    HF_TRY(hf_buf_cstr(&text, &line, err));
    return hf_text_copy(line, out, err);
}

static enum hf_status describe_file(const struct hf_config_assertion *a, char **out,
                                    struct hf_error *err)
{
    char size[HF_SIZE_TEXT];

    hf_text_format_size(size, a->min_size);
    return hf_text_format(out, err, "a file%s%s%s%s", a->min_size > 0 ? " of at least " : "",
                          a->min_size > 0 ? size : "", a->sha256 ? " with SHA-256 " : "",
                          a->sha256 ? a->sha256 : "");
}

static enum hf_status describe(const struct hf_config_assertion *a, struct hf_drill_assertion *out,
                               struct hf_error *err)
{
    switch (a->type) {
    case HF_ASSERT_SQL:
        HF_TRY(hf_text_format(&out->what, err, "sql: %s", a->sql));
        return hf_text_copy("true", &out->expected, err);
    case HF_ASSERT_REDIS:
        HF_TRY(describe_redis(a, &out->what, err));
        return hf_text_copy(a->equals ? a->equals : "something, not 0", &out->expected, err);
    case HF_ASSERT_FILE:
        break;
    }
    HF_TRY(hf_text_format(&out->what, err, "file: %s", a->file));
    return describe_file(a, &out->expected, err);
}

enum hf_status hf_drill_assertions_add(const struct hf_config_drill *drill,
                                       struct hf_drill_source *report, struct hf_error *err)
{
    if (!drill || drill->assertion_count == 0)
        return HF_OK;
    report->assertions = calloc(drill->assertion_count, sizeof *report->assertions);
    if (!report->assertions)
        return hf_error_memory(err);
    for (size_t i = 0; i < drill->assertion_count; i++) {
        const struct hf_config_assertion *a = &drill->assertions[i];

        if (strcmp(a->source, report->source) == 0)
            HF_TRY(describe(a, &report->assertions[report->assertion_count++], err));
    }
    return HF_OK;
}

static enum hf_status ask_one(struct hf_drill_ask *ask, struct hf_drill_assertion *out,
                              struct hf_error *err)
{
    static enum hf_status (*const types[])(struct hf_drill_ask *, struct hf_error *) = {
        [HF_ASSERT_SQL] = hf_drill_ask_sql,
        [HF_ASSERT_REDIS] = hf_drill_ask_redis,
        [HF_ASSERT_FILE] = hf_drill_ask_file,
    };
    int64_t start = hf_clock_monotonic();

    HF_TRY(types[ask->assertion->type](ask, err));
    for (char *c = ask->found; *c; c++)
        *c = (unsigned char)*c < ' ' || *c == 0x7f ? ' ' : *c;
    out->took = hf_clock_monotonic() - start;
    out->held = ask->holds ? HF_DRILL_HOLDS : HF_DRILL_HOLDS_NOT;
    return hf_text_copy(ask->found, &out->found, err);
}

enum hf_status hf_drill_assertions_ask(const struct hf_config_drill *drill,
                                       const struct hf_scratch_request *request,
                                       const struct hf_scratch *scratch,
                                       struct hf_drill_source *report, struct hf_error *err)
{
    size_t next = 0;

    for (size_t i = 0; drill && i < drill->assertion_count; i++) {
        struct hf_drill_ask ask = {.assertion = &drill->assertions[i],
                                   .request = request,
                                   .scratch = scratch,
                                   .timeout = drill->timeout ? drill->timeout
                                                             : HF_DRILL_ASSERTION_TIMEOUT};

        if (strcmp(ask.assertion->source, report->source) != 0)
            continue;
        HF_TRY(hf_cancel_check(request->session->cancel, err));
        if (ask_one(&ask, &report->assertions[next], err) != HF_OK)
            return hf_error_prefix(err, "asking \"%.200s\"", report->assertions[next].what);
        next++;
    }
    return HF_OK;
}
