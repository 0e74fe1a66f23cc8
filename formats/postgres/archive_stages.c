#include "formats/postgres/restore_job.h"

#include "base/file.h"
#include "formats/postgres/quote.h"
#include "formats/postgres/restore_script.h"

static const char *const stage_names[] = {
    [HF_PG_STAGE_NONE] = "nothing",
    [HF_PG_STAGE_PRE_DATA] = "creating schemas, types, functions and tables",
    [HF_PG_STAGE_POST_DATA] = "creating indexes, constraints and triggers",
    [HF_PG_STAGE_ACL] = "granting privileges",
    [HF_PG_STAGE_EVENT_TRIGGERS] = "creating event triggers",
};

static struct hf_pg_address address_of(const struct hf_pg_job *job)
{
    return (struct hf_pg_address){
        .conninfo = job->config->conninfo,
        .password = job->config->password,
        .database = job->temporary,
    };
}

/* The archive and the list are read again by name, and by each of its workers: a pipe would not
 * do. address NULL: a script. jobs 0: statements that must come one after the other. */
static enum hf_status make_command(const struct hf_pg_job *job, const struct hf_pg_address *address,
                                   unsigned jobs, int list_fd, struct hf_pg_command *command,
                                   struct hf_error *err)
{
    HF_TRY(hf_pg_command_init(command, job->pg_restore.path, address, err));
    HF_TRY(hf_pg_command_add(command, err, address ? "--exit-on-error" : "--file=-"));
    if (job->options->no_owner)
        HF_TRY(hf_pg_command_add(command, err, "--no-owner"));
    if (job->no_tablespaces)
        HF_TRY(hf_pg_command_add(command, err, "--no-tablespaces"));
    if (address && jobs > 0)
        HF_TRY(hf_pg_command_add(command, err, "--jobs=%u", jobs));
    HF_TRY(hf_pg_command_add(command, err, "--use-list=/proc/self/fd/%d", list_fd));
    return hf_pg_command_add(command, err, "/proc/self/fd/%d", job->input.archive_fd);
}

static enum hf_status run_command(const struct hf_pg_job *job, const struct hf_pg_command *command,
                                  const int *keep, struct hf_error *err)
{
    const struct hf_pg_command_io io = {
        .in_fd = -1, .out_fd = -1, .keep_fds = keep, .cancel = job->work->cancel};
    HF_AUTO_PTR(hf_process) process = NULL;
    struct hf_process *ended;
    char ignored[4096];
    size_t len;

    HF_TRY(hf_pg_command_start(command, &io, &process, err));
    do {
        HF_TRY(hf_process_read(process, ignored, sizeof ignored, &len, err));
    } while (len > 0);
    ended = process;
    process = NULL;
    return hf_process_finish(ended, err);
}

static enum hf_status keep_script(void *ctx, const void *data, size_t len, struct hf_error *err)
{
    const int *fd = ctx;

    return hf_fd_write(*fd, data, len, "script", err);
}

/* pg_restore cannot be told to leave out the setting that the server does not know: it writes the
 * stage as a script, and psql, which comes with it, runs that. */
static enum hf_status run_by_script(const struct hf_pg_job *job, int list_fd, struct hf_error *err)
{
    const struct hf_pg_address address = address_of(job);
    const int keep[] = {list_fd, job->input.archive_fd, -1};
    const struct hf_pg_command_io io = {
        .in_fd = -1, .out_fd = -1, .keep_fds = keep, .cancel = job->work->cancel};
    HF_AUTO(hf_pg_command) writer = HF_PG_COMMAND_INIT;
    HF_AUTO(hf_pg_command) runner = HF_PG_COMMAND_INIT;
    HF_AUTO_FD script_fd = -1;

    HF_TRY(hf_fd_memory("script", &script_fd, err));
    HF_TRY(make_command(job, NULL, 0, list_fd, &writer, err));
    HF_TRY(hf_pg_restore_script(&writer, &io, keep_script, &script_fd, err));
    HF_TRY(hf_pg_command_init(&runner, job->psql.path, &address, err));
    HF_TRY(hf_pg_command_add(&runner, err, "--no-psqlrc"));
    HF_TRY(hf_pg_command_add(&runner, err, "--quiet"));
    HF_TRY(hf_pg_command_add(&runner, err, "--set=ON_ERROR_STOP=1"));
    HF_TRY(hf_pg_command_add(&runner, err, "--file=/proc/self/fd/%d", script_fd));
    return run_command(job, &runner, (const int[]){script_fd, -1}, err);
}

static enum hf_status run(const struct hf_pg_job *job, const struct hf_buf *list, unsigned jobs,
                          struct hf_error *err)
{
    HF_AUTO_FD list_fd = -1;
    const struct hf_pg_address address = address_of(job);
    HF_AUTO(hf_pg_command) command = HF_PG_COMMAND_INIT;

    HF_TRY(hf_fd_memory("list", &list_fd, err));
    HF_TRY(hf_fd_write(list_fd, list->data, list->len, "list", err));
    if (job->psql.path)
        return run_by_script(job, list_fd, err);
    HF_TRY(make_command(job, &address, jobs, list_fd, &command, err));
    return run_command(job, &command, (const int[]){list_fd, job->input.archive_fd, -1}, err);
}

/* A capture of chosen tables has no schemas in its archive. */
static enum hf_status create_schemas(struct hf_pg_job *job, struct hf_error *err)
{
    HF_AUTO(hf_strings) names = HF_STRINGS_INIT;
    HF_AUTO_PTR(hf_pg) pg = NULL;

    if (!json_is_true(json_object_get(job->database, "partial")))
        return HF_OK;
    HF_TRY(hf_pg_input_missing_schemas(&job->input, &names, err));
    HF_TRY(hf_pg_job_connect(job, job->temporary, &pg, err));
    for (size_t i = 0; i < names.count; i++) {
        HF_AUTO(hf_buf) quoted = HF_BUF_INIT;
        const char *text;

        HF_TRY(hf_pg_quote_ident(&quoted, names.items[i], err));
        HF_TRY(hf_buf_cstr(&quoted, &text, err));
        HF_TRY(hf_pg_runf(pg, err, "CREATE SCHEMA IF NOT EXISTS %s", text));
    }
    return HF_OK;
}

enum hf_status hf_pg_stage_run(struct hf_pg_job *job, enum hf_pg_stage stage, struct hf_error *err)
{
    const bool *made = job->plan ? hf_pg_load_plan_entries(job->plan) : NULL;
    HF_AUTO(hf_buf) list = HF_BUF_INIT;
    size_t count;

    if (stage == HF_PG_STAGE_ACL && job->options->no_acl)
        return HF_OK;
    HF_TRY(hf_pg_selection_list(job->input.toc, &job->input.selection, stage, made, &list, &count,
                                err));
    if (count == 0)
        return HF_OK;
    hf_pg_job_step(job, "%s", stage_names[stage]);
    if (stage == HF_PG_STAGE_PRE_DATA)
        HF_TRY(create_schemas(job, err));
    if (run(job, &list, stage == HF_PG_STAGE_POST_DATA ? job->jobs : 0, err) != HF_OK)
        return hf_error_prefix(err, "%s", stage_names[stage]);
    return HF_OK;
}

enum hf_status hf_pg_entry_run(const struct hf_pg_job *job, size_t entry, struct hf_error *err)
{
    const struct hf_pg_toc_entry *e = &job->input.toc->entries[entry];
    HF_AUTO(hf_buf) list = HF_BUF_INIT;

    HF_TRY(hf_buf_printf(&list, err, "%d;\n", (int)e->id));
    if (run(job, &list, 0, err) != HF_OK)
        return hf_error_prefix(err, "%s %s", e->desc, e->tag);
    return HF_OK;
}
