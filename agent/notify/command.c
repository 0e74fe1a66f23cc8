/* A program that gets the JSON on its standard input (notify.h). */
#include "agent/notify/notify.h"

#include "agent/terminal/ticker.h"
#include "base/file.h"
#include "base/process.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { ARGUMENTS_MAX = 256 };

static void out_of_time(void *ctx)
{
    hf_cancel_interrupt(ctx);
}

static enum hf_status input_of(const char *body, int *out, struct hf_error *err)
{
    HF_AUTO(hf_buf) text = HF_BUF_INIT;
    HF_AUTO_FD fd = -1;

    HF_TRY(hf_buf_printf(&text, err, "%s\n", body));
    HF_TRY(hf_fd_memory("notification", &fd, err));
    HF_TRY(hf_fd_write(fd, text.data, text.len, "the notification", err));
    if (lseek(fd, 0, SEEK_SET) != 0)
        return hf_error_sys(err, errno, "the notification");
    *out = fd;
    fd = -1;
    return HF_OK;
}

/* One string alone is a line for the shell. */
static enum hf_status make_arguments(const struct hf_strings *command,
                                     const char *argv[ARGUMENTS_MAX + 1], struct hf_error *err)
{
    size_t n = 0;

    if (command->count > ARGUMENTS_MAX)
        return hf_error_set(err, HF_CONFIG, "its command has too many arguments");
    if (command->count == 1) {
        argv[n++] = "/bin/sh";
        argv[n++] = "-c";
    }
    for (size_t i = 0; i < command->count; i++)
        argv[n++] = command->items[i];
    argv[n] = NULL;
    return HF_OK;
}

static enum hf_status run(const char *const *argv, int in, struct hf_cancel *cancel,
                          struct hf_error *err)
{
    const struct hf_process_options options = {
        .argv = argv, .in_fd = in, .out_fd = -1, .cancel = cancel};
    struct hf_process *process = NULL;
    char heard[512];
    size_t len = 1;

    HF_TRY(hf_process_start(&options, &process, err));
    while (len > 0) {
        if (hf_process_read(process, heard, sizeof heard, &len, err) != HF_OK) {
            hf_process_kill(process);
            return err->status;
        }
    }
    return hf_process_finish(process, err);
}

enum hf_status hf_notify_command(const struct hf_config_notify *target, const char *body,
                                 struct hf_error *err)
{
    const char *argv[ARGUMENTS_MAX + 1];
    HF_AUTO_PTR(hf_cancel) cancel = NULL;
    struct hf_ticker *ticker = NULL;
    HF_AUTO_FD in = -1;
    enum hf_status status;

    HF_TRY(make_arguments(&target->command, argv, err));
    HF_TRY(input_of(body, &in, err));
    HF_TRY(hf_cancel_new(&cancel, err));
    HF_TRY(hf_ticker_start((int)(target->timeout / 1000000), out_of_time, cancel, &ticker, err));
    status = run(argv, in, cancel, err);
    hf_ticker_stop(ticker);
    if (status == HF_CANCELLED)
        return hf_error_set(err, HF_FAILED, "%s did not end within %d s", target->command.items[0],
                            (int)(target->timeout / 1000000000));
    return status;
}
