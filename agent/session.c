#include "agent/session.h"

#include "agent/config/s3.h"
#include "agent/signals.h"

#include <stdlib.h>
#include <string.h>

/* Takes a variable out of the environment, so that no child inherits it, and wipes it where it
 * can be seen (/proc/PID/environ). */
static enum hf_status take_secret_variable(const char *name, struct hf_secret **out,
                                           struct hf_error *err)
{
    char *value = getenv(name);
    enum hf_status status = HF_OK;

    if (!value)
        return HF_OK;
    if (*value)
        status = hf_secret_new(value, strlen(value), out, err);
    explicit_bzero(value, strlen(value));
    (void)unsetenv(name);
    return status;
}

static enum hf_status take_environment(struct hf_session *session, struct hf_error *err)
{
    const char *file = getenv("HOLDFAST_PASSPHRASE_FILE");

    HF_TRY(take_secret_variable("HOLDFAST_PASSPHRASE", &session->env_passphrase, err));
    return file && *file ? hf_text_copy(file, &session->env_passphrase_file, err) : HF_OK;
}

/* What has nothing to do with sources and repositories works whatever the configuration is like. */
static bool uses_config(enum hf_command_id id)
{
    return id != HF_COMMAND_VERSION && id != HF_COMMAND_KEY_IDENTITY;
}

static enum hf_status load_config(struct hf_session *session, struct hf_error *err)
{
    const char *file = hf_args_value(session->args, HF_OPT_CONFIG);

    if (uses_config(session->args->id))
        return hf_config_load(file, &session->config, err);
    session->config = calloc(1, sizeof *session->config);
    return session->config ? HF_OK : hf_error_memory(err);
}

/* Numbers that are wrong are found before anything is opened. */
static enum hf_status check_limits(const struct hf_session *session, struct hf_error *err)
{
    uint64_t memory = 0;
    unsigned threads = 0, level = 0, jobs = 0;

    HF_TRY(hf_args_number(session->args, HF_OPT_JOBS, 1, HF_CONFIG_JOBS_MAX, &jobs, err));
    return hf_session_limits(session, &memory, &threads, &level, err);
}

enum hf_status hf_session_begin(const struct hf_args *args, struct hf_output *output,
                                struct hf_session *out, struct hf_error *err)
{
    *out = (struct hf_session){.args = args, .output = output};
    HF_TRY(take_environment(out, err));
    HF_TRY(load_config(out, err));
    HF_TRY(check_limits(out, err));
    return hf_session_new_work(out, err);
}

enum hf_status hf_session_add_opened(struct hf_session *session, const char *title,
                                     const char *place, struct hf_opened **out,
                                     struct hf_error *err)
{
    struct hf_opened *opened = calloc(1, sizeof *opened);

    if (!opened)
        return hf_error_memory(err);
    opened->next = session->opened;
    session->opened = opened;
    HF_TRY(hf_text_copy(title, &opened->title, err));
    HF_TRY(hf_text_copy(place, &opened->place, err));
    *out = opened;
    return HF_OK;
}

static void close_all(struct hf_session *session)
{
    while (session->opened) {
        struct hf_opened *opened = session->opened;

        session->opened = opened->next;
        if (opened->repo)
            hf_repo_close(opened->repo);
        if (opened->store)
            hf_store_close(opened->store);
        free(opened->title);
        free(opened->place);
        free(opened);
    }
    session->at_hand = NULL;
    session->from = NULL;
}

static void free_said_buckets(struct hf_session *session)
{
    while (session->said_buckets) {
        struct hf_said_bucket *said = session->said_buckets;

        session->said_buckets = said->next;
        hf_config_s3_free(said->s3);
        free(said->url);
        free(said);
    }
}

void hf_session_end(struct hf_session *session)
{
    close_all(session);
    hf_signals_watch(NULL);
    if (session->cancel)
        hf_cancel_free(session->cancel);
    free_said_buckets(session);
    hf_config_free(session->config);
    hf_secret_free(session->env_passphrase);
    free(session->env_passphrase_file);
}

enum hf_status hf_session_new_work(struct hf_session *session, struct hf_error *err)
{
    struct hf_cancel *cancel;

    HF_TRY(hf_cancel_new(&cancel, err));
    hf_signals_watch(cancel);
    for (struct hf_opened *opened = session->opened; opened; opened = opened->next) {
        if (opened->store)
            hf_store_watch(opened->store, cancel);
    }
    if (session->cancel)
        hf_cancel_free(session->cancel);
    session->cancel = cancel;
    return HF_OK;
}

/* Ctrl-C reaches children and servers too, and what they then say is not the reason. */
static bool is_interrupt(const struct hf_error *err)
{
    return hf_signals_interrupted() && err->status != HF_DAMAGED && err->status != HF_MISMATCH;
}

enum hf_status hf_session_cause(struct hf_session *session, struct hf_error *err)
{
    struct hf_error cause = HF_ERROR_INIT;

    if (is_interrupt(err))
        return hf_error_set(err, HF_CANCELLED, "%s",
                            hf_signals_time_over()
                                ? "stopped: it took longer than its \"time_limit\""
                                : "interrupted");
    if (err->status == HF_CANCELLED && hf_cancel_cause(session->cancel, &cause) != HF_OK)
        *err = cause;
    return err->status;
}

const char *hf_opened_short_name(const struct hf_opened *opened)
{
    return opened->title + strlen("repository ");
}

enum hf_status hf_opened_name(const struct hf_opened *opened, struct hf_error *err)
{
    bool by_path = strstr(opened->title, opened->place) != NULL;

    /* The store names its directory itself. */
    if (by_path && strstr(err->text, opened->place))
        return err->status;
    return hf_error_prefix(err, "%s", opened->title);
}

enum hf_status hf_session_name_repository(const struct hf_session *session, struct hf_error *err)
{
    return hf_opened_name(session->at_hand, err);
}

enum hf_status hf_session_limits(const struct hf_session *session, uint64_t *out_memory,
                                 unsigned *out_threads, unsigned *out_level, struct hf_error *err)
{
    const struct hf_args *args = session->args;

    *out_memory = session->config->memory;
    *out_threads = session->config->threads;
    *out_level = session->config->level;
    HF_TRY(hf_args_size(args, HF_OPT_MEMORY, HF_CONFIG_MEMORY_MIN, HF_CONFIG_MEMORY_MAX, out_memory,
                        err));
    HF_TRY(hf_args_number(args, HF_OPT_THREADS, 1, HF_CONFIG_THREADS_MAX, out_threads, err));
    return hf_args_number(args, HF_OPT_LEVEL, 1, HF_CONFIG_LEVEL_MAX, out_level, err);
}
