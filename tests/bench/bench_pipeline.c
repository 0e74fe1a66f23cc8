/*
 * What each stage of a backup costs on one core: cutting, transposing, ids, zstd by level, sealing,
 * hashing packs; and of a restore: opening, decoding. Times are the thread's CPU time, so that
 * other work on the machine counts little.
 *
 *   bench_pipeline [FILE]     COPY text from a file, or three generated kinds of rows
 *
 * Last, a whole backup into a local store in $TMPDIR, row by row from two producers.
 */
#include "base/clock.h"
#include "base/pool.h"
#include "base/random.h"
#include "base/secret.h"
#include "storage/local/local.h"
#include "storage/repository/backup.h"
#include "storage/repository/chunk.h"
#include "storage/repository/chunker.h"
#include "storage/repository/columns.h"
#include "storage/repository/frame.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { DATA_MAX = 192 << 20, CHUNKS_MAX = 4096, WRITE = 4096, PRODUCERS = 2 };

struct bench {
    uint8_t *data;
    size_t len;
    size_t ends[CHUNKS_MAX];
    size_t chunks;
    struct hf_keyset *keys;
    uint8_t *out;
    struct hf_backup *backup;
};

static void die(const struct hf_error *err)
{
    (void)fprintf(stderr, "bench_pipeline: %s\n", err->text);
    exit(1);
}

/* Nanoseconds of CPU time of this thread. */
static int64_t cpu_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * HF_NS_PER_S + now.tv_nsec;
}

static void print_rate(const char *stage, int64_t took, size_t bytes, const char *more)
{
    double s = (double)took / 1e9;
    (void)printf("  %-28s %7.0f MB/s  %6.3f s/GB  %s\n", stage, (double)bytes / 1e6 / s,
                 s / ((double)bytes / 1e9), more);
}

static void report(const char *stage, int64_t began, size_t bytes, const char *more)
{
    print_rate(stage, cpu_now() - began, bytes, more);
}

static const uint8_t *chunk_at(const struct bench *bench, size_t i, size_t *len)
{
    size_t begin = i ? bench->ends[i - 1] : 0;
    *len = bench->ends[i] - begin;
    return bench->data + begin;
}

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static int order_row(char *at, size_t room, uint32_t i, uint32_t *r)
{
    static const char *const states[] = {"new", "paid", "shipped", "returned"};
    return snprintf(at, room, "%u\t%u\t2026-%02u-%02u %02u:%02u:%02u\t%s\t%u.%02u\t\\N\n", i,
                    next_random(r) % 100000, 1 + next_random(r) % 12, 1 + next_random(r) % 28,
                    next_random(r) % 24, next_random(r) % 60, next_random(r) % 60,
                    states[next_random(r) % 4], next_random(r) % 1000, next_random(r) % 100);
}

static int event_row(char *at, size_t room, uint32_t i, uint32_t *r)
{
    return snprintf(
        at, room,
        "%u\t2026-03-%02u 12:%02u:%02u.%06u+00\t{\"type\": \"click\", \"user\": %u, \"page\": "
        "\"/product/%u\", \"agent\": \"Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101\", "
        "\"session\": \"%08x%08x%08x\", \"tags\": [\"a%u\", \"b%u\"], \"price\": %u.%02u, "
        "\"referrer\": \"https://example.org/search?q=%x\"}\n",
        i, 1 + next_random(r) % 28, next_random(r) % 60, next_random(r) % 60, next_random(r),
        next_random(r) % 100000, next_random(r) % 5000, next_random(r), next_random(r),
        next_random(r), next_random(r) % 50, next_random(r) % 50, next_random(r) % 500,
        next_random(r) % 100, next_random(r));
}

static int hash_row(char *at, size_t room, uint32_t i, uint32_t *r)
{
    uint8_t raw[24];
    char hex[2 * sizeof raw + 1];
    (void)r;
    hf_random_bytes(raw, sizeof raw);
    hf_hex(hex, raw, sizeof raw);
    return snprintf(at, room, "%u\t\\\\x%s\n", i, hex);
}

static void generate(struct bench *bench, int (*row)(char *, size_t, uint32_t, uint32_t *))
{
    uint32_t random = 1;
    bench->len = 0;
    for (uint32_t i = 1; bench->len + 1024 < DATA_MAX; i++)
        bench->len += (size_t)row((char *)bench->data + bench->len, 1024, i, &random);
}

static void cut(struct bench *bench)
{
    static struct hf_chunker chunker;
    struct hf_error err = HF_ERROR_INIT;
    uint8_t seed[HF_KEY_SIZE];
    hf_keyset_id_subkey(bench->keys, HF_ID_CHUNKER, seed);
    if (hf_chunker_init(&chunker, seed, HF_CHUNK_MIN, HF_CHUNK_AVG, HF_CHUNK_MAX, &err) != HF_OK)
        die(&err);
    int64_t began = cpu_now();
    bench->chunks = 0;
    for (size_t begin = 0; begin < bench->len && bench->chunks < CHUNKS_MAX;) {
        struct hf_chunk_scan scan = {.at = 0};
        size_t left = bench->len - begin < HF_CHUNK_MAX ? bench->len - begin : HF_CHUNK_MAX;
        size_t end = 0;
        for (size_t known = 0; end == 0 && known < left;) {
            known = known + WRITE < left ? known + WRITE : left;
            end = hf_chunker_scan(&chunker, HF_STREAM_ROWS, &scan, bench->data + begin, known);
        }
        begin += end ? end : left;
        bench->ends[bench->chunks++] = begin;
    }
    char more[64];
    (void)snprintf(more, sizeof more, "%zu chunks, mean %zu KiB", bench->chunks,
                   bench->len / bench->chunks >> 10);
    report("cut", began, bench->len, more);
}

static void copy_rows(struct bench *bench)
{
    int64_t began = cpu_now();
    size_t at = 0, rows = 0;
    for (const uint8_t *row = bench->data; row < bench->data + bench->len; rows++) {
        const uint8_t *end = memchr(row, '\n', (size_t)(bench->data + bench->len - row));
        size_t len = (size_t)(end - row) + 1;
        if (at + len > HF_CHUNK_MAX)
            at = 0;
        memcpy(bench->out + at, row, len);
        at += len;
        row = end + 1;
    }
    char more[64];
    (void)snprintf(more, sizeof more, "mean row %zu bytes", bench->len / rows);
    report("find and copy rows", began, bench->len, more);
}

static void transpose(struct bench *bench)
{
    struct hf_columns columns = {.ends = NULL};
    struct hf_error err = HF_ERROR_INIT;
    size_t len, fitted = 0;
    int64_t began = cpu_now();
    for (size_t i = 0; i < bench->chunks; i++) {
        bool fits;
        const uint8_t *data = chunk_at(bench, i, &len);
        if (hf_columns_split(&columns, data, len, bench->out, &fits, &err) != HF_OK)
            die(&err);
        fitted += fits;
    }
    char more[64];
    (void)snprintf(more, sizeof more, "%zu of %zu fit", fitted, bench->chunks);
    report("columns split", began, bench->len, more);

    uint8_t *back = malloc(HF_CHUNK_MAX + 2);
    bool fits;
    const uint8_t *data = chunk_at(bench, 0, &len);
    if (!back || hf_columns_split(&columns, data, len, bench->out, &fits, &err) != HF_OK)
        die(&err);
    began = cpu_now();
    for (size_t i = 0; fits && i < bench->chunks; i++)
        if (hf_columns_join(&columns, bench->out, len + HF_COLUMNS_HEAD, back, &err) != HF_OK)
            die(&err);
    if (fits)
        report("columns join", began, len * bench->chunks, "");
    free(back);
    hf_columns_free(&columns);
}

static void identify(struct bench *bench)
{
    struct hf_chunk_hasher *hasher;
    struct hf_chunk_id id;
    struct hf_error err = HF_ERROR_INIT;
    if (hf_chunk_hasher_new(bench->keys, HF_CHUNK_DATA, &hasher, &err) != HF_OK)
        die(&err);
    int64_t began = cpu_now();
    for (size_t i = 0; i < bench->chunks; i++) {
        size_t len;
        const uint8_t *data = chunk_at(bench, i, &len);
        if (hf_chunk_hash(hasher, data, len, &id, &err) != HF_OK)
            die(&err);
    }
    report("id (HMAC-SHA-256)", began, bench->len, "");
    hf_chunk_hasher_free(hasher);
}

static void encode(struct bench *bench, int level, enum hf_stream_kind kind)
{
    struct hf_frame_coder *coder;
    struct hf_frame_body body;
    struct hf_error err = HF_ERROR_INIT;
    size_t len, total = 0;
    char stage[64], more[64];
    if (hf_frame_coder_new(level, &coder, &err) != HF_OK)
        die(&err);
    int64_t began = cpu_now();
    for (size_t i = 0; i < bench->chunks; i++) {
        const uint8_t *data = chunk_at(bench, i, &len);
        if (hf_frame_encode(coder, kind, data, len, &body, &err) != HF_OK)
            die(&err);
        total += body.len;
    }
    (void)snprintf(stage, sizeof stage, "%s level %d",
                   kind == HF_STREAM_ROWS ? "columns + zstd" : "zstd", level);
    (void)snprintf(more, sizeof more, "%.2f%%", 100.0 * (double)total / (double)bench->len);
    report(stage, began, bench->len, more);
    hf_frame_coder_free(coder);
}

static void seal(struct bench *bench, enum hf_repo_cipher cipher, const char *name)
{
    struct hf_frame_coder *coder;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_pack_key key = {.cipher = cipher};
    uint8_t *plain = malloc(HF_CHUNK_MAX);
    char stage[64];
    if (!plain || hf_frame_coder_new(0, &coder, &err) != HF_OK)
        die(&err);
    hf_random_bytes(key.bytes, sizeof key.bytes);
    int64_t began = cpu_now();
    for (size_t i = 0; i < bench->chunks; i++) {
        size_t len;
        const uint8_t *data = chunk_at(bench, i, &len);
        struct hf_frame frame = {.plain_len = (uint32_t)len,
                                 .stored_len = (uint32_t)len + HF_FRAME_TAG,
                                 .number = (uint32_t)i};
        if (hf_frame_seal(coder, &key, &frame, data, bench->out, &err) != HF_OK)
            die(&err);
    }
    (void)snprintf(stage, sizeof stage, "seal %s", name);
    report(stage, began, bench->len, "of stored bytes");
    began = cpu_now();
    size_t len;
    (void)chunk_at(bench, bench->chunks - 1, &len);
    struct hf_frame frame = {.plain_len = (uint32_t)len,
                             .stored_len = (uint32_t)len + HF_FRAME_TAG,
                             .number = (uint32_t)bench->chunks - 1};
    for (size_t i = 0; i < bench->chunks; i++)
        if (hf_frame_open(coder, &key, &frame, bench->out, plain, &err) != HF_OK)
            die(&err);
    (void)snprintf(stage, sizeof stage, "open %s", name);
    report(stage, began, len * bench->chunks, "of stored bytes");
    hf_frame_coder_free(coder);
    free(plain);
}

static void hash_pack(struct bench *bench)
{
    uint8_t hash[32];
    int64_t began = cpu_now();
    if (EVP_Digest(bench->data, bench->len, hash, NULL, EVP_sha256(), NULL) != 1)
        exit(1);
    report("hash pack (SHA-256)", began, bench->len, "of stored bytes");
}

/* The rows of one half of the data, one write each, as a source does. */
static enum hf_status produce(void *arg, size_t index, struct hf_error *err)
{
    struct bench *bench = arg;
    const struct hf_sink *sink = hf_backup_sink(bench->backup);
    struct hf_sink_stream *stream;
    const uint8_t *middle = memchr(bench->data + bench->len / 2, '\n', bench->len / 2);
    const uint8_t *row = index == 0 ? bench->data : middle + 1;
    const uint8_t *end = index == 0 ? middle + 1 : bench->data + bench->len;
    uint64_t rows = 0;
    HF_TRY(sink->open(sink->ctx, index == 0 ? "first" : "second", HF_STREAM_ROWS, &stream, err));
    for (; row < end; rows++) {
        size_t len = (size_t)((const uint8_t *)memchr(row, '\n', (size_t)(end - row)) - row) + 1;
        HF_TRY(sink->write(stream, row, len, err));
        row += len;
    }
    return sink->close(stream, rows, NULL, err);
}

static double cpu_seconds(void)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6 +
           (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec / 1e6;
}

static enum hf_status back_up(struct bench *bench, struct hf_repo *repo, const char *stage,
                              struct hf_error *err)
{
    HF_AUTO_PTR(hf_cancel) cancel = NULL;
    struct hf_pool *pool;
    struct hf_backup_stats stats;
    char id[HF_SNAPSHOT_ID_TEXT], more[128];
    HF_TRY(hf_cancel_new(&cancel, err));
    const struct hf_backup_options options = {
        .source = "bench", .kind = "bench", .host = "bench", .cancel = cancel};
    double cpu = cpu_seconds();
    int64_t began = hf_clock_monotonic();
    HF_TRY(hf_backup_begin(repo, &options, &bench->backup, err));
    HF_TRY(hf_pool_start(PRODUCERS, produce, NULL, bench, cancel, &pool, err));
    HF_TRY(hf_pool_join(pool, err));
    HF_TRY(hf_backup_commit(bench->backup, NULL, id, &stats, err));
    (void)snprintf(more, sizeof more, "wall; CPU %.3f s/GB, stored %.2f%%",
                   (cpu_seconds() - cpu) / ((double)bench->len / 1e9),
                   100.0 * (double)stats.stored_bytes / (double)bench->len);
    print_rate(stage, hf_clock_monotonic() - began, bench->len, more);
    return HF_OK;
}

static enum hf_status back_up_twice(struct bench *bench, const char *path, struct hf_error *err)
{
    HF_AUTO_PTR(hf_store) store = NULL;
    HF_AUTO_PTR(hf_secret) passphrase = NULL;
    HF_AUTO_PTR(hf_repo) repo = NULL;
    const struct hf_repo_options options = {
        .cipher = HF_CIPHER_XCHACHA20_POLY1305, .kdf_ops = 1, .kdf_mem = 8192};
    HF_TRY(hf_local_open(path, HF_LOCAL_CREATE, &store, err));
    HF_TRY(hf_secret_new("bench", 5, &passphrase, err));
    const struct hf_credential credential = {.passphrase = passphrase};
    HF_TRY(hf_repo_init(store, &options, &credential, err));
    HF_TRY(hf_repo_open(store, &credential, &repo, err));
    HF_TRY(back_up(bench, repo, "whole backup", err));
    return back_up(bench, repo, "whole backup, unchanged", err);
}

static void whole(struct bench *bench)
{
    const char *tmp = getenv("TMPDIR");
    struct hf_error err = HF_ERROR_INIT;
    char path[512], command[600];
    (void)snprintf(path, sizeof path, "%s/bench-pipeline-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(path)) {
        perror(path);
        exit(1);
    }
    enum hf_status status = back_up_twice(bench, path, &err);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", path);
    if (system(command) != 0)
        (void)fprintf(stderr, "bench_pipeline: %s is left behind\n", path);
    if (status != HF_OK)
        die(&err);
}

static void run(struct bench *bench, const char *name)
{
    (void)printf("%s (%zu MB)\n", name, bench->len / 1000000);
    copy_rows(bench);
    cut(bench);
    transpose(bench);
    identify(bench);
    for (int level = 1; level <= 3; level++) {
        encode(bench, level, HF_STREAM_ROWS);
        encode(bench, level, HF_STREAM_BYTES);
    }
    seal(bench, HF_CIPHER_XCHACHA20_POLY1305, "XChaCha20-Poly1305");
    seal(bench, HF_CIPHER_AES_256_GCM, "AES-256-GCM");
    hash_pack(bench);
    whole(bench);
}

static void load(struct bench *bench, const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        exit(1);
    }
    bench->len = fread(bench->data, 1, DATA_MAX, file);
    (void)fclose(file);
    /* Whole rows only. */
    while (bench->len > 0 && bench->data[bench->len - 1] != '\n')
        bench->len--;
}

int main(int argc, char **argv)
{
    static struct bench bench;
    struct hf_error err = HF_ERROR_INIT;
    uint8_t repo_id[HF_REPO_ID] = {1};
    if (hf_crypto_init(&err) != HF_OK || hf_keyset_generate(repo_id, &bench.keys, &err) != HF_OK)
        die(&err);
    bench.data = malloc(DATA_MAX);
    bench.out = malloc(HF_CHUNK_MAX + 64);
    if (!bench.data || !bench.out)
        return 1;
    if (argc > 1) {
        load(&bench, argv[1]);
        run(&bench, argv[1]);
    } else {
        generate(&bench, order_row);
        run(&bench, "orders: narrow rows");
        generate(&bench, event_row);
        run(&bench, "events: JSON rows");
        generate(&bench, hash_row);
        run(&bench, "hashes: hexadecimal rows");
    }
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    (void)printf("peak memory %ld MiB, of which %d MiB are the data\n", usage.ru_maxrss >> 10,
                 DATA_MAX >> 20);
    free(bench.data);
    free(bench.out);
    hf_keyset_free(bench.keys);
    return 0;
}
