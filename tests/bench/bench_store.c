/*
 * Moves objects between an S3 store and files, and nothing else: what the store itself costs.
 *
 *   bench_store put|get SETTINGS PREFIX FOLDER THREADS
 *
 * put stores each file of FOLDER under its name; get writes each object to FOLDER. SETTINGS as in
 * tests/support/server_store.h. Files are written without waiting for the disk.
 */
#include "base/cancel.h"
#include "base/file.h"
#include "base/pool.h"
#include "base/text.h"
#include "tests/support/server_store.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OBJECT_MAX = 64 << 20, THREADS_MAX = 64 };

struct bench {
    struct hf_store *store;
    const char *folder;
    bool put;
    struct hf_strings names;
    atomic_size_t next;
};

static enum hf_status put_one(const struct bench *bench, const char *name, const char *path,
                              struct hf_error *err)
{
    HF_AUTO(hf_buf) data = HF_BUF_INIT;
    HF_TRY(hf_file_read(path, OBJECT_MAX, &data, err));
    return hf_store_put(bench->store, name, data.data, data.len, HF_PUT_REPLACE, err);
}

static enum hf_status get_one(const struct bench *bench, const char *name, const char *path,
                              struct hf_error *err)
{
    HF_AUTO(hf_buf) data = HF_BUF_INIT;
    HF_TRY(hf_store_get_all(bench->store, name, OBJECT_MAX, &data, err));
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return hf_error_set(err, HF_IO, "%s cannot be made", path);
    bool written = write(fd, data.data, data.len) == (ssize_t)data.len;
    if (close(fd) != 0 || !written)
        return hf_error_set(err, HF_IO, "%s cannot be written", path);
    return HF_OK;
}

static enum hf_status work(void *arg, size_t index, struct hf_error *err)
{
    struct bench *bench = arg;
    (void)index;
    for (size_t i; (i = atomic_fetch_add(&bench->next, 1)) < bench->names.count;) {
        const char *name = bench->names.items[i];
        char path[4096];
        (void)snprintf(path, sizeof path, "%s/%s", bench->folder, name);
        HF_TRY(bench->put ? put_one(bench, name, path, err) : get_one(bench, name, path, err));
    }
    return HF_OK;
}

static enum hf_status add_object(void *ctx, const char *key, const struct hf_store_stat *stat,
                                 struct hf_error *err)
{
    (void)stat;
    return hf_strings_add(ctx, key, err);
}

static enum hf_status find_files(struct bench *bench, struct hf_error *err)
{
    enum hf_status status = HF_OK;
    DIR *dir = opendir(bench->folder);
    if (!dir)
        return hf_error_set(err, HF_NOT_FOUND, "%s cannot be opened", bench->folder);
    for (struct dirent *entry; status == HF_OK && (entry = readdir(dir));)
        if (entry->d_name[0] != '.')
            status = hf_strings_add(&bench->names, entry->d_name, err);
    (void)closedir(dir);
    return status;
}

static enum hf_status run(struct bench *bench, size_t threads, struct hf_error *err)
{
    HF_AUTO_PTR(hf_cancel) cancel = NULL;
    struct hf_pool *pool = NULL;
    if (bench->put)
        HF_TRY(find_files(bench, err));
    else
        HF_TRY(hf_store_list(bench->store, "", add_object, &bench->names, err));
    HF_TRY(hf_cancel_new(&cancel, err));
    HF_TRY(hf_pool_start(threads, work, NULL, bench, cancel, &pool, err));
    return hf_pool_join(pool, err);
}

int main(int argc, char **argv)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_store) store = NULL;
    HF_AUTO_FREE char *prefix = NULL;
    if (argc != 6)
        return 2;
    size_t threads = strtoul(argv[5], NULL, 10);
    if (threads == 0 || threads > THREADS_MAX)
        return 2;
    enum hf_status status = hf_text_format(&prefix, &err, "prefix=%s", argv[3]);
    const char *more[] = {prefix};
    if (status == HF_OK)
        status = hf_server_store_open(argv[2], more, 1, &store, &err);
    struct bench bench = {.store = store,
                          .folder = argv[4],
                          .put = strcmp(argv[1], "put") == 0,
                          .names = HF_STRINGS_INIT};
    if (status == HF_OK)
        status = run(&bench, threads, &err);
    if (status != HF_OK)
        (void)fprintf(stderr, "bench_store: %s\n", err.text);
    hf_strings_free(&bench.names);
    return hf_status_exit_code(status);
}
