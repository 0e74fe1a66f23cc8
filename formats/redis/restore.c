#include "formats/redis/restore.h"

#include "base/json.h"
#include "formats/redis/cluster.h"
#include "formats/redis/crc64.h"
#include "formats/redis/export.h"
#include "formats/redis/restore_job.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct hf_redis_target *hf_redis_job_target(struct hf_redis_job *job, const struct hf_rdb_key *key)
{
    return &job->targets[job->target_count > 1 ? job->slots[hf_redis_slot(key->text, key->len)]
                                               : 0];
}

enum hf_status hf_redis_job_database(struct hf_redis_job *job, uint32_t database,
                                     struct hf_redis_restored **out, struct hf_error *err)
{
    struct hf_redis_restored *more;

    for (size_t i = job->restored_count; i-- > 0;) {
        if (job->restored[i].database == database) {
            *out = &job->restored[i];
            return HF_OK;
        }
    }
    more = realloc(job->restored, (job->restored_count + 1) * sizeof *more);
    if (!more)
        return hf_error_memory(err);
    job->restored = more;
    *out = &more[job->restored_count++];
    **out = (struct hf_redis_restored){.database = database,
                                       .into = job->into >= 0 ? (uint32_t)job->into : database};
    return HF_OK;
}

enum hf_status hf_redis_job_note(struct hf_redis_job *job, struct hf_error *err, const char *format,
                                 ...)
{
    char text[HF_ERROR_TEXT_MAX];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return json_array_append_new(job->notes, json_string(text)) == 0 ? HF_OK : hf_error_memory(err);
}

enum hf_status hf_redis_job_differs(struct hf_redis_job *job, const char *what, const char *name,
                                    const char *expected, const char *found, struct hf_error *err)
{
    json_t *one = NULL;

    if (json_array_size(job->differences) >= HF_REDIS_DIFFERENCES_MAX)
        return HF_OK;
    HF_TRY(hf_json_pack(&one, err, "{s:s, s:s, s:s?, s:s?}", "what", what, "name", name, "expected",
                        expected, "found", found));
    return json_array_append_new(job->differences, one) == 0 ? HF_OK : hf_error_memory(err);
}

/* Putting keys. */

struct putting {
    struct hf_redis_job *job;
    struct hf_redis_target *target;
    struct hf_redis_put put;
    struct hf_buf payload; /* type and value of a key that is not big */
    uint64_t crc;          /* of a big one */
    bool big, skip;
    uint64_t bytes, keys; /* that were not yet told of */
};

static enum hf_status on_key(void *ctx, const struct hf_rdb_key *key, enum hf_rdb_flavour flavour,
                             uint64_t value_len, struct hf_error *err)
{
    struct putting *putting = ctx;
    struct hf_redis_job *job = putting->job;
    struct hf_redis_restored *database;

    HF_TRY(hf_redis_job_database(job, key->database, &database, err));
    database->keys++;
    putting->skip = key->expiry >= 0 && key->expiry <= job->now;
    database->expired += putting->skip;
    if (putting->skip)
        return HF_OK;
    putting->put = (struct hf_redis_put){
        .key = *key, .version = hf_redis_type_version(flavour, key->type), .replace = job->replace};
    putting->put.key.database = database->into;
    putting->target = hf_redis_job_target(job, key);
    putting->big = value_len > 0;
    putting->payload.len = 0;
    if (!putting->big)
        return hf_buf_u8(&putting->payload, key->type, err);
    putting->crc = hf_crc64(0, &key->type, 1);
    HF_TRY(hf_redis_target_begin(putting->target, &putting->put, value_len + 1, err));
    return hf_redis_target_piece(putting->target, &key->type, 1, err);
}

static enum hf_status on_value(void *ctx, const uint8_t *data, size_t len, struct hf_error *err)
{
    struct putting *putting = ctx;

    putting->bytes += len;
    if (putting->skip)
        return HF_OK;
    if (!putting->big)
        return hf_buf_append(&putting->payload, data, len, err);
    putting->crc = hf_crc64(putting->crc, data, len);
    return hf_redis_target_piece(putting->target, data, len, err);
}

static enum hf_status on_key_end(void *ctx, struct hf_error *err)
{
    enum { TOLD_KEYS = 4096, TOLD_BYTES = 1 << 20 };
    struct putting *putting = ctx;

    if (++putting->keys >= TOLD_KEYS || putting->bytes >= TOLD_BYTES) {
        hf_observe_advance(putting->job->work->observer, putting->bytes, putting->keys);
        putting->bytes = putting->keys = 0;
    }
    if (putting->skip)
        return HF_OK;
    if (putting->big)
        return hf_redis_target_end(putting->target, &putting->put, putting->crc, err);
    return hf_redis_target_put(putting->target, &putting->put, putting->payload.data,
                               putting->payload.len, err);
}

static enum hf_status put_keys(struct hf_redis_job *job, struct hf_error *err)
{
    struct putting putting = {.job = job, .payload = HF_BUF_INIT};
    const struct hf_redis_taker taker = {
        .ctx = &putting, .key = on_key, .value = on_value, .key_end = on_key_end};
    enum hf_status status =
        hf_redis_read_keys(job->feed, &job->selection, -1, job->work->cancel, &taker, err);

    hf_buf_free(&putting.payload);
    for (size_t i = 0; status == HF_OK && i < job->target_count; i++)
        status = hf_redis_target_drain(&job->targets[i], err);
    hf_observe_advance(job->work->observer, putting.bytes, putting.keys);
    return status;
}

/* Targets. */

static enum hf_status add_target(struct hf_redis_job *job, struct hf_redis_server *server,
                                 struct hf_error *err)
{
    struct hf_redis_target *more =
        realloc(job->targets, (job->target_count + 1) * sizeof *job->targets);

    if (!more)
        return hf_error_memory(err);
    job->targets = more;
    HF_TRY(hf_redis_target_init(&more[job->target_count], server, err));
    job->target_count++;
    return HF_OK;
}

static enum hf_status on_shard(void *ctx, unsigned shard, struct hf_redis_server *server,
                               const json_t *slots, struct hf_error *err)
{
    struct hf_redis_job *job = ctx;
    const json_t *range;
    size_t i;

    json_array_foreach (slots, i, range) {
        json_int_t last = json_integer_value(json_array_get(range, 1));

        for (json_int_t slot = json_integer_value(json_array_get(range, 0)); slot <= last; slot++)
            job->slots[slot] = (uint16_t)shard;
    }
    return add_target(job, server, err);
}

static enum hf_status open_targets(struct hf_redis_job *job, struct hf_error *err)
{
    HF_AUTO(hf_redis_server) server = {.redis = NULL};
    struct hf_redis_config masters = *job->config;

    masters.from_replica = false;
    if (job->config->topology == HF_REDIS_CLUSTER)
        return hf_redis_cluster_each(&masters, job->work->cancel, on_shard, job, err);
    HF_TRY(hf_redis_server_find(&masters, true, job->work->cancel, &server, err));
    if (server.cluster)
        return hf_error_set(err, HF_USAGE, "%s is a node of a cluster: name it as a cluster",
                            hf_redis_where(server.redis));
    return add_target(job, &server, err);
}

/* Into one database there can only come keys of one: their names could collide. */
static enum hf_status choose_database(struct hf_redis_job *job, struct hf_error *err)
{
    const json_t *databases = json_object_get(job->properties, "databases");

    job->into = job->config->database;
    if (job->into >= 0 && job->selection.database < 0 && json_array_size(databases) > 1)
        return hf_error_set(err, HF_USAGE,
                            "the snapshot has keys in %zu databases: choose the one that goes into "
                            "database %d with --database, or name the target without a database",
                            json_array_size(databases), job->into);
    return HF_OK;
}

static enum hf_status run(struct hf_redis_job *job, struct hf_error *err)
{
    const json_t *keys = json_object_get(job->properties, "keys");
    enum hf_status status;

    HF_TRY(choose_database(job, err));
    HF_TRY(open_targets(job, err));
    HF_TRY(hf_redis_check_target(job, err));
    hf_observe_expect(job->work->observer, 0, (uint64_t)json_integer_value(keys));
    /* SCAN may have told a key twice; the target was found empty. */
    if (json_is_false(json_object_get(job->properties, "point_in_time")))
        job->replace = true;
    status = hf_redis_restore_functions(job, err);
    if (status == HF_OK)
        status = put_keys(job, err);
    if (status != HF_OK)
        return hf_error_prefix(err, "the restore is not complete, and --replace starts it over");
    return job->options->no_compare ? HF_OK : hf_redis_compare(job, err);
}

/* The report. */

static enum hf_status report_database(const struct hf_redis_job *job,
                                      const struct hf_redis_restored *one, json_t *list,
                                      struct hf_error *err)
{
    bool compared = !job->options->no_compare;
    char digest[HF_REDIS_DIGEST_TEXT];
    json_t *object = NULL;

    hf_redis_sum_text(digest, &one->fed);
    HF_TRY(hf_json_pack(
        &object, err, "{s:I, s:I, s:I, s:I, s:b, s:b, s:b, s:s?}", "database",
        (json_int_t)one->database, "restored_as", (json_int_t)one->into, "keys",
        (json_int_t)one->keys, "expired", (json_int_t)one->expired, "compared", (int)compared,
        "equal",
        (int)(compared && one->different == 0 && hf_redis_sum_equal(&one->fed, &one->found)),
        "partial", (int)!hf_redis_selection_whole(&job->selection), "digest",
        compared ? digest : NULL));
    return json_array_append_new(list, object) == 0 ? HF_OK : hf_error_memory(err);
}

static enum hf_status report(const struct hf_redis_job *job, json_t **out, bool *out_equal,
                             struct hf_error *err)
{
    HF_AUTO_JSON databases = json_array();
    const json_t *functions = json_object_get(job->properties, "functions");
    bool compared = !job->options->no_compare;
    bool whole = hf_redis_selection_whole(&job->selection);

    if (!databases)
        return hf_error_memory(err);
    *out_equal = json_array_size(job->differences) == 0;
    for (size_t i = 0; i < job->restored_count; i++) {
        HF_TRY(report_database(job, &job->restored[i], databases, err));
        *out_equal =
            *out_equal &&
            (!compared || (job->restored[i].different == 0 &&
                           hf_redis_sum_equal(&job->restored[i].fed, &job->restored[i].found)));
    }
    return hf_json_pack(out, err, "{s:O, s:I, s:O, s:b, s:b, s:b, s:O}", "databases", databases,
                        "functions", (json_int_t)(whole ? json_array_size(functions) : 0),
                        "differences", job->differences, "compared", (int)compared, "equal",
                        (int)(compared && *out_equal), "partial", (int)!whole, "notes", job->notes);
}

static void job_done(struct hf_redis_job *job)
{
    for (size_t i = 0; i < job->target_count; i++)
        hf_redis_target_done(&job->targets[i]);
    free(job->targets);
    free(job->restored);
    json_decref(job->differences);
    json_decref(job->notes);
    free(job);
}

static enum hf_status into_servers(struct hf_redis_job *job, json_t **out_report,
                                   struct hf_error *err)
{
    bool equal = false;

    if (!job->differences || !job->notes)
        return hf_error_memory(err);
    HF_TRY(hf_redis_selection_init(&job->selection, job->properties, job->options->database,
                                   &job->options->patterns, err));
    HF_TRY(run(job, err));
    HF_TRY(report(job, out_report, &equal, err));
    if (equal)
        return HF_OK;
    return hf_error_set(err, HF_MISMATCH, "what was restored is not what the snapshot holds");
}

/* What was written was read back, to its checksum: that is compared, if not with a server. */
static enum hf_status into_file(const struct hf_redis_config *config, const json_t *properties,
                                const struct hf_feed *feed,
                                const struct hf_restore_options *options,
                                const struct hf_work *work, json_t **out_report,
                                struct hf_error *err)
{
    HF_TRY(hf_redis_export_file(config->file, properties, feed, options, work, err));
    return hf_json_pack(
        out_report, err, "{s:s, s:[], s:b, s:b, s:b, s:[s]}", "file", config->file, "differences",
        "compared", 0, "equal", 0, "partial",
        (int)(options->database != NULL || options->patterns.count > 0), "notes",
        "the file was read back and its checksum is right; no server has loaded it");
}

enum hf_status hf_redis_restore(const void *config, const json_t *properties,
                                const struct hf_feed *feed,
                                const struct hf_restore_options *options,
                                const struct hf_work *work, json_t **out_report,
                                struct hf_error *err)
{
    const struct hf_redis_config *redis = config;
    struct hf_redis_job *job;
    enum hf_status status;

    if (redis->file)
        return into_file(redis, properties, feed, options, work, out_report, err);
    job = calloc(1, sizeof *job);
    if (!job)
        return hf_error_memory(err);
    *job = (struct hf_redis_job){.config = redis,
                                 .properties = properties,
                                 .feed = feed,
                                 .options = options,
                                 .work = work,
                                 .replace = options->replace,
                                 .differences = json_array(),
                                 .notes = json_array()};
    status = into_servers(job, out_report, err);
    job_done(job);
    return status;
}
