#include "base/secret.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum hf_status hf_crypto_init(struct hf_error *err)
{
    if (sodium_init() < 0)
        return hf_error_set(err, HF_FAILED, "libsodium cannot be initialised");
    return HF_OK;
}

enum hf_status hf_secret_new(const void *data, size_t len, struct hf_secret **out,
                             struct hf_error *err)
{
    struct hf_secret *secret;

    if (len > HF_SECRET_MAX)
        return hf_error_set(err, HF_FAILED, "a secret holds at most %d bytes", HF_SECRET_MAX);
    secret = calloc(1, sizeof *secret);
    if (!secret)
        return hf_error_memory(err);
    secret->data = sodium_malloc(len + 1);
    if (!secret->data) {
        free(secret);
        return hf_error_memory(err);
    }
    secret->len = len;
    memset(secret->data, 0, len + 1);
    if (data && len > 0)
        memcpy(secret->data, data, len);
    *out = secret;
    return HF_OK;
}

void hf_secret_free(struct hf_secret *secret)
{
    if (!secret)
        return;
    sodium_free(secret->data); /* wipes */
    free(secret);
}

static size_t without_line_end(const uint8_t *data, size_t len)
{
    if (len == 0 || data[len - 1] != '\n')
        return len;
    return len > 1 && data[len - 2] == '\r' ? len - 2 : len - 1;
}

/* Until the end or until room is full. */
static enum hf_status read_until(int fd, const char *what, uint8_t *data, size_t room, size_t *out,
                                 struct hf_error *err)
{
    size_t len = 0;

    while (len < room) {
        ssize_t got = read(fd, data + len, room - len);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return hf_error_sys(err, errno, "%s", what);
        if (got == 0)
            break;
        len += (size_t)got;
    }
    *out = len;
    return HF_OK;
}

enum hf_status hf_secret_read_fd(int fd, const char *what, struct hf_secret **out,
                                 struct hf_error *err)
{
    enum { ROOM = HF_SECRET_MAX + 3 }; /* a line end, and one byte that is too much */
    uint8_t *data = sodium_malloc(ROOM);
    enum hf_status status;
    size_t len;

    if (!data)
        return hf_error_memory(err);
    status = read_until(fd, what, data, ROOM, &len, err);
    if (status == HF_OK) {
        len = without_line_end(data, len);
        if (len > HF_SECRET_MAX)
            status = hf_error_set(err, HF_FAILED, "%s: larger than the %d bytes of a secret", what,
                                  HF_SECRET_MAX);
        else
            status = hf_secret_new(data, len, out, err);
    }
    sodium_free(data);
    return status;
}

enum hf_status hf_secret_read_file(const char *path, struct hf_secret **out, struct hf_error *err)
{
    HF_AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    if (fd < 0)
        return hf_error_sys(err, errno, "%s", path);
    return hf_secret_read_fd(fd, path, out, err);
}

const char *hf_secret_text(const struct hf_secret *secret)
{
    return (const char *)secret->data;
}
