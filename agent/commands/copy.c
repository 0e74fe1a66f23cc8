/* holdfast copy */
#include "agent/commands/replicate.h"
#include "agent/commands/run.h"
#include "agent/repositories/choose.h"
#include "agent/repositories/snapshots.h"

#include <string.h>

static enum hf_status open_both(struct hf_session *session, struct hf_opened **out_to,
                                struct hf_error *err)
{
    char *const *names = session->args->operands.items;
    struct hf_chosen from, to;

    HF_TRY(hf_choose_named(session, names[0], &from, err));
    HF_TRY(hf_choose_named(session, names[1], &to, err));
    if (strcmp(from.place, to.place) == 0)
        return hf_error_set(err, HF_USAGE, "%s is copied to itself; name two repositories",
                            names[0]);
    HF_TRY(hf_choose_open(session, &from, err));
    return hf_choose_open_beside(session, &to, out_to, err);
}

/* Names of snapshots to ids; none named: none. */
static enum hf_status find_snapshots(struct hf_session *session, struct hf_strings *out,
                                     struct hf_error *err)
{
    const struct hf_strings *operands = &session->args->operands;

    for (size_t i = 2; i < operands->count; i++) {
        HF_AUTO(hf_snapshots) list = {.count = 0};
        const struct hf_snapshot_info *info;

        HF_TRY(hf_snapshots_choose(session, operands->items[i], &list, &info, err));
        if (!hf_strings_contain(out, info->id))
            HF_TRY(hf_strings_add(out, info->id, err));
    }
    return HF_OK;
}

enum hf_status hf_run_copy(struct hf_session *session, struct hf_error *err)
{
    HF_AUTO(hf_strings) snapshots = HF_STRINGS_INIT;
    struct hf_opened *to;
    struct hf_replicate what = {.snapshots = &snapshots};

    HF_TRY(open_both(session, &to, err));
    HF_TRY(find_snapshots(session, &snapshots, err));
    what.from = session->at_hand;
    what.to = to;
    return hf_replicate(session, &what, err);
}
