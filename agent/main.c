/*
 * holdfast: backups of databases that are proven by restoring them.
 *
 * Reads the command line, runs one command, reports its error, and turns it into an exit code.
 */
#include "agent/cli/args.h"
#include "agent/cli/help.h"
#include "agent/commands/run.h"
#include "agent/daemon/report.h"
#include "agent/notify/notify.h"
#include "agent/session.h"
#include "agent/signals.h"
#include "agent/terminal/output.h"
#include "base/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* No core dumps, no debugger of the same user, no file for others; no missing descriptor 0 to 2
 * whose number a repository's file could get. */
static enum hf_status harden(struct hf_error *err)
{
    struct rlimit none = {.rlim_cur = 0, .rlim_max = 0};

    (void)umask(077);
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        struct stat facts;

        if (fstat(fd, &facts) != 0)
            return hf_error_set(err, HF_USAGE,
                                "standard input, output and error must be open; use /dev/null");
    }
    if (setrlimit(RLIMIT_CORE, &none) != 0)
        return hf_error_sys(err, errno, "turning core dumps off");
#ifndef __SANITIZE_ADDRESS__ /* its leak check attaches to the program at its end */
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return hf_error_sys(err, errno, "turning core dumps off");
#endif
    /* A run of the agent would be called after /proc/self/exe. */
    if (prctl(PR_SET_NAME, "holdfast", 0, 0, 0) != 0)
        return hf_error_sys(err, errno, "setting the name of the process");
    return hf_signals_install(err);
}

/* --generate man, --generate bash-completion */
static enum hf_status generate(const char *what, struct hf_buf *out, struct hf_error *err)
{
    if (strcmp(what, "man") == 0)
        return hf_help_man(out, err);
    if (strcmp(what, "bash-completion") == 0)
        return hf_help_bash(out, err);
    return hf_error_set(err, HF_USAGE, "--generate takes man or bash-completion");
}

/* "help", "help backup", "help key add", "help key": only what the words name counts, not what the
 * command would need besides. */
static enum hf_status help_operands(const struct hf_strings *operands, struct hf_buf *out,
                                    struct hf_error *err)
{
    struct hf_error reason = HF_ERROR_INIT;
    HF_AUTO(hf_args) args = {.command = NULL};

    (void)(hf_args_parse(operands, &args, &reason) == HF_OK);
    if (args.command)
        return hf_help_command(args.command, out, err);
    if (args.group[0] && operands->count == 1)
        return hf_help_group(args.group, out, err);
    if (operands->count == 0)
        return hf_help_program(out, err);
    return hf_error_set(err, reason.status, "%s", reason.text);
}

static enum hf_status help(const struct hf_args *args, struct hf_buf *out, struct hf_error *err)
{
    if (args->command && args->id == HF_COMMAND_HELP)
        return help_operands(&args->operands, out, err);
    if (args->command)
        return hf_help_command(args->command, out, err);
    return args->group[0] ? hf_help_group(args->group, out, err) : hf_help_program(out, err);
}

/* Texts about the program itself, which need nothing of what commands need. */
static enum hf_status make_text(const struct hf_args *args, struct hf_buf *out,
                                struct hf_error *err)
{
    const char *what = hf_args_value(args, HF_OPT_GENERATE);

    if (args->given[HF_OPT_HELP] || (args->command && args->id == HF_COMMAND_HELP))
        return help(args, out, err);
    if (args->given[HF_OPT_VERSION])
        return hf_buf_append_str(out, "holdfast " HF_VERSION "\n", err);
    return what ? generate(what, out, err) : HF_OK;
}

static enum hf_status show_text(const struct hf_args *args, bool *out_done, struct hf_error *err)
{
    HF_AUTO(hf_buf) text = HF_BUF_INIT;

    HF_TRY(make_text(args, &text, err));
    *out_done = text.len > 0;
    return text.len > 0 ? hf_fd_write(STDOUT_FILENO, text.data, text.len, "standard output", err)
                        : HF_OK;
}

static bool is_terminal(void)
{
    const char *kind = getenv("TERM");

    return isatty(STDERR_FILENO) && kind && *kind && strcmp(kind, "dumb") != 0;
}

/* Standard output that is the data itself cannot have events in it. */
static FILE *event_file(const struct hf_args *args)
{
    bool data = args->command && !args->given[HF_OPT_OUTPUT] &&
                (args->id == HF_COMMAND_EXPORT || args->id == HF_COMMAND_KEY_EXPORT);

    return data ? stderr : stdout;
}

/* What was said, by --log-format or HOLDFAST_LOG_FORMAT, or what fits: lines for a program where a
 * service has no terminal. */
static enum hf_status choose_log_format(const struct hf_args *args, bool terminal, bool *out_json,
                                        struct hf_error *err)
{
    const char *said = hf_args_value(args, HF_OPT_LOG_FORMAT);
    const char *variable = getenv("HOLDFAST_LOG_FORMAT");
    const char *format = said ? said : variable && *variable ? variable : "auto";

    if (strcmp(format, "auto") != 0 && strcmp(format, "text") != 0 && strcmp(format, "json") != 0)
        return hf_error_set(err, HF_USAGE, "%s takes auto, text or json, not \"%.40s\"",
                            said ? "option --log-format" : "HOLDFAST_LOG_FORMAT", format);
    *out_json = strcmp(format, "json") == 0 || (strcmp(format, "auto") == 0 && !terminal &&
                                                args->command && args->command->service);
    return HF_OK;
}

static enum hf_status choose_log_level(const struct hf_args *args, enum hf_log_level *out,
                                       struct hf_error *err)
{
    const char *said = hf_args_value(args, HF_OPT_LOG_LEVEL);
    bool quiet = args->given[HF_OPT_QUIET] > 0, verbose = args->given[HF_OPT_VERBOSE] > 0;

    *out = quiet ? HF_LOG_WARNING : verbose ? HF_LOG_DEBUG : HF_LOG_INFO;
    if (!said)
        return HF_OK;
    if (quiet || verbose)
        return hf_error_set(err, HF_USAGE, "--log-level cannot be given together with --%s",
                            quiet ? "quiet" : "verbose");
    if (!hf_log_level_parse(said, out))
        return hf_error_set(err, HF_USAGE,
                            "option --log-level takes error, warning, info or debug, not "
                            "\"%.40s\"",
                            said);
    return HF_OK;
}

/* There is one, too, when how it was to be is a usage error. */
static enum hf_status new_output(const struct hf_args *args, struct hf_output **out,
                                 struct hf_error *err)
{
    struct hf_output_options options = {.json = args->given[HF_OPT_JSON] > 0,
                                        .quiet = args->given[HF_OPT_QUIET] > 0,
                                        .verbose = args->given[HF_OPT_VERBOSE] > 0,
                                        .reports = getenv(HF_RUN_VARIABLE) != NULL,
                                        .results = stdout,
                                        .messages = stderr,
                                        .events = event_file(args),
                                        .terminal = is_terminal(),
                                        .level = HF_LOG_INFO};
    struct hf_error usage = HF_ERROR_INIT;

    if (choose_log_level(args, &options.level, &usage) == HF_OK)
        (void)(choose_log_format(args, isatty(STDERR_FILENO), &options.log_json, &usage) == HF_OK);
    options.verbose = options.level == HF_LOG_DEBUG;
    options.terminal = options.terminal && !options.log_json;
    HF_TRY(hf_output_new(&options, out, err));
    if (usage.status != HF_OK)
        *err = usage;
    return usage.status;
}

/* Of the run, and of what came to be known by it. */
static void tell(const struct hf_session *session)
{
    struct hf_history *history;

    if (!hf_recorder_ended(session->recorder))
        return;
    history = hf_recorder_history(session->recorder);
    hf_notify_run(session->config, session->output, history, hf_recorder_facts(session->recorder));
    if (history)
        hf_notify_alarms(session->config, session->output, history);
}

static enum hf_status run(const struct hf_args *args, struct hf_output *output,
                          struct hf_error *err)
{
    struct hf_session session;
    enum hf_status status = hf_session_begin(args, output, &session, err);

    if (status == HF_OK)
        status = hf_recorder_new(args, session.config, output, &session.recorder, err);
    if (status == HF_OK) {
        status = hf_run_find(args->id)(&session, err);
        hf_recorder_end(session.recorder, err);
        tell(&session);
    }
    hf_recorder_free(session.recorder);
    hf_session_end(&session);
    return status;
}

/* What a usage error of the command line itself is followed by. */
static void show_hint(const struct hf_args *args)
{
    const char *name = args->command ? args->command->name : args->group;

    (void)fprintf(stderr, "\"holdfast%s%s --help\" tells more\n", *name ? " " : "", name);
}

static enum hf_status run_command(const struct hf_args *args, struct hf_output *output,
                                  struct hf_error *err)
{
    enum hf_status status = run(args, output, err);
    struct hf_error lost = HF_ERROR_INIT;

    /* Nobody reads on, as in "holdfast list | head": that is for the reader to know. */
    if (hf_output_flush(output, &lost) != HF_OK && status == HF_OK) {
        if (lost.sys != EPIPE)
            hf_output_error(output, &lost);
        return lost.status;
    }
    if (status != HF_OK)
        hf_output_error(output, err);
    hf_output_exit(output, hf_status_exit_code(status));
    return status;
}

static enum hf_status parse_and_run(const struct hf_strings *words, struct hf_args *args,
                                    struct hf_error *err)
{
    HF_AUTO_PTR(hf_output) output = NULL;
    struct hf_error how = HF_ERROR_INIT;
    bool usage = hf_args_parse(words, args, err) != HF_OK;
    bool done = false;

    if (new_output(args, &output, &how) != HF_OK && !usage) {
        usage = true;
        *err = how;
    }
    if (!output)
        return how.status;
    if (usage || show_text(args, &done, err) != HF_OK) {
        hf_output_error(output, err);
        if (err->status == HF_USAGE)
            show_hint(args);
        return err->status;
    }
    return done ? HF_OK : run_command(args, output, err);
}

/* In a container that this program made of itself to reach a volume: no command for people. */
static enum hf_status help_volume(void)
{
    struct hf_error err = HF_ERROR_INIT;

    if (hf_volume_helper(STDIN_FILENO, STDOUT_FILENO, &err) != HF_OK)
        (void)fprintf(stderr, "holdfast: error: %s\n", err.text);
    return err.status;
}

int main(int argc, char **argv)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_args) args = {.command = NULL};
    struct hf_strings words = HF_STRINGS_INIT;
    enum hf_status status;

    if (harden(&err) != HF_OK || hf_crypto_init(&err) != HF_OK ||
        hf_args_take(argc, argv, &words, &err) != HF_OK) {
        (void)fprintf(stderr, "holdfast: error: %s\n", err.text);
        return hf_status_exit_code(err.status);
    }
    if (words.count == 1 && strcmp(words.items[0], HF_VOLUME_HELPER) == 0)
        status = help_volume();
    else
        status = parse_and_run(&words, &args, &err);
    hf_args_wipe(&words);
    return hf_status_exit_code(status);
}
