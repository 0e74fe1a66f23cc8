#include "agent/history/claim.h"

#include "base/cancel.h"
#include "base/clock.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TURN = 0, POLL_MS = 10, ID_DIGITS = 15 };

enum hf_status hf_claim_open(const char *folder, int *out_fd, struct hf_error *err)
{
    HF_AUTO_FREE char *path = NULL;
    int fd;

    HF_TRY(hf_text_format(&path, err, "%s/history.lock", folder));
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (fd < 0)
        return hf_error_sys(err, errno, "opening %s", path);
    *out_fd = fd;
    return HF_OK;
}

/* The beginning of an id, behind the byte that is the turn. */
static off_t place_of(const char *id)
{
    char digits[ID_DIGITS + 1] = "";

    (void)memccpy(digits, id, 0, ID_DIGITS);
    return (off_t)strtoull(digits, NULL, 16) + 1;
}

static int lock(int fd, int command, short type, off_t place, struct flock *out)
{
    *out = (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = place, .l_len = 1};
    return fcntl(fd, command, out);
}

static bool is_taken_error(int sys)
{
    return sys == EAGAIN || sys == EACCES;
}

enum hf_status hf_claim_take(int fd, const char *id, struct hf_error *err)
{
    struct flock ignored;

    if (lock(fd, F_OFD_SETLK, F_WRLCK, place_of(id), &ignored) == 0)
        return HF_OK;
    if (is_taken_error(errno))
        return hf_error_set(err, HF_BUSY, "run %s is under way elsewhere", id);
    return hf_error_sys(err, errno, "claiming run %s", id);
}

void hf_claim_drop(int fd, const char *id)
{
    struct flock ignored;

    (void)lock(fd, F_OFD_SETLK, F_UNLCK, place_of(id), &ignored);
}

bool hf_claim_is_taken(int fd, const char *id)
{
    struct flock found;

    return lock(fd, F_OFD_GETLK, F_WRLCK, place_of(id), &found) != 0 || found.l_type != F_UNLCK;
}

enum hf_status hf_claim_turn(int fd, int wait_ms, struct hf_error *err)
{
    int64_t deadline = hf_clock_monotonic() + wait_ms * (HF_NS_PER_S / 1000);
    struct flock ignored;

    while (lock(fd, F_OFD_SETLK, F_WRLCK, TURN, &ignored) != 0) {
        if (!is_taken_error(errno))
            return hf_error_sys(err, errno, "locking the history");
        if (hf_clock_monotonic() >= deadline)
            return hf_error_set(err, HF_BUSY, "another process keeps the history locked");
        HF_TRY(hf_cancel_sleep(NULL, POLL_MS * (HF_NS_PER_S / 1000), err));
    }
    return HF_OK;
}

void hf_claim_turn_end(int fd)
{
    struct flock ignored;

    (void)lock(fd, F_OFD_SETLK, F_UNLCK, TURN, &ignored);
}
