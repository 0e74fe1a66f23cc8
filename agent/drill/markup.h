/* Text within XML and HTML, from sources that nobody can be sure of. Any thread. */
#ifndef HF_AGENT_DRILL_MARKUP_H
#define HF_AGENT_DRILL_MARKUP_H

#include "base/buffer.h"

/* Escaped for element content and for attributes in double quotes. What is not UTF-8, and what
 * neither XML 1.0 nor HTML has a way to write (most control characters), becomes U+FFFD. NULL is
 * empty. */
enum hf_status hf_markup_text(struct hf_buf *out, const char *text,
                              struct hf_error *err) HF_WARN_UNUSED;
/* The text between two pieces of markup, which are put as they are. */
enum hf_status hf_markup_put(struct hf_buf *out, const char *before, const char *text,
                             const char *after, struct hf_error *err) HF_WARN_UNUSED;

#endif
