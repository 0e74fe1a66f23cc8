/* Function libraries of a snapshot, put back by FUNCTION RESTORE (restore_job.h). */
#include "formats/redis/crc64.h"
#include "formats/redis/payload.h"
#include "formats/redis/restore_job.h"

enum { HEAD_MAX = 65 << 20, FUNCTIONS_SINCE = 70000, FUNCTIONS_VERSION = 10 };

struct found {
    struct hf_buf functions; /* the items as they are, which is what FUNCTION RESTORE takes */
    uint64_t count, others;
};

static enum hf_status on_other(void *ctx, const struct hf_rdb_other *other, struct hf_error *err)
{
    struct found *found = ctx;

    if (other->opcode != HF_RDB_FUNCTION) {
        found->others += other->last;
        return HF_OK;
    }
    found->count += other->last;
    return hf_buf_append(&found->functions, other->data, other->len, err);
}

static enum hf_status find_functions(struct hf_redis_job *job, struct found *found,
                                     struct hf_error *err)
{
    const struct hf_rdb_handler handler = {.ctx = found, .other = on_other};
    HF_AUTO(hf_buf) head = HF_BUF_INIT;
    HF_AUTO(hf_rdb) rdb;
    bool checked;

    hf_rdb_init_records(&rdb, &handler, job->selection.versions[0], 0);
    HF_TRY(hf_feed_read_all(job->feed, "0/head", HEAD_MAX, &head, err));
    if (head.len < HF_RDB_MAGIC)
        return hf_error_set(err, HF_DAMAGED, "stream 0/head is too short");
    HF_TRY(hf_rdb_feed(&rdb, head.data + HF_RDB_MAGIC, head.len - HF_RDB_MAGIC, err));
    return hf_rdb_end(&rdb, &checked, err);
}

static enum hf_status put_functions(struct hf_redis_job *job, struct hf_redis_target *target,
                                    const struct hf_buf *payload, struct hf_error *err)
{
    const void *words[] = {"FUNCTION", "RESTORE", payload->data,
                           job->options->replace ? "REPLACE" : "APPEND"};
    const size_t lens[] = {8, 7, payload->len, job->options->replace ? 7U : 6U};
    HF_AUTO_REPLY reply = NULL;

    HF_TRY(hf_redis_queue(target->server.redis, 4, words, lens, err));
    HF_TRY(hf_redis_flush(target->server.redis, err));
    HF_TRY(hf_redis_reply(target->server.redis, &reply, err));
    if (reply->type != REDIS_REPLY_ERROR)
        return HF_OK;
    return hf_error_set(err, HF_FAILED, "%s: the server does not take the functions: %.300s",
                        hf_redis_where(target->server.redis), reply->str);
}

static enum hf_status put_all(struct hf_redis_job *job, struct found *found, struct hf_error *err)
{
    uint8_t footer[HF_REDIS_FOOTER];

    if (found->others > 0)
        HF_TRY(hf_redis_job_note(job, err,
                                 "data of modules that belongs to no key is in the "
                                 "snapshot; only an .rdb file brings it back"));
    if (found->count == 0)
        return HF_OK;
    hf_redis_footer(footer, FUNCTIONS_VERSION,
                    hf_crc64(0, found->functions.data, found->functions.len));
    HF_TRY(hf_buf_append(&found->functions, footer, sizeof footer, err));
    for (size_t i = 0; i < job->target_count; i++) {
        if (job->targets[i].server.version < FUNCTIONS_SINCE)
            return hf_redis_job_differs(job, "functions", "libraries", "as in the snapshot",
                                        "a server that has no functions", err);
        HF_TRY(put_functions(job, &job->targets[i], &found->functions, err));
    }
    return HF_OK;
}

enum hf_status hf_redis_restore_functions(struct hf_redis_job *job, struct hf_error *err)
{
    struct found found = {.functions = HF_BUF_INIT};
    enum hf_status status;

    if (!hf_redis_selection_whole(&job->selection))
        return HF_OK;
    status = find_functions(job, &found, err);
    if (status == HF_OK)
        status = put_all(job, &found, err);
    hf_buf_free(&found.functions);
    return status;
}
