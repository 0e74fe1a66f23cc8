/* Small files and descriptors: whole reads and writes that handle EINTR and short counts. */
#ifndef HF_BASE_FILE_H
#define HF_BASE_FILE_H

#include "base/buffer.h"
#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

/* A file of at most max bytes, appended to out; a larger one is an error that says so. */
enum hf_status hf_file_read(const char *path, size_t max, struct hf_buf *out,
                            struct hf_error *err) HF_WARN_UNUSED;
/* Creates or replaces path durably: temporary name beside it, fsync, rename, fsync of the folder.
 * mode is set whatever the umask. After an error the old file is there, or the new one whole. */
enum hf_status hf_file_replace(const char *path, const void *data, size_t len, unsigned mode,
                               struct hf_error *err) HF_WARN_UNUSED;
/* Makes the names in a folder durable: what was created, renamed or removed there. */
enum hf_status hf_folder_sync(const char *folder, struct hf_error *err) HF_WARN_UNUSED;
/* Makes a folder and its missing parents, 0700 whatever the umask, each durable in its own parent.
 * One that is there stays as it is. */
enum hf_status hf_folder_make(const char *folder, struct hf_error *err) HF_WARN_UNUSED;
/* All bytes; what names the descriptor in errors. */
enum hf_status hf_fd_write(int fd, const void *data, size_t len, const char *what,
                           struct hf_error *err) HF_WARN_UNUSED;
/* Closes *fd and sets it to -1; an error means that what was written may not be there. */
enum hf_status hf_fd_close(int *fd, const char *what, struct hf_error *err) HF_WARN_UNUSED;
/* Closes *fd if it is not -1 and sets it to -1; for HF_AUTO-like cleanup of descriptors. */
void hf_fd_auto(int *fd);
#define HF_AUTO_FD __attribute__((cleanup(hf_fd_auto))) int
/* The descriptor, which is from then on for whoever gets it to close. */
static inline int hf_fd_give(int *fd)
{
    int given = *fd;
    *fd = -1;
    return given;
}

/* An anonymous file in memory (memfd), sealed from other programs by name only; -1 is never
 * returned on HF_OK. */
enum hf_status hf_fd_memory(const char *name, int *out, struct hf_error *err) HF_WARN_UNUSED;

#endif
