#include "agent/drill/folder.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "formats/volume/staging.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static const char prefix[] = "holdfast-drill-";
enum { LOCKLESS_S = 3600, END_MS = 5000 };

/* ---- leftovers ---- */

/* Whether a process works in the folder or below it. */
static bool works_in(const char *pid, const char *folder)
{
    char link[64], cwd[PATH_MAX];
    size_t len = strlen(folder);
    ssize_t got;

    (void)snprintf(link, sizeof link, "/proc/%.20s/cwd", pid);
    got = readlink(link, cwd, sizeof cwd - 1);
    if (got < 0)
        return false;
    cwd[got] = '\0';
    return strncmp(cwd, folder, len) == 0 && (cwd[len] == '\0' || cwd[len] == '/');
}

/* Asked once more when the id cannot become another process's any longer. */
static void end_process(const char *pid, const char *folder)
{
    HF_AUTO_FD fd = pidfd_open((pid_t)strtol(pid, NULL, 10), 0);
    struct pollfd ended = {.fd = fd, .events = POLLIN};

    if (fd < 0 || !works_in(pid, folder))
        return;
    /* PostgreSQL takes it as "end at once, and clean up"; what does not know it ends. */
    (void)pidfd_send_signal(fd, SIGQUIT, NULL, 0);
    if (poll(&ended, 1, END_MS) == 0)
        (void)pidfd_send_signal(fd, SIGKILL, NULL, 0);
}

static void end_processes(const char *folder)
{
    DIR *list = opendir("/proc");
    const struct dirent *entry;

    if (!list)
        return;
    while ((entry = readdir(list)) != NULL) {
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' && works_in(entry->d_name, folder))
            end_process(entry->d_name, folder);
    }
    (void)closedir(list);
}

static enum hf_status remove_tree(const char *path, struct hf_error *err)
{
    HF_AUTO_FD dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int error = dir < 0 ? errno : hf_vol_remove_all(dir);

    if (error == 0 && rmdir(path) != 0)
        error = errno;
    return error == 0 ? HF_OK : hf_error_sys(err, error, "%s: cannot be removed", path);
}

/* Whether its drill is dead. *out_lock keeps others from removing it meanwhile. */
static bool is_leftover(const char *path, int *out_lock)
{
    HF_AUTO_FREE char *lock = NULL;
    struct hf_error ignored = HF_ERROR_INIT;
    struct stat facts;

    if (lstat(path, &facts) != 0 || !S_ISDIR(facts.st_mode) || facts.st_uid != geteuid() ||
        hf_text_format(&lock, &ignored, "%s/lock", path) != HF_OK)
        return false;
    *out_lock = open(lock, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (*out_lock < 0)
        return errno == ENOENT && hf_clock_now() / HF_NS_PER_S - facts.st_mtime > LOCKLESS_S;
    return flock(*out_lock, LOCK_EX | LOCK_NB) == 0;
}

static void note(json_t *notes, const char *path, const struct hf_error *err)
{
    json_t *text =
        err->status == HF_OK
            ? json_sprintf("removed %s, left over from a drill that was killed", path)
            : json_sprintf("a drill that was killed left %s, which cannot be removed: %s", path,
                           err->text);

    (void)json_array_append_new(notes, text);
}

static void sweep(const char *base, json_t *notes)
{
    DIR *list = opendir(base);
    const struct dirent *entry;

    if (!list)
        return;
    while ((entry = readdir(list)) != NULL) {
        struct hf_error err = HF_ERROR_INIT;
        HF_AUTO_FREE char *path = NULL;
        HF_AUTO_FD lock = -1;

        if (strncmp(entry->d_name, prefix, sizeof prefix - 1) != 0 ||
            hf_text_format(&path, &err, "%s/%s", base, entry->d_name) != HF_OK ||
            !is_leftover(path, &lock))
            continue;
        end_processes(path);
        (void)!remove_tree(path, &err);
        note(notes, path, &err);
    }
    (void)closedir(list);
}

/* ---- the drill's own ---- */

/* Locked before it has its name: nobody finds a lock that is not held yet. */
static enum hf_status take_lock(struct hf_drill_folder *folder, struct hf_error *err)
{
    HF_AUTO_FREE char *early = NULL;
    HF_AUTO_FREE char *lock = NULL;

    HF_TRY(hf_text_format(&early, err, "%s/lock.new", folder->path));
    HF_TRY(hf_text_format(&lock, err, "%s/lock", folder->path));
    folder->lock = open(early, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (folder->lock < 0 || flock(folder->lock, LOCK_EX | LOCK_NB) != 0 || rename(early, lock) != 0)
        return hf_error_sys(err, errno, "%s: cannot be locked", folder->path);
    return HF_OK;
}

enum hf_status hf_drill_folder_make(const char *base, json_t *notes, struct hf_drill_folder *out,
                                    struct hf_error *err)
{
    struct hf_drill_folder folder = {.lock = -1};
    struct hf_error ignored = HF_ERROR_INIT;
    const char *tmp = getenv("TMPDIR");
    char real[PATH_MAX];
    enum hf_status status;

    base = base ? base : tmp && *tmp == '/' ? tmp : "/var/tmp";
    if (!realpath(base, real)) /* as /proc has it */
        return hf_error_sys(err, errno, "folder for drills %s", base);
    sweep(real, notes);
    HF_TRY(hf_text_format(&folder.path, err, "%s/%sXXXXXX", real, prefix));
    if (!mkdtemp(folder.path)) {
        status = hf_error_sys(err, errno, "a folder for the drill in %s", real);
        free(folder.path);
        return status;
    }
    status = chmod(folder.path, 0711) == 0 ? take_lock(&folder, err)
                                           : hf_error_sys(err, errno, "%s", folder.path);
    if (status != HF_OK) {
        (void)!hf_drill_folder_remove(&folder, &ignored);
        return status;
    }
    *out = folder;
    return HF_OK;
}

enum hf_status hf_drill_folder_add(const struct hf_drill_folder *folder, const char *name,
                                   uid_t uid, gid_t gid, char **out_path, struct hf_error *err)
{
    HF_AUTO_FREE char *path = NULL;

    HF_TRY(hf_text_format(&path, err, "%s/%s", folder->path, name));
    if (mkdir(path, 0700) != 0 || (uid != geteuid() && chown(path, uid, gid) != 0))
        return hf_error_sys(err, errno, "%s", path);
    *out_path = path;
    path = NULL;
    return HF_OK;
}

enum hf_status hf_drill_folder_room(const struct hf_drill_folder *folder, uint64_t bytes,
                                    struct hf_error *err)
{
    struct statvfs facts;
    char needed[HF_SIZE_TEXT], there[HF_SIZE_TEXT];
    uint64_t room;

    if (statvfs(folder->path, &facts) != 0)
        return hf_error_sys(err, errno, "%s", folder->path);
    room = (uint64_t)facts.f_bavail * facts.f_frsize;
    if (room >= bytes)
        return HF_OK;
    hf_text_format_size(needed, bytes);
    hf_text_format_size(there, room);
    return hf_error_set(err, HF_NO_SPACE,
                        "%s: the restore takes about %s, and there is room for %s: make room, or "
                        "set another \"folder\" for the drill",
                        folder->path, needed, there);
}

enum hf_status hf_drill_folder_remove(struct hf_drill_folder *folder, struct hf_error *err)
{
    enum hf_status status = HF_OK;

    if (folder->path)
        status = remove_tree(folder->path, err);
    hf_fd_auto(&folder->lock);
    free(folder->path);
    hf_drill_folder_init(folder);
    return status;
}
