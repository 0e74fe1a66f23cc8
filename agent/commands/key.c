/* holdfast key */
#include "agent/commands/run.h"
#include "agent/config/duration.h"
#include "agent/repositories/choose.h"
#include "agent/terminal/out_file.h"
#include "agent/terminal/prompt.h"
#include "agent/terminal/table.h"
#include "base/clock.h"
#include "base/file.h"
#include "storage/repository/keys.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *kind_name(enum hf_key_kind kind)
{
    return kind == HF_KEY_PASSPHRASE ? "passphrase" : "recipient";
}

static const char *role_name(enum hf_role role)
{
    return role == HF_ROLE_READER ? "reader" : "writer";
}

static json_t *key_json(const struct hf_key_info *key)
{
    char created[HF_TIME_TEXT];

    hf_time_format(created, key->created);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:b, s:b}", "id", key->id, "label", key->label,
                     "kind", kind_name(key->kind), "role", role_name(key->role), "created", created,
                     "generations", (int)key->generations, "current", (int)key->current, "trusted",
                     (int)key->trusted);
}

static enum hf_status add_row(struct hf_table *table, const struct hf_key_info *key, int64_t now,
                              struct hf_error *err)
{
    char age[HF_DURATION_TEXT];
    const char *note = key->current ? "in use now" : "";

    hf_age_format(age, now - key->created);
    if (!key->trusted)
        note = "NOT of this repository: remove it";
    HF_TRY(hf_table_add(table, err, "%.12s", key->id));
    HF_TRY(hf_table_add(table, err, "%s", key->label));
    HF_TRY(hf_table_add(table, err, "%s", kind_name(key->kind)));
    HF_TRY(hf_table_add(table, err, "%s", role_name(key->role)));
    HF_TRY(hf_table_add(table, err, "%u", key->generations));
    HF_TRY(hf_table_add(table, err, "%s", age));
    return hf_table_add(table, err, "%s", note);
}

enum hf_status hf_run_key_list(struct hf_session *session, struct hf_error *err)
{
    HF_AUTO_FREE struct hf_key_info *keys = NULL;
    HF_AUTO(hf_table) table = {.columns = 0};
    size_t count = 0;

    HF_TRY(hf_choose_and_open(session, err));
    if (hf_key_list(session->at_hand->repo, &keys, &count, err) != HF_OK)
        return hf_session_name_repository(session, err);
    HF_TRY(hf_table_begin(&table, "ID|LABEL|KIND|ROLE|>GENERATIONS|>AGE|", err));
    for (size_t i = 0; i < count; i++) {
        hf_output_event(session->output, "key", key_json(&keys[i]));
        HF_TRY(add_row(&table, &keys[i], hf_clock_now(), err));
    }
    hf_table_write(&table, session->output);
    return HF_OK;
}

static enum hf_status new_passphrase(const struct hf_args *args, struct hf_secret **out,
                                     struct hf_error *err)
{
    static const char what[] = "the new key's passphrase";
    const char *file = hf_args_value(args, HF_OPT_NEW_PASSPHRASE_FILE);
    struct hf_error reason;

    if (file) {
        if (hf_secret_read_file(file, out, err) != HF_OK)
            return hf_error_prefix(err, "%s", what);
        return (*out)->len > 0 ? HF_OK : hf_error_set(err, HF_USAGE, "%s is empty: %s", what, file);
    }
    if (hf_prompt_new_secret(what, out, err) == HF_OK)
        return HF_OK;
    if (err->status != HF_NOT_FOUND)
        return err->status;
    reason = *err;
    return hf_error_set(err, HF_USAGE, "%s; give --new-passphrase-file FILE or --recipient KEY",
                        reason.text);
}

enum hf_status hf_run_key_add(struct hf_session *session, struct hf_error *err)
{
    const struct hf_args *args = session->args;
    HF_AUTO_PTR(hf_secret) passphrase = NULL;
    struct hf_key_new key = {.role = args->given[HF_OPT_WRITER] ? HF_ROLE_WRITER : HF_ROLE_READER,
                             .recipient = hf_args_value(args, HF_OPT_RECIPIENT),
                             .label = hf_args_value(args, HF_OPT_LABEL)};
    char id[HF_KEY_ID_TEXT];

    if (key.recipient && args->given[HF_OPT_NEW_PASSPHRASE_FILE])
        return hf_error_set(err, HF_USAGE,
                            "--recipient and --new-passphrase-file cannot be given together");
    HF_TRY(hf_choose_and_open(session, err));
    if (!key.recipient)
        HF_TRY(new_passphrase(args, &passphrase, err));
    key.passphrase = passphrase;
    if (hf_key_add(session->at_hand->repo, &key, id, err) != HF_OK)
        return hf_session_name_repository(session, err);
    hf_output_news(session->output, "added %s key %s\n", role_name(key.role), id);
    hf_output_event(session->output, "key_added",
                    json_pack("{s:s, s:s}", "id", id, "role", role_name(key.role)));
    return HF_OK;
}

enum hf_status hf_run_key_remove(struct hf_session *session, struct hf_error *err)
{
    const char *id = session->args->operands.items[0];

    HF_TRY(hf_choose_and_open(session, err));
    if (hf_key_remove(session->at_hand->repo, id, err) != HF_OK)
        return hf_session_name_repository(session, err);
    hf_output_news(session->output,
                   "removed key %s; \"holdfast key rotate\" keeps what is written from now on "
                   "from whoever had it\n",
                   id);
    hf_output_event(session->output, "key_removed", json_pack("{s:s}", "id", id));
    return HF_OK;
}

enum hf_status hf_run_key_rotate(struct hf_session *session, struct hf_error *err)
{
    uint32_t generation = 0;

    HF_TRY(hf_choose_and_open(session, err));
    if (hf_key_rotate(session->at_hand->repo, &generation, err) != HF_OK)
        return hf_session_name_repository(session, err);
    hf_output_news(session->output, "generation %u of keys is in use from now on\n", generation);
    hf_output_event(session->output, "key_rotated",
                    json_pack("{s:I}", "generation", (json_int_t)generation));
    return HF_OK;
}

enum hf_status hf_run_key_export(struct hf_session *session, struct hf_error *err)
{
    HF_AUTO(hf_out_file) file = HF_OUT_FILE_INIT;
    HF_AUTO(hf_buf) record = HF_BUF_INIT;
    const char *path = hf_args_value(session->args, HF_OPT_OUTPUT);

    if (!path && isatty(STDOUT_FILENO))
        return hf_error_set(err, HF_USAGE,
                            "the record is not text for a terminal; give --output FILE");
    HF_TRY(hf_choose_and_open(session, err));
    if (hf_key_export(session->at_hand->repo, session->args->operands.items[0], &record, err) !=
        HF_OK)
        return hf_session_name_repository(session, err);
    HF_TRY(hf_out_file_open(&file, path, err));
    HF_TRY(hf_fd_write(file.fd, record.data, record.len, path ? path : "standard output", err));
    return hf_out_file_commit(&file, err);
}

static json_t *identity_json(const char *recipient, const char *path,
                             const struct hf_secret *identity)
{
    return json_pack("{s:s, s:s?, s:s?}", "recipient", recipient, "file", path, "identity",
                     path ? NULL : hf_secret_text(identity));
}

enum hf_status hf_run_key_identity(struct hf_session *session, struct hf_error *err)
{
    HF_AUTO(hf_out_file) file = HF_OUT_FILE_INIT;
    HF_AUTO_PTR(hf_secret) identity = NULL;
    HF_AUTO_FREE char *recipient = NULL;
    const char *path = hf_args_value(session->args, HF_OPT_OUTPUT);

    HF_TRY(hf_identity_new(&identity, &recipient, err));
    if (path) {
        HF_TRY(hf_out_file_open(&file, path, err));
        HF_TRY(hf_fd_write(file.fd, identity->data, identity->len, path, err));
        HF_TRY(hf_out_file_commit(&file, err));
    }
    /* The text of an identity names its recipient, and ends its last line. */
    hf_output_text(session->output, "%s%s", path ? recipient : hf_secret_text(identity),
                   path ? "\n" : "");
    hf_output_event(session->output, "identity", identity_json(recipient, path, identity));
    return HF_OK;
}
