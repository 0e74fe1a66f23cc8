/* Large objects as the restored database has them: captured once more, into digests. */
#include "formats/postgres/restore_job.h"

#include "formats/postgres/largeobjects.h"

#include <stdlib.h>
#include <string.h>

struct digests {
    const struct hf_pg_digest_key *key;
    struct hf_pg_digest_sum objects, pieces;
};

/* A stream of a sink that keeps nothing but a digest. */
struct hf_sink_stream {
    struct hf_pg_digest digest;
    struct hf_pg_digest_sum *out;
};

static enum hf_status open_stream(void *ctx, const char *name, enum hf_stream_kind kind,
                                  struct hf_sink_stream **out, struct hf_error *err)
{
    static const char data[] = "/data";
    struct hf_sink_stream *stream = calloc(1, sizeof *stream);
    struct digests *digests = ctx;
    size_t len = strlen(name);

    (void)kind;
    if (!stream)
        return hf_error_memory(err);
    hf_pg_digest_init(&stream->digest, digests->key);
    stream->out = &digests->objects;
    if (len > strlen(data) && strcmp(name + len - strlen(data), data) == 0)
        stream->out = &digests->pieces;
    *out = stream;
    return HF_OK;
}

static enum hf_status write_stream(struct hf_sink_stream *stream, const void *data, size_t len,
                                   struct hf_error *err)
{
    return hf_pg_digest_feed(&stream->digest, data, len, err);
}

static void abandon_stream(struct hf_sink_stream *stream)
{
    hf_pg_digest_done(&stream->digest);
    free(stream);
}

static enum hf_status close_stream(struct hf_sink_stream *stream, uint64_t records,
                                   const json_t *attrs, struct hf_error *err)
{
    enum hf_status status = hf_pg_digest_end(&stream->digest, stream->out, err);

    (void)records;
    (void)attrs;
    abandon_stream(stream);
    return status;
}

static enum hf_status read_back(struct hf_pg_job *job, struct hf_pg *pg, struct digests *digests,
                                struct hf_error *err)
{
    const struct hf_sink sink = {.ctx = digests,
                                 .open = open_stream,
                                 .write = write_stream,
                                 .close = close_stream,
                                 .abandon = abandon_stream};
    const struct hf_work work = {.cancel = job->work->cancel, .jobs = 1};
    char name[HF_PG_NAME_SIZE];
    struct hf_pg_capture capture = {.config = job->config,
                                    .sink = &sink,
                                    .work = &work,
                                    .leader = pg,
                                    .name = name,
                                    .prefix = name};
    uint64_t count;
    uint64_t bytes;

    memcpy(name, job->temporary, sizeof name);
    HF_TRY(hf_pg_capture_large_objects(&capture, &count, &bytes, err));
    return hf_pg_capture_large_object_data(&capture, pg, &count, &bytes, err);
}

enum hf_status hf_pg_compare_large_objects(struct hf_pg_job *job, struct hf_pg *pg,
                                           struct hf_error *err)
{
    struct digests digests = {.key = &job->key};

    if (!job->has_objects)
        return HF_OK;
    HF_TRY(read_back(job, pg, &digests, err));
    HF_TRY(hf_pg_compare_digests(job, "large objects", "content", &job->pieces_fed, &digests.pieces,
                                 err));
    if (job->options->no_owner || job->options->no_acl)
        return HF_OK;
    return hf_pg_compare_digests(job, "large objects", "owners, privileges and comments",
                                 &job->objects_fed, &digests.objects, err);
}
