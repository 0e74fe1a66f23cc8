#include "storage/repository/marks.h"

#include "base/text.h"
#include "storage/repository/envelope.h"
#include "storage/repository/repository_internal.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "marks/"
/* LISTINGS: how often they are listed again, for objects that were replaced meanwhile. */
enum { HEAD = 12, NAME = sizeof PREFIX + 64, LISTINGS = 5 };

static const struct hf_chunk_id *mark_id(const void *ctx, struct hf_place place)
{
    const struct hf_marks *marks = ctx;
    return &marks->objects[place.major].packs[place.minor];
}

void hf_marks_init(struct hf_marks *marks)
{
    *marks = (struct hf_marks){.count = 0};
    hf_id_table_init(&marks->table, mark_id, marks);
}

static void object_done(struct hf_marks_object *object)
{
    free(object->key);
    free(object->packs);
    *object = (struct hf_marks_object){.key = NULL};
}

void hf_marks_done(struct hf_marks *marks)
{
    for (size_t i = 0; i < marks->count; i++)
        object_done(&marks->objects[i]);
    free(marks->objects);
    hf_id_table_done(&marks->table);
    hf_marks_init(marks);
}

/* ---- reading ---- */

enum hf_status hf_marks_parse(const void *data, size_t len, struct hf_marks_object *out,
                              struct hf_error *err)
{
    struct hf_reader reader;
    hf_reader_init(&reader, data, len);
    int64_t since = (int64_t)hf_reader_u64(&reader);
    size_t count = hf_reader_u32(&reader);
    if (!hf_reader_ok(&reader) || reader.left % HF_CHUNK_ID != 0 ||
        count != reader.left / HF_CHUNK_ID)
        return hf_error_set(err, HF_DAMAGED, "its %zu bytes are no list of packs", len);
    struct hf_chunk_id *packs = NULL;
    if (count > 0) {
        packs = malloc(count * sizeof *packs);
        if (!packs)
            return hf_error_memory(err);
        memcpy(packs, reader.at, count * sizeof *packs);
    }
    out->since = since;
    out->packs = packs;
    out->count = count;
    return HF_OK;
}

static enum hf_status name_of(const struct hf_buf *sealed, char out[NAME], struct hf_error *err)
{
    uint8_t hash[HF_CHUNK_ID];
    if (EVP_Digest(sealed->data, sealed->len, hash, NULL, EVP_sha256(), NULL) != 1)
        return hf_error_set(err, HF_FAILED, "libcrypto does not compute SHA-256 here");
    memcpy(out, PREFIX, sizeof PREFIX);
    hf_hex(out + sizeof PREFIX - 1, hash, sizeof hash);
    return HF_OK;
}

static enum hf_status read_object(struct hf_repo *repo, struct hf_marks_object *object,
                                  struct hf_error *err)
{
    HF_AUTO(hf_buf) sealed = HF_BUF_INIT;
    HF_AUTO(hf_buf) plain = HF_BUF_INIT;
    char name[NAME];
    HF_TRY(hf_store_get_all(repo->store, object->key, HF_MARKS_OBJECT_MAX, &sealed, err));
    HF_TRY(name_of(&sealed, name, err));
    if (strcmp(name, object->key) != 0)
        return hf_error_set(err, HF_DAMAGED, "%s: its content has another hash than its name",
                            object->key);
    HF_TRY(
        hf_envelope_open(repo->keys, HF_SEALED_MARKS, NULL, sealed.data, sealed.len, &plain, err));
    return hf_marks_parse(plain.data, plain.len, object, err);
}

static bool is_known(const struct hf_marks *marks, const char *key)
{
    for (size_t i = 0; i < marks->count; i++)
        if (strcmp(marks->objects[i].key, key) == 0)
            return true;
    return false;
}

/* Takes the object over on success. */
static enum hf_status add_object(struct hf_marks *marks, struct hf_marks_object *object,
                                 struct hf_error *err)
{
    if (marks->count == marks->cap) {
        size_t cap = marks->cap ? 2 * marks->cap : 16;
        struct hf_marks_object *objects = realloc(marks->objects, cap * sizeof *objects);
        if (!objects)
            return hf_error_memory(err);
        marks->objects = objects;
        marks->cap = cap;
    }
    HF_TRY(hf_id_table_reserve(&marks->table, object->count, err));
    marks->objects[marks->count++] = *object;
    for (size_t i = 0; i < object->count; i++) {
        struct hf_place place = {(uint32_t)(marks->count - 1), (uint32_t)i}, known;
        if (!hf_id_table_put(&marks->table, place, &known) &&
            marks->objects[known.major].since < object->since)
            hf_id_table_move(&marks->table, place);
    }
    return HF_OK;
}

static enum hf_status load_object(struct hf_marks *marks, struct hf_repo *repo, const char *key,
                                  bool *out_gone, struct hf_error *err)
{
    struct hf_marks_object object = {.key = NULL};
    struct hf_error why = HF_ERROR_INIT;
    HF_TRY(hf_text_copy(key, &object.key, err));
    enum hf_status status = read_object(repo, &object, &why);
    *out_gone = status == HF_NOT_FOUND;
    object.damaged = status == HF_DAMAGED;
    if (status == HF_OK || object.damaged)
        status = add_object(marks, &object, &why);
    if (why.status == HF_OK || (object.damaged && status == HF_OK))
        return HF_OK; /* the object is the list's */
    object_done(&object);
    if (status == HF_NOT_FOUND || status == HF_DENIED || status == HF_UNSUPPORTED)
        return HF_OK;
    *err = why;
    return status;
}

static enum hf_status note_key(void *ctx, const char *key, const struct hf_store_stat *stat,
                               struct hf_error *err)
{
    (void)stat;
    return hf_strings_add(ctx, key, err);
}

enum hf_status hf_marks_load(struct hf_marks *marks, struct hf_repo *repo, struct hf_error *err)
{
    for (int round = 0; round < LISTINGS; round++) {
        HF_AUTO(hf_strings) keys = HF_STRINGS_INIT;
        bool any_gone = false;
        HF_TRY(hf_store_list(repo->store, PREFIX, note_key, &keys, err));
        for (size_t i = 0; i < keys.count; i++) {
            bool gone = false;
            if (!is_known(marks, keys.items[i]))
                HF_TRY(load_object(marks, repo, keys.items[i], &gone, err));
            any_gone = any_gone || gone;
        }
        if (!any_gone)
            break;
    }
    return HF_OK;
}

bool hf_marks_find(const struct hf_marks *marks, const struct hf_chunk_id *pack, int64_t *out_since)
{
    struct hf_place place;
    if (!hf_id_table_find(&marks->table, pack, &place))
        return false;
    if (out_since)
        *out_since = marks->objects[place.major].since;
    return true;
}

enum hf_status hf_marks_set_aside(const struct hf_marks *marks, struct hf_index *index,
                                  struct hf_error *err)
{
    for (size_t i = 0; i < marks->count; i++)
        for (size_t p = 0; p < marks->objects[i].count; p++)
            HF_TRY(hf_index_set_aside(index, &marks->objects[i].packs[p], err));
    return HF_OK;
}

/* ---- writing ---- */

static enum hf_status write_object(struct hf_repo *repo, int64_t since,
                                   const struct hf_chunk_id *packs, size_t count,
                                   struct hf_error *err)
{
    HF_AUTO(hf_buf) plain = HF_BUF_INIT;
    HF_AUTO(hf_buf) sealed = HF_BUF_INIT;
    char name[NAME];
    HF_TRY(hf_buf_u64(&plain, (uint64_t)since, err));
    HF_TRY(hf_buf_u32(&plain, (uint32_t)count, err));
    HF_TRY(hf_buf_append(&plain, packs, count * sizeof *packs, err));
    HF_TRY(
        hf_envelope_seal(repo->keys, HF_SEALED_MARKS, NULL, plain.data, plain.len, &sealed, err));
    HF_TRY(name_of(&sealed, name, err));
    return hf_store_put(repo->store, name, sealed.data, sealed.len, HF_PUT_REPLACE, err);
}

enum hf_status hf_marks_write(struct hf_repo *repo, int64_t since, const struct hf_chunk_id *packs,
                              size_t count, struct hf_error *err)
{
    for (size_t at = 0; at < count; at += HF_MARKS_PACKS) {
        size_t part = count - at < HF_MARKS_PACKS ? count - at : HF_MARKS_PACKS;
        if (write_object(repo, since, packs + at, part, err) != HF_OK)
            return hf_error_prefix(err, "marking packs");
    }
    return HF_OK;
}

static enum hf_status keep_some(const struct hf_marks_object *object, struct hf_repo *repo,
                                bool (*keep)(void *ctx, const struct hf_chunk_id *pack), void *ctx,
                                struct hf_error *err)
{
    size_t kept = 0;
    HF_AUTO_FREE struct hf_chunk_id *packs = malloc(object->count * sizeof *packs + 1);
    if (!packs)
        return hf_error_memory(err);
    for (size_t i = 0; i < object->count; i++)
        if (keep(ctx, &object->packs[i]))
            packs[kept++] = object->packs[i];
    if (kept == object->count && !object->damaged)
        return HF_OK;
    HF_TRY(hf_marks_write(repo, object->since, packs, kept, err));
    return hf_store_delete(repo->store, object->key, err);
}

enum hf_status hf_marks_keep(const struct hf_marks *marks, struct hf_repo *repo,
                             bool (*keep)(void *ctx, const struct hf_chunk_id *pack), void *ctx,
                             struct hf_error *err)
{
    for (size_t i = 0; i < marks->count; i++)
        HF_TRY(keep_some(&marks->objects[i], repo, keep, ctx, err));
    return HF_OK;
}
