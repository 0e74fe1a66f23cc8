#include "agent/terminal/prompt.h"

#include "agent/signals.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

enum { ANSWER_MAX = 1024, QUESTION_MAX = 600 };

static enum hf_status open_terminal(int *out, struct hf_error *err)
{
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

    if (fd < 0)
        return hf_error_set(err, HF_NOT_FOUND, "there is no terminal to ask for it on");
    *out = fd;
    return HF_OK;
}

/* One line. read() returns at a signal, since no handler restarts it. */
static enum hf_status read_line(int fd, char answer[ANSWER_MAX], size_t *out_len,
                                struct hf_error *err)
{
    size_t len = 0;

    while (len < ANSWER_MAX) {
        ssize_t got = read(fd, answer + len, 1);

        if (got < 0 && (errno != EINTR || hf_signals_interrupted()))
            return errno == EINTR ? hf_error_set(err, HF_CANCELLED, "interrupted")
                                  : hf_error_sys(err, errno, "reading from the terminal");
        if (got == 0 || (got > 0 && answer[len] == '\n')) {
            *out_len = len;
            return HF_OK;
        }
        len += got > 0;
    }
    return hf_error_set(err, HF_USAGE, "longer than %d bytes", ANSWER_MAX);
}

static enum hf_status ask_quietly(int fd, const char *question, char answer[ANSWER_MAX],
                                  size_t *out_len, struct hf_error *err)
{
    struct termios before, silent;
    enum hf_status status;

    if (tcgetattr(fd, &before) != 0)
        return hf_error_sys(err, errno, "the terminal");
    silent = before;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    silent.c_lflag |= (tcflag_t)ECHONL;
    HF_TRY(hf_fd_write(fd, question, strlen(question), "the terminal", err));
    if (tcsetattr(fd, TCSAFLUSH, &silent) != 0)
        return hf_error_sys(err, errno, "the terminal");
    status = read_line(fd, answer, out_len, err);
    if (tcsetattr(fd, TCSAFLUSH, &before) != 0 && status == HF_OK)
        return hf_error_sys(err, errno, "the terminal");
    return status;
}

static enum hf_status ask(const char *question, struct hf_secret **out, struct hf_error *err)
{
    HF_AUTO_FD fd = -1;
    char answer[ANSWER_MAX];
    size_t len = 0;
    enum hf_status status;

    HF_TRY(open_terminal(&fd, err));
    status = ask_quietly(fd, question, answer, &len, err);
    if (status == HF_OK && len == 0)
        status = hf_error_set(err, HF_USAGE, "nothing was entered");
    if (status == HF_OK)
        status = hf_secret_new(answer, len, out, err);
    explicit_bzero(answer, sizeof answer);
    return status;
}

enum hf_status hf_prompt_secret(const char *what, struct hf_secret **out, struct hf_error *err)
{
    char question[QUESTION_MAX];

    (void)snprintf(question, sizeof question, "Enter %s: ", what);
    return ask(question, out, err) == HF_OK ? HF_OK : hf_error_prefix(err, "%s", what);
}

enum hf_status hf_prompt_new_secret(const char *what, struct hf_secret **out, struct hf_error *err)
{
    HF_AUTO_PTR(hf_secret) first = NULL;
    HF_AUTO_PTR(hf_secret) second = NULL;

    HF_TRY(hf_prompt_secret(what, &first, err));
    if (ask("Enter it again: ", &second, err) != HF_OK)
        return hf_error_prefix(err, "%s", what);
    if (first->len != second->len || memcmp(first->data, second->data, first->len) != 0)
        return hf_error_set(err, HF_USAGE, "%s: the two entries differ", what);
    *out = first;
    first = NULL;
    return HF_OK;
}
