/* holdfast config check, holdfast version */
#include "agent/commands/run.h"
#include "agent/terminal/table.h"
#include "base/clock.h"
#include "schedules/schedule.h"
#include "schedules/windows.h"
#include "schedules/zone.h"

#include <unistd.h>

enum { NEXT_RUNS = 3 };

/* Of a job, or of the drills of one. */
struct timed {
    const char *job;
    const char *what; /* "backup", "drill" */
    const struct hf_schedule *schedule;
    const struct hf_windows *windows; /* or NULL */
};

/* When a run starts that is due next; HF_NEVER. */
static int64_t next_start(const struct timed *timed, int64_t after)
{
    int64_t next = hf_schedule_next(timed->schedule, after);

    return next < HF_NEVER && timed->windows ? hf_windows_end(timed->windows, next) : next;
}

static enum hf_status show_times(struct hf_session *session, struct hf_table *table,
                                 const struct timed *timed, struct hf_error *err)
{
    const struct hf_zone *zone = hf_schedule_zone(timed->schedule);
    int64_t at = hf_clock_now();
    json_t *times = json_array();

    for (int i = 0; i < NEXT_RUNS && (at = next_start(timed, at)) < HF_NEVER; i++) {
        char local[HF_ZONE_TEXT], utc[HF_TIME_TEXT];

        hf_zone_format(zone, at / HF_NS_PER_S, local);
        hf_time_format(utc, at);
        (void)json_array_append_new(times, json_string(utc));
        HF_TRY(hf_table_add(table, err, "%s", i ? "" : timed->job));
        HF_TRY(hf_table_add(table, err, "%s", i ? "" : timed->what));
        HF_TRY(hf_table_add(table, err, "%s", i ? "" : hf_schedule_text(timed->schedule)));
        HF_TRY(hf_table_add(table, err, "%s", local));
        HF_TRY(hf_table_add(table, err, "%s", i ? "" : hf_zone_name(zone)));
        HF_TRY(hf_table_add(table, err, "%s", utc));
    }
    hf_output_event(session->output, "next_runs",
                    json_pack("{s:s, s:s, s:s, s:s, s:o}", "job", timed->job, "what", timed->what,
                              "schedule", hf_schedule_text(timed->schedule), "timezone",
                              hf_zone_name(zone), "times", times));
    return HF_OK;
}

static enum hf_status show_after(struct hf_table *table, const struct hf_config_job *job,
                                 struct hf_error *err)
{
    HF_TRY(hf_table_add(table, err, "%s", job->name));
    HF_TRY(hf_table_add(table, err, "backup"));
    HF_TRY(hf_table_add(table, err, "after %s%s", job->after.items[0],
                        job->after.count > 1 ? " and others" : ""));
    for (int i = 0; i < 3; i++)
        HF_TRY(hf_table_add(table, err, "%s", ""));
    return HF_OK;
}

/* The next runs of each job that has a schedule. */
static enum hf_status show_next_runs(struct hf_session *session, struct hf_error *err)
{
    const struct hf_config *config = session->config;
    HF_AUTO(hf_table) table;

    HF_TRY(hf_table_begin(&table, "JOB||SCHEDULE|NEXT RUNS|TIME ZONE|UTC", err));
    for (size_t i = 0; i < config->job_count; i++) {
        const struct hf_config_job *job = &config->jobs[i];
        const struct timed backup = {job->name, "backup", job->schedule, job->windows};
        const struct timed drill = {job->name, "drill", job->drill ? job->drill->schedule : NULL,
                                    NULL};

        if (backup.schedule)
            HF_TRY(show_times(session, &table, &backup, err));
        if (job->after.count > 0)
            HF_TRY(show_after(&table, job, err));
        if (drill.schedule)
            HF_TRY(show_times(session, &table, &drill, err));
    }
    hf_table_write(&table, session->output);
    return HF_OK;
}

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
    return show_next_runs(session, err);
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
