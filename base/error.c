#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#undef hf_error_set /* as the analyzer sees them */
#undef hf_error_sys
#undef hf_error_prefix
#undef hf_error_memory

struct status_facts {
    int exit_code;
    bool retryable;
    const char *words;
};

static const struct status_facts facts[] = {
#define X(kind, exit_code, retryable, words) [kind] = {exit_code, retryable, words},
    HF_STATUS_LIST(X)
#undef X
};

int hf_status_exit_code(enum hf_status status)
{
    return facts[status].exit_code;
}

bool hf_status_retryable(enum hf_status status)
{
    return facts[status].retryable;
}

const char *hf_status_words(enum hf_status status)
{
    return facts[status].words;
}

enum hf_status hf_error_set(struct hf_error *err, enum hf_status status, const char *format, ...)
{
    char text[HF_ERROR_TEXT_MAX]; /* the arguments may point into err->text */
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    err->status = status;
    err->sys = 0;
    memcpy(err->text, text, sizeof text);
    return status;
}

static enum hf_status status_of_errno(int sys)
{
    switch (sys) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return HF_NO_SPACE;
    case ENOMEM:
        return HF_NO_MEMORY;
    case EACCES:
    case EPERM:
    case EROFS:
        return HF_DENIED;
    case ENOENT:
        return HF_NOT_FOUND;
    case EEXIST:
        return HF_EXISTS;
    case ECONNREFUSED:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ETIMEDOUT:
        return HF_UNREACHABLE;
    default:
        return HF_IO;
    }
}

enum hf_status hf_error_sys(struct hf_error *err, int sys, const char *format, ...)
{
    char what[HF_ERROR_TEXT_MAX];
    char reason[128];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(what, sizeof what, format, args);
    va_end(args);
    (void)hf_error_set(err, status_of_errno(sys), "%s: %s", what,
                       strerror_r(sys, reason, sizeof reason));
    err->sys = sys;
    return err->status;
}

enum hf_status hf_error_prefix(struct hf_error *err, const char *format, ...)
{
    char prefix[HF_ERROR_TEXT_MAX];
    enum hf_status status = err->status;
    int sys = err->sys;
    va_list args;

    va_start(args, format);
    (void)vsnprintf(prefix, sizeof prefix, format, args);
    va_end(args);
    (void)hf_error_set(err, status, "%s: %s", prefix, err->text);
    err->sys = sys;
    return status;
}

enum hf_status hf_error_memory(struct hf_error *err)
{
    return hf_error_set(err, HF_NO_MEMORY, "out of memory");
}

void hf_auto_free(void *pointer_to_pointer)
{
    void *block;

    memcpy(&block, pointer_to_pointer, sizeof block);
    free(block);
}
