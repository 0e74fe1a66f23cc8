#include "formats/redis/doctor.h"

#include "base/json.h"
#include "formats/finding.h"
#include "formats/redis/cluster.h"
#include "formats/redis/server.h"

#include <inttypes.h>
#include <string.h>

enum { NEWEST_REDIS = 8, NEWEST_VALKEY = 9 };

static enum hf_status find_version(json_t *findings, const struct hf_redis_server *server,
                                   struct hf_error *err)
{
    unsigned newest = server->valkey ? NEWEST_VALKEY : NEWEST_REDIS;
    bool known = server->version / 10000 <= newest;

    return hf_finding_add(findings, "server", known, err, "%s: %s %u.%u.%u, a %s%s",
                          hf_redis_where(server->redis), server->valkey ? "Valkey" : "Redis",
                          server->version / 10000, server->version / 100 % 100,
                          server->version % 100, server->replica ? "replica" : "master",
                          known ? "" : ", newer than this program knows");
}

/* Whether the user may act as a replica is found by an answer that does nothing: REPLCONF alone. */
static enum hf_status find_rights(json_t *findings, const struct hf_redis_config *config,
                                  const struct hf_redis_server *server, struct hf_error *err)
{
    HF_AUTO_REPLY reply = NULL;
    struct hf_error found = HF_ERROR_INIT;
    enum hf_status status;

    if (config->way == HF_REDIS_SCAN)
        return hf_finding_add(findings, "way", true, err,
                              "keys are read one by one (SCAN): not one point in time");
    status = hf_redis_call(server->redis, &reply, &found, "REPLCONF", "capa", "eof", NULL);
    if (status == HF_OK)
        return hf_finding_add(findings, "way", true, err, "data is read as a replica does");
    return hf_finding_add(findings, "way", false, err, "%s; %s", found.text,
                          config->way == HF_REDIS_REPLICA
                              ? "the backup will fail"
                              : "keys will be read one by one, which is not one point in time");
}

static enum hf_status find_room(json_t *findings, const struct hf_redis_server *server,
                                struct hf_error *err)
{
    if (hf_redis_info_number(server, "loading") > 0)
        return hf_finding_add(findings, "data", false, err, "the server is still loading its data");
    if (server->replica) {
        HF_AUTO_FREE char *link = NULL;

        HF_TRY(hf_redis_info(server, "master_link_status", &link, err));
        if (!link || strcmp(link, "up") != 0)
            return hf_finding_add(findings, "data", false, err,
                                  "the replica has lost its master, and will not give its data");
    }
    return HF_OK;
}

static enum hf_status look_at(json_t *findings, const struct hf_redis_config *config,
                              const struct hf_redis_server *server, struct hf_error *err)
{
    HF_TRY(find_version(findings, server, err));
    HF_TRY(find_room(findings, server, err));
    return find_rights(findings, config, server, err);
}

struct looking {
    const struct hf_redis_config *config;
    json_t *findings;
};

static enum hf_status on_shard(void *ctx, unsigned shard, struct hf_redis_server *server,
                               const json_t *slots, struct hf_error *err)
{
    struct looking *looking = ctx;

    (void)shard;
    (void)slots;
    return look_at(looking->findings, looking->config, server, err);
}

static enum hf_status look(struct looking *looking, struct hf_error *err)
{
    HF_AUTO(hf_redis_server) server = {.redis = NULL};
    struct hf_error found = HF_ERROR_INIT;
    enum hf_status status;

    if (looking->config->topology == HF_REDIS_CLUSTER)
        status = hf_redis_cluster_each(looking->config, NULL, on_shard, looking, &found);
    else
        status = hf_redis_server_find(looking->config, false, NULL, &server, &found);
    if (status != HF_OK)
        return hf_finding_add(looking->findings, "server", false, err, "%s", found.text);
    if (server.cluster)
        return hf_finding_add(looking->findings, "server", false, err,
                              "%s is a node of a cluster: name it as a cluster",
                              hf_redis_where(server.redis));
    return server.redis ? look_at(looking->findings, looking->config, &server, err) : HF_OK;
}

enum hf_status hf_redis_doctor(const void *config, json_t **out_findings, struct hf_error *err)
{
    HF_AUTO_JSON findings = json_array();
    struct looking looking = {.config = config, .findings = findings};

    if (!findings)
        return hf_error_memory(err);
    HF_TRY(look(&looking, err));
    *out_findings = json_incref(findings);
    return HF_OK;
}
