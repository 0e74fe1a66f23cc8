/* What is wrong with a target is found before data flows (restore.h). */
#include "base/json.h"
#include "base/random.h"
#include "formats/redis/crc64.h"
#include "formats/redis/payload.h"
#include "formats/redis/restore_job.h"
#include "formats/redis/server_error.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The version of RDB that a server must know for all types of the snapshot. */
static enum hf_status needed_version(const struct hf_redis_job *job, unsigned *out,
                                     struct hf_error *err)
{
    json_t *shards, *shard, *types, *type;
    size_t i, k;

    *out = 9;
    HF_TRY(hf_json_array(job->properties, "shards", &shards, err));
    json_array_foreach (shards, i, shard) {
        enum hf_rdb_flavour flavour = hf_rdb_flavour(job->selection.versions[i]);

        HF_TRY(hf_json_array(shard, "types", &types, err));
        json_array_foreach (types, k, type) {
            unsigned version =
                hf_redis_type_version(flavour, (uint8_t)(json_integer_value(type) & 0xff));

            *out = version > *out ? version : *out;
        }
    }
    return HF_OK;
}

/* A payload whose time has passed long ago is looked at in full, and then not kept: the one way to
 * ask a server what it takes that writes nothing. */
static enum hf_status probe(struct hf_redis_target *target, unsigned version, struct hf_error *err)
{
    static const uint8_t value[] = {HF_RDB_STRING, 1, 'x'};
    uint8_t payload[sizeof value + HF_REDIS_FOOTER];
    char name[64] = "holdfast:probe:";
    const void *words[] = {"RESTORE", name, "1", payload, "ABSTTL"};
    size_t lens[] = {7, 0, 1, sizeof payload, 6};
    const struct hf_redis_server *server = &target->server;
    HF_AUTO_REPLY reply = NULL;

    hf_random_hex(name + strlen(name), 12);
    lens[1] = strlen(name);
    memcpy(payload, value, sizeof value);
    hf_redis_footer(payload + sizeof value, version, hf_crc64(0, value, sizeof value));
    HF_TRY(hf_redis_queue(server->redis, 5, words, lens, err));
    HF_TRY(hf_redis_flush(server->redis, err));
    HF_TRY(hf_redis_reply(server->redis, &reply, err));
    if (reply->type != REDIS_REPLY_ERROR || strncmp(reply->str, "MOVED", 5) == 0)
        return HF_OK;
    (void)hf_redis_server_error(hf_redis_where(server->redis), reply->str, err);
    if (err->status != HF_UNSUPPORTED)
        return err->status;
    return hf_error_set(err, HF_UNSUPPORTED,
                        "%s: %s %u.%u.%u does not take what the snapshot holds, which needs RDB "
                        "version %u: restore into a newer server (or, from 12 on, into one of the "
                        "same kind)",
                        hf_redis_where(server->redis), server->valkey ? "Valkey" : "Redis",
                        server->version / 10000, server->version / 100 % 100, server->version % 100,
                        version);
}

static enum hf_status database_size(struct hf_redis_target *target, uint32_t database, int64_t *out,
                                    struct hf_error *err)
{
    HF_AUTO_REPLY reply = NULL;

    HF_TRY(hf_redis_target_select(target, database, err));
    HF_TRY(hf_redis_call(target->server.redis, &reply, err, "DBSIZE", NULL));
    *out = reply->type == REDIS_REPLY_INTEGER ? reply->integer : 0;
    return HF_OK;
}

static enum hf_status check_empty(struct hf_redis_job *job, struct hf_redis_target *target,
                                  struct hf_error *err)
{
    json_t *databases, *one;
    size_t i;

    HF_TRY(hf_json_array(job->properties, "databases", &databases, err));
    json_array_foreach (databases, i, one) {
        uint64_t database;
        uint32_t into;
        int64_t size;

        HF_TRY(hf_json_u64(one, "database", HF_RDB_DATABASES_MAX, &database, err));
        if (!hf_redis_selection_has_database(&job->selection, (uint32_t)database))
            continue;
        into = job->into >= 0 ? (uint32_t)job->into : (uint32_t)database;
        if (into > 0 && target->server.cluster)
            return hf_error_set(err, HF_USAGE,
                                "a cluster has database 0 only: choose one with "
                                "--database and name 0 as the target's");
        HF_TRY(database_size(target, into, &size, err));
        if (size > 0 && !job->replace)
            return hf_error_set(err, HF_EXISTS,
                                "%s: database %" PRIu32 " holds %" PRId64
                                " keys: name an empty one, or give --replace to replace keys of "
                                "the same names and keep the others",
                                hf_redis_where(target->server.redis), into, size);
    }
    return HF_OK;
}

/* A full server would evict what it was just given. */
static enum hf_status check_room(const struct hf_redis_job *job, struct hf_error *err)
{
    const json_t *shards = json_object_get(job->properties, "shards");
    uint64_t needed = 0, limit = 0;
    const json_t *one;
    char need_text[HF_SIZE_TEXT], limit_text[HF_SIZE_TEXT];
    size_t i;

    json_array_foreach (shards, i, one) {
        const char *used =
            json_string_value(json_object_get(json_object_get(one, "aux"), "used-mem"));

        needed += used ? strtoull(used, NULL, 10) : 0;
    }
    for (i = 0; i < job->target_count; i++) {
        uint64_t most = hf_redis_info_number(&job->targets[i].server, "maxmemory");

        if (most == 0)
            return HF_OK;
        limit += most;
    }
    if (needed <= limit || !hf_redis_selection_whole(&job->selection))
        return HF_OK;
    hf_text_format_size(need_text, needed);
    hf_text_format_size(limit_text, limit);
    return hf_error_set(
        err, HF_NO_SPACE,
        "%s: the snapshot's server used %s, and this one's maxmemory is %s: raise it",
        hf_redis_where(job->targets[0].server.redis), need_text, limit_text);
}

enum hf_status hf_redis_check_target(struct hf_redis_job *job, struct hf_error *err)
{
    unsigned version;

    if (job->selection.not_understood > 0)
        return hf_error_set(err, HF_UNSUPPORTED,
                            "the snapshot holds %" PRIu64 " bytes of a kind that this version of "
                            "holdfast does not know: restore it into an .rdb file, and have a "
                            "server of its kind load that",
                            job->selection.not_understood);
    HF_TRY(needed_version(job, &version, err));
    for (size_t i = 0; i < job->target_count; i++) {
        struct hf_redis_target *target = &job->targets[i];

        if (target->server.replica)
            return hf_error_set(err, HF_DENIED, "%s is a replica: restore into its master",
                                hf_redis_where(target->server.redis));
        HF_TRY(probe(target, version, err));
        HF_TRY(check_empty(job, target, err));
    }
    HF_TRY(check_room(job, err));
    return hf_redis_server_time(job->targets[0].server.redis, &job->now, err);
}
