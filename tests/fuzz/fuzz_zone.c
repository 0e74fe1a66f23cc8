#include "schedules/zone.h"
#include "schedules/zone_rule.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct hf_zone_span *span, int64_t moment)
{
    if (span->begin > moment || span->end <= moment)
        abort();
}

/* Whatever a file says, each moment is in its span. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int64_t moments[] = {-INT64_C(4000000000), -1, 0, 1783000000, INT64_C(4000000000),
                                      INT64_C(1) << 40};
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_zone) zone = NULL;
    bool is_zone = hf_zone_parse("x", data, size, &zone, &err) == HF_OK;
    struct hf_zone_rule rule;
    bool is_rule = hf_zone_rule_parse((const char *)data, size, &rule);

    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
        struct hf_zone_span span;

        if (is_zone) {
            hf_zone_span_at(zone, moments[i], &span);
            check(&span, moments[i]);
        }
        if (is_rule) {
            hf_zone_rule_span(&rule, moments[i], &span);
            check(&span, moments[i]);
        }
    }
    return 0;
}
