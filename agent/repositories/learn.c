#include "agent/repositories/learn.h"

#include "agent/history/state.h"
#include "agent/repositories/known.h"
#include "base/text.h"

#include <unistd.h>

static struct hf_history *history_at_hand(struct hf_session *session)
{
    HF_AUTO_FREE char *folder = NULL;
    HF_AUTO_FREE char *path = NULL;
    struct hf_error ignored = HF_ERROR_INIT;

    if (hf_state_folder(session->config, &folder, &ignored) != HF_OK ||
        hf_text_format(&path, &ignored, "%s/history.db", folder) != HF_OK ||
        access(path, W_OK) != 0)
        return NULL;
    return hf_recorder_history(session->recorder);
}

static enum hf_status set(struct hf_history *history, const char *name,
                          const struct hf_snapshots *list, struct hf_error *err)
{
    HF_AUTO(hf_known) known = {.count = 0};

    HF_TRY(hf_known_new(list->count, &known, err));
    for (size_t i = 0; i < list->count; i++)
        hf_known_add(&known, &list->items[i]);
    return hf_history_set_holdings(history, name, known.items, known.count, err);
}

static void tell(struct hf_session *session, const struct hf_error *why)
{
    hf_observe(hf_output_observer(session->output), HF_NOTE_DETAIL,
               "the history does not learn of this: %s", why->text);
}

void hf_learn_list(struct hf_session *session, const char *name, const struct hf_snapshots *list)
{
    struct hf_history *history = history_at_hand(session);
    struct hf_error err = HF_ERROR_INIT;

    if (history && set(history, name, list, &err) != HF_OK)
        tell(session, &err);
}

void hf_learn_repository(struct hf_session *session, const struct hf_opened *opened)
{
    HF_AUTO(hf_snapshots) list = {.count = 0};
    struct hf_error err = HF_ERROR_INIT;

    if (!history_at_hand(session))
        return;
    if (hf_snapshots_load(opened->repo, NULL, NULL, &list, &err) == HF_OK)
        hf_learn_list(session, hf_opened_short_name(opened), &list);
    else
        tell(session, &err);
}
