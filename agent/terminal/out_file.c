#include "agent/terminal/out_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <unistd.h>

enum hf_status hf_out_file_open(struct hf_out_file *file, const char *path, struct hf_error *err)
{
    if (!path) {
        file->fd = STDOUT_FILENO;
        return HF_OK;
    }
    file->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file->fd < 0)
        return hf_error_sys(err, errno, "--output %s", path);
    file->path = path;
    return HF_OK;
}

enum hf_status hf_out_file_commit(struct hf_out_file *file, struct hf_error *err)
{
    const char *path = file->path;
    int fd = file->fd;

    if (!path)
        return HF_OK;
    /* A pipe or a terminal (/dev/stderr) was there before and is refused at open, so that this is
     * a regular file. */
    if (fsync(fd) != 0)
        return hf_error_sys(err, errno, "--output %s", path);
    file->fd = -1;
    if (close(fd) != 0)
        return hf_error_sys(err, errno, "--output %s", path);
    file->path = NULL;
    return HF_OK;
}

void hf_out_file_auto(struct hf_out_file *file)
{
    if (file->path && file->fd >= 0)
        (void)close(file->fd);
    if (file->path)
        (void)unlink(file->path);
    *file = (struct hf_out_file)HF_OUT_FILE_INIT;
}
