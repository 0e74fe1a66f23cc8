#include "formats/volume/walk.h"

#include "base/buffer.h"
#include "base/file.h"
#include "formats/volume/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A directory on the way down. */
struct frame {
    int fd;             /* -1: closed to save descriptors, opened again when needed */
    size_t path_len;    /* of its path, in the walk's */
    struct hf_buf text; /* names, each with its NUL */
    char **names;       /* sorted; into text */
    size_t count, next;
    struct stat st;
    bool given; /* told of, or (with include) not yet */
};

struct hf_vol_walk {
    struct hf_vol_walk_options options;
    struct hf_buf path; /* of the item that was given last, with a NUL */
    struct frame *frames;
    size_t depth, cap;
    bool started;
    bool descend; /* into the item that was given last */
    bool held;    /* the item waits until the directories above it were given */
    struct hf_vol_walk_item item;
    struct hf_vol_walk_item parent; /* given in between */
    struct hf_buf parent_path;      /* of a frame, with a NUL */
};

static void frame_done(struct frame *frame)
{
    if (frame->fd >= 0)
        (void)close(frame->fd);
    hf_buf_free(&frame->text);
    free(frame->names);
}

void hf_vol_walk_free(struct hf_vol_walk *walk)
{
    while (walk->depth > 0)
        frame_done(&walk->frames[--walk->depth]);
    free(walk->frames);
    hf_buf_free(&walk->path);
    hf_buf_free(&walk->parent_path);
    free(walk);
}

enum hf_status hf_vol_walk_new(const struct hf_vol_walk_options *options, struct hf_vol_walk **out,
                               struct hf_error *err)
{
    struct hf_vol_walk *walk = calloc(1, sizeof *walk);
    if (!walk)
        return hf_error_memory(err);
    walk->options = *options;
    *out = walk;
    return HF_OK;
}

/* The first len bytes of the path, as a string until the path changes. */
static enum hf_status path_text(struct hf_vol_walk *walk, const char **out, struct hf_error *err)
{
    return hf_buf_cstr(&walk->path, out, err);
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static enum hf_status gather(DIR *dir, struct hf_buf *text, size_t *out_count, bool *out_failed,
                             struct hf_error *err)
{
    const struct dirent *entry;
    *out_count = 0;
    while (errno = 0, (entry = readdir(dir)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        HF_TRY(hf_buf_append(text, entry->d_name, strlen(entry->d_name) + 1, err));
        ++*out_count;
    }
    *out_failed = errno != 0;
    return HF_OK;
}

/* The names in a directory, sorted. *out_error is errno where it cannot be read. */
static enum hf_status read_names(struct frame *frame, int *out_error, struct hf_error *err)
{
    bool failed = false;
    int fd = openat(frame->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        *out_error = errno;
        if (fd >= 0)
            (void)close(fd);
        return HF_OK;
    }
    enum hf_status status = gather(dir, &frame->text, &frame->count, &failed, err);
    *out_error = failed ? errno : 0;
    (void)closedir(dir);
    HF_TRY(status);
    frame->names = calloc(frame->count + 1, sizeof *frame->names);
    if (!frame->names)
        return hf_error_memory(err);
    char *at = (char *)frame->text.data;
    for (size_t i = 0; i < frame->count; i++) {
        frame->names[i] = at;
        at += strlen(at) + 1;
    }
    qsort(frame->names, frame->count, sizeof *frame->names, by_bytes);
    return HF_OK;
}

static enum hf_status grow(struct hf_vol_walk *walk, struct hf_error *err)
{
    if (walk->depth < walk->cap)
        return HF_OK;
    size_t cap = walk->cap ? 2 * walk->cap : 16;
    struct frame *frames = realloc(walk->frames, cap * sizeof *frames);
    if (!frames)
        return hf_error_memory(err);
    walk->frames = frames;
    walk->cap = cap;
    return HF_OK;
}

/* Goes down into the item that was given last. */
static enum hf_status enter(struct hf_vol_walk *walk, struct hf_error *err)
{
    const struct hf_vol_walk_options *options = &walk->options;
    const char *path;
    int error = 0;
    HF_TRY(grow(walk, err));
    HF_TRY(path_text(walk, &path, err));
    struct frame frame = {.path_len = walk->path.len, .st = walk->item.st, .given = true};
    frame.fd =
        openat(walk->item.dir, walk->item.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (frame.fd < 0)
        return options->unreadable(options->ctx, path, errno, err);
    enum hf_status status = read_names(&frame, &error, err);
    if (status == HF_OK && error)
        status = options->unreadable(options->ctx, path, error, err);
    else if (status == HF_OK && options->enter)
        status = options->enter(options->ctx, path, frame.names, frame.count, err);
    if (status != HF_OK) {
        frame_done(&frame);
        return status;
    }
    if (walk->depth >= HF_VOL_WALK_FDS) {
        struct frame *far = &walk->frames[walk->depth - HF_VOL_WALK_FDS];
        (void)close(far->fd);
        far->fd = -1;
    }
    walk->frames[walk->depth++] = frame;
    return HF_OK;
}

/* A frame that was closed on the way down is needed again: it must be the same directory. */
static enum hf_status reopen(struct hf_vol_walk *walk, struct frame *frame, struct hf_error *err)
{
    const char *path;
    struct stat st;
    if (frame->fd >= 0)
        return HF_OK;
    walk->parent_path.len = 0;
    HF_TRY(hf_buf_append(&walk->parent_path, walk->path.data, frame->path_len, err));
    HF_TRY(hf_buf_cstr(&walk->parent_path, &path, err));
    frame->fd = hf_vol_open(walk->options.root, path, O_RDONLY | O_DIRECTORY, 0);
    if (frame->fd < 0)
        return walk->options.unreadable(walk->options.ctx, path, errno, err);
    if (fstat(frame->fd, &st) == 0 && st.st_ino == frame->st.st_ino &&
        st.st_dev == frame->st.st_dev)
        return HF_OK;
    return walk->options.unreadable(walk->options.ctx, path, ESTALE, err);
}

static enum hf_status set_path(struct hf_vol_walk *walk, const struct frame *frame,
                               const char *name, struct hf_error *err)
{
    walk->path.len = frame->path_len;
    if (frame->path_len > 0)
        HF_TRY(hf_buf_append(&walk->path, "/", 1, err));
    HF_TRY(hf_buf_append_str(&walk->path, name, err));
    return path_text(walk, &walk->item.path, err);
}

static bool is_wanted(const struct hf_vol_walk *walk, bool is_directory, bool *out_on_the_way)
{
    const struct hf_vol_walk_options *options = &walk->options;
    const char *path = walk->item.path;
    *out_on_the_way = false;
    if (hf_vol_patterns_match(options->exclude, path, is_directory) == HF_VOL_MATCH)
        return false;
    if (!options->include || hf_vol_patterns_cover(options->include, path, is_directory))
        return true;
    *out_on_the_way = is_directory;
    return is_directory;
}

/* Looks at the next name of a frame. *out_is false when there is nothing to tell of it. */
static enum hf_status look(struct hf_vol_walk *walk, struct frame *frame, bool *out_is,
                           struct hf_error *err)
{
    const struct hf_vol_walk_options *options = &walk->options;
    struct hf_vol_walk_item *item = &walk->item;
    bool on_the_way;
    *out_is = false;
    item->name = frame->names[frame->next++];
    item->dir = frame->fd;
    HF_TRY(set_path(walk, frame, item->name, err));
    if (fstatat(frame->fd, item->name, &item->st, AT_SYMLINK_NOFOLLOW) != 0)
        return options->unreadable(options->ctx, item->path, errno, err);
    bool is_directory = S_ISDIR(item->st.st_mode);
    if (!is_wanted(walk, is_directory, &on_the_way))
        return HF_OK;
    walk->descend =
        is_directory && (options->all_file_systems || item->st.st_dev == walk->frames[0].st.st_dev);
    *out_is = true;
    if (!on_the_way)
        return HF_OK;
    /* Told of only when something in it is. */
    *out_is = false;
    if (!walk->descend)
        return HF_OK;
    walk->descend = false;
    size_t depth = walk->depth;
    HF_TRY(enter(walk, err));
    if (walk->depth > depth)
        walk->frames[depth].given = false;
    return HF_OK;
}

/* The directories above the item that were not told of yet come first. */
static enum hf_status next_held(struct hf_vol_walk *walk, const struct hf_vol_walk_item **out,
                                struct hf_error *err)
{
    for (size_t i = 0; i < walk->depth; i++) {
        struct frame *frame = &walk->frames[i];
        struct hf_vol_walk_item *parent = &walk->parent;
        if (frame->given)
            continue;
        struct frame *above = &walk->frames[i - 1]; /* the root is always given */
        frame->given = true;
        parent->st = frame->st;
        HF_TRY(reopen(walk, above, err));
        parent->dir = above->fd;
        parent->name = above->names[above->next - 1];
        walk->parent_path.len = 0;
        HF_TRY(hf_buf_append(&walk->parent_path, walk->path.data, frame->path_len, err));
        HF_TRY(hf_buf_cstr(&walk->parent_path, &parent->path, err));
        *out = parent;
        return HF_OK;
    }
    walk->held = false;
    *out = &walk->item;
    return HF_OK;
}

static enum hf_status start(struct hf_vol_walk *walk, const struct hf_vol_walk_item **out,
                            struct hf_error *err)
{
    struct hf_vol_walk_item *item = &walk->item;
    walk->started = true;
    walk->descend = true;
    item->dir = walk->options.root;
    item->name = ".";
    HF_TRY(path_text(walk, &item->path, err));
    if (fstat(item->dir, &item->st) != 0)
        return hf_error_sys(err, errno, "the volume's directory");
    *out = item;
    return HF_OK;
}

enum hf_status hf_vol_walk_next(struct hf_vol_walk *walk, const struct hf_vol_walk_item **out,
                                struct hf_error *err)
{
    if (!walk->started)
        return start(walk, out, err);
    if (walk->held)
        return next_held(walk, out, err);
    if (walk->descend) {
        walk->descend = false;
        HF_TRY(enter(walk, err));
    }
    while (walk->depth > 0) {
        struct frame *frame = &walk->frames[walk->depth - 1];
        bool is_item = false;
        if (frame->next == frame->count) {
            frame_done(frame);
            walk->depth--;
            continue;
        }
        HF_TRY(reopen(walk, frame, err));
        if (frame->fd < 0) { /* gone, and said so */
            frame->next = frame->count;
            continue;
        }
        HF_TRY(look(walk, frame, &is_item, err));
        if (is_item) {
            walk->held = true;
            return next_held(walk, out, err);
        }
    }
    *out = NULL;
    return HF_OK;
}
