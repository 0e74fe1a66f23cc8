#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/snapshot_fixture.h"

#include "base/text.h"
#include "storage/repository/backup.h"
#include "storage/repository/keys.h"
#include "storage/repository/replica.h"
#include "tests/support/check.h"
#include "tests/support/memory_store.h"

enum { PIECE = 40000, OBJECT_MAX = 256 << 20 };

static struct hf_secret *secret(const char *text)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_secret *made;
    assert_ok(hf_secret_new(text, strlen(text), &made, &err), &err);
    return made;
}

void fixture_open(struct fixture *fixture)
{
    struct hf_error err = HF_ERROR_INIT;
    assert_ok(hf_crypto_init(&err), &err);
    fixture->passphrase = secret("correct horse");
    const struct hf_repo_options options = {
        .cipher = HF_CIPHER_XCHACHA20_POLY1305, .kdf_ops = 1, .kdf_mem = 8192};
    const struct hf_credential credential = {.passphrase = fixture->passphrase};
    assert_ok(hf_memory_store_new(&fixture->store, &err), &err);
    assert_ok(hf_repo_init(fixture->store, &options, &credential, &err), &err);
    assert_ok(hf_repo_open(fixture->store, &credential, &fixture->repo, &err), &err);
}

void fixture_close(struct fixture *fixture)
{
    hf_repo_close(fixture->repo);
    hf_store_close(fixture->store);
    hf_secret_free(fixture->passphrase);
}

int fixture_set_up(void **state)
{
    static struct fixture fixture;
    fixture_open(&fixture);
    *state = &fixture;
    return 0;
}

int fixture_tear_down(void **state)
{
    fixture_close(*state);
    return 0;
}

enum hf_status fixture_reopen(struct hf_store *store, const struct hf_secret *passphrase,
                              struct hf_repo **out, struct hf_error *err)
{
    const struct hf_credential credential = {.passphrase = passphrase};
    return hf_repo_open(store, &credential, out, err);
}

struct hf_repo *fixture_writer(struct fixture *fixture)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_secret *passphrase = secret("only writes");
    const struct hf_key_new key = {.role = HF_ROLE_WRITER, .passphrase = passphrase};
    char id[HF_KEY_ID_TEXT];
    struct hf_repo *repo;
    assert_ok(hf_key_add(fixture->repo, &key, id, &err), &err);
    assert_ok(fixture_reopen(fixture->store, passphrase, &repo, &err), &err);
    hf_secret_free(passphrase);
    return repo;
}

void fixture_replica(struct fixture *original, struct fixture *out)
{
    struct hf_error err = HF_ERROR_INIT;
    const struct hf_credential credential = {.passphrase = original->passphrase};
    *out = (struct fixture){.passphrase = original->passphrase};
    assert_ok(hf_memory_store_new(&out->store, &err), &err);
    assert_ok(hf_replica_init(original->repo, out->store, &credential, &err), &err);
    assert_ok(hf_repo_open(out->store, &credential, &out->repo, &err), &err);
}

void fixture_copy(struct fixture *original, struct fixture *out)
{
    struct hf_error err = HF_ERROR_INIT;
    *out = (struct fixture){.passphrase = original->passphrase};
    assert_ok(hf_memory_store_copy(original->store, &out->store, &err), &err);
    assert_ok(fixture_reopen(out->store, out->passphrase, &out->repo, &err), &err);
}

void fixture_drop(struct fixture *fixture)
{
    hf_repo_close(fixture->repo);
    hf_store_close(fixture->store);
}

static uint64_t next_number(uint64_t *state)
{
    uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

void fixture_content(const struct fixture_stream *stream, struct hf_buf *out)
{
    struct hf_error err = HF_ERROR_INIT;
    uint64_t state = stream->seed;
    size_t end = out->len + stream->size;
    assert_ok(hf_buf_reserve(out, stream->size + 64, &err), &err);
    while (out->len < end && stream->kind == HF_STREAM_BYTES) {
        hf_store_u64(out->data + out->len, next_number(&state));
        out->len += 8;
    }
    for (unsigned row = 0; out->len < end && stream->kind == HF_STREAM_ROWS; row++)
        assert_ok(hf_buf_printf(out, &err, "%u\t%016llx\tname %u\n", row,
                                (unsigned long long)next_number(&state), row % 97),
                  &err);
    out->len = end;
    if (stream->kind == HF_STREAM_ROWS && stream->size > 0)
        out->data[end - 1] = '\n';
}

static size_t piece_of(const struct fixture_stream *stream, const struct hf_buf *data, size_t at)
{
    size_t left = data->len - at;
    size_t piece = left < PIECE ? left : PIECE;
    while (stream->kind == HF_STREAM_ROWS && at + piece < data->len &&
           data->data[at + piece - 1] != '\n')
        piece++;
    return piece;
}

static void write_stream(const struct hf_sink *sink, const struct fixture_stream *stream)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_sink_stream *open;
    HF_AUTO(hf_buf) data = HF_BUF_INIT;
    fixture_content(stream, &data);
    assert_ok(sink->open(sink->ctx, stream->name, stream->kind, &open, &err), &err);
    for (size_t at = 0, piece; at < data.len; at += piece) {
        piece = piece_of(stream, &data, at);
        assert_ok(sink->write(open, data.data + at, piece, &err), &err);
    }
    assert_ok(sink->close(open, stream->seed, NULL, &err), &err);
}

void fixture_backup(struct fixture *fixture, const char *source,
                    const struct fixture_stream *streams, size_t count,
                    char out_id[HF_SNAPSHOT_ID_TEXT])
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_cancel) cancel = NULL;
    struct hf_backup *backup;
    assert_ok(hf_cancel_new(&cancel, &err), &err);
    const struct hf_backup_options options = {
        .source = source, .kind = "test", .host = "here", .threads = 2, .cancel = cancel};
    assert_ok(hf_backup_begin(fixture->repo, &options, &backup, &err), &err);
    for (size_t i = 0; i < count; i++)
        write_stream(hf_backup_sink(backup), &streams[i]);
    assert_ok(hf_backup_commit(backup, NULL, out_id, NULL, &err), &err);
}

static enum hf_status compare(const struct hf_feed *feed, struct hf_feed_stream *open,
                              const struct fixture_stream *stream, struct hf_error *err)
{
    HF_AUTO(hf_buf) data = HF_BUF_INIT;
    size_t at = 0;
    fixture_content(stream, &data);
    for (;;) {
        const uint8_t *piece;
        size_t len;
        HF_TRY(feed->next(open, &piece, &len, err));
        if (len == 0)
            break;
        if (len > data.len - at || memcmp(data.data + at, piece, len) != 0)
            return hf_error_set(err, HF_MISMATCH, "%s: other content at %zu", stream->name, at);
        if (stream->kind == HF_STREAM_ROWS && piece[len - 1] != '\n')
            return hf_error_set(err, HF_MISMATCH, "%s: half a row", stream->name);
        at += len;
    }
    return at == data.len ? HF_OK : hf_error_set(err, HF_MISMATCH, "%s: short", stream->name);
}

enum hf_status fixture_read(const struct hf_feed *feed, const struct fixture_stream *stream,
                            struct hf_error *err)
{
    struct hf_feed_stream *open;
    HF_TRY(feed->open(feed->ctx, stream->name, &open, err));
    enum hf_status status = compare(feed, open, stream, err);
    feed->close(open);
    return status;
}

enum hf_status fixture_read_all(struct hf_repo *repo, const char *id,
                                const struct fixture_stream *streams, size_t count,
                                struct hf_error *err)
{
    HF_AUTO_PTR(hf_snapshot) snapshot = NULL;
    const struct hf_read_options options = {.threads = 2};
    HF_TRY(hf_snapshot_open(repo, id, &options, &snapshot, err));
    for (size_t i = 0; i < count; i++)
        HF_TRY(fixture_read(hf_snapshot_feed(snapshot), &streams[i], err));
    return HF_OK;
}

static enum hf_status add_key(void *ctx, const char *key, const struct hf_store_stat *stat,
                              struct hf_error *err)
{
    (void)stat;
    return hf_strings_add(ctx, key, err);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void fixture_keys(struct hf_store *store, const char *prefix, struct hf_strings *out)
{
    struct hf_error err = HF_ERROR_INIT;
    assert_ok(hf_store_list(store, prefix, add_key, out, &err), &err);
    if (out->count > 1)
        qsort(out->items, out->count, sizeof *out->items, by_text);
}

const char *fixture_largest(struct hf_store *store, const struct hf_strings *keys)
{
    const char *largest = NULL;
    uint64_t size = 0;
    for (size_t i = 0; i < keys->count; i++) {
        struct hf_error err = HF_ERROR_INIT;
        struct hf_store_stat stat;
        assert_ok(hf_store_stat(store, keys->items[i], &stat, &err), &err);
        if (stat.size > size) {
            largest = keys->items[i];
            size = stat.size;
        }
    }
    return largest;
}

void fixture_flip(struct hf_store *store, const char *key, size_t offset, uint8_t bits)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) object = HF_BUF_INIT;
    assert_ok(hf_store_get_all(store, key, OBJECT_MAX, &object, &err), &err);
    assert_true(offset < object.len);
    object.data[offset] ^= bits;
    assert_true(hf_memory_store_overwrite(store, key, object.data, object.len));
}
