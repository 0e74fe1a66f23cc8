/*
 * The command line as data: every command and every option, once.
 *
 * The parser (args.h), the help texts, the man page and the shell completion (help.h) are all made
 * from these two tables, so they cannot drift apart. Constant data; any thread.
 */
#ifndef HF_AGENT_CLI_OPTIONS_H
#define HF_AGENT_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum hf_option_id {
    HF_OPT_CONFIG,
    HF_OPT_JSON,
    HF_OPT_QUIET,
    HF_OPT_VERBOSE,
    HF_OPT_LOG_LEVEL,
    HF_OPT_LOG_FORMAT,
    HF_OPT_HELP,
    HF_OPT_VERSION,
    HF_OPT_GENERATE, /* the last that is common to all */
    HF_OPT_REPOSITORY,
    HF_OPT_PASSPHRASE_FILE,
    HF_OPT_PASSPHRASE_COMMAND,
    HF_OPT_IDENTITY_FILE,
    HF_OPT_FINGERPRINT,
    HF_OPT_NO_CACHE,
    HF_OPT_MEMORY,
    HF_OPT_THREADS,
    HF_OPT_LEVEL,
    HF_OPT_JOBS,
    HF_OPT_CIPHER,
    HF_OPT_REPLICA_OF,
    HF_OPT_NAME,
    HF_OPT_DATABASE,
    HF_OPT_SCHEMA,
    HF_OPT_TABLE,
    HF_OPT_EXCLUDE_SCHEMA,
    HF_OPT_EXCLUDE_TABLE,
    HF_OPT_EXCLUDE_DATA,
    HF_OPT_LARGE_OBJECTS,
    HF_OPT_NO_LARGE_OBJECTS,
    HF_OPT_MATCH,
    HF_OPT_BIN_DIR,
    HF_OPT_SPLIT,
    HF_OPT_EXCLUDE,
    HF_OPT_INCLUDE,
    HF_OPT_ALL_FILE_SYSTEMS,
    HF_OPT_SKIP_UNREADABLE,
    HF_OPT_LOCK_TIMEOUT,
    HF_OPT_TO,
    HF_OPT_REPLACE,
    HF_OPT_NO_OWNER,
    HF_OPT_NO_ACL,
    HF_OPT_NO_COMPARE,
    HF_OPT_PATH,
    HF_OPT_NUMERIC_OWNER,
    HF_OPT_READ_DATA,
    HF_OPT_REPAIR,
    HF_OPT_NO_KEY,
    HF_OPT_FROM,
    HF_OPT_ALL_JOBS,
    HF_OPT_WRITER,
    HF_OPT_LABEL,
    HF_OPT_NEW_PASSPHRASE_FILE,
    HF_OPT_RECIPIENT,
    HF_OPT_OUTPUT,
    HF_OPT_LIMIT,
    HF_OPT_FAILED,
    HF_OPT_SINCE,
    HF_OPT_TAG,
    HF_OPT_JOB,
    HF_OPT_DRY_RUN,
    HF_OPT_FORCE,
    HF_OPT_KEEP,
    HF_OPT_REASON,
    HF_OPT_UNTIL,
    HF_OPT_GRACE,
    HF_OPT_ALARMS,
    HF_OPT_JUNIT,
    HF_OPT_HTML,
    HF_OPT_COUNT
};

enum hf_option_takes {
    HF_TAKES_NONE,
    HF_TAKES_ONE,      /* one value, once */
    HF_TAKES_MANY,     /* one value each time it is given */
    HF_TAKES_OPTIONAL, /* --name or --name=VALUE */
};

enum hf_option_group {
    HF_GROUP_COMMAND,    /* what is particular to the command */
    HF_GROUP_REPOSITORY, /* which repository, and how it is opened */
    HF_GROUP_LIMITS,
    HF_GROUP_COMMON,
    HF_GROUP_COUNT
};

enum hf_completes { HF_COMPLETES_NOTHING, HF_COMPLETES_FILE, HF_COMPLETES_DIRECTORY };

struct hf_option {
    const char *name;  /* without the dashes */
    const char *value; /* how help names the value, or NULL */
    const char *help;
    const char *words; /* the values there are, separated by spaces, or NULL */
    enum hf_option_takes takes;
    enum hf_option_group group;
    enum hf_completes completes;
    char letter; /* or 0 */
    bool hidden;
};

enum hf_command_id {
    HF_COMMAND_INIT,
    HF_COMMAND_BACKUP,
    HF_COMMAND_RESTORE,
    HF_COMMAND_LIST,
    HF_COMMAND_SHOW,
    HF_COMMAND_CHECK,
    HF_COMMAND_DRILL,
    HF_COMMAND_EXPORT,
    HF_COMMAND_COPY,
    HF_COMMAND_PRUNE,
    HF_COMMAND_FORGET,
    HF_COMMAND_PIN,
    HF_COMMAND_UNPIN,
    HF_COMMAND_AGENT,
    HF_COMMAND_KEY_LIST,
    HF_COMMAND_KEY_ADD,
    HF_COMMAND_KEY_REMOVE,
    HF_COMMAND_KEY_ROTATE,
    HF_COMMAND_KEY_EXPORT,
    HF_COMMAND_KEY_IDENTITY,
    HF_COMMAND_CONFIG_CHECK,
    HF_COMMAND_DOCTOR,
    HF_COMMAND_HISTORY,
    HF_COMMAND_VERSION,
    HF_COMMAND_HELP,
    HF_COMMAND_COUNT
};

enum { HF_OPERANDS_MAX = 64 };

struct hf_command {
    const char *name;     /* one word, or a group and a word: "key add" */
    const char *operands; /* how help names them; "" for none */
    const char *summary;  /* one line, no full stop */
    const char *about;    /* paragraphs, separated by one empty line */
    const char *examples; /* lines, or NULL */
    uint64_t options;     /* HF_OPTION_BIT of each, without the common ones */
    uint64_t required;    /* of these, what must be given */
    unsigned min_operands, max_operands;
    bool recorded; /* its runs are in the history */
    bool service;  /* runs for years, for programs to watch: it logs JSON unless on a terminal */
};

/* 0 of an option that is common to all. */
#define HF_OPTION_BIT(id)                                                                          \
    ((id) < HF_OPT_REPOSITORY ? 0 : UINT64_C(1) << ((unsigned)(id)-HF_OPT_REPOSITORY))

/* Both are complete: every id has its entry. */
const struct hf_option *hf_option(enum hf_option_id id);
const struct hf_command *hf_command(enum hf_command_id id);

/* Whether an option belongs to a command; common ones belong to all. */
bool hf_command_takes(const struct hf_command *command, enum hf_option_id id);

/* "Repository", the heading of a group in help texts. */
const char *hf_option_group_title(enum hf_option_group group);

#endif
