#include "formats/postgres/tools.h"

#include "formats/postgres/conninfo.h"

#include <ctype.h>
#include <glob.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const names[HF_PG_PROGRAMS] = {"pg_dump", "pg_dumpall", "pg_restore", "psql",
                                                  "initdb"};

/* Where packages put them: Debian, PGDG on Red Hat, source, Homebrew and MacPorts' like. */
static const char *const folders[] = {"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin",
                                      "/usr/lib/postgresql*/bin",  "/usr/local/pgsql*/bin",
                                      "/opt/postgresql*/bin",      "/usr/libexec/postgresql*"};

enum { CANDIDATES_MAX = 64, VERSION_MAX = 256 };

struct candidates {
    struct hf_strings paths;
    struct hf_strings versions;
    int majors[CANDIDATES_MAX];
};

static void candidates_auto(struct candidates *list)
{
    hf_strings_free(&list->paths);
    hf_strings_free(&list->versions);
}

const char *hf_pg_program_name(enum hf_pg_program program)
{
    return names[program];
}

void hf_pg_tool_free(struct hf_pg_tool *tool)
{
    free(tool->path);
    free(tool->version);
    *tool = (struct hf_pg_tool)HF_PG_TOOL_INIT;
}

bool hf_pg_tool_parse_version(const char *text, int *out_major, char **out_version,
                              struct hf_error *err)
{
    const char *at = strstr(text, "(PostgreSQL) ");
    char version[VERSION_MAX];
    size_t len = 0;
    long major;

    if (!at)
        return false;
    at += strlen("(PostgreSQL) ");
    major = strtol(at, NULL, 10);
    if (major < 1 || major > 999)
        return false;
    while (len + 1 < sizeof version && at[len] && !isspace((unsigned char)at[len])) {
        version[len] = at[len];
        len++;
    }
    version[len] = '\0';
    if (hf_text_copy(version, out_version, err) != HF_OK)
        return false;
    *out_major = (int)major;
    return true;
}

size_t hf_pg_tool_choose(const int *majors, size_t count, int least)
{
    size_t best = count;

    for (size_t i = 0; i < count; i++) {
        if (majors[i] >= least && (best == count || majors[i] < majors[best]))
            best = i;
    }
    return best;
}

/* What a program says to --version, or nothing when it cannot be run. */
static enum hf_status ask_version(const char *path, struct hf_cancel *cancel,
                                  char text[VERSION_MAX], struct hf_error *err)
{
    const char *const argv[] = {path, "--version", NULL};
    const struct hf_process_options options = {
        .argv = argv, .in_fd = -1, .out_fd = -1, .cancel = cancel};
    HF_AUTO_PTR(hf_process) process = NULL;
    struct hf_process *finished;
    char words[HF_PROCESS_STDERR + 1];
    size_t used = 0;
    size_t got = 1;
    int code = 0;

    HF_TRY(hf_process_start(&options, &process, err));
    while (got > 0 && used + 1 < VERSION_MAX) {
        HF_TRY(hf_process_read(process, text + used, VERSION_MAX - 1 - used, &got, err));
        used += got;
    }
    text[used] = '\0';
    finished = process;
    process = NULL;
    return hf_process_finish_code(finished, &code, words, err);
}

static enum hf_status add_candidate(struct candidates *list, const char *path, const char *version,
                                    struct hf_error *err)
{
    HF_TRY(hf_strings_add(&list->versions, version, err));
    return hf_strings_add(&list->paths, path, err);
}

/* Adds the program if it is there, is new to the list and tells its version. */
static enum hf_status consider(struct candidates *list, const char *folder, const char *name,
                               struct hf_cancel *cancel, struct hf_error *err)
{
    HF_AUTO_FREE char *path = NULL;
    HF_AUTO_FREE char *version = NULL;
    char real[PATH_MAX];
    char text[VERSION_MAX] = "";
    struct hf_error why = HF_ERROR_INIT;

    HF_TRY(hf_text_format(&path, err, "%s/%s", folder, name));
    if (access(path, X_OK) != 0 || !realpath(path, real) || hf_strings_contain(&list->paths, real))
        return HF_OK;
    /* Debian's wrapper picks a version by the cluster that it takes us to speak to. */
    if (strstr(real, "pg_wrapper") || list->paths.count == CANDIDATES_MAX)
        return HF_OK;
    if (ask_version(path, cancel, text, &why) == HF_CANCELLED)
        return hf_cancel_check(cancel, err);
    if (why.status == HF_OK &&
        hf_pg_tool_parse_version(text, &list->majors[list->paths.count], &version, &why))
        return add_candidate(list, real, version, err);
    /* A program that cannot be run is none; what we lack ourselves is another matter. */
    if (why.status == HF_NO_MEMORY)
        *err = why;
    return why.status == HF_NO_MEMORY ? HF_NO_MEMORY : HF_OK;
}

static enum hf_status search_path(struct candidates *list, const char *name,
                                  struct hf_cancel *cancel, struct hf_error *err)
{
    const char *path = getenv("PATH"); /* NOLINT(concurrency-mt-unsafe): nobody sets it */

    while (path && *path) {
        size_t len = strcspn(path, ":");
        HF_AUTO_FREE char *folder = NULL;

        HF_TRY(hf_text_format(&folder, err, "%.*s", (int)len, path));
        if (len > 0)
            HF_TRY(consider(list, folder, name, cancel, err));
        path += len + (path[len] == ':');
    }
    return HF_OK;
}

static enum hf_status search_folders(struct candidates *list, const char *name,
                                     struct hf_cancel *cancel, struct hf_error *err)
{
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        glob_t found;
        enum hf_status status = HF_OK;

        if (glob(folders[i], 0, NULL, &found) != 0)
            continue;
        for (size_t k = 0; k < found.gl_pathc && status == HF_OK; k++)
            status = consider(list, found.gl_pathv[k], name, cancel, err);
        globfree(&found);
        HF_TRY(status);
    }
    return HF_OK;
}

/* Says what was found, and what to install. */
static enum hf_status missing(const struct candidates *list, enum hf_pg_program program,
                              const char *bin_dir, int least, struct hf_error *err)
{
    bool server = program == HF_PG_INITDB;

    (void)hf_error_set(err, HF_MISSING, "the %s is PostgreSQL %d, and there is no %s %d or newer",
                       server ? "snapshot's server" : "server", least, names[program], least);
    if (bin_dir)
        (void)hf_error_set(err, HF_MISSING, "%s in %s", err->text, bin_dir);
    for (size_t i = 0; list->paths.items && i < list->paths.count; i++)
        (void)hf_error_set(err, HF_MISSING, "%s%s%s is %s", err->text, i ? ", " : "; ",
                           list->paths.items[i], list->versions.items[i]);
    return hf_error_set(err, HF_MISSING,
                        "%s; install the package postgresql%s-%d (Debian, Ubuntu: "
                        "apt.postgresql.org) or postgresql%d%s (Red Hat), or set bin_dir",
                        err->text, server ? "" : "-client", least, least, server ? "-server" : "");
}

enum hf_status hf_pg_tool_find(enum hf_pg_program program, const char *bin_dir, int least_major,
                               struct hf_cancel *cancel, struct hf_pg_tool *out,
                               struct hf_error *err)
{
    __attribute__((cleanup(candidates_auto))) struct candidates list = {.paths = HF_STRINGS_INIT};
    struct hf_pg_tool tool = HF_PG_TOOL_INIT;
    size_t best;

    if (bin_dir) {
        HF_TRY(consider(&list, bin_dir, names[program], cancel, err));
    } else {
        HF_TRY(search_path(&list, names[program], cancel, err));
        HF_TRY(search_folders(&list, names[program], cancel, err));
    }
    best = hf_pg_tool_choose(list.majors, list.paths.count, least_major);
    if (best >= list.paths.count || !list.paths.items)
        return missing(&list, program, bin_dir, least_major, err);
    tool.path = list.paths.items[best];
    tool.version = list.versions.items[best];
    tool.major = list.majors[best];
    list.paths.items[best] = NULL;
    list.versions.items[best] = NULL;
    *out = tool;
    return HF_OK;
}

void hf_pg_command_free(struct hf_pg_command *command)
{
    hf_strings_free(&command->argv);
    hf_secret_free(command->password);
    command->password = NULL;
}

/* "PGPASSWORD=…" put together in locked memory: nowhere else may a copy of it stay behind. */
static enum hf_status keep_password(struct hf_pg_command *command, const struct hf_secret *password,
                                    struct hf_error *err)
{
    static const char variable[] = {'P', 'G', 'P', 'A', 'S', 'S', 'W', 'O', 'R', 'D', '='};

    HF_TRY(hf_secret_new(NULL, sizeof variable + password->len, &command->password, err));
    memcpy(command->password->data, variable, sizeof variable);
    memcpy(command->password->data + sizeof variable, password->data, password->len);
    return HF_OK;
}

enum hf_status hf_pg_command_init(struct hf_pg_command *command, const char *path,
                                  const struct hf_pg_address *address, struct hf_error *err)
{
    HF_AUTO_FREE char *conninfo = NULL;
    HF_AUTO_PTR(hf_secret) inside = NULL;
    const struct hf_secret *password;

    HF_TRY(hf_strings_add(&command->argv, path, err));
    if (!address)
        return HF_OK;
    HF_TRY(hf_pg_conninfo_strip(address->conninfo, address->database, &conninfo, &inside, err));
    HF_TRY(hf_pg_command_add(command, err, "--dbname=%s", conninfo));
    HF_TRY(hf_pg_command_add(command, err, "--no-password"));
    password = address->password ? address->password : inside;
    return password ? keep_password(command, password, err) : HF_OK;
}

enum hf_status hf_pg_command_add(struct hf_pg_command *command, struct hf_error *err,
                                 const char *format, ...)
{
    HF_AUTO_FREE char *text = NULL;
    va_list args;
    int len;

    va_start(args, format);
    len = vasprintf(&text, format, args);
    va_end(args);
    if (len < 0) {
        text = NULL;
        return hf_error_memory(err);
    }
    return hf_strings_add(&command->argv, text, err);
}

enum hf_status hf_pg_command_start(const struct hf_pg_command *command,
                                   const struct hf_pg_command_io *io, struct hf_process **out,
                                   struct hf_error *err)
{
    HF_AUTO_FREE char *app = NULL;
    HF_AUTO_FREE const char **argv = calloc(command->argv.count + 1, sizeof *argv);
    const char *env[3] = {NULL};

    if (!argv)
        return hf_error_memory(err);
    for (size_t i = 0; i < command->argv.count; i++)
        argv[i] = command->argv.items[i];
    HF_TRY(hf_text_format(&app, err, "PGAPPNAME=%s", io->app_name ? io->app_name : "holdfast"));
    env[0] = app;
    env[1] = command->password ? hf_secret_text(command->password) : NULL;
    return hf_process_start(
        &(struct hf_process_options){
            .argv = argv,
            .env = env,
            .in_fd = io->in_fd,
            .out_fd = io->out_fd,
            .keep_fds = io->keep_fds,
            .cancel = io->cancel,
        },
        out, err);
}
