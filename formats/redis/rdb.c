#include "formats/redis/rdb.h"

#include "formats/redis/crc64.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { CHECKSUM = 8, NEWEST_REDIS = 12, NEWEST_VALKEY = 80 };

static void forget_key(struct hf_rdb *rdb)
{
    rdb->key.expiry = rdb->key.idle = rdb->key.freq = -1;
    rdb->key.text = NULL;
    rdb->key.len = 0;
}

void hf_rdb_init(struct hf_rdb *rdb, const struct hf_rdb_handler *handler)
{
    *rdb = (struct hf_rdb){.handler = handler, .phase = HF_RDB_AT_HEADER, .text = HF_BUF_INIT};
    hf_rdb_walk_init(&rdb->walk);
    forget_key(rdb);
}

void hf_rdb_init_records(struct hf_rdb *rdb, const struct hf_rdb_handler *handler, unsigned version,
                         uint32_t database)
{
    hf_rdb_init(rdb, handler);
    rdb->phase = HF_RDB_AT_OPCODE;
    rdb->records = true;
    rdb->version = version;
    rdb->flavour = hf_rdb_flavour(version);
    rdb->key.database = database;
}

void hf_rdb_done(struct hf_rdb *rdb)
{
    hf_rdb_walk_done(&rdb->walk);
    hf_buf_free(&rdb->text);
}

/* What an item that is no value says. */

static enum hf_status note_number(void *ctx, uint64_t number, struct hf_error *err)
{
    struct hf_rdb *rdb = ctx;

    (void)err;
    if (rdb->number_count < sizeof rdb->numbers / sizeof *rdb->numbers)
        rdb->numbers[rdb->number_count++] = number;
    return HF_OK;
}

static enum hf_status note_bytes(void *ctx, const uint8_t *data, size_t len, struct hf_error *err)
{
    uint8_t wide[8] = {0};

    memcpy(wide, data, len < sizeof wide ? len : sizeof wide);
    return note_number(ctx, hf_load_u64(wide), err);
}

static enum hf_status note_text(void *ctx, const uint8_t *data, size_t len, bool last,
                                struct hf_error *err)
{
    struct hf_rdb *rdb = ctx;
    size_t room = rdb->text_max - rdb->text.len;

    if (rdb->texts >= 2)
        return HF_OK;
    if (len > room && rdb->phase == HF_RDB_IN_KEY)
        return hf_error_set(err, HF_UNSUPPORTED, "a key is longer than %d bytes", HF_RDB_KEY_MAX);
    HF_TRY(hf_buf_append(&rdb->text, data, len < room ? len : room, err));
    if (last)
        rdb->text_ends[rdb->texts++] = rdb->text.len;
    return HF_OK;
}

static const struct hf_rdb_visitor notes = {
    .number = note_number, .bytes = note_bytes, .text = note_text};

static void begin_notes(struct hf_rdb *rdb, const char *program, size_t text_max)
{
    rdb->text.len = 0;
    rdb->text_max = text_max;
    rdb->texts = rdb->number_count = 0;
    hf_rdb_walk_begin(&rdb->walk, program, &notes, rdb);
}

/* The rest. */

static enum hf_status give_rest(struct hf_rdb *rdb, const uint8_t *data, size_t len,
                                struct hf_error *err)
{
    rdb->rest += len;
    if (len > 0 && rdb->handler->rest)
        return rdb->handler->rest(rdb->handler->ctx, rdb->key.database, data, len, err);
    return HF_OK;
}

/* What was read before the key that is not understood belongs to it. */
static enum hf_status begin_rest(struct hf_rdb *rdb, struct hf_error *err)
{
    uint8_t data[1 + 8 + 1 + HF_RDB_LENGTH_MAX + 2];
    size_t len = 0;

    if (rdb->records)
        return hf_error_set(err, HF_DAMAGED, "type %u is none that was captured", rdb->opcode);
    if (rdb->key.expiry >= 0) {
        data[len++] = HF_RDB_EXPIRY_MS;
        hf_store_u64(data + len, (uint64_t)rdb->key.expiry);
        len += 8;
    }
    if (rdb->key.idle >= 0) {
        data[len++] = HF_RDB_IDLE;
        len += hf_rdb_put_length(data + len, (uint64_t)rdb->key.idle);
    }
    if (rdb->key.freq >= 0) {
        data[len++] = HF_RDB_FREQ;
        data[len++] = (uint8_t)rdb->key.freq;
    }
    rdb->phase = HF_RDB_IN_REST;
    return give_rest(rdb, data, len, err);
}

/* The last bytes are held back, as they may be the end, and the checksum is not of itself. */
static enum hf_status feed_rest(struct hf_rdb *rdb, const uint8_t *data, size_t len,
                                struct hf_error *err)
{
    size_t all = rdb->tail_len + len;
    size_t out = all > HF_RDB_TRAILER ? all - HF_RDB_TRAILER : 0;
    size_t from_tail = out < rdb->tail_len ? out : rdb->tail_len;

    HF_TRY(give_rest(rdb, rdb->tail, from_tail, err));
    memmove(rdb->tail, rdb->tail + from_tail, rdb->tail_len - from_tail);
    rdb->tail_len -= from_tail;
    HF_TRY(give_rest(rdb, data, out - from_tail, err));
    data += out - from_tail;
    len -= out - from_tail;
    memcpy(rdb->tail + rdb->tail_len, data, len);
    rdb->tail_len += len;
    return HF_OK;
}

/* Items. */

static enum hf_status take_header(struct hf_rdb *rdb, const uint8_t *data, struct hf_error *err)
{
    bool valkey = memcmp(data, "VALKEY", 6) == 0;
    const uint8_t *digits = data + (valkey ? 6 : 5);

    if (!valkey && memcmp(data, "REDIS", 5) != 0)
        return hf_error_set(err, HF_DAMAGED, "this is no RDB: it does not begin with REDIS");
    for (const uint8_t *d = digits; d < data + HF_RDB_MAGIC; d++) {
        if (*d < '0' || *d > '9')
            return hf_error_set(err, HF_DAMAGED, "this is no RDB: its version is no number");
        rdb->version = rdb->version * 10 + *d - '0';
    }
    if (rdb->version < 1)
        return hf_error_set(err, HF_DAMAGED, "this is no RDB: its version is 0");
    rdb->flavour = valkey ? HF_RDB_VALKEY : hf_rdb_flavour(rdb->version);
    rdb->phase = HF_RDB_AT_OPCODE;
    if (rdb->handler->header)
        return rdb->handler->header(rdb->handler->ctx, data, rdb->version, err);
    return HF_OK;
}

/* What has been read of the item now goes to the handler. */
static enum hf_status give_other(struct hf_rdb *rdb, const uint8_t *data, size_t len, bool last,
                                 struct hf_error *err)
{
    struct hf_rdb_other other = {.opcode = rdb->opcode, .data = data, .len = len, .last = last};

    if (!rdb->handler->other || (len == 0 && !last))
        return HF_OK;
    for (unsigned i = 0; last && i < rdb->texts; i++) {
        size_t begin = i == 0 ? 0 : rdb->text_ends[i - 1];

        other.text[i] = rdb->text.data ? rdb->text.data + begin : (const uint8_t *)"";
        other.text_len[i] = rdb->text_ends[i] - begin;
    }
    return rdb->handler->other(rdb->handler->ctx, &other, err);
}

static bool is_other(uint8_t opcode)
{
    return opcode == HF_RDB_AUX || opcode == HF_RDB_FUNCTION || opcode == HF_RDB_MODULE_AUX ||
           opcode == HF_RDB_SLOT_INFO || opcode == HF_RDB_SLOT_IMPORT;
}

static enum hf_status select_database(struct hf_rdb *rdb, struct hf_error *err)
{
    if (rdb->numbers[0] >= HF_RDB_DATABASES_MAX)
        return hf_error_set(err, HF_DAMAGED, "database %" PRIu64 " is out of bounds",
                            rdb->numbers[0]);
    rdb->key.database = (uint32_t)rdb->numbers[0];
    return HF_OK;
}

static enum hf_status end_item(struct hf_rdb *rdb, struct hf_error *err)
{
    rdb->phase = HF_RDB_AT_OPCODE;
    switch (rdb->opcode) {
    case HF_RDB_EXPIRY_MS:
        rdb->key.expiry = (int64_t)(rdb->numbers[0] & INT64_MAX);
        return HF_OK;
    case HF_RDB_EXPIRY_S:
        rdb->key.expiry = (int64_t)rdb->numbers[0] * 1000;
        return HF_OK;
    case HF_RDB_IDLE:
        rdb->key.idle = (int64_t)(rdb->numbers[0] & INT64_MAX);
        return HF_OK;
    case HF_RDB_FREQ:
        rdb->key.freq = (int)rdb->numbers[0];
        return HF_OK;
    case HF_RDB_SELECTDB:
        return select_database(rdb, err);
    case HF_RDB_EOF:
        rdb->expected_crc = rdb->numbers[0];
        rdb->phase = HF_RDB_AT_END;
        return HF_OK;
    default:
        return HF_OK;
    }
}

static enum hf_status begin_value(struct hf_rdb *rdb, struct hf_error *err)
{
    const char *program = hf_rdb_type_program(rdb->flavour, rdb->key.type);

    if (rdb->handler->key)
        HF_TRY(rdb->handler->key(rdb->handler->ctx, &rdb->key, err));
    rdb->phase = HF_RDB_IN_VALUE;
    hf_rdb_walk_begin(&rdb->walk, program, rdb->handler->visitor, rdb->handler->visitor_ctx);
    return HF_OK;
}

enum hf_status hf_rdb_begin_value(struct hf_rdb *rdb, const struct hf_rdb_key *key,
                                  struct hf_error *err)
{
    if (!hf_rdb_type_program(rdb->flavour, key->type))
        return hf_error_set(err, HF_UNSUPPORTED,
                            "a key is of type %u, which this version of holdfast does not know",
                            key->type);
    rdb->key = *key;
    rdb->single = true;
    rdb->carried = 0;
    return begin_value(rdb, err);
}

enum hf_status hf_rdb_end_value(struct hf_rdb *rdb, struct hf_error *err)
{
    if (rdb->phase != HF_RDB_AT_OPCODE || rdb->carried > 0)
        return hf_error_set(err, HF_DAMAGED, "a value ends in its middle");
    rdb->single = false;
    return HF_OK;
}

static enum hf_status end_key(struct hf_rdb *rdb, struct hf_error *err)
{
    rdb->key.text = rdb->text.data ? rdb->text.data : (const uint8_t *)"";
    rdb->key.len = rdb->text.len;
    return begin_value(rdb, err);
}

static enum hf_status end_value(struct hf_rdb *rdb, struct hf_error *err)
{
    rdb->phase = HF_RDB_AT_OPCODE;
    forget_key(rdb);
    return rdb->handler->key_end ? rdb->handler->key_end(rdb->handler->ctx, err) : HF_OK;
}

static enum hf_status begin_item(struct hf_rdb *rdb, uint8_t opcode, struct hf_error *err)
{
    const char *type = hf_rdb_type_program(rdb->flavour, opcode);
    const char *program = type ? "s" : hf_rdb_opcode_program(rdb->flavour, opcode);

    rdb->opcode = opcode;
    if (rdb->single)
        return hf_error_set(err, HF_DAMAGED, "a value is longer than its type allows");
    if (!program || (rdb->records && opcode == HF_RDB_EOF))
        return begin_rest(rdb, err);
    if (opcode == HF_RDB_EOF && rdb->version < 5) { /* no checksum yet */
        rdb->phase = HF_RDB_AT_END;
        return HF_OK;
    }
    rdb->key.type = opcode;
    rdb->phase = type ? HF_RDB_IN_KEY : HF_RDB_IN_ITEM;
    begin_notes(rdb, program, type ? HF_RDB_KEY_MAX : HF_RDB_LIBRARY_MAX);
    return is_other(opcode) ? give_other(rdb, &opcode, 1, false, err) : HF_OK;
}

/* Along the program of the item, key or value that was begun. *out_used 0: more bytes are needed.
 */
static enum hf_status go_on(struct hf_rdb *rdb, const uint8_t *data, size_t len, size_t *out_used,
                            struct hf_error *err)
{
    bool ended;

    HF_TRY(hf_rdb_walk_feed(&rdb->walk, data, len, out_used, err));
    ended = hf_rdb_walk_ended(&rdb->walk);
    if (rdb->phase == HF_RDB_IN_KEY)
        return ended ? end_key(rdb, err) : HF_OK;
    if (rdb->phase == HF_RDB_IN_VALUE) {
        if (*out_used > 0 && rdb->handler->value)
            HF_TRY(rdb->handler->value(rdb->handler->ctx, data, *out_used, err));
        return ended ? end_value(rdb, err) : HF_OK;
    }
    if (is_other(rdb->opcode))
        HF_TRY(give_other(rdb, data, *out_used, ended, err));
    return ended ? end_item(rdb, err) : HF_OK;
}

/* One step. *out_used less than len only where the step ended or a token is cut. */
static enum hf_status step(struct hf_rdb *rdb, const uint8_t *data, size_t len, size_t *out_used,
                           struct hf_error *err)
{
    *out_used = 0;
    switch (rdb->phase) {
    case HF_RDB_AT_HEADER:
        *out_used = len < HF_RDB_MAGIC ? 0 : HF_RDB_MAGIC;
        return *out_used > 0 ? take_header(rdb, data, err) : HF_OK;
    case HF_RDB_AT_OPCODE:
        HF_TRY(begin_item(rdb, data[0], err));
        *out_used = rdb->phase == HF_RDB_IN_REST ? 0 : 1;
        return HF_OK;
    case HF_RDB_IN_REST:
        *out_used = len;
        return feed_rest(rdb, data, len, err);
    case HF_RDB_AT_END:
        return hf_error_set(err, HF_DAMAGED, "%zu bytes follow the end of the RDB", len);
    default:
        return go_on(rdb, data, len, out_used, err);
    }
}

static enum hf_status run(struct hf_rdb *rdb, const uint8_t *data, size_t len, size_t *out_used,
                          struct hf_error *err)
{
    size_t at = 0;

    while (at < len) {
        enum hf_rdb_phase before = rdb->phase;
        size_t used;

        HF_TRY(step(rdb, data + at, len - at, &used, err));
        at += used;
        if (used == 0 && rdb->phase == before)
            break;
    }
    *out_used = at;
    return HF_OK;
}

/* A token that was cut is put together in carry; the walk then goes on in data. */
static enum hf_status feed_all(struct hf_rdb *rdb, const uint8_t *data, size_t len,
                               struct hf_error *err)
{
    size_t used, more;

    while (rdb->carried > 0 && len > 0) {
        more = sizeof rdb->carry - rdb->carried;
        more = more < len ? more : len;
        if (more == 0)
            return hf_error_set(err, HF_DAMAGED, "a token of the RDB is too long");
        memcpy(rdb->carry + rdb->carried, data, more);
        HF_TRY(run(rdb, rdb->carry, rdb->carried + more, &used, err));
        if (used < rdb->carried) {
            memmove(rdb->carry, rdb->carry + used, rdb->carried + more - used);
            rdb->carried += more - used;
            data += more;
            len -= more;
        } else {
            data += used - rdb->carried;
            len -= used - rdb->carried;
            rdb->carried = 0;
        }
    }
    HF_TRY(run(rdb, data, len, &used, err));
    if (len - used >= sizeof rdb->carry)
        return hf_error_set(err, HF_DAMAGED, "a token of the RDB is too long");
    memcpy(rdb->carry, data + used, len - used);
    rdb->carried += len - used;
    return HF_OK;
}

/* The checksum is of everything before the last eight bytes, wherever pieces are cut. */
static void sum(struct hf_rdb *rdb, const uint8_t *data, size_t len)
{
    size_t all = rdb->last_len + len;
    size_t out = all > CHECKSUM ? all - CHECKSUM : 0;
    size_t from_last = out < rdb->last_len ? out : rdb->last_len;

    rdb->crc = hf_crc64(rdb->crc, rdb->last, from_last);
    memmove(rdb->last, rdb->last + from_last, rdb->last_len - from_last);
    rdb->last_len -= from_last;
    rdb->crc = hf_crc64(rdb->crc, data, out - from_last);
    data += out - from_last;
    len -= out - from_last;
    memcpy(rdb->last + rdb->last_len, data, len);
    rdb->last_len += len;
}

enum hf_status hf_rdb_feed(struct hf_rdb *rdb, const void *data, size_t len, struct hf_error *err)
{
    uint64_t at = rdb->total;

    rdb->total += len;
    if (!rdb->records)
        sum(rdb, data, len);
    if (feed_all(rdb, data, len, err) == HF_OK)
        return HF_OK;
    return err->status == HF_DAMAGED
               ? hf_error_prefix(err, "RDB, bytes %" PRIu64 " to %" PRIu64, at, rdb->total)
               : err->status;
}

/* The rest ends with an end, or is of a version that may end otherwise. */
static enum hf_status end_rest(struct hf_rdb *rdb, bool *out_checked, struct hf_error *err)
{
    unsigned newest = rdb->flavour == HF_RDB_VALKEY ? NEWEST_VALKEY : NEWEST_REDIS;
    bool ended = rdb->tail_len == HF_RDB_TRAILER && rdb->tail[0] == HF_RDB_EOF;

    rdb->expected_crc = ended ? hf_load_u64(rdb->tail + 1) : 0;
    if (ended && rdb->expected_crc == rdb->crc) {
        *out_checked = true;
        return HF_OK;
    }
    if (rdb->version <= newest && (!ended || rdb->expected_crc != 0))
        return hf_error_set(err, HF_DAMAGED, "the RDB's checksum does not fit its bytes");
    *out_checked = false;
    return ended ? HF_OK : give_rest(rdb, rdb->tail, rdb->tail_len, err);
}

enum hf_status hf_rdb_end(struct hf_rdb *rdb, bool *out_checked, struct hf_error *err)
{
    if (rdb->phase == HF_RDB_IN_REST)
        return end_rest(rdb, out_checked, err);
    if (rdb->phase != (rdb->records ? HF_RDB_AT_OPCODE : HF_RDB_AT_END) || rdb->carried > 0)
        return hf_error_set(err, HF_DAMAGED, "the RDB ends in its middle, after %" PRIu64 " bytes",
                            rdb->total);
    *out_checked = !rdb->records && rdb->version >= 5 && rdb->expected_crc != 0;
    if (*out_checked && rdb->expected_crc != rdb->crc)
        return hf_error_set(err, HF_DAMAGED,
                            "the RDB's checksum does not fit its bytes: %016" PRIx64
                            ", not %016" PRIx64,
                            rdb->crc, rdb->expected_crc);
    return HF_OK;
}
