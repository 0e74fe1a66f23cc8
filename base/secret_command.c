#include "base/secret_command.h"

#include "base/process.h"

#include <sodium.h>

/* What the program prints, without the line end. */
static enum hf_status read_output(struct hf_process *process, uint8_t *data, size_t room,
                                  size_t *out_len, struct hf_error *err)
{
    size_t len = 0, got = 1;

    while (got > 0) {
        if (len == room)
            return hf_error_set(err, HF_FAILED, "it printed more than the %d bytes of a secret",
                                HF_SECRET_MAX);
        HF_TRY(hf_process_read(process, data + len, room - len, &got, err));
        len += got;
    }
    if (len > 0 && data[len - 1] == '\n')
        len--;
    if (len > 0 && data[len - 1] == '\r')
        len--;
    *out_len = len;
    return HF_OK;
}

enum hf_status hf_secret_read_command(const char *const *argv, struct hf_cancel *cancel,
                                      struct hf_secret **out, struct hf_error *err)
{
    enum { ROOM = HF_SECRET_MAX + 1 };
    struct hf_process_options options = {.argv = argv, .in_fd = -1, .out_fd = -1, .cancel = cancel};
    struct hf_process *process;
    uint8_t *data = sodium_malloc(ROOM);
    enum hf_status status;
    size_t len = 0;

    if (!data)
        return hf_error_memory(err);
    status = hf_process_start(&options, &process, err);
    if (status == HF_OK) {
        status = read_output(process, data, ROOM, &len, err);
        if (status == HF_OK)
            status = hf_process_finish(process, err);
        else
            hf_process_kill(process);
    }
    if (status == HF_OK)
        status = hf_secret_new(data, len, out, err);
    sodium_free(data); /* wipes */
    return status;
}
