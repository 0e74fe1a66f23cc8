/*
 * Makes repositories for tests in other languages and the golden one:
 *
 *   make_repo init      DIR PASSPHRASE-FILE [CIPHER]     new, with a cheap Argon2id
 *   make_repo backup    DIR PASSPHRASE-FILE SOURCE FILES one stream for each file below FILES
 *   make_repo restore   DIR PASSPHRASE-FILE SNAPSHOT OUT one file for each stream
 *   make_repo restore-identity DIR IDENTITY-FILE SNAPSHOT OUT
 *   make_repo check     DIR PASSPHRASE-FILE              with all data
 *   make_repo writer    DIR PASSPHRASE-FILE NEW-PASSPHRASE-FILE
 *   make_repo recipient DIR PASSPHRASE-FILE IDENTITY-FILE (written)
 *   make_repo rotate    DIR PASSPHRASE-FILE
 *
 * A file named *.rows becomes a stream of rows, written line by line; anything else one of bytes.
 */
#include "base/cancel.h"
#include "base/file.h"
#include "base/text.h"
#include "storage/local/local.h"
#include "storage/repository/backup.h"
#include "storage/repository/check.h"
#include "storage/repository/keys.h"
#include "storage/repository/snapshot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX = 1 << 30, PIECE = 100000 };

static enum hf_status write_rows(const struct hf_sink *sink, struct hf_sink_stream *stream,
                                 const uint8_t *data, size_t len, uint64_t *records,
                                 struct hf_error *err)
{
    while (len > 0) {
        const uint8_t *end = memchr(data, '\n', len);
        size_t row = end ? (size_t)(end - data) + 1 : len;
        HF_TRY(sink->write(stream, data, row, err));
        (*records)++;
        data += row;
        len -= row;
    }
    return HF_OK;
}

static enum hf_status write_bytes(const struct hf_sink *sink, struct hf_sink_stream *stream,
                                  const uint8_t *data, size_t len, struct hf_error *err)
{
    while (len > 0) {
        size_t piece = len < PIECE ? len : PIECE;
        HF_TRY(sink->write(stream, data, piece, err));
        data += piece;
        len -= piece;
    }
    return HF_OK;
}

static enum hf_status add_stream(const struct hf_sink *sink, const char *path, const char *name,
                                 struct hf_error *err)
{
    HF_AUTO(hf_buf) data = HF_BUF_INIT;
    struct hf_sink_stream *stream;
    uint64_t records = 0;
    bool rows = hf_text_match("*.rows", name);
    HF_TRY(hf_file_read(path, FILE_MAX, &data, err));
    HF_TRY(sink->open(sink->ctx, name, rows ? HF_STREAM_ROWS : HF_STREAM_BYTES, &stream, err));
    enum hf_status status = rows ? write_rows(sink, stream, data.data, data.len, &records, err)
                                 : write_bytes(sink, stream, data.data, data.len, err);
    if (status != HF_OK) {
        sink->abandon(stream);
        return status;
    }
    json_t *attrs = json_pack("{s:s}", "file", name);
    status = sink->close(stream, records, attrs, err);
    json_decref(attrs);
    return status;
}

/* name is the part of path below the root. */
static enum hf_status add_all(const struct hf_sink *sink, const char *path, const char *name,
                              struct hf_error *err)
{
    struct dirent **entries;
    int count = scandir(path, &entries, NULL, alphasort);
    if (count < 0)
        return errno == ENOTDIR ? add_stream(sink, path, name, err)
                                : hf_error_sys(err, errno, "%s", path);
    enum hf_status status = HF_OK;
    for (int i = 0; i < count; i++) {
        const char *part = entries[i]->d_name;
        HF_AUTO_FREE char *below = NULL;
        HF_AUTO_FREE char *child = NULL;
        if (status == HF_OK && strcmp(part, ".") != 0 && strcmp(part, "..") != 0) {
            status = hf_text_format(&below, err, "%s/%s", path, part);
            if (status == HF_OK)
                status = hf_text_format(&child, err, "%s%s%s", name, *name ? "/" : "", part);
            if (status == HF_OK)
                status = add_all(sink, below, child, err);
        }
        free(entries[i]);
    }
    free((void *)entries);
    return status;
}

static enum hf_status backup(struct hf_repo *repo, const char *source, const char *files,
                             struct hf_error *err)
{
    HF_AUTO_PTR(hf_cancel) cancel = NULL;
    struct hf_backup *backup;
    char id[HF_SNAPSHOT_ID_TEXT];
    HF_TRY(hf_cancel_new(&cancel, err));
    const struct hf_backup_options options = {
        .source = source, .kind = "files", .host = "test", .cancel = cancel};
    HF_TRY(hf_backup_begin(repo, &options, &backup, err));
    enum hf_status status = add_all(hf_backup_sink(backup), files, "", err);
    if (status != HF_OK) {
        hf_backup_abort(backup);
        return status;
    }
    json_t *properties = json_pack("{s:s}", "made by", "make_repo");
    status = hf_backup_commit(backup, properties, id, NULL, err);
    json_decref(properties);
    if (status == HF_OK)
        puts(id);
    return status;
}

static enum hf_status make_parents(char *path, struct hf_error *err)
{
    for (char *at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
        *at = '\0';
        int failed = mkdir(path, 0700);
        int sys = errno;
        if (failed && sys != EEXIST)
            return hf_error_sys(err, sys, "%s", path);
        *at = '/';
    }
    return HF_OK;
}

static enum hf_status restore_stream(const struct hf_feed *feed, const char *name, const char *out,
                                     struct hf_error *err)
{
    HF_AUTO_FREE char *path = NULL;
    HF_AUTO_FD fd = -1;
    struct hf_feed_stream *stream;
    enum hf_status status;
    HF_TRY(hf_text_format(&path, err, "%s/%s", out, name));
    HF_TRY(make_parents(path, err));
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return hf_error_sys(err, errno, "%s", path);
    HF_TRY(feed->open(feed->ctx, name, &stream, err));
    for (;;) {
        const uint8_t *data;
        size_t len;
        status = feed->next(stream, &data, &len, err);
        if (status != HF_OK || len == 0)
            break;
        status = hf_fd_write(fd, data, len, path, err);
        if (status != HF_OK)
            break;
    }
    feed->close(stream);
    return status;
}

static enum hf_status restore(struct hf_repo *repo, const char *name, const char *out,
                              struct hf_error *err)
{
    HF_AUTO(hf_snapshots) list = {.items = NULL};
    HF_AUTO_PTR(hf_snapshot) snapshot = NULL;
    const struct hf_read_options options = {.cancel = NULL};
    const struct hf_snapshot_info *info;
    HF_TRY(hf_snapshots_load(repo, NULL, NULL, &list, err));
    HF_TRY(hf_snapshots_find(&list, name, &info, err));
    HF_TRY(hf_snapshot_open(repo, info->id, &options, &snapshot, err));
    const struct hf_feed *feed = hf_snapshot_feed(snapshot);
    for (size_t i = 0; feed->info(feed->ctx, i); i++)
        HF_TRY(restore_stream(feed, feed->info(feed->ctx, i)->name, out, err));
    return HF_OK;
}

static enum hf_status check(struct hf_repo *repo, struct hf_error *err)
{
    const struct hf_check_options options = {.read_percent = 100};
    struct hf_check_report report;
    enum hf_status status = hf_check_repo(repo, &options, &report, err);
    hf_check_report_free(&report);
    return status;
}

static enum hf_status add_writer(struct hf_repo *repo, const char *passphrase_file,
                                 struct hf_error *err)
{
    HF_AUTO_PTR(hf_secret) passphrase = NULL;
    char id[HF_KEY_ID_TEXT];
    HF_TRY(hf_secret_read_file(passphrase_file, &passphrase, err));
    const struct hf_key_new key = {
        .role = HF_ROLE_WRITER, .passphrase = passphrase, .label = "writer"};
    return hf_key_add(repo, &key, id, err);
}

static enum hf_status add_recipient(struct hf_repo *repo, const char *identity_file,
                                    struct hf_error *err)
{
    HF_AUTO_PTR(hf_secret) identity = NULL;
    HF_AUTO_FREE char *recipient = NULL;
    char id[HF_KEY_ID_TEXT];
    HF_TRY(hf_identity_new(&identity, &recipient, err));
    HF_TRY(hf_file_replace(identity_file, identity->data, identity->len, 0600, err));
    const struct hf_key_new key = {
        .role = HF_ROLE_READER, .recipient = recipient, .label = "recipient"};
    return hf_key_add(repo, &key, id, err);
}

static enum hf_status work(struct hf_repo *repo, const char *verb, char **args, int count,
                           struct hf_error *err)
{
    uint32_t generation;
    if (strcmp(verb, "backup") == 0 && count == 2)
        return backup(repo, args[0], args[1], err);
    if (strncmp(verb, "restore", 7) == 0 && count == 2)
        return restore(repo, args[0], args[1], err);
    if (strcmp(verb, "check") == 0 && count == 0)
        return check(repo, err);
    if (strcmp(verb, "writer") == 0 && count == 1)
        return add_writer(repo, args[0], err);
    if (strcmp(verb, "recipient") == 0 && count == 1)
        return add_recipient(repo, args[0], err);
    if (strcmp(verb, "rotate") == 0 && count == 0)
        return hf_key_rotate(repo, &generation, err);
    return hf_error_set(err, HF_USAGE, "make_repo: see the head of make_repo.c");
}

static enum hf_status init(struct hf_store *store, const struct hf_credential *credential,
                           const char *cipher, struct hf_error *err)
{
    struct hf_repo_options options = {
        .cipher = HF_CIPHER_XCHACHA20_POLY1305, .kdf_ops = 1, .kdf_mem = 1 << 20};
    if (cipher && strcmp(cipher, "aes-256-gcm") == 0)
        options.cipher = HF_CIPHER_AES_256_GCM;
    else if (cipher)
        return hf_error_set(err, HF_USAGE, "make_repo: no cipher %s", cipher);
    return hf_repo_init(store, &options, credential, err);
}

static enum hf_status run(int argc, char **argv, struct hf_error *err)
{
    HF_AUTO_PTR(hf_secret) passphrase = NULL;
    HF_AUTO_PTR(hf_store) store = NULL;
    HF_AUTO_PTR(hf_repo) repo = NULL;
    if (argc < 4)
        return hf_error_set(err, HF_USAGE, "make_repo: see the head of make_repo.c");
    HF_TRY(hf_crypto_init(err));
    HF_TRY(hf_secret_read_file(argv[3], &passphrase, err));
    bool by_identity = strcmp(argv[1], "restore-identity") == 0;
    const struct hf_credential credential = {.passphrase = by_identity ? NULL : passphrase,
                                             .identity = by_identity ? passphrase : NULL};
    bool new = strcmp(argv[1], "init") == 0;
    HF_TRY(hf_local_open(argv[2], new ? HF_LOCAL_CREATE : HF_LOCAL_OPEN, &store, err));
    if (new)
        return init(store, &credential, argc > 4 ? argv[4] : NULL, err);
    HF_TRY(hf_repo_open(store, &credential, &repo, err));
    return work(repo, argv[1], argv + 4, argc - 4, err);
}

int main(int argc, char **argv)
{
    struct hf_error err = HF_ERROR_INIT;
    if (run(argc, argv, &err) == HF_OK)
        return 0;
    (void)fprintf(stderr, "%s\n", err.text);
    return hf_status_exit_code(err.status);
}
