/* holdfast pin, holdfast unpin */
#include "agent/commands/run.h"
#include "agent/config/duration.h"
#include "agent/repositories/holders.h"
#include "agent/repositories/pins.h"
#include "agent/repositories/snapshots.h"
#include "base/clock.h"

#include <stdio.h>
#include <string.h>

/* A date, or a span from now. */
static enum hf_status read_until(const struct hf_session *session, int64_t *out,
                                 struct hf_error *err)
{
    const char *text = hf_args_value(session->args, HF_OPT_UNTIL);
    int64_t span, end;

    *out = 0;
    if (!text)
        return HF_OK;
    if (hf_duration_parse(text, &span))
        *out = hf_clock_now() + span;
    else if (!hf_time_parse(text, out, &end))
        return hf_error_set(err, HF_USAGE,
                            "--until takes a time, such as 2027-01-31, or a span, such as 90d, not "
                            "\"%.60s\"",
                            text);
    if (*out <= hf_clock_now())
        return hf_error_set(err, HF_USAGE, "--until %.60s is past", text);
    return HF_OK;
}

static void tell(struct hf_session *session, const struct hf_holder *holder,
                 const struct hf_snapshot_info *info, const struct hf_pin *pin)
{
    hf_output_news(session->output, "%s: %.*s of %s is %s\n", holder->name, HF_SHORT_ID, info->id,
                   info->source, pin ? "pinned" : "not pinned");
    hf_output_event(session->output, "pin",
                    json_pack("{s:s, s:s, s:s, s:o}", "repository", holder->name, "snapshot",
                              info->id, "source", info->source, "pin", hf_pin_json(pin)));
}

/* pin NULL: takes it away. */
static enum hf_status change(struct hf_session *session, const struct hf_holders *holders,
                             const struct hf_snapshot_info *info, const struct hf_pin *pin,
                             struct hf_error *err)
{
    for (size_t i = 0; i < holders->count; i++) {
        const struct hf_holder *holder = &holders->items[i];
        enum hf_status status;

        if (!hf_holder_has(holder, info->id))
            continue;
        status = pin ? hf_pin_put(holder->opened->repo, pin, err)
                     : hf_pin_remove(holder->opened->repo, info->id, err);
        if (status != HF_OK)
            return hf_opened_name(holder->opened, err);
        tell(session, holder, info, pin);
    }
    return HF_OK;
}

/* Every name is looked up before anything is changed. */
static enum hf_status change_all(struct hf_session *session, struct hf_pin *pin,
                                 struct hf_error *err)
{
    __attribute__((cleanup(hf_holders_auto))) struct hf_holders holders = {.count = 0};
    const struct hf_strings *names = &session->args->operands;
    const struct hf_snapshot_info *infos[HF_OPERANDS_MAX];

    HF_TRY(hf_holders_open(session, &holders, err));
    for (size_t i = 0; i < names->count; i++)
        HF_TRY(hf_holders_find(&holders, names->items[i], &infos[i], err));
    for (size_t i = 0; i < names->count; i++) {
        if (pin)
            memcpy(pin->snapshot, infos[i]->id, sizeof pin->snapshot);
        HF_TRY(change(session, &holders, infos[i], pin, err));
    }
    return HF_OK;
}

enum hf_status hf_run_pin(struct hf_session *session, struct hf_error *err)
{
    const char *reason = hf_args_value(session->args, HF_OPT_REASON);
    HF_AUTO_FREE char *copy = NULL;
    struct hf_pin pin = {.time = hf_clock_now()};

    HF_TRY(read_until(session, &pin.until, err));
    if (reason)
        HF_TRY(hf_text_copy(reason, &copy, err));
    pin.reason = copy;
    return change_all(session, &pin, err);
}

enum hf_status hf_run_unpin(struct hf_session *session, struct hf_error *err)
{
    return change_all(session, NULL, err);
}
