#include "agent/terminal/log.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"

#include <string.h>

static const char *const names[HF_LOG_LEVELS] = {"error", "warning", "info", "debug"};

const char *hf_log_level_name(enum hf_log_level level)
{
    return names[level];
}

bool hf_log_level_parse(const char *text, enum hf_log_level *out)
{
    for (int i = 0; i < HF_LOG_LEVELS; i++) {
        if (strcmp(text, names[i]) == 0) {
            *out = (enum hf_log_level)i;
            return true;
        }
    }
    return false;
}

/* Texts hold what servers and file systems said. */
static enum hf_status add_text(json_t *line, const char *key, const char *text,
                               struct hf_error *err)
{
    HF_AUTO_FREE char *clean = NULL;

    HF_TRY(hf_text_copy(text, &clean, err));
    hf_text_make_utf8(clean);
    return json_object_set_new(line, key, json_string(clean)) == 0 ? HF_OK : hf_error_memory(err);
}

static enum hf_status add_known(json_t *line, const char *key, const char *text,
                                struct hf_error *err)
{
    return text && *text ? add_text(line, key, text, err) : HF_OK;
}

enum hf_status hf_log_line(struct hf_buf *out, int64_t time, enum hf_log_level level,
                           const struct hf_log_about *about, const char *text, const json_t *fields,
                           struct hf_error *err)
{
    HF_AUTO_JSON line = json_object();
    HF_AUTO_FREE char *dump = NULL;
    char now[HF_TIME_TEXT];

    hf_time_format(now, time);
    if (!line)
        return hf_error_memory(err);
    HF_TRY(add_text(line, "time", now, err));
    HF_TRY(add_text(line, "level", names[level], err));
    HF_TRY(add_known(line, "run", about->run, err));
    HF_TRY(add_known(line, "job", about->job, err));
    HF_TRY(add_known(line, "source", about->source, err));
    HF_TRY(add_text(line, "msg", text, err));
    if (fields && json_object_update_missing(line, (json_t *)fields) != 0)
        return hf_error_memory(err);
    dump = json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(9)); /* in this order */
    if (!dump)
        return hf_error_memory(err);
    HF_TRY(hf_buf_append_str(out, dump, err));
    return hf_buf_append_str(out, "\n", err);
}
