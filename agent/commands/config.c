/* holdfast config check, holdfast version */
#include "agent/commands/run.h"

#include <unistd.h>

enum hf_status hf_run_config_check(struct hf_session *session, struct hf_error *err)
{
    const struct hf_config *config = session->config;

    if (!config->file)
        return hf_error_set(err, HF_CONFIG,
                            "there is no configuration file: neither ./holdfast.yaml nor "
                            "/etc/holdfast/holdfast.yaml, and none was given with --config");
    hf_output_news(session->output,
                   "%s is fine: %zu %s, %zu source%s, %zu job%s\n"
                   "\"holdfast doctor\" tries whether everything is there and reachable\n",
                   config->file, config->repository_count,
                   config->repository_count == 1 ? "repository" : "repositories",
                   config->source_count, hf_text_plural(config->source_count), config->job_count,
                   hf_text_plural(config->job_count));
    hf_output_event(session->output, "config",
                    json_pack("{s:s, s:I, s:I, s:I}", "file", config->file, "repositories",
                              (json_int_t)config->repository_count, "sources",
                              (json_int_t)config->source_count, "jobs",
                              (json_int_t)config->job_count));
    return HF_OK;
}

enum hf_status hf_run_version(struct hf_session *session, struct hf_error *err)
{
    (void)err;
    hf_output_text(session->output, "holdfast %s, repository format %d\n", HF_VERSION,
                   HF_REPO_FORMAT);
    hf_output_event(
        session->output, "version",
        json_pack("{s:s, s:i}", "version", HF_VERSION, "repository_format", HF_REPO_FORMAT));
    return HF_OK;
}
