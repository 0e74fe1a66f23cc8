/* holdfast export */
#include "agent/commands/run.h"
#include "agent/kinds/kind.h"
#include "agent/repositories/choose.h"
#include "agent/repositories/snapshots.h"
#include "agent/terminal/out_file.h"

/* The kind needs no server to write its plain form, only its programs. */
static enum hf_status write_plain(struct hf_session *session, const struct hf_snapshot_info *info,
                                  struct hf_snapshot *snapshot, int fd, struct hf_error *err)
{
    const struct hf_args *args = session->args;
    struct hf_config_source settings = {.name = NULL};
    const struct hf_kind *kind;
    struct hf_restore_options options = {.no_owner = args->given[HF_OPT_NO_OWNER] > 0,
                                         .no_acl = args->given[HF_OPT_NO_ACL] > 0,
                                         .schemas = args->values[HF_OPT_SCHEMA],
                                         .tables = args->values[HF_OPT_TABLE],
                                         .patterns = hf_args_patterns(args),
                                         .database = hf_args_value(args, HF_OPT_DATABASE)};
    struct hf_work work = {.cancel = session->cancel,
                           .observer = hf_output_observer(session->output)};
    enum hf_status status;

    HF_TRY(hf_kind_find(info->kind, &kind, err));
    HF_TRY(hf_kind_check_restore_options(kind, args, err));
    HF_TRY(hf_args_large_objects(args, &options.large_objects, err));
    settings.kind = kind;
    hf_output_begin(session->output, info->source);
    status = kind->for_export(session, hf_kind_source_of(session, info), &settings, err);
    if (status == HF_OK)
        status = kind->source->export(hf_kind_config(&settings), info->properties,
                                      hf_snapshot_feed(snapshot), &options, &work, fd, err);
    hf_output_end(session->output);
    hf_config_source_done(&settings);
    return status;
}

static enum hf_status export_to(struct hf_session *session, int fd, struct hf_error *err)
{
    HF_AUTO(hf_snapshots) list = {.count = 0};
    HF_AUTO_PTR(hf_snapshot) snapshot = NULL;
    const struct hf_snapshot_info *info;

    HF_TRY(hf_snapshots_choose(session, session->args->operands.items[0], &list, &info, err));
    if (hf_snapshots_open(session, info, &snapshot, err) != HF_OK ||
        write_plain(session, info, snapshot, fd, err) != HF_OK) {
        (void)hf_session_cause(session, err);
        return hf_error_prefix(err, "export %s", info->source);
    }
    json_decref(hf_snapshots_tell_fallback(session, snapshot));
    return HF_OK;
}

enum hf_status hf_run_export(struct hf_session *session, struct hf_error *err)
{
    HF_AUTO(hf_out_file) file = HF_OUT_FILE_INIT;

    if (session->args->given[HF_OPT_DATABASE] > 1)
        return hf_error_set(err, HF_USAGE, "option --database is given twice");
    HF_TRY(hf_choose_and_open(session, err));
    HF_TRY(hf_out_file_open(&file, hf_args_value(session->args, HF_OPT_OUTPUT), err));
    HF_TRY(export_to(session, file.fd, err));
    return hf_out_file_commit(&file, err);
}
