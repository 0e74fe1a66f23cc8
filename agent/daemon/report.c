#include "agent/daemon/report.h"

#include "base/json.h"

#include <string.h>
#include <sys/wait.h>

enum { EXIT_CODE_MAX = 255, WORDS_MAX = 300 };

enum hf_status hf_report_status(int exit_code)
{
    static const enum hf_status kinds[] = {HF_OK,          HF_FAILED, HF_CONFIG, HF_DAMAGED,
                                           HF_UNREACHABLE, HF_BUSY,   HF_PARTIAL};

    return exit_code >= 0 && (size_t)exit_code < sizeof kinds / sizeof *kinds ? kinds[exit_code]
                                                                              : HF_FAILED;
}

static void take_error(struct hf_report *report, const json_t *event)
{
    struct hf_error ignored = HF_ERROR_INIT;
    const char *text = "";
    uint64_t code = 1;

    if (hf_json_string(event, "text", &text, &ignored) != HF_OK ||
        hf_json_u64(event, "exit_code", EXIT_CODE_MAX, &code, &ignored) != HF_OK)
        return;
    report->errors++;
    report->retryable = json_is_true(json_object_get(event, "retryable"));
    (void)hf_error_set(&report->error, hf_report_status((int)code), "%s", text);
}

static void take_end(struct hf_report *report, const json_t *event)
{
    struct hf_error ignored = HF_ERROR_INIT;
    uint64_t code;

    if (hf_json_u64(event, "exit_code", EXIT_CODE_MAX, &code, &ignored) != HF_OK)
        return;
    report->ended = true;
    report->exit_code = (int)code;
}

bool hf_report_add(struct hf_report *report, const char *line, size_t len)
{
    struct hf_error ignored = HF_ERROR_INIT;
    HF_AUTO_JSON event = NULL;
    const char *name;

    if (hf_json_parse_object(line, len, len, "report", &event, &ignored) != HF_OK ||
        hf_json_string(event, "event", &name, &ignored) != HF_OK)
        return false;
    if (strcmp(name, "error") == 0)
        take_error(report, event);
    else if (strcmp(name, "end") == 0)
        take_end(report, event);
    else if (strcmp(name, "backup") == 0)
        report->snapshots++;
    else if (strcmp(name, "warning") == 0)
        report->warnings++;
    return true;
}

static void broke_off(struct hf_verdict *out, const char *what, const char *words)
{
    size_t len = strlen(words);

    out->exit_code = 1;
    out->crashed = out->retryable = true;
    if (len > WORDS_MAX)
        words += len - WORDS_MAX;
    (void)hf_error_set(&out->error, HF_FAILED, "%s%s%s", what, *words ? "; its last words: " : "",
                       words);
}

void hf_report_judge(const struct hf_report *report, int how, const char *words,
                     struct hf_verdict *out)
{
    struct hf_error what = HF_ERROR_INIT;

    *out = (struct hf_verdict){.exit_code = WIFEXITED(how) ? WEXITSTATUS(how) : 1,
                               .retryable = report->retryable,
                               .error = report->error};
    if (WIFSIGNALED(how)) {
        (void)hf_error_set(&what, HF_FAILED, "the run was killed by signal %d (%s)", WTERMSIG(how),
                           strsignal(WTERMSIG(how)));
        broke_off(out, what.text, words);
    } else if (!report->ended || report->exit_code != out->exit_code) {
        (void)hf_error_set(&what, HF_FAILED, "the run broke off with exit status %d",
                           out->exit_code);
        broke_off(out, what.text, words);
    } else if (out->exit_code != 0 && report->errors == 0) {
        (void)hf_error_set(&out->error, hf_report_status(out->exit_code),
                           "it ended with exit status %d%s%s", out->exit_code, *words ? ": " : "",
                           words);
        out->retryable = hf_status_retryable(out->error.status);
    }
    out->ok = out->exit_code == 0;
}
