#include "storage/repository/manifest.h"

#include "base/clock.h"
#include "base/json.h"
#include "storage/repository/repository_internal.h"
#include "storage/repository/sealed_json.h"

#include <openssl/evp.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void hf_manifest_done(struct hf_manifest *manifest)
{
    free(manifest->source);
    free(manifest->kind);
    free(manifest->host);
    free(manifest->job);
    hf_strings_free(&manifest->tags);
    json_decref(manifest->properties);
    *manifest = (struct hf_manifest){.time = 0};
}

static enum hf_status build_catalog(const struct hf_reflist_root *root, json_t **out,
                                    struct hf_error *err)
{
    char id[2 * HF_REF_ID + 1];
    hf_hex(id, root->id, HF_REF_ID);
    return hf_json_pack(out, err, "{s:s, s:i, s:I, s:I}", "root", id, "depth", (int)root->depth,
                        "chunks", (json_int_t)root->chunks, "bytes", (json_int_t)root->bytes);
}

static enum hf_status check_name(const char *what, const char *text, enum hf_status status,
                                 struct hf_error *err)
{
    size_t len = text ? strlen(text) : 0;
    if (len == 0 || len > HF_MANIFEST_NAME_MAX)
        return hf_error_set(err, status, "manifest: \"%s\" has 1 to %d bytes, not %zu", what,
                            HF_MANIFEST_NAME_MAX, len);
    return HF_OK;
}

static enum hf_status add_tags(json_t *json, const struct hf_strings *tags, struct hf_error *err)
{
    json_t *array = json_array();
    if (tags->count > HF_TAGS_MAX) {
        json_decref(array);
        return hf_error_set(err, HF_USAGE, "more than %d tags", HF_TAGS_MAX);
    }
    for (size_t i = 0; array && i < tags->count; i++) {
        enum hf_status status = check_name("tag", tags->items[i], HF_USAGE, err);
        if (status != HF_OK) {
            json_decref(array);
            return status;
        }
        if (json_array_append_new(array, json_string(tags->items[i])) != 0) {
            json_decref(array);
            return hf_error_memory(err);
        }
    }
    return json_object_set_new(json, "tags", array) == 0 ? HF_OK : hf_error_memory(err);
}

/* What a manifest need not say. */
static enum hf_status add_optional(json_t *json, const struct hf_manifest *manifest,
                                   struct hf_error *err)
{
    if (manifest->job) {
        HF_TRY(check_name("job", manifest->job, HF_USAGE, err));
        if (json_object_set_new(json, "job", json_string(manifest->job)) != 0)
            return hf_error_memory(err);
    }
    if (manifest->tags.count > 0)
        HF_TRY(add_tags(json, &manifest->tags, err));
    if (manifest->stored != 0 &&
        (json_object_set_new(json, "leased", json_integer(manifest->leased)) != 0 ||
         json_object_set_new(json, "stored", json_integer(manifest->stored)) != 0))
        return hf_error_memory(err);
    return HF_OK;
}

enum hf_status hf_manifest_build(const struct hf_manifest *manifest, struct hf_buf *out,
                                 struct hf_error *err)
{
    HF_TRY(check_name("source", manifest->source, HF_USAGE, err));
    HF_TRY(check_name("kind", manifest->kind, HF_USAGE, err));
    HF_TRY(check_name("host", manifest->host, HF_USAGE, err));
    HF_AUTO_JSON catalog = NULL;
    HF_AUTO_JSON json = NULL;
    HF_AUTO_JSON empty = json_object();
    if (!empty)
        return hf_error_memory(err);
    HF_TRY(build_catalog(&manifest->catalog, &catalog, err));
    HF_TRY(hf_json_pack(
        &json, err, "{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:O, s:O}", "source",
        manifest->source, "kind", manifest->kind, "host", manifest->host, "time",
        (json_int_t)manifest->time, "finished", (json_int_t)manifest->finished, "streams",
        (json_int_t)manifest->streams, "bytes", (json_int_t)manifest->bytes, "records",
        (json_int_t)manifest->records, "stored_bytes", (json_int_t)manifest->stored_bytes,
        "properties", manifest->properties ? manifest->properties : empty, "catalog", catalog));
    HF_TRY(add_optional(json, manifest, err));
    size_t before = out->len;
    HF_TRY(hf_json_dump(json, out, err));
    if (out->len - before > HF_MANIFEST_MAX)
        return hf_error_set(err, HF_USAGE, "manifest: properties of more than %d bytes",
                            HF_MANIFEST_MAX);
    return HF_OK;
}

static enum hf_status parse_name(const json_t *json, const char *key, char **out,
                                 struct hf_error *err)
{
    const char *text;
    HF_TRY(hf_json_string(json, key, &text, err));
    HF_TRY(check_name(key, text, HF_DAMAGED, err));
    *out = strdup(text);
    return *out ? HF_OK : hf_error_memory(err);
}

static enum hf_status parse_catalog(const json_t *json, struct hf_reflist_root *out,
                                    struct hf_error *err)
{
    json_t *catalog;
    uint64_t depth;
    HF_TRY(hf_json_object(json, "catalog", &catalog, err));
    HF_TRY(hf_json_u64(catalog, "depth", HF_REFLIST_DEPTH_MAX, &depth, err));
    HF_TRY(hf_json_u64(catalog, "chunks", INT64_MAX, &out->chunks, err));
    HF_TRY(hf_json_u64(catalog, "bytes", INT64_MAX, &out->bytes, err));
    HF_TRY(hf_json_hex(catalog, "root", out->id, HF_REF_ID, err));
    out->depth = (unsigned)depth;
    return HF_OK;
}

static enum hf_status parse_tags(const json_t *json, struct hf_strings *out, struct hf_error *err)
{
    json_t *array, *tag;
    size_t i;
    HF_TRY(hf_json_array(json, "tags", &array, err));
    if (json_array_size(array) > HF_TAGS_MAX)
        return hf_error_set(err, HF_DAMAGED, "manifest: more than %d tags", HF_TAGS_MAX);
    json_array_foreach (array, i, tag) {
        HF_TRY(check_name("tag", json_string_value(tag), HF_DAMAGED, err));
        HF_TRY(hf_strings_add(out, json_string_value(tag), err));
    }
    return HF_OK;
}

static enum hf_status parse_optional(const json_t *json, struct hf_manifest *out,
                                     struct hf_error *err)
{
    if (json_object_get(json, "job"))
        HF_TRY(parse_name(json, "job", &out->job, err));
    if (json_object_get(json, "tags"))
        HF_TRY(parse_tags(json, &out->tags, err));
    if (!json_object_get(json, "stored"))
        return HF_OK;
    HF_TRY(hf_json_i64(json, "leased", &out->leased, err));
    return hf_json_i64(json, "stored", &out->stored, err);
}

static enum hf_status parse_fields(const json_t *json, struct hf_manifest *out,
                                   struct hf_error *err)
{
    HF_TRY(parse_name(json, "source", &out->source, err));
    HF_TRY(parse_name(json, "kind", &out->kind, err));
    HF_TRY(parse_name(json, "host", &out->host, err));
    HF_TRY(hf_json_i64(json, "time", &out->time, err));
    HF_TRY(hf_json_i64(json, "finished", &out->finished, err));
    HF_TRY(hf_json_u64(json, "streams", INT64_MAX, &out->streams, err));
    HF_TRY(hf_json_u64(json, "bytes", INT64_MAX, &out->bytes, err));
    HF_TRY(hf_json_u64(json, "records", INT64_MAX, &out->records, err));
    HF_TRY(hf_json_u64(json, "stored_bytes", INT64_MAX, &out->stored_bytes, err));
    HF_TRY(parse_catalog(json, &out->catalog, err));
    HF_TRY(parse_optional(json, out, err));
    json_t *properties;
    HF_TRY(hf_json_object(json, "properties", &properties, err));
    out->properties = json_incref(properties);
    return HF_OK;
}

enum hf_status hf_manifest_parse(const void *data, size_t len, struct hf_manifest *out,
                                 struct hf_error *err)
{
    HF_AUTO_JSON json = NULL;
    HF_AUTO(hf_manifest) manifest = {.time = 0};
    HF_TRY(hf_json_parse_object(data, len, HF_MANIFEST_MAX, "manifest", &json, err));
    HF_TRY(parse_fields(json, &manifest, err));
    *out = manifest;
    manifest = (struct hf_manifest){.time = 0};
    return HF_OK;
}

#define PREFIX "snapshots/"
enum {
    PREFIX_LEN = sizeof PREFIX - 1,
    TIME_LEN = 23, /* 20261121T020000.123456Z */
    ID_LEN = HF_SNAPSHOT_ID_TEXT - 1,
    OBJECT_MAX = HF_MANIFEST_MAX + (1 << 20),
};

bool hf_manifest_key_id(const char *key, char out_id[HF_SNAPSHOT_ID_TEXT])
{
    if (strlen(key) != PREFIX_LEN + TIME_LEN + 1 + ID_LEN || strncmp(key, PREFIX, PREFIX_LEN) != 0)
        return false;
    const char *time = key + PREFIX_LEN, *id = time + TIME_LEN + 1;
    if (strspn(time, "0123456789TZ.") != TIME_LEN || id[-1] != '-' ||
        strspn(id, "0123456789abcdef") != ID_LEN)
        return false;
    memcpy(out_id, id, HF_SNAPSHOT_ID_TEXT);
    return true;
}

void hf_manifest_key(int64_t time, const char *id, char out[HF_MANIFEST_KEY_MAX])
{
    char text[HF_TIME_TEXT];
    hf_time_format_compact(text, time);
    (void)snprintf(out, HF_MANIFEST_KEY_MAX, PREFIX "%s-%s", text, id);
}

static enum hf_status object_id(const struct hf_buf *object, char out_id[HF_SNAPSHOT_ID_TEXT],
                                struct hf_error *err)
{
    uint8_t digest[32];
    if (EVP_Digest(object->data, object->len, digest, NULL, EVP_sha256(), NULL) != 1)
        return hf_error_set(err, HF_FAILED, "SHA-256 failed");
    hf_hex(out_id, digest, ID_LEN / 2);
    return HF_OK;
}

enum hf_status hf_manifest_write(struct hf_repo *repo, const struct hf_manifest *manifest,
                                 char out_id[HF_SNAPSHOT_ID_TEXT], struct hf_error *err)
{
    HF_AUTO(hf_buf) json = HF_BUF_INIT;
    HF_AUTO(hf_buf) object = HF_BUF_INIT;
    char key[HF_MANIFEST_KEY_MAX], id[HF_SNAPSHOT_ID_TEXT];
    HF_TRY(hf_manifest_build(manifest, &json, err));
    HF_TRY(hf_sealed_json_seal(repo->keys, HF_SEALED_MANIFEST, &json, &object, err));
    HF_TRY(object_id(&object, id, err));
    hf_manifest_key(manifest->time, id, key);
    HF_TRY(hf_store_put(repo->store, key, object.data, object.len, HF_PUT_NAMED, err));
    memcpy(out_id, id, sizeof id);
    return HF_OK;
}

/* A manifest under another time would come out as a backup of that time. */
static enum hf_status check_time(const struct hf_manifest *manifest, const char *key,
                                 struct hf_error *err)
{
    char time[HF_TIME_TEXT];
    hf_time_format_compact(time, manifest->time);
    if (strncmp(key + PREFIX_LEN, time, TIME_LEN) != 0)
        return hf_error_set(err, HF_DAMAGED, "its time is not the one in its name");
    return HF_OK;
}

static enum hf_status open_object(struct hf_repo *repo, const struct hf_buf *object, const char *id,
                                  struct hf_manifest *out, struct hf_error *err)
{
    HF_AUTO(hf_buf) json = HF_BUF_INIT;
    char actual[HF_SNAPSHOT_ID_TEXT];
    HF_TRY(object_id(object, actual, err));
    if (strcmp(actual, id) != 0)
        return hf_error_set(err, HF_DAMAGED, "its content is not what its name says");
    HF_TRY(hf_sealed_json_open(repo->keys, HF_SEALED_MANIFEST, object, &json, err));
    return hf_manifest_parse(json.data, json.len, out, err);
}

enum hf_status hf_manifest_load(struct hf_repo *repo, const char *key, struct hf_buf *out_object,
                                struct hf_manifest *out, struct hf_error *err)
{
    char id[HF_SNAPSHOT_ID_TEXT];
    if (!hf_manifest_key_id(key, id))
        return hf_error_set(err, HF_DAMAGED, "%s: not the name of a snapshot", key);
    HF_TRY(hf_store_get_all(repo->store, key, OBJECT_MAX, out_object, err));
    HF_AUTO(hf_manifest) manifest = {.time = 0};
    if (open_object(repo, out_object, id, &manifest, err) != HF_OK ||
        check_time(&manifest, key, err) != HF_OK)
        return hf_error_prefix(err, "%s", key);
    *out = manifest;
    manifest = (struct hf_manifest){.time = 0};
    return HF_OK;
}

enum hf_status hf_manifest_read(struct hf_repo *repo, const char *key, struct hf_manifest *out,
                                struct hf_error *err)
{
    HF_AUTO(hf_buf) object = HF_BUF_INIT;
    return hf_manifest_load(repo, key, &object, out, err);
}
