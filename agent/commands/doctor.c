/* holdfast doctor */
#include "agent/commands/backup_plan.h"
#include "agent/commands/doctor_s3.h"
#include "agent/commands/run.h"
#include "agent/config/duration.h"
#include "agent/kinds/kind.h"
#include "agent/repositories/snapshots.h"
#include "base/clock.h"
#include "base/json.h"

#include <stdio.h>
#include <string.h>

/* What was found so far. */
struct findings {
    struct hf_session *session;
    size_t bad;
};

static void find(struct findings *f, const char *subject, const char *what, bool ok,
                 const char *text)
{
    f->bad += !ok;
    hf_output_text(f->session->output, "%-5s %s: %s%s%s\n", ok ? "ok" : "FAIL", subject, what,
                   *what ? ": " : "", text);
    hf_output_event(f->session->output, "finding",
                    json_pack("{s:s, s:s, s:b, s:s}", "subject", subject, "what", what, "ok",
                              (int)ok, "text", text));
}

static void look_at_config(struct findings *f)
{
    const struct hf_config *config = f->session->config;
    char text[512];

    if (!config->file) {
        find(f, "configuration", "", true,
             "none (neither ./holdfast.yaml nor /etc/holdfast/holdfast.yaml); what is needed is "
             "said on the command line");
        return;
    }
    (void)snprintf(text, sizeof text, "%s is fine", config->file);
    find(f, "configuration", "", true, text);
}

static void look_at_backups(struct findings *f, const char *subject)
{
    HF_AUTO(hf_snapshots) list = {.count = 0};
    struct hf_error err = HF_ERROR_INIT;
    char text[HF_TIME_TEXT + HF_DURATION_TEXT + 200], time[HF_TIME_TEXT], age[HF_DURATION_TEXT];
    const struct hf_snapshot_info *last;

    if (hf_snapshots_load(f->session->at_hand->repo, NULL, hf_output_observer(f->session->output),
                          &list, &err) != HF_OK) {
        find(f, subject, "snapshots", false, err.text);
        return;
    }
    if (list.count == 0) {
        find(f, subject, "snapshots", true, "none yet; \"holdfast backup\" makes one");
        return;
    }
    last = &list.items[list.count - 1];
    hf_time_format(time, last->time);
    hf_age_format(age, hf_clock_now() - last->time);
    (void)snprintf(text, sizeof text, "%zu, the newest of %.60s at %s (age: %s), %s", list.count,
                   last->source, time, age, hf_snapshot_state_name(last->state));
    find(f, subject, "snapshots", true, text);
}

/* A finding about one thing of several. */
struct about {
    struct findings *findings;
    const char *subject;
};

static void find_about(void *ctx, const char *what, bool ok, const char *text)
{
    const struct about *about = ctx;

    find(about->findings, about->subject, what, ok, text);
}

static void look_at_repository(struct findings *f, const struct hf_chosen *chosen)
{
    struct hf_session *session = f->session;
    struct hf_error err = HF_ERROR_INIT;
    char subject[300];
    struct about about = {.findings = f, .subject = subject};

    (void)snprintf(subject, sizeof subject, "repository %s",
                   chosen->name ? chosen->name : chosen->place);
    if (chosen->s3 && !hf_doctor_s3(session, chosen, find_about, &about))
        return;
    if (hf_choose_open(session, chosen, &err) != HF_OK) {
        find(f, subject, "", false, err.text);
        return;
    }
    find(f, subject, "opened", true,
         hf_repo_role(session->at_hand->repo) == HF_ROLE_READER
             ? "with a reader key: it can back up and restore"
             : "with a writer key: it can back up, not restore");
    look_at_backups(f, subject);
}

static void look_at_repositories(struct findings *f, struct hf_error *err)
{
    struct hf_session *session = f->session;
    struct hf_chosen chosen;

    if (session->args->given[HF_OPT_REPOSITORY] || session->config->repository_count == 0) {
        if (hf_choose_repository(session, NULL, &chosen, err) == HF_OK)
            look_at_repository(f, &chosen);
        else
            find(f, "repository", "", false, err->text);
        return;
    }
    for (size_t i = 0; i < session->config->repository_count; i++) {
        chosen = hf_choose_configured(&session->config->repositories[i]);
        look_at_repository(f, &chosen);
    }
}

static void take_findings(struct findings *f, const char *subject, const json_t *list)
{
    const json_t *one;
    size_t i;

    json_array_foreach (list, i, one) {
        const char *what = json_string_value(json_object_get(one, "what"));
        const char *text = json_string_value(json_object_get(one, "text"));

        find(f, subject, what ? what : "", json_is_true(json_object_get(one, "ok")),
             text ? text : "");
    }
}

static void look_at_source(struct findings *f, struct hf_config_source *source)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_JSON list = NULL;
    char subject[HF_CONFIG_NAME_MAX + 16];

    (void)snprintf(subject, sizeof subject, "source %s", source->name);
    if (source->kind->prepare(f->session, source, &err) != HF_OK ||
        source->kind->source->doctor(hf_kind_config(source), &list, &err) != HF_OK)
        find(f, subject, "", false, err.text);
    else
        take_findings(f, subject, list);
}

static enum hf_status look_at_url(struct findings *f, const char *url, struct hf_error *err)
{
    struct hf_config_source source = {.name = NULL};
    enum hf_status status = hf_kind_source_of_url(f->session, url, &source, err);

    if (status == HF_OK)
        look_at_source(f, &source);
    hf_config_source_done(&source);
    return status;
}

static enum hf_status look_at_operand(struct findings *f, const char *operand, struct hf_error *err)
{
    struct hf_config *config = f->session->config;

    if (hf_kind_of_url(operand))
        return look_at_url(f, operand, err);
    for (size_t i = 0; i < config->source_count; i++) {
        if (strcmp(config->sources[i].name, operand) == 0) {
            look_at_source(f, &config->sources[i]);
            return HF_OK;
        }
    }
    return hf_error_set(err, HF_USAGE, "there is no source \"%.100s\" in %s", operand,
                        config->file ? config->file : "a configuration file");
}

static enum hf_status look_at_sources(struct findings *f, struct hf_error *err)
{
    const struct hf_strings *operands = &f->session->args->operands;
    struct hf_config *config = f->session->config;

    for (size_t i = 0; i < operands->count; i++)
        HF_TRY(look_at_operand(f, operands->items[i], err));
    for (size_t i = 0; i < config->source_count && operands->count == 0; i++)
        look_at_source(f, &config->sources[i]);
    return HF_OK;
}

enum hf_status hf_run_doctor(struct hf_session *session, struct hf_error *err)
{
    struct findings f = {.session = session};
    struct hf_error ignored = HF_ERROR_INIT;

    look_at_config(&f);
    look_at_repositories(&f, &ignored);
    HF_TRY(look_at_sources(&f, err));
    if (f.bad == 0)
        return HF_OK;
    return hf_error_set(err, HF_MISSING, "%zu of the things above %s not right", f.bad,
                        f.bad == 1 ? "is" : "are");
}
