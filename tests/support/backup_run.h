/* A backup of known streams, whole or step by step. */
#ifndef HF_TESTS_BACKUP_RUN_H
#define HF_TESTS_BACKUP_RUN_H

#include "base/cancel.h"
#include "storage/repository/backup.h"

#include "tests/support/snapshot_fixture.h"

struct backup_run {
    struct hf_cancel *cancel;
    struct hf_backup *backup;
};

/* Of the source "app", by two threads. After a failure there is nothing to end. */
enum hf_status backup_run_begin(struct hf_repo *repo, struct backup_run *run, struct hf_error *err);
/* One stream, in several writes; or all, one after the other. */
enum hf_status backup_run_write_stream(const struct hf_sink *sink,
                                       const struct fixture_stream *stream, struct hf_error *err);
enum hf_status backup_run_write(struct backup_run *run, const struct fixture_stream *streams,
                                size_t count, struct hf_error *err);
/* Both end the run; stats may be NULL. */
enum hf_status backup_run_commit(struct backup_run *run, struct hf_backup_stats *stats,
                                 char id[HF_SNAPSHOT_ID_TEXT], struct hf_error *err);
void backup_run_end(struct backup_run *run);

/* From begin to commit. */
enum hf_status back_up_streams(struct hf_repo *repo, const struct fixture_stream *streams,
                               size_t count, struct hf_backup_stats *stats,
                               char id[HF_SNAPSHOT_ID_TEXT], struct hf_error *err);

#endif
