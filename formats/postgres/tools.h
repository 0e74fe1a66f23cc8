/*
 * PostgreSQL's own client programs: finding ones that fit the server, and running them with the
 * password in their environment only.
 */
#ifndef HF_POSTGRES_TOOLS_H
#define HF_POSTGRES_TOOLS_H

#include "base/process.h"
#include "base/text.h"
#include "formats/postgres/connection.h"

enum hf_pg_program {
    HF_PG_DUMP,
    HF_PG_DUMPALL,
    HF_PG_RESTORE,
    HF_PG_PSQL,
    HF_PG_INITDB,
    HF_PG_PROGRAMS
};

const char *hf_pg_program_name(enum hf_pg_program program);

struct hf_pg_tool {
    char *path;
    int major;
    char *version; /* "15.20" */
};
#define HF_PG_TOOL_INIT                                                                            \
    {                                                                                              \
        .path = NULL                                                                               \
    }
void hf_pg_tool_free(struct hf_pg_tool *tool);
static inline void hf_pg_tool_auto(struct hf_pg_tool *tool)
{
    hf_pg_tool_free(tool);
}

/*
 * The program of major version least_major, or else of the next newer one that is there. Looks in
 * bin_dir alone if that is set, else in PATH, /usr/lib/postgresql/NN/bin, /usr/pgsql-NN/bin,
 * /usr/local/pgsql/bin and /opt/homebrew-like prefixes, and asks each for its --version.
 * HF_MISSING says what was found where and which package to install. (initdb is no client program,
 * but is found in the same way; the server's programs are beside it.)
 */
enum hf_status hf_pg_tool_find(enum hf_pg_program program, const char *bin_dir, int least_major,
                               struct hf_cancel *cancel, struct hf_pg_tool *out,
                               struct hf_error *err) HF_WARN_UNUSED;

/* Pure parts of it. */
/* "pg_dump (PostgreSQL) 15.20 (Debian …)" to 15 and "15.20"; also "18beta1". */
bool hf_pg_tool_parse_version(const char *text, int *out_major, char **out_version,
                              struct hf_error *err) HF_WARN_UNUSED;
/* The index of the best major for least, or count when none will do. */
size_t hf_pg_tool_choose(const int *majors, size_t count, int least);

/*
 * A command line in the making. Start with hf_pg_command_init, which adds argv[0] and, if address
 * is not NULL, --dbname=CONNINFO without any password.
 */
struct hf_pg_command {
    struct hf_strings argv;
    struct hf_secret *password; /* "PGPASSWORD=…", or NULL */
};
#define HF_PG_COMMAND_INIT                                                                         \
    {                                                                                              \
        .password = NULL                                                                           \
    }
void hf_pg_command_free(struct hf_pg_command *command);
static inline void hf_pg_command_auto(struct hf_pg_command *command)
{
    hf_pg_command_free(command);
}
enum hf_status hf_pg_command_init(struct hf_pg_command *command, const char *path,
                                  const struct hf_pg_address *address,
                                  struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_pg_command_add(struct hf_pg_command *command, struct hf_error *err,
                                 const char *format, ...) HF_PRINTF(3, 4) HF_WARN_UNUSED;

/* How to run it. */
struct hf_pg_command_io {
    int in_fd, out_fd;    /* -1: /dev/null; a pipe read with hf_process_read */
    const int *keep_fds;  /* ends with -1; may be NULL */
    const char *app_name; /* PGAPPNAME; NULL: "holdfast" */
    struct hf_cancel *cancel;
};
enum hf_status hf_pg_command_start(const struct hf_pg_command *command,
                                   const struct hf_pg_command_io *io, struct hf_process **out,
                                   struct hf_error *err) HF_WARN_UNUSED;

#endif
