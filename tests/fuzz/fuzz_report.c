/* What a run writes, in lines, and what the agent makes of it. The first byte cuts the pieces. */
#include "agent/daemon/lines.h"
#include "agent/daemon/report.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LINE_LIMIT = 200 };

static void take_lines(struct hf_lines *lines, struct hf_report *report)
{
    const char *line;
    size_t len;

    while ((line = hf_lines_next(lines, &len)) != NULL) {
        if (len > LINE_LIMIT)
            abort();
        (void)hf_report_add(report, line, len);
    }
    if (lines->buf.len - lines->taken > LINE_LIMIT)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hf_lines lines = {.max = LINE_LIMIT};
    struct hf_report report = {.ended = false};
    struct hf_error err = HF_ERROR_INIT;
    struct hf_verdict verdict;
    size_t piece = size > 0 && data[0] > 0 ? data[0] : 1;

    for (size_t at = 0; at < size; at += piece) {
        if (hf_lines_add(&lines, data + at, size - at < piece ? size - at : piece, &err) != HF_OK)
            break;
        take_lines(&lines, &report);
    }
    hf_report_judge(&report, 0, "", &verdict);
    if (verdict.ok && (!report.ended || report.exit_code != 0))
        abort();
    hf_lines_done(&lines);
    return 0;
}
