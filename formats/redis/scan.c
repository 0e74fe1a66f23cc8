#include "formats/redis/scan.h"

#include "formats/redis/payload.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Keys in flight: their values wait in the server's memory until we have taken them. */
enum { BATCH = 64, FUNCTIONS_MAX = 64 << 20, HAS_PEXPIRETIME = 70000 };

struct scan {
    struct hf_redis_server *server;
    const struct hf_rdb_handler *handler;
    struct hf_rdb rdb; /* of records */
    bool exact;        /* PEXPIRETIME is known */
    int64_t now;       /* of the server, ms: what PTTL is counted from */
};

unsigned hf_redis_rdb_version(const struct hf_redis_server *server)
{
    if (server->valkey)
        return server->version >= 90000 ? 80 : 11;
    if (server->version >= 70400)
        return 12;
    return server->version >= 70200 ? 11 : server->version >= 70000 ? 10 : 9;
}

static enum hf_status tell_header(struct scan *scan, unsigned version, struct hf_error *err)
{
    char magic[HF_RDB_MAGIC + 1];

    (void)snprintf(magic, sizeof magic, version >= 80 ? "VALKEY%03u" : "REDIS%04u", version % 1000);
    return scan->handler->header
               ? scan->handler->header(scan->handler->ctx, (const uint8_t *)magic, version, err)
               : HF_OK;
}

/* What a server with functions dumps of them is RDB. One that forbids to ask has none for us. */
static enum hf_status tell_functions(struct scan *scan, struct hf_error *err)
{
    HF_AUTO(hf_buf) functions = HF_BUF_INIT;
    unsigned version = hf_redis_rdb_version(scan->server);
    enum hf_status status = HF_OK;
    bool checked;

    if (scan->server->version >= 70000)
        status =
            hf_redis_functions_dump(scan->server->redis, FUNCTIONS_MAX, &functions, &version, err);
    if (status != HF_OK && status != HF_DENIED && status != HF_UNSUPPORTED)
        return status;
    HF_TRY(tell_header(scan, version, err));
    hf_rdb_done(&scan->rdb);
    hf_rdb_init_records(&scan->rdb, scan->handler, version, 0);
    HF_TRY(hf_rdb_feed(&scan->rdb, functions.data, functions.len, err));
    return hf_rdb_end(&scan->rdb, &checked, err);
}

static enum hf_status read_integer(struct hf_redis *redis, int64_t *out, struct hf_error *err)
{
    const char *line;
    char *end;

    HF_TRY(hf_redis_line(redis, 1024, &line, err));
    *out = strtoll(line + 1, &end, 10);
    if (line[0] != ':' || end == line + 1 || *end)
        return hf_error_set(err, HF_FAILED, "%s: the server did not tell a key's expiry: %.100s",
                            hf_redis_where(redis), line);
    return HF_OK;
}

static enum hf_status queue_key(struct scan *scan, const redisReply *key, struct hf_error *err)
{
    const char *expiry = scan->exact ? "PEXPIRETIME" : "PTTL";
    const void *ask_expiry[] = {expiry, key->str};
    const void *ask_value[] = {"DUMP", key->str};
    const size_t expiry_lens[] = {strlen(expiry), key->len};
    const size_t value_lens[] = {4, key->len};

    HF_TRY(hf_redis_queue(scan->server->redis, 2, ask_expiry, expiry_lens, err));
    return hf_redis_queue(scan->server->redis, 2, ask_value, value_lens, err);
}

static enum hf_status read_key(struct scan *scan, uint32_t database, const redisReply *text,
                               struct hf_error *err)
{
    struct hf_rdb_key key = {.database = database,
                             .text = (const uint8_t *)text->str,
                             .len = text->len,
                             .idle = -1,
                             .freq = -1};
    bool found;

    HF_TRY(read_integer(scan->server->redis, &key.expiry, err));
    if (key.expiry >= 0 && !scan->exact)
        key.expiry += scan->now;
    key.expiry = key.expiry < 0 ? -1 : key.expiry;
    return hf_redis_payload_read(scan->server->redis, &scan->rdb, &key, &found, err);
}

static enum hf_status read_keys(struct scan *scan, uint32_t database, const redisReply *keys,
                                struct hf_error *err)
{
    if (!scan->exact)
        HF_TRY(hf_redis_server_time(scan->server->redis, &scan->now, err));
    for (size_t from = 0; from < keys->elements; from += BATCH) {
        size_t to = from + BATCH < keys->elements ? from + BATCH : keys->elements;

        for (size_t i = from; i < to; i++)
            HF_TRY(queue_key(scan, keys->element[i], err));
        HF_TRY(hf_redis_flush(scan->server->redis, err));
        for (size_t i = from; i < to; i++)
            HF_TRY(read_key(scan, database, keys->element[i], err));
    }
    return HF_OK;
}

static bool is_scan_reply(const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
        reply->element[0]->type != REDIS_REPLY_STRING ||
        reply->element[1]->type != REDIS_REPLY_ARRAY)
        return false;
    for (size_t i = 0; i < reply->element[1]->elements; i++) {
        if (reply->element[1]->element[i]->type != REDIS_REPLY_STRING)
            return false;
    }
    return true;
}

static enum hf_status scan_database(struct scan *scan, uint32_t database, struct hf_error *err)
{
    struct hf_redis *redis = scan->server->redis;
    HF_AUTO_REPLY selected = NULL;
    char cursor[24] = "0", number[16];

    (void)snprintf(number, sizeof number, "%" PRIu32, database);
    if (!scan->server->cluster)
        HF_TRY(hf_redis_call(redis, &selected, err, "SELECT", number, NULL));
    do {
        HF_AUTO_REPLY reply = NULL;

        HF_TRY(hf_redis_call(redis, &reply, err, "SCAN", cursor, "COUNT", "256", NULL));
        if (!is_scan_reply(reply))
            return hf_error_set(err, HF_DAMAGED, "%s: this is no answer to SCAN",
                                hf_redis_where(redis));
        (void)snprintf(cursor, sizeof cursor, "%s", reply->element[0]->str);
        HF_TRY(read_keys(scan, database, reply->element[1], err));
    } while (strcmp(cursor, "0") != 0);
    return HF_OK;
}

/* INFO has a line "db3:keys=…" for each database that has keys. */
static enum hf_status scan_databases(struct scan *scan, struct hf_error *err)
{
    for (const char *line = scan->server->info; line && *line; line = strchr(line, '\n')) {
        unsigned long database;
        char *end;

        line += *line == '\n';
        if (strncmp(line, "db", 2) != 0)
            continue;
        database = strtoul(line + 2, &end, 10);
        if (end == line + 2 || strncmp(end, ":keys=", 6) != 0 || database >= HF_RDB_DATABASES_MAX)
            continue;
        HF_TRY(scan_database(scan, (uint32_t)database, err));
    }
    return HF_OK;
}

enum hf_status hf_redis_scan_read(struct hf_redis_server *server,
                                  const struct hf_rdb_handler *handler, struct hf_error *err)
{
    struct scan scan = {
        .server = server, .handler = handler, .exact = server->version >= HAS_PEXPIRETIME};
    enum hf_status status;

    hf_rdb_init_records(&scan.rdb, handler, hf_redis_rdb_version(server), 0);
    status = tell_functions(&scan, err);
    if (status == HF_OK)
        status = scan_databases(&scan, err);
    hf_rdb_done(&scan.rdb);
    return status;
}
