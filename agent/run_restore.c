/* holdfast restore */
#include "agent/choose.h"
#include "agent/conninfo.h"
#include "agent/duration.h"
#include "agent/restore_report.h"
#include "agent/run.h"
#include "agent/snapshots.h"
#include "agent/source.h"
#include "base/clock.h"
#include "base/json.h"

#include <stdlib.h>
#include <string.h>

/* Where to: the server, and the name there. */
struct target {
    struct hf_config_source url;     /* made of a URL, or empty */
    struct hf_config_source *server; /* that one, or a source of the configuration */
    const char *name;                /* borrowed; NULL: as it was called */
};

static void target_auto(struct target *target)
{
    hf_config_source_done(&target->url);
}

static enum hf_status target_from_url(struct hf_session *session, const char *url,
                                      struct target *out, struct hf_error *err)
{
    HF_AUTO(hf_conninfo) info = {.text = NULL};

    if (hf_conninfo_parse(url, &info, err) != HF_OK)
        return hf_error_prefix(err, "--to");
    if (info.password)
        hf_output_warning(session->output,
                          "a password on the command line can be seen by others on this machine; "
                          "use PGPASSFILE or PGPASSWORD");
    HF_TRY(hf_text_copy("--to", &out->url.name, err));
    out->url.postgres.conninfo = info.text;
    info.text = NULL;
    out->url.postgres.password = info.password;
    info.password = NULL;
    out->url.dbname = info.dbname;
    info.dbname = NULL;
    out->server = &out->url;
    out->name = out->url.dbname;
    return HF_OK;
}

static enum hf_status target_by_name(struct hf_session *session, const char *name,
                                     const char *source, struct target *out, struct hf_error *err)
{
    struct hf_config *config = session->config;

    for (size_t i = 0; i < config->source_count; i++) {
        if (strcmp(config->sources[i].name, source) == 0)
            out->server = &config->sources[i];
    }
    if (!out->server)
        return hf_error_set(err, HF_USAGE,
                            "--to %.100s: on which server? %s has no source \"%s\"; write --to "
                            "postgresql://USER@HOST/%.100s",
                            name, config->file ? config->file : "the configuration", source, name);
    out->name = name;
    return hf_source_prepare(session, out->server, err);
}

static enum hf_status choose_target(struct hf_session *session, const char *source,
                                    struct target *out, struct hf_error *err)
{
    const char *to = hf_args_value(session->args, HF_OPT_TO);

    if (hf_conninfo_is_url(to))
        return target_from_url(session, to, out, err);
    if (strstr(to, "://"))
        return hf_error_set(err, HF_USAGE, "--to takes a name or a postgresql:// URL");
    return target_by_name(session, to, source, out, err);
}

static enum hf_status restore_options(const struct hf_session *session, const char *target,
                                      struct hf_restore_options *out, struct hf_error *err)
{
    const struct hf_args *args = session->args;

    if (args->given[HF_OPT_DATABASE] > 1)
        return hf_error_set(err, HF_USAGE, "option --database is given twice");
    /* The lists are borrowed from the arguments. */
    *out = (struct hf_restore_options){.target = target,
                                       .replace = args->given[HF_OPT_REPLACE] > 0,
                                       .no_owner = args->given[HF_OPT_NO_OWNER] > 0,
                                       .no_acl = args->given[HF_OPT_NO_ACL] > 0,
                                       .no_compare = args->given[HF_OPT_NO_COMPARE] > 0,
                                       .schemas = args->values[HF_OPT_SCHEMA],
                                       .tables = args->values[HF_OPT_TABLE],
                                       .database = hf_args_value(args, HF_OPT_DATABASE)};
    return HF_OK;
}

/* The command line has the last word, the snapshot's source the first. */
static enum hf_status choose_bin_dir(const struct hf_session *session, const char *source,
                                     struct hf_pg_config *config, struct hf_error *err)
{
    const char *bin_dir = hf_source_bin_dir(session, source);
    char *copy;

    if (!bin_dir || bin_dir == config->bin_dir)
        return HF_OK;
    HF_TRY(hf_text_copy(bin_dir, &copy, err));
    free(config->bin_dir);
    config->bin_dir = copy;
    return HF_OK;
}

static enum hf_status open_snapshot(struct hf_session *session, const struct hf_snapshot_info *info,
                                    struct hf_snapshot **out, struct hf_error *err)
{
    struct hf_read_options options = {.cancel = session->cancel};
    unsigned level = 0;

    HF_TRY(hf_session_limits(session, &options.memory, &options.threads, &level, err));
    if (hf_snapshot_open(session->repo, info->id, &options, out, err) != HF_OK)
        return hf_error_prefix(err, "%s: snapshot %.*s", session->repository, HF_SHORT_ID,
                               info->id);
    return HF_OK;
}

static enum hf_status run_restore(struct hf_session *session, const struct hf_snapshot_info *info,
                                  struct target *target, json_t **out_report, struct hf_error *err)
{
    HF_AUTO_PTR(hf_snapshot) snapshot = NULL;
    const struct hf_source_kind *kind;
    struct hf_restore_options options;
    struct hf_work work = {.cancel = session->cancel,
                           .observer = hf_output_observer(session->output)};
    enum hf_status status;

    HF_TRY(hf_source_kind_find(info->kind, &kind, err));
    HF_TRY(restore_options(session, target->name, &options, err));
    HF_TRY(choose_bin_dir(session, info->source, &target->server->postgres, err));
    HF_TRY(hf_args_number(session->args, HF_OPT_JOBS, 1, HF_CONFIG_JOBS_MAX, &work.jobs, err));
    HF_TRY(open_snapshot(session, info, &snapshot, err));
    hf_output_begin(session->output, info->source);
    status = kind->restore(&target->server->postgres, info->properties, hf_snapshot_feed(snapshot),
                           &options, &work, out_report, err);
    hf_output_end(session->output);
    return status == HF_OK ? HF_OK : hf_session_cause(session, err);
}

/* A restore is a success also where its proof cannot be kept, on a read-only repository say. */
static bool record_proof(struct hf_session *session, const char *id, const json_t *report)
{
    struct hf_error err = HF_ERROR_INIT;

    if (!hf_restore_report_proves(report))
        return false;
    if (hf_snapshot_add_proof(session->repo, id, HF_SNAPSHOT_PROVEN, report, &err) == HF_OK)
        return true;
    hf_output_warning(session->output, "the snapshot is proven, but that cannot be recorded: %s",
                      err.text);
    return false;
}

static void report_outcome(struct hf_session *session, const struct hf_snapshot_info *info,
                           json_t *report, bool proven, int64_t took)
{
    char text[HF_DURATION_TEXT];

    hf_duration_format(text, took);
    if (!hf_output_is_json(session->output))
        hf_restore_report_write(session->output, report);
    if (proven)
        hf_output_news(session->output, "snapshot %.*s of %s is proven, after %s\n", HF_SHORT_ID,
                       info->id, info->source, text);
    hf_output_event(session->output, "restore",
                    json_pack("{s:s, s:s, s:f, s:b, s:O}", "snapshot", info->id, "source",
                              info->source, "seconds", (double)took / (double)HF_NS_PER_S, "proven",
                              (int)proven, "report", report));
}

enum hf_status hf_run_restore(struct hf_session *session, struct hf_error *err)
{
    __attribute__((cleanup(target_auto))) struct target target = {.name = NULL};
    HF_AUTO(hf_snapshots) list = {.count = 0};
    HF_AUTO_JSON report = NULL;
    const struct hf_snapshot_info *info;
    int64_t start = hf_clock_monotonic();
    enum hf_status status;
    bool proven;

    HF_TRY(hf_choose_and_open(session, err));
    HF_TRY(hf_snapshots_choose(session, session->args->operands.items[0], &list, &info, err));
    HF_TRY(choose_target(session, info->source, &target, err));
    status = run_restore(session, info, &target, &report, err);
    if (status != HF_OK)
        (void)hf_error_prefix(err, "restore %s", info->source);
    if (!report)
        return status;
    proven = status == HF_OK && record_proof(session, info->id, report);
    report_outcome(session, info, report, proven, hf_clock_monotonic() - start);
    return status;
}
