/* Restore into a file (export.h). */
#include "base/file.h"
#include "base/text.h"
#include "formats/redis/export.h"
#include "formats/redis/rdb.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 256 << 10 };

/* Reads what was written as a server would, to the checksum. */
static enum hf_status read_back(int fd, const char *path, struct hf_cancel *cancel,
                                struct hf_error *err)
{
    static const struct hf_rdb_handler nothing = {.ctx = NULL};
    HF_AUTO_FREE uint8_t *piece = malloc(PIECE);
    HF_AUTO(hf_rdb) rdb;
    bool checked = false;
    ssize_t got;

    hf_rdb_init(&rdb, &nothing);
    if (!piece)
        return hf_error_memory(err);
    if (lseek(fd, 0, SEEK_SET) != 0)
        return hf_error_sys(err, errno, "%s: lseek", path);
    while ((got = read(fd, piece, PIECE)) != 0) {
        HF_TRY(hf_cancel_check(cancel, err));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return hf_error_sys(err, errno, "%s: reading back", path);
        if (hf_rdb_feed(&rdb, piece, (size_t)got, err) != HF_OK)
            return hf_error_prefix(err, "%s: reading back", path);
    }
    if (hf_rdb_end(&rdb, &checked, err) != HF_OK)
        return hf_error_prefix(err, "%s: reading back", path);
    return HF_OK;
}

struct file_work {
    const char *path;
    char *temporary;
    int fd;
    const struct hf_restore_options *options;
    const struct hf_work *work;
};

/* Without replace the name is taken by a link, which fails where there is one. */
static enum hf_status give_name(const struct file_work *file, struct hf_error *err)
{
    if (file->options->replace) {
        if (rename(file->temporary, file->path) != 0)
            return hf_error_sys(err, errno, "%s: rename", file->path);
        return HF_OK;
    }
    if (link(file->temporary, file->path) != 0)
        return hf_error_sys(err, errno, "%s", file->path);
    (void)unlink(file->temporary);
    return HF_OK;
}

static enum hf_status finish(struct file_work *file, struct hf_error *err)
{
    HF_AUTO_FREE char *copy = NULL;

    if (fsync(file->fd) != 0)
        return hf_error_sys(err, errno, "%s: fsync", file->temporary);
    HF_TRY(read_back(file->fd, file->path, file->work->cancel, err));
    HF_TRY(hf_fd_close(&file->fd, file->temporary, err));
    HF_TRY(give_name(file, err));
    HF_TRY(hf_text_copy(file->path, &copy, err));
    return hf_folder_sync(dirname(copy), err);
}

enum hf_status hf_redis_export_file(const char *path, const json_t *properties,
                                    const struct hf_feed *feed,
                                    const struct hf_restore_options *options,
                                    const struct hf_work *work, struct hf_error *err)
{
    HF_AUTO_FREE char *temporary = NULL;
    struct file_work file = {.path = path, .options = options, .work = work};
    enum hf_status status;

    if (!options->replace && access(path, F_OK) == 0)
        return hf_error_set(err, HF_EXISTS, "%s exists: give --replace, or another name", path);
    HF_TRY(hf_text_format(&temporary, err, "%s.XXXXXX", path));
    file.temporary = temporary;
    file.fd = mkostemp(temporary, O_CLOEXEC);
    if (file.fd < 0)
        return hf_error_sys(err, errno, "%s", temporary);
    status = hf_redis_export(NULL, properties, feed, options, work, file.fd, err);
    if (status == HF_OK)
        status = finish(&file, err);
    if (status != HF_OK)
        (void)unlink(temporary);
    hf_fd_auto(&file.fd);
    return status;
}
