/* What `doctor` finds about a source, in the shape of struct hf_source_kind's doctor. */
#ifndef HF_FORMATS_FINDING_H
#define HF_FORMATS_FINDING_H

#include "base/error.h"

#include <jansson.h>

/* Appends {"what": what, "ok": ok, "text": format}; the text is cut at HF_ERROR_TEXT_MAX. */
enum hf_status hf_finding_add(json_t *findings, const char *what, bool ok, struct hf_error *err,
                              const char *format, ...) HF_PRINTF(5, 6) HF_WARN_UNUSED;

#endif
