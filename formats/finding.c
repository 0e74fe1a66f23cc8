#include "formats/finding.h"

#include "base/json.h"

#include <stdarg.h>
#include <stdio.h>

enum hf_status hf_finding_add(json_t *findings, const char *what, bool ok, struct hf_error *err,
                              const char *format, ...)
{
    char text[HF_ERROR_TEXT_MAX];
    json_t *finding = NULL;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    HF_TRY(hf_json_pack(&finding, err, "{s:s, s:b, s:s}", "what", what, "ok", ok ? 1 : 0, "text",
                        text));
    return json_array_append_new(findings, finding) == 0 ? HF_OK : hf_error_memory(err);
}
