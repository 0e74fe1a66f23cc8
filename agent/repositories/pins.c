#include "agent/repositories/pins.h"

#include "base/clock.h"

enum hf_status hf_pin_words(const struct hf_pin *pin, struct hf_buf *out, struct hf_error *err)
{
    char until[HF_TIME_TEXT];

    HF_TRY(hf_buf_append_str(out, "pinned", err));
    if (pin->unclear)
        return hf_buf_append_str(out, " (the pin cannot be read)", err);
    hf_time_format(until, pin->until);
    if (pin->until != 0)
        HF_TRY(hf_buf_printf(out, err, " until %s", until));
    return pin->reason ? hf_buf_printf(out, err, ": %s", pin->reason) : HF_OK;
}

json_t *hf_pin_json(const struct hf_pin *pin)
{
    char since[HF_TIME_TEXT], until[HF_TIME_TEXT];

    if (!pin)
        return json_null();
    hf_time_format(since, pin->time);
    hf_time_format(until, pin->until);
    return json_pack("{s:s?, s:s?, s:s?}", "since", pin->unclear ? NULL : since, "until",
                     pin->until ? until : NULL, "reason", pin->reason);
}

json_t *hf_strings_json(const struct hf_strings *strings)
{
    json_t *array = json_array();

    for (size_t i = 0; array && i < strings->count; i++) {
        if (json_array_append_new(array, json_string(strings->items[i])) == 0)
            continue;
        json_decref(array);
        return NULL;
    }
    return array;
}
