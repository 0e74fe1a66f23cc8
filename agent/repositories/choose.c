#include "agent/repositories/choose.h"

#include "agent/cli/names.h"
#include "agent/config/s3.h"
#include "agent/repositories/cached.h"
#include "agent/repositories/place.h"
#include "agent/terminal/prompt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { WHAT_MAX = 512 };

static enum hf_status unknown_repository(const struct hf_config *config, const char *name,
                                         struct hf_error *err)
{
    HF_AUTO(hf_names) names = HF_NAMES_INIT;
    const char *near;

    for (size_t i = 0; i < config->repository_count; i++)
        HF_TRY(hf_names_add(&names, config->repositories[i].name, err));
    near = hf_text_nearest(name, hf_names_list(&names));
    if (near)
        return hf_error_set(err, HF_USAGE,
                            "the configuration has no repository \"%s\"; did you mean \"%s\"? (a "
                            "directory is written ./%s)",
                            name, near, name);
    return hf_error_set(err, HF_USAGE,
                        "the configuration has no repository \"%s\" (a directory is written ./%s)",
                        name, name);
}

static bool is_directory(const char *path)
{
    struct stat facts;

    return stat(path, &facts) == 0 && S_ISDIR(facts.st_mode);
}

struct hf_chosen hf_choose_configured(const struct hf_config_repository *repository)
{
    return (struct hf_chosen){.configured = repository,
                              .name = repository->name,
                              .place = repository->place,
                              .path = repository->path,
                              .s3 = repository->s3};
}

/* The session keeps what the URL says. */
static enum hf_status keep_bucket(struct hf_session *session, const char *url,
                                  struct hf_said_bucket **out, struct hf_error *err)
{
    struct hf_said_bucket *said = session->said_buckets;

    HF_AUTO_PTR(hf_config_s3) s3 = NULL;
    HF_AUTO_FREE char *copy = NULL;

    while (said && strcmp(said->url, url) != 0)
        said = said->next;
    if (!said) {
        HF_TRY(hf_config_s3_from_url(url, &s3, err));
        HF_TRY(hf_text_copy(url, &copy, err));
        said = calloc(1, sizeof *said);
        if (!said)
            return hf_error_memory(err);
        *said = (struct hf_said_bucket){.url = copy, .s3 = s3, .next = session->said_buckets};
        session->said_buckets = said;
        copy = NULL;
        s3 = NULL;
    }
    *out = said;
    return HF_OK;
}

static enum hf_status choose_bucket(struct hf_session *session, const char *url,
                                    struct hf_chosen *out, struct hf_error *err)
{
    struct hf_said_bucket *said;

    if (!hf_config_s3_is_url(url))
        return hf_error_set(err, HF_USAGE,
                            "a bucket is written s3://BUCKET/PREFIX, a directory of that name "
                            "./%.100s",
                            url);
    HF_TRY(keep_bucket(session, url, &said, err));
    *out = (struct hf_chosen){.place = said->url, .s3 = said->s3};
    return HF_OK;
}

enum hf_status hf_choose_named(struct hf_session *session, const char *name, struct hf_chosen *out,
                               struct hf_error *err)
{
    const struct hf_config *config = session->config;
    const struct hf_config_repository *found = hf_config_repository(config, name);

    if (found) {
        *out = hf_choose_configured(found);
        return HF_OK;
    }
    if (strncmp(name, "s3:", 3) == 0)
        return choose_bucket(session, name, out, err);
    if (config->repository_count > 0 && !strchr(name, '/') && !is_directory(name))
        return unknown_repository(config, name, err);
    *out = (struct hf_chosen){.place = name, .path = name};
    return HF_OK;
}

static enum hf_status choose_only(const struct hf_config *config, struct hf_chosen *out,
                                  struct hf_error *err)
{
    if (config->repository_count == 1) {
        *out = hf_choose_configured(&config->repositories[0]);
        return HF_OK;
    }
    if (config->repository_count == 0)
        return hf_error_set(err, HF_USAGE,
                            "which repository? Give --repository DIRECTORY (or "
                            "s3://BUCKET/PREFIX), or a configuration file that has one");
    return hf_error_set(err, HF_USAGE,
                        "which repository? The configuration has several, such as \"%s\" and "
                        "\"%s\": give --repository NAME",
                        config->repositories[0].name, config->repositories[1].name);
}

enum hf_status hf_choose_repository(struct hf_session *session, const char *wanted,
                                    struct hf_chosen *out, struct hf_error *err)
{
    const char *said = hf_args_value(session->args, HF_OPT_REPOSITORY);

    if (said)
        return hf_choose_named(session, said, out, err);
    if (wanted)
        return hf_choose_named(session, wanted, out, err);
    return choose_only(session->config, out, err);
}

/* "the passphrase of repository offsite" */
static void passphrase_name(const struct hf_chosen *chosen, char what[WHAT_MAX])
{
    (void)snprintf(what, WHAT_MAX, "the passphrase of repository %s",
                   chosen->name ? chosen->name : chosen->place);
}

static enum hf_status from_options(const struct hf_session *session, const char *what,
                                   struct hf_secret **out, struct hf_error *err)
{
    const char *file = hf_args_value(session->args, HF_OPT_PASSPHRASE_FILE);
    const char *command = hf_args_value(session->args, HF_OPT_PASSPHRASE_COMMAND);
    struct hf_secret_spec spec = {.from = HF_SECRET_NOWHERE};
    enum hf_status status = HF_OK;

    if (file && command)
        return hf_error_set(err, HF_USAGE,
                            "--passphrase-file and --passphrase-command cannot be given together");
    if (file) {
        spec.from = HF_SECRET_FILE;
        status = hf_text_copy(file, &spec.file, err);
    } else if (command) {
        spec.from = HF_SECRET_COMMAND;
        status = hf_strings_add(&spec.command, command, err);
    }
    if (status == HF_OK)
        status = hf_secret_spec_read(&spec, what, session->cancel, out, err);
    hf_secret_spec_done(&spec);
    return status;
}

static enum hf_status from_environment(const struct hf_session *session, const char *what,
                                       struct hf_secret **out, struct hf_error *err)
{
    struct hf_secret_spec spec = {.from = HF_SECRET_FILE, .file = session->env_passphrase_file};

    if (session->env_passphrase_file)
        return hf_secret_spec_read(&spec, what, session->cancel, out, err);
    if (session->env_passphrase)
        return hf_secret_new(session->env_passphrase->data, session->env_passphrase->len, out, err);
    return HF_OK;
}

/* From everywhere but the terminal; *out stays NULL when it is nowhere. */
static enum hf_status find_passphrase(const struct hf_session *session,
                                      const struct hf_chosen *chosen, const char *what,
                                      struct hf_secret **out, struct hf_error *err)
{
    HF_TRY(from_options(session, what, out, err));
    if (!*out && chosen->configured)
        HF_TRY(
            hf_secret_spec_read(&chosen->configured->passphrase, what, session->cancel, out, err));
    if (!*out)
        HF_TRY(from_environment(session, what, out, err));
    return HF_OK;
}

/* What to do instead, where there is nobody to ask. */
static enum hf_status prompt_failed(struct hf_error *err)
{
    struct hf_error reason = *err;

    if (reason.status != HF_NOT_FOUND)
        return reason.status;
    return hf_error_set(err, HF_USAGE,
                        "%s; give --passphrase-file FILE, --passphrase-command COMMAND or "
                        "HOLDFAST_PASSPHRASE_FILE, or name it in the configuration",
                        reason.text);
}

enum hf_status hf_choose_new_passphrase(struct hf_session *session, const struct hf_chosen *chosen,
                                        struct hf_secret **out, struct hf_error *err)
{
    HF_AUTO_PTR(hf_secret) secret = NULL;
    char what[WHAT_MAX];

    (void)snprintf(what, sizeof what, "a new passphrase for repository %s",
                   chosen->name ? chosen->name : chosen->place);
    HF_TRY(find_passphrase(session, chosen, what, &secret, err));
    if (!secret && hf_prompt_new_secret(what, &secret, err) != HF_OK)
        return prompt_failed(err);
    *out = secret;
    secret = NULL;
    return HF_OK;
}

static enum hf_status find_identity(const struct hf_session *session,
                                    const struct hf_chosen *chosen, struct hf_secret **out,
                                    struct hf_error *err)
{
    const char *file = hf_args_value(session->args, HF_OPT_IDENTITY_FILE);
    bool other = session->args->given[HF_OPT_PASSPHRASE_FILE] ||
                 session->args->given[HF_OPT_PASSPHRASE_COMMAND];

    if (file && other)
        return hf_error_set(err, HF_USAGE,
                            "--identity-file and a passphrase cannot be given together");
    if (!file && !other && chosen->configured)
        file = chosen->configured->identity_file;
    if (!file)
        return HF_OK;
    if (hf_secret_read_file(file, out, err) != HF_OK) {
        err->status = HF_CONFIG;
        return hf_error_prefix(err, "identity file");
    }
    return HF_OK;
}

/* What is said of how a repository is opened: an identity, or else a passphrase; or nothing. */
static enum hf_status find_credential(struct hf_session *session, const struct hf_chosen *chosen,
                                      struct hf_secret **out_identity,
                                      struct hf_secret **out_passphrase, struct hf_error *err)
{
    char what[WHAT_MAX];

    passphrase_name(chosen, what);
    HF_TRY(find_identity(session, chosen, out_identity, err));
    return *out_identity ? HF_OK : find_passphrase(session, chosen, what, out_passphrase, err);
}

static enum hf_status choose_credential(struct hf_session *session, const struct hf_chosen *chosen,
                                        struct hf_secret **out_identity,
                                        struct hf_secret **out_passphrase, struct hf_error *err)
{
    char what[WHAT_MAX];

    passphrase_name(chosen, what);
    HF_TRY(find_credential(session, chosen, out_identity, out_passphrase, err));
    if (!*out_identity && !*out_passphrase && hf_prompt_secret(what, out_passphrase, err) != HF_OK)
        return prompt_failed(err);
    return HF_OK;
}

enum hf_status hf_choose_replica_credential(struct hf_session *session,
                                            const struct hf_chosen *replica,
                                            const struct hf_chosen *original,
                                            struct hf_secret **out_identity,
                                            struct hf_secret **out_passphrase, struct hf_error *err)
{
    HF_TRY(find_credential(session, replica, out_identity, out_passphrase, err));
    if (*out_identity || *out_passphrase)
        return HF_OK;
    return choose_credential(session, original, out_identity, out_passphrase, err);
}

static const char *fingerprint_of(const struct hf_session *session, const struct hf_chosen *chosen)
{
    const char *said = hf_args_value(session->args, HF_OPT_FINGERPRINT);

    return said || !chosen->configured ? said : chosen->configured->fingerprint;
}

static enum hf_status open_repository(struct hf_session *session, const struct hf_chosen *chosen,
                                      struct hf_opened *opened, struct hf_error *err)
{
    HF_AUTO_PTR(hf_secret) identity = NULL;
    HF_AUTO_PTR(hf_secret) passphrase = NULL;
    struct hf_credential credential = {.passphrase = NULL};

    HF_TRY(choose_credential(session, chosen, &identity, &passphrase, err));
    credential.fingerprint = fingerprint_of(session, chosen);
    credential.identity = identity;
    credential.passphrase = passphrase;
    if (hf_repo_open(opened->store, &credential, &opened->repo, err) != HF_OK)
        return hf_opened_name(opened, err);
    if (opened->cached)
        hf_cached_attach(session, opened);
    return HF_OK;
}

static struct hf_opened *find_opened(const struct hf_session *session, const char *place)
{
    struct hf_opened *opened = session->opened;

    while (opened && !(opened->store && strcmp(opened->place, place) == 0))
        opened = opened->next;
    return opened;
}

static enum hf_status open_store(struct hf_session *session, const struct hf_chosen *chosen,
                                 enum hf_place_mode mode, struct hf_opened **out,
                                 struct hf_error *err)
{
    struct hf_opened *opened = find_opened(session, chosen->place);
    HF_AUTO_FREE char *title = NULL;
    enum hf_status status;

    if (!opened) {
        HF_TRY(hf_text_format(&title, err, "repository %s",
                              chosen->name ? chosen->name : chosen->place));
        HF_TRY(hf_session_add_opened(session, title, chosen->place, &opened, err));
        status = hf_place_open(session, chosen, mode, &opened->store, err);
        if (status != HF_OK) {
            (void)hf_opened_name(opened, err);
            return status;
        }
        HF_TRY(hf_cached_wrap(session, chosen, &opened->store, &opened->cached, err));
        hf_store_watch(opened->store, session->cancel);
    }
    *out = opened;
    return HF_OK;
}

enum hf_status hf_choose_open_store(struct hf_session *session, const struct hf_chosen *chosen,
                                    struct hf_error *err)
{
    return open_store(session, chosen, HF_PLACE_OPEN, &session->at_hand, err);
}

enum hf_status hf_choose_make_store(struct hf_session *session, const struct hf_chosen *chosen,
                                    struct hf_error *err)
{
    return open_store(session, chosen, HF_PLACE_CREATE, &session->at_hand, err);
}

enum hf_status hf_choose_open_beside(struct hf_session *session, const struct hf_chosen *chosen,
                                     struct hf_opened **out, struct hf_error *err)
{
    struct hf_opened *opened;

    HF_TRY(open_store(session, chosen, HF_PLACE_OPEN, &opened, err));
    if (!opened->repo)
        HF_TRY(open_repository(session, chosen, opened, err));
    *out = opened;
    return HF_OK;
}

enum hf_status hf_choose_open(struct hf_session *session, const struct hf_chosen *chosen,
                              struct hf_error *err)
{
    return hf_choose_open_beside(session, chosen, &session->at_hand, err);
}

enum hf_status hf_choose_open_from(struct hf_session *session, struct hf_error *err)
{
    const char *name = hf_args_value(session->args, HF_OPT_FROM);
    struct hf_chosen chosen = {.place = ""};

    if (!name)
        return HF_OK;
    HF_TRY(hf_choose_named(session, name, &chosen, err));
    if (strcmp(chosen.place, session->at_hand->place) == 0)
        return hf_error_set(err, HF_USAGE, "--from %s is the repository itself", name);
    return hf_choose_open_beside(session, &chosen, &session->from, err);
}

static bool stores_at(const struct hf_config *config, const struct hf_config_job *job,
                      const char *place)
{
    for (size_t i = 0; i < job->repositories.count; i++)
        if (strcmp(hf_config_repository(config, job->repositories.items[i])->place, place) == 0)
            return true;
    return false;
}

/* False for the one at hand, too. */
static bool open_as_from(struct hf_session *session, const char *name)
{
    struct hf_error why = HF_ERROR_INIT;
    const struct hf_chosen chosen =
        hf_choose_configured(hf_config_repository(session->config, name));

    if (strcmp(chosen.place, session->at_hand->place) == 0)
        return false;
    if (hf_choose_open_beside(session, &chosen, &session->from, &why) == HF_OK)
        return true;
    hf_output_warning(session->output, "what is damaged cannot be read from %s: %s", name,
                      why.text);
    return false;
}

bool hf_choose_next_from(struct hf_session *session, const char *source, size_t *tried)
{
    const struct hf_config *config = session->config;
    size_t at = 0;

    for (size_t i = 0; i < config->job_count; i++) {
        const struct hf_config_job *job = &config->jobs[i];

        if (!hf_strings_contain(&job->sources, source) ||
            !stores_at(config, job, session->at_hand->place))
            continue;
        for (size_t r = 0; r < job->repositories.count; r++) {
            if (at++ < *tried)
                continue;
            *tried = at;
            if (open_as_from(session, job->repositories.items[r]))
                return true;
        }
    }
    return false;
}

/* SOURCE of the operand SOURCE@...: where its jobs store it. */
static enum hf_status home_of_operand(const struct hf_session *session, const char **out,
                                      struct hf_error *err)
{
    const struct hf_strings *operands = &session->args->operands;
    const char *at = operands->count > 0 ? strrchr(operands->items[0], '@') : NULL;
    HF_AUTO_FREE char *source = NULL;

    *out = NULL;
    if (!at)
        return HF_OK;
    HF_TRY(
        hf_text_format(&source, err, "%.*s", (int)(at - operands->items[0]), operands->items[0]));
    *out = hf_config_home(session->config, source);
    return HF_OK;
}

enum hf_status hf_choose_and_open(struct hf_session *session, struct hf_error *err)
{
    struct hf_chosen chosen = {.place = ""};
    const char *home;

    HF_TRY(home_of_operand(session, &home, err));
    HF_TRY(hf_choose_repository(session, home, &chosen, err));
    HF_TRY(hf_choose_open(session, &chosen, err));
    return hf_choose_open_from(session, err);
}
