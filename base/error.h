/*
 * Errors: what went wrong, as a plain value.
 *
 * A fallible function returns enum hf_status and takes a struct hf_error last. The
 * error is set where the fault is found (hf_error_set, hf_error_sys); a layer that
 * knows a new noun puts it in front (hf_error_prefix); it is logged once, in agent/.
 * On HF_OK the struct is untouched. err is never NULL.
 *
 * Text says the thing, the reason, and what to do; it never holds a secret.
 * Threads: a struct hf_error belongs to one thread at a time.
 */
#ifndef HF_BASE_ERROR_H
#define HF_BASE_ERROR_H

#include <stdbool.h>

#define HF_WARN_UNUSED __attribute__((warn_unused_result))
#define HF_PRINTF(text, first) __attribute__((format(printf, text, first)))

/* Kind, exit code of the program, whether trying again later may help, words. */
#define HF_STATUS_LIST(X)                                                                          \
    X(HF_OK, 0, false, "done")                                                                     \
    X(HF_FAILED, 1, false, "failed")                                                               \
    X(HF_IO, 1, true, "input/output error")                                                        \
    X(HF_NO_SPACE, 1, true, "no space left")                                                       \
    X(HF_NO_MEMORY, 1, true, "out of memory")                                                      \
    X(HF_DENIED, 1, false, "not permitted")                                                        \
    X(HF_NOT_FOUND, 1, false, "not found")                                                         \
    X(HF_EXISTS, 1, false, "exists already")                                                       \
    X(HF_UNSUPPORTED, 1, false, "not supported")                                                   \
    X(HF_CANCELLED, 1, false, "cancelled")                                                         \
    X(HF_USAGE, 2, false, "usage")                                                                 \
    X(HF_CONFIG, 2, false, "configuration")                                                        \
    X(HF_DAMAGED, 3, false, "damaged")                                                             \
    X(HF_MISMATCH, 3, false, "does not match")                                                     \
    X(HF_UNREACHABLE, 4, true, "not reachable")                                                    \
    X(HF_MISSING, 4, false, "something needed is missing")                                         \
    X(HF_BUSY, 5, true, "busy")                                                                    \
    X(HF_PARTIAL, 6, true, "done in part")

enum hf_status {
#define X(kind, exit_code, retryable, words) kind,
    HF_STATUS_LIST(X)
#undef X
};

enum { HF_ERROR_TEXT_MAX = 2048 };

struct hf_error {
    enum hf_status status;
    int sys; /* errno, or 0 */
    char text[HF_ERROR_TEXT_MAX];
};

#define HF_ERROR_INIT                                                                              \
    {                                                                                              \
        .status = HF_OK                                                                            \
    }

/* Program exit code, retryability and words of a status. */
int hf_status_exit_code(enum hf_status status);
bool hf_status_retryable(enum hf_status status);
const char *hf_status_words(enum hf_status status);

/* Sets status and text. Returns status, so that it can end a function. Too long a text is cut. */
enum hf_status hf_error_set(struct hf_error *err, enum hf_status status, const char *format, ...)
    HF_PRINTF(3, 4);

/* Sets from errno: status by kind of errno, text "<format>: <strerror>". */
enum hf_status hf_error_sys(struct hf_error *err, int sys, const char *format, ...) HF_PRINTF(3, 4);

/* Puts "<format>: " in front of the text. Returns the error's status. */
enum hf_status hf_error_prefix(struct hf_error *err, const char *format, ...) HF_PRINTF(2, 3);

/* "out of memory" */
enum hf_status hf_error_memory(struct hf_error *err);

/* The analyzer sees one file at a time, and would follow paths on which these return HF_OK. A
 * macro, as it does not look into functions that are called from deep down. */
#ifdef __clang_analyzer__
#define HF_ERROR_IS_NO_SUCCESS(call)                                                               \
    __extension__({                                                                                \
        enum hf_status hf_error_status_ = call;                                                    \
        if (hf_error_status_ == HF_OK)                                                             \
            __builtin_unreachable();                                                               \
        hf_error_status_;                                                                          \
    })
#define hf_error_set(...) HF_ERROR_IS_NO_SUCCESS(hf_error_set(__VA_ARGS__))
#define hf_error_sys(...) HF_ERROR_IS_NO_SUCCESS(hf_error_sys(__VA_ARGS__))
#define hf_error_prefix(...) HF_ERROR_IS_NO_SUCCESS(hf_error_prefix(__VA_ARGS__))
#define hf_error_memory(err) HF_ERROR_IS_NO_SUCCESS(hf_error_memory(err))
#endif

/* Returns from the calling function when the expression is not HF_OK. */
#define HF_TRY(expression)                                                                         \
    do {                                                                                           \
        enum hf_status hf_try_status_ = (expression);                                              \
        if (hf_try_status_ != HF_OK)                                                               \
            return hf_try_status_;                                                                 \
    } while (0)

/*
 * Scope-bound cleanup: HF_AUTO(hf_buf) b = HF_BUF_INIT; needs hf_buf_auto(struct hf_buf *).
 * HF_AUTO_PTR(hf_repo) r = NULL; needs hf_repo_autop(struct hf_repo **), which takes NULL.
 */
#define HF_AUTO(type) __attribute__((unused, cleanup(type##_auto))) struct type
#define HF_AUTO_PTR(type) __attribute__((unused, cleanup(type##_autop))) struct type *
#define HF_DEFINE_AUTO_PTR(type, release)                                                          \
    static inline void type##_autop(struct type **p)                                               \
    {                                                                                              \
        if (*p)                                                                                    \
            release(*p);                                                                           \
    }

/* Heap strings and blocks: HF_AUTO_FREE char *s = NULL; */
#define HF_AUTO_FREE __attribute__((unused, cleanup(hf_auto_free)))
void hf_auto_free(void *pointer_to_pointer);

#endif
