#include "formats/redis/capture.h"

#include "base/clock.h"
#include "base/json.h"
#include "formats/redis/cluster.h"
#include "formats/redis/keeper.h"
#include "formats/redis/replica.h"
#include "formats/redis/scan.h"

#include <inttypes.h>
#include <string.h>

struct capture {
    const struct hf_redis_config *config;
    const struct hf_sink *sink;
    const struct hf_work *work;
    struct hf_redis_tally tally;
    json_t *shards;
    json_t *server; /* of the first shard */
    int64_t time;   /* of the first shard's dump */
    bool scanned;
};

/* Whether the server's answer means that it will not have us as a replica. */
static bool is_refusal(enum hf_status status)
{
    return status == HF_DENIED || status == HF_UNSUPPORTED || status == HF_FAILED;
}

static enum hf_status read_by_scan(struct capture *capture, struct hf_redis_server *server,
                                   struct hf_redis_keeper *keeper, struct hf_error *err)
{
    HF_AUTO(hf_redis_server) again = {.redis = NULL};

    /* A connection of its own: the first may be marked as a replica's. */
    HF_TRY(hf_redis_server_open(capture->config,
                                capture->config->socket ? NULL : hf_redis_where(server->redis),
                                capture->work->cancel, &again, err));
    if (capture->time == 0)
        capture->time = hf_clock_now();
    capture->scanned = true;
    return hf_redis_scan_read(&again, &keeper->handler, err);
}

static enum hf_status read_as_replica(struct capture *capture, struct hf_redis_server *server,
                                      struct hf_redis_keeper *keeper,
                                      struct hf_redis_replication *replication,
                                      struct hf_error *err)
{
    HF_AUTO(hf_rdb) rdb;

    if (capture->time == 0)
        capture->time = replication->time;
    hf_rdb_init(&rdb, &keeper->handler);
    return hf_redis_replica_read(server->redis, &rdb, replication, err);
}

static enum hf_status read_shard(struct capture *capture, struct hf_redis_server *server,
                                 struct hf_redis_keeper *keeper,
                                 struct hf_redis_replication *replication, struct hf_error *err)
{
    enum hf_redis_way way = capture->config->way;
    struct hf_error refusal = HF_ERROR_INIT;
    enum hf_status status;

    *replication = (struct hf_redis_replication){.offset = -1};
    if (way == HF_REDIS_SCAN)
        return read_by_scan(capture, server, keeper, err);
    status = hf_redis_replica_ask(server, replication, &refusal);
    if (status == HF_OK)
        return read_as_replica(capture, server, keeper, replication, err);
    if (way == HF_REDIS_REPLICA || !is_refusal(status)) {
        *err = refusal;
        return status;
    }
    hf_observe(capture->work->observer, HF_NOTE_WARNING,
               "%s; its keys are read one by one, which is not one point in time", refusal.text);
    return read_by_scan(capture, server, keeper, err);
}

static enum hf_status describe(struct capture *capture, unsigned shard,
                               const struct hf_redis_server *server,
                               const struct hf_redis_keeper *keeper,
                               const struct hf_redis_replication *replication, const json_t *slots,
                               struct hf_error *err)
{
    json_t *one = NULL;

    HF_TRY(hf_json_pack(&one, err, "{s:i, s:s, s:s, s:I, s:b}", "shard", (int)shard, "address",
                        hf_redis_where(server->redis), "replication_id", replication->id,
                        "replication_offset", (json_int_t)replication->offset, "checksum",
                        replication->checked ? 1 : 0));
    if (json_array_append_new(capture->shards, one) != 0 ||
        (slots && json_object_set(one, "slots", (json_t *)(uintptr_t)slots) != 0))
        return hf_error_memory(err);
    if (!capture->server)
        HF_TRY(hf_redis_server_json(server, &capture->server, err));
    return hf_redis_keeper_json(keeper, one, err);
}

/* As configured, unless whoever backs up has less to give. */
static uint64_t order_memory(const struct capture *capture)
{
    if (capture->work->memory)
        return capture->work->memory;
    return capture->config->order_memory ? capture->config->order_memory : HF_REDIS_ORDER_MEMORY;
}

/* Closes the connection before it writes what was held: the server need not wait for that. */
static enum hf_status capture_shard(struct capture *capture, unsigned shard,
                                    struct hf_redis_server *server, const json_t *slots,
                                    struct hf_error *err)
{
    HF_AUTO(hf_redis_keeper) keeper = {.tally = NULL};
    struct hf_redis_replication replication;

    hf_observe_expect(capture->work->observer, hf_redis_info_number(server, "used_memory_dataset"),
                      0);
    HF_TRY(hf_redis_keeper_init(&keeper, capture->sink, shard, order_memory(capture),
                                &capture->tally, capture->work->observer, err));
    HF_TRY(read_shard(capture, server, &keeper, &replication, err));
    HF_TRY(describe(capture, shard, server, &keeper, &replication, slots, err));
    hf_redis_close(server->redis);
    server->redis = NULL;
    if (replication.offset >= 0 && !replication.checked)
        hf_observe(capture->work->observer, HF_NOTE_WARNING,
                   "the dump had no checksum (rdbchecksum is off)");
    if (keeper.rest_bytes > 0)
        hf_observe(capture->work->observer, HF_NOTE_WARNING,
                   "%" PRIu64 " bytes are of a kind that this version of holdfast does not know: "
                   "they are kept, but not counted",
                   keeper.rest_bytes);
    return hf_redis_keeper_end(&keeper, err);
}

static enum hf_status on_shard(void *ctx, unsigned shard, struct hf_redis_server *server,
                               const json_t *slots, struct hf_error *err)
{
    return capture_shard(ctx, shard, server, slots, err);
}

static enum hf_status capture_all(struct capture *capture, struct hf_error *err)
{
    HF_AUTO(hf_redis_server) server = {.redis = NULL};

    if (capture->config->topology == HF_REDIS_CLUSTER)
        return hf_redis_cluster_each(capture->config, capture->work->cancel, on_shard, capture,
                                     err);
    HF_TRY(hf_redis_server_find(capture->config, false, capture->work->cancel, &server, err));
    if (server.cluster)
        return hf_error_set(err, HF_USAGE,
                            "%s is a node of a cluster and holds only a part of the keys: name it "
                            "as a cluster",
                            hf_redis_where(server.redis));
    return capture_shard(capture, 0, &server, NULL, err);
}

static enum hf_status make_properties(struct capture *capture, json_t **out, struct hf_error *err)
{
    HF_AUTO_JSON properties = NULL;

    HF_TRY(hf_json_pack(&properties, err, "{s:O, s:O, s:b, s:s}", "server", capture->server,
                        "shards", capture->shards, "point_in_time", capture->scanned ? 0 : 1, "way",
                        capture->scanned ? "scan" : "replica"));
    HF_TRY(hf_redis_tally_json(&capture->tally, properties, err));
    *out = json_incref(properties);
    return HF_OK;
}

enum hf_status hf_redis_capture(const void *config, const struct hf_sink *sink,
                                const struct hf_work *work, struct hf_capture_result *out,
                                struct hf_error *err)
{
    struct capture capture = {.config = config, .sink = sink, .work = work, .shards = json_array()};
    enum hf_status status;

    hf_redis_tally_init(&capture.tally);
    status = capture.shards ? capture_all(&capture, err) : hf_error_memory(err);
    if (status == HF_OK)
        status = make_properties(&capture, &out->properties, err);
    if (status == HF_OK)
        out->time = capture.time;
    hf_redis_tally_done(&capture.tally);
    json_decref(capture.shards);
    json_decref(capture.server);
    return status;
}
