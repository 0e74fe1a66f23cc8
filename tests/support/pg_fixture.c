#include "tests/support/pg_fixture.h"

#include "base/process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* pg_ctl's server keeps the pipe of its parent open, so output is never read to its end. */
int pg_fixture_run(const char *const *argv)
{
    const struct hf_process_options options = {.argv = argv, .in_fd = -1, .out_fd = STDERR_FILENO};
    struct hf_process *process = NULL;
    struct hf_error err = HF_ERROR_INIT;
    char words[HF_PROCESS_STDERR + 1] = "";
    int code = -1;

    if (hf_process_start(&options, &process, &err) != HF_OK ||
        hf_process_finish_code(process, &code, words, &err) != HF_OK)
        (void)fprintf(stderr, "%s\n", err.text);
    if (code != 0)
        (void)fprintf(stderr, "%s: %d: %s\n", argv[0], code, words);
    return code;
}

static bool read_port(struct pg_fixture *fixture)
{
    char path[PG_FIXTURE_PATH + 8];
    FILE *file;
    bool found;

    (void)snprintf(path, sizeof path, "%s/port", fixture->server);
    file = fopen(path, "re");
    found = file && fscanf(file, "%d", &fixture->port) == 1; /* NOLINT(cert-err34-c) */
    if (file)
        (void)fclose(file);
    return found;
}

bool pg_fixture_start_server(struct pg_fixture *fixture, const char *const *settings)
{
    const char *argv[PG_FIXTURE_SETTINGS + 4] = {fixture->script, "start", fixture->server};

    for (size_t i = 0; settings && settings[i] && i < PG_FIXTURE_SETTINGS; i++)
        argv[3 + i] = settings[i];
    if (pg_fixture_run(argv) != 0 || !read_port(fixture))
        return false;
    (void)snprintf(fixture->conninfo, sizeof fixture->conninfo, "host=%s port=%d user=postgres",
                   fixture->socket, fixture->port);
    return true;
}

bool pg_fixture_start(struct pg_fixture *fixture, const char *script, const char *const *settings)
{
    const char *version = getenv("HOLDFAST_TEST_POSTGRES"); /* NOLINT(concurrency-mt-unsafe) */

    if (!version)
        version = "15";
    (void)strcpy(fixture->folder, "/tmp/hf-pg-XXXXXX");
    if (!mkdtemp(fixture->folder) || chmod(fixture->folder, 0755) != 0)
        return false;
    (void)snprintf(fixture->script, sizeof fixture->script, "%s", script);
    (void)snprintf(fixture->server, sizeof fixture->server, "%s/pg", fixture->folder);
    (void)snprintf(fixture->socket, sizeof fixture->socket, "%s/s", fixture->server);
    if (pg_fixture_run((const char *const[]){fixture->script, "fetch", version, NULL}) == 0 &&
        pg_fixture_run(
            (const char *const[]){fixture->script, "init", fixture->server, version, NULL}) == 0 &&
        pg_fixture_start_server(fixture, settings))
        return true;
    pg_fixture_stop(fixture);
    return false;
}

void pg_fixture_stop_server(const struct pg_fixture *fixture, const char *mode)
{
    (void)pg_fixture_run(
        (const char *const[]){fixture->script, "stop", fixture->server, mode, NULL});
}

void pg_fixture_stop(struct pg_fixture *fixture)
{
    pg_fixture_stop_server(fixture, "immediate");
    (void)pg_fixture_run((const char *const[]){"rm", "-rf", fixture->folder, NULL});
}
