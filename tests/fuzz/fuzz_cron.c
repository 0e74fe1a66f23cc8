#include "base/text.h"
#include "schedules/cron.h"
#include "schedules/windows.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_zone) zone = NULL;
    HF_AUTO_PTR(hf_windows) windows = NULL;
    char text[300] = {0};
    char *lines[] = {text};
    const struct hf_strings list = {.items = lines, .count = 1};
    struct hf_cron cron;
    int64_t at = 1783000000;
    size_t line;

    memcpy(text, data, size < sizeof text ? size : sizeof text - 1);
    if (hf_windows_new(&list, "UTC", &windows, &line, &err) == HF_OK &&
        hf_windows_end(windows, at * 1000000000) < at * 1000000000)
        abort();
    if (hf_cron_parse(text, &cron, &err) != HF_OK || hf_zone_load("UTC", &zone, &err) != HF_OK)
        return 0;
    for (int i = 0; i < 3 && at < HF_ZONE_END; i++) {
        int64_t next = hf_cron_next(&cron, zone, at);

        if (next <= at)
            abort();
        at = next;
    }
    return 0;
}
