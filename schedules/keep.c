/* The rules themselves, and as text. */
#include "schedules/retention.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

void hf_keep_done(struct hf_keep *keep)
{
    hf_strings_free(&keep->tags);
    *keep = (struct hf_keep){.within = 0};
}

bool hf_keep_given(const struct hf_keep *keep)
{
    for (int rule = 0; rule < HF_KEEP_RULES; rule++)
        if (keep->count[rule] > 0)
            return true;
    return keep->within > 0;
}

const char *hf_keep_rule_name(enum hf_keep_rule rule)
{
    static const char *const names[HF_KEEP_RULES] = {
        [HF_KEEP_LAST] = "last",     [HF_KEEP_HOURLY] = "hourly",   [HF_KEEP_DAILY] = "daily",
        [HF_KEEP_WEEKLY] = "weekly", [HF_KEEP_MONTHLY] = "monthly", [HF_KEEP_YEARLY] = "yearly",
    };

    return names[rule];
}

void hf_keep_format(char text[HF_KEEP_TEXT], const struct hf_keep *keep)
{
    int64_t hours = keep->within / HF_NS_PER_S / 3600;
    size_t len = 0;

    text[0] = '\0';
    for (int rule = 0; rule < HF_KEEP_RULES; rule++)
        if (keep->count[rule] > 0)
            len += (size_t)snprintf(text + len, HF_KEEP_TEXT - len, "%s%s %u", len ? ", " : "",
                                    hf_keep_rule_name((enum hf_keep_rule)rule), keep->count[rule]);
    if (keep->within > 0)
        (void)snprintf(text + len, HF_KEEP_TEXT - len, "%swithin %" PRId64 " %s", len ? ", " : "",
                       hours % 24 ? hours : hours / 24, hours % 24 ? "h" : "d");
}
