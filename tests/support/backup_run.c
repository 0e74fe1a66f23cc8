#include "tests/support/backup_run.h"

#include <string.h>

enum hf_status backup_run_begin(struct hf_repo *repo, struct backup_run *run, struct hf_error *err)
{
    HF_TRY(hf_cancel_new(&run->cancel, err));
    const struct hf_backup_options options = {
        .source = "app",
        .kind = "test",
        .host = "here",
        .threads = 2,
        .cancel = run->cancel,
    };
    run->backup = NULL;
    enum hf_status status = hf_backup_begin(repo, &options, &run->backup, err);
    if (status != HF_OK) {
        hf_cancel_free(run->cancel);
        run->cancel = NULL;
    }
    return status;
}

void backup_run_end(struct backup_run *run)
{
    hf_backup_abort(run->backup);
    hf_cancel_free(run->cancel);
    *run = (struct backup_run){NULL, NULL};
}

enum hf_status backup_run_commit(struct backup_run *run, struct hf_backup_stats *stats,
                                 char id[HF_SNAPSHOT_ID_TEXT], struct hf_error *err)
{
    enum hf_status status = hf_backup_commit(run->backup, NULL, id, stats, err);
    run->backup = NULL;
    backup_run_end(run);
    return status;
}

/* In writes of whole rows of any number, or of any bytes. */
static size_t next_write(const struct fixture_stream *stream, const struct hf_buf *content,
                         size_t at)
{
    size_t left = content->len - at;
    size_t len = left < 3000 + at % 70000 ? left : 3000 + at % 70000;
    if (stream->kind != HF_STREAM_ROWS)
        return len;
    const uint8_t *end = memchr(content->data + at + len - 1, '\n', left - len + 1);
    return end ? (size_t)(end - content->data) + 1 - at : left;
}

enum hf_status backup_run_write_stream(const struct hf_sink *sink,
                                       const struct fixture_stream *stream, struct hf_error *err)
{
    struct hf_sink_stream *out;
    HF_AUTO(hf_buf) content = HF_BUF_INIT;
    fixture_content(stream, &content);
    HF_TRY(sink->open(sink->ctx, stream->name, stream->kind, &out, err));
    for (size_t at = 0; at < content.len;) {
        size_t len = next_write(stream, &content, at);
        enum hf_status status = sink->write(out, content.data + at, len, err);
        if (status != HF_OK) {
            sink->abandon(out);
            return status;
        }
        at += len;
    }
    return sink->close(out, stream->seed, NULL, err);
}

enum hf_status backup_run_write(struct backup_run *run, const struct fixture_stream *streams,
                                size_t count, struct hf_error *err)
{
    for (size_t i = 0; i < count; i++)
        HF_TRY(backup_run_write_stream(hf_backup_sink(run->backup), &streams[i], err));
    return HF_OK;
}

enum hf_status back_up_streams(struct hf_repo *repo, const struct fixture_stream *streams,
                               size_t count, struct hf_backup_stats *stats,
                               char id[HF_SNAPSHOT_ID_TEXT], struct hf_error *err)
{
    struct backup_run run;
    HF_TRY(backup_run_begin(repo, &run, err));
    enum hf_status status = backup_run_write(&run, streams, count, err);
    if (status != HF_OK) {
        backup_run_end(&run);
        return status;
    }
    return backup_run_commit(&run, stats, id, err);
}
