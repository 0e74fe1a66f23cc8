#include "formats/redis/cluster.h"

#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 16384, NODES_MAX = 16384 };

struct node {
    char *address;
    char *id, *master; /* master: the id of the node it replicates, or NULL */
    bool well;         /* no flag says that it is not */
    json_t *slots;     /* [[first, last], …] */
    unsigned first, count;
};

struct map {
    struct node *nodes; /* all of them */
    size_t count, cap;
    bool migrating;
    unsigned served; /* slots */
};

static void map_auto(struct map *map)
{
    for (size_t i = 0; i < map->count; i++) {
        free(map->nodes[i].address);
        free(map->nodes[i].id);
        free(map->nodes[i].master);
        json_decref(map->nodes[i].slots);
    }
    free(map->nodes);
}
#define AUTO_MAP __attribute__((cleanup(map_auto))) struct map

static enum hf_status unreadable(struct hf_error *err, const char *line)
{
    return hf_error_set(err, HF_DAMAGED, "this is no line of CLUSTER NODES: \"%.200s\"", line);
}

/* "5461", "0-5460", "[93->-id]" (leaving) or "[77-<-id]" (arriving). */
static enum hf_status add_slots(struct map *map, struct node *node, const char *text,
                                struct hf_error *err)
{
    unsigned long first, last;
    json_t *range;
    char *end;

    if (text[0] == '[') {
        map->migrating = true;
        return HF_OK;
    }
    first = last = strtoul(text, &end, 10);
    if (end != text && *end == '-')
        last = strtoul(end + 1, &end, 10);
    if (end == text || *end || first > last || last >= SLOTS)
        return unreadable(err, text);
    range = json_pack("[i, i]", (int)first, (int)last);
    if (!range || json_array_append_new(node->slots, range) != 0)
        return hf_error_memory(err);
    node->first = node->count == 0 || first < node->first ? (unsigned)first : node->first;
    node->count += (unsigned)(last - first + 1);
    map->served += (unsigned)(last - first + 1);
    return HF_OK;
}

/* "ip:port@busport[,name…]": the name where the node announces one, as certificates are of names.
 */
static enum hf_status take_address(struct node *node, const char *text, struct hf_error *err)
{
    size_t len = strcspn(text, "@, ");
    const char *port = memrchr(text, ':', len);
    size_t host = port ? (size_t)(port - text) : 0;

    if (!port)
        return unreadable(err, text);
    return hf_text_format(&node->address, err,
                          memchr(text, ':', host) && text[0] != '[' ? "[%.*s]%.*s" : "%.*s%.*s",
                          (int)host, text, (int)(len - host), port);
}

/* "id address flags master ping pong epoch link slot…" */
static enum hf_status take_words(struct map *map, struct node *node, char *line,
                                 struct hf_error *err)
{
    char *words[8], *rest = line, *word;
    size_t count = 0;

    while (count < 8 && (word = strsep(&rest, " ")) != NULL)
        words[count++] = word;
    if (count < 8)
        return unreadable(err, line);
    node->well =
        !strstr(words[2], "fail") && !strstr(words[2], "handshake") && !strstr(words[2], "noaddr");
    HF_TRY(hf_text_copy(words[0], &node->id, err));
    HF_TRY(take_address(node, words[1], err));
    if (strcmp(words[3], "-") != 0)
        HF_TRY(hf_text_copy(words[3], &node->master, err));
    while (rest && (word = strsep(&rest, " ")) != NULL)
        HF_TRY(add_slots(map, node, word, err));
    return HF_OK;
}

static enum hf_status add_node(struct map *map, char *line, struct hf_error *err)
{
    struct node *node;

    if (map->count == map->cap) {
        size_t cap = map->cap ? 2 * map->cap : 16;
        void *more = cap > NODES_MAX ? NULL : realloc(map->nodes, cap * sizeof *map->nodes);

        if (!more)
            return hf_error_memory(err);
        map->nodes = more;
        map->cap = cap;
    }
    node = &map->nodes[map->count++];
    *node = (struct node){.slots = json_array()};
    return node->slots ? take_words(map, node, line, err) : hf_error_memory(err);
}

static int by_first_slot(const void *a, const void *b)
{
    const struct node *left = a, *right = b;

    return left->first < right->first ? -1 : left->first > right->first;
}

static enum hf_status read_map(struct hf_redis *redis, struct map *map, struct hf_error *err)
{
    HF_AUTO_FREE char *text = NULL;
    char *rest, *line;

    HF_TRY(hf_redis_call_text(redis, &text, err, "CLUSTER", "NODES", NULL));
    rest = text;
    while ((line = strsep(&rest, "\n")) != NULL) {
        if (*line)
            HF_TRY(add_node(map, line, err));
    }
    if (map->migrating)
        return hf_error_set(err, HF_BUSY,
                            "%s: slots are migrating, and their keys may be in two places or none: "
                            "try again when they have moved",
                            hf_redis_where(redis));
    if (map->served != SLOTS)
        return hf_error_set(err, HF_UNREACHABLE,
                            "%s: only %u of %d slots of the cluster are served",
                            hf_redis_where(redis), map->served, SLOTS);
    if (map->count > 0)
        qsort(map->nodes, map->count, sizeof *map->nodes, by_first_slot);
    return HF_OK;
}

/* By the first node that answers. */
static enum hf_status read_any_map(const struct hf_redis_config *config, struct hf_cancel *cancel,
                                   struct map *map, struct hf_error *err)
{
    enum hf_status status = hf_error_set(err, HF_CONFIG, "no node of the cluster is named");

    for (size_t i = 0; i < config->hosts.count; i++) {
        HF_AUTO_PTR(hf_redis) redis = NULL;

        status = hf_redis_reach(config, config->hosts.items[i], false, cancel, &redis, err);
        if (status == HF_OK)
            return read_map(redis, map, err);
        if (status != HF_UNREACHABLE)
            break;
    }
    return status;
}

static const struct node *find_node(const struct map *map, const char *id)
{
    for (size_t i = 0; i < map->count; i++) {
        if (strcmp(map->nodes[i].id, id) == 0)
            return &map->nodes[i];
    }
    return NULL;
}

/* Whether the same nodes serve the same slots. */
static bool agree(const struct map *map, const struct map *other)
{
    for (size_t i = 0; i < map->count; i++) {
        const struct node *node = find_node(other, map->nodes[i].id);

        if (map->nodes[i].count > 0 && (!node || !json_equal(node->slots, map->nodes[i].slots)))
            return false;
    }
    return true;
}

/* Every master is asked: only the two that are concerned know that a slot moves. */
static enum hf_status check_still(const struct hf_redis_config *config, struct hf_cancel *cancel,
                                  const struct map *map, struct hf_error *err)
{
    for (size_t i = 0; i < map->count; i++) {
        HF_AUTO_PTR(hf_redis) redis = NULL;
        AUTO_MAP own = {.nodes = NULL};

        if (map->nodes[i].count == 0)
            continue;
        HF_TRY(hf_redis_reach(config, map->nodes[i].address, false, cancel, &redis, err));
        HF_TRY(read_map(redis, &own, err));
        if (!agree(map, &own))
            return hf_error_set(err, HF_BUSY,
                                "the cluster's nodes do not agree who serves which slots: they "
                                "are being moved; try again");
    }
    return HF_OK;
}

/* The master that serves the slots, or one of its replicas. */
static const struct node *choose(const struct hf_redis_config *config, const struct map *map,
                                 const struct node *master)
{
    for (size_t i = 0; config->from_replica && i < map->count; i++) {
        const struct node *node = &map->nodes[i];

        if (node->well && node->master && strcmp(node->master, master->id) == 0)
            return node;
    }
    return master;
}

enum hf_status hf_redis_cluster_each(const struct hf_redis_config *config, struct hf_cancel *cancel,
                                     hf_redis_on_shard *on_shard, void *ctx, struct hf_error *err)
{
    AUTO_MAP map = {.nodes = NULL};
    unsigned shard = 0;

    HF_TRY(read_any_map(config, cancel, &map, err));
    HF_TRY(check_still(config, cancel, &map, err));
    for (size_t i = 0; i < map.count; i++) {
        HF_AUTO(hf_redis_server) server = {.redis = NULL};

        if (map.nodes[i].count == 0)
            continue;
        HF_TRY(hf_redis_server_open(config, choose(config, &map, &map.nodes[i])->address, cancel,
                                    &server, err));
        HF_TRY(on_shard(ctx, shard++, &server, map.nodes[i].slots, err));
    }
    return check_still(config, cancel, &map, err);
}
