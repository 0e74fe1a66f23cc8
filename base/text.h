/* Lists of strings, patterns and nearest names. */
#ifndef HF_BASE_TEXT_H
#define HF_BASE_TEXT_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

/* An owning list of strings. Start with HF_STRINGS_INIT. */
struct hf_strings {
    char **items;
    size_t count;
    size_t cap;
};
#define HF_STRINGS_INIT                                                                            \
    {                                                                                              \
        .items = NULL                                                                              \
    }
enum hf_status hf_strings_add(struct hf_strings *list, const char *text,
                              struct hf_error *err) HF_WARN_UNUSED;
bool hf_strings_contain(const struct hf_strings *list, const char *text);
void hf_strings_free(struct hf_strings *list);
static inline void hf_strings_auto(struct hf_strings *list)
{
    hf_strings_free(list);
}

/* A heap copy, or a formatted heap string. */
enum hf_status hf_text_copy(const char *text, char **out, struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_text_format(char **out, struct hf_error *err, const char *format, ...)
    HF_PRINTF(3, 4) HF_WARN_UNUSED;

/* Bytes of the UTF-8 character at text (1 to 4) and its code point (out may be NULL); 0 at the end
 * of the text and where it is not UTF-8. */
size_t hf_text_utf8(const char *text, uint32_t *out);

/* In place: each byte that is no part of UTF-8 becomes '?'; a text that was cut off, too. */
void hf_text_make_utf8(char *text);

/* Shell-like pattern: * ? [..] [!..]; a name without these matches itself only. Case counts,
 * '/' and a leading '.' are ordinary characters, there is no escape but brackets: "[*]". */
bool hf_text_match(const char *pattern, const char *text);
/* The candidate (NULL-ended list) nearest to text by edit distance, case not counted, or
 * NULL when none is near. */
const char *hf_text_nearest(const char *text, const char *const *candidates);
/* "16MiB", "200", "1.5 GiB", "20kB" to bytes; false when it is none. kB is 1000 bytes; KiB, and a
 * letter alone ("64K", "256m"), 1024. Case does not count. */
bool hf_text_parse_size(const char *text, uint64_t *out);
enum { HF_SIZE_TEXT = 24 };
/* What a regular plural ends with: "1 table", "2 tables". */
static inline const char *hf_text_plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}
/* "1.4 GiB" */
void hf_text_format_size(char text[HF_SIZE_TEXT], uint64_t bytes);

#endif
