#include "formats/volume/owners.h"

#include "base/json.h"
#include "base/text.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOOKUP = 16 << 10, NAMES_MAX = 1 << 20, NAME_MAX_BYTES = 256 };

struct hf_vol_owner {
    uint32_t id;
    uint32_t here;
    char *name; /* NULL: it has none */
};

void hf_vol_owners_free(struct hf_vol_owners *owners)
{
    for (size_t i = 0; i < owners->count; i++)
        free(owners->items[i].name);
    free(owners->items);
    *owners = (struct hf_vol_owners){.items = NULL};
}

/* Where the number is, or belongs. */
static size_t place_of(const struct hf_vol_owners *owners, uint32_t id)
{
    size_t low = 0, high = owners->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (owners->items[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_at(const struct hf_vol_owners *owners, size_t at, uint32_t id)
{
    return at < owners->count && owners->items[at].id == id;
}

/* name is copied. */
static enum hf_status insert(struct hf_vol_owners *owners, size_t at, uint32_t id, const char *name,
                             struct hf_error *err)
{
    if (owners->count == owners->cap) {
        size_t cap = owners->cap ? 2 * owners->cap : 16;
        struct hf_vol_owner *items = realloc(owners->items, cap * sizeof *items);
        if (!items)
            return hf_error_memory(err);
        owners->items = items;
        owners->cap = cap;
    }
    char *copy = NULL;
    if (name)
        HF_TRY(hf_text_copy(name, &copy, err));
    memmove(owners->items + at + 1, owners->items + at,
            (owners->count - at) * sizeof *owners->items);
    owners->items[at] = (struct hf_vol_owner){id, id, copy};
    owners->count++;
    return HF_OK;
}

/* Only what JSON can hold. */
static bool is_text(const char *name)
{
    size_t len = strlen(name);
    for (const char *at = name; *at;) {
        size_t n = hf_text_utf8(at, NULL);
        if (n == 0)
            return false;
        at += n;
    }
    return len > 0 && len < NAME_MAX_BYTES;
}

static const char *name_of(uint32_t id, bool is_group, char buffer[LOOKUP])
{
    const char *name = NULL;
    if (is_group) {
        struct group group, *found = NULL;
        if (getgrgid_r(id, &group, buffer, LOOKUP, &found) == 0 && found)
            name = group.gr_name;
    } else {
        struct passwd user, *found = NULL;
        if (getpwuid_r(id, &user, buffer, LOOKUP, &found) == 0 && found)
            name = user.pw_name;
    }
    return name && is_text(name) ? name : NULL;
}

static bool number_of(const char *name, bool is_group, uint32_t *out)
{
    char buffer[LOOKUP];
    if (is_group) {
        struct group group, *found = NULL;
        if (getgrnam_r(name, &group, buffer, sizeof buffer, &found) != 0 || !found)
            return false;
        *out = group.gr_gid;
        return true;
    }
    struct passwd user, *found = NULL;
    if (getpwnam_r(name, &user, buffer, sizeof buffer, &found) != 0 || !found)
        return false;
    *out = user.pw_uid;
    return true;
}

enum hf_status hf_vol_owners_meet(struct hf_vol_owners *owners, uint32_t id, bool is_group,
                                  struct hf_error *err)
{
    char buffer[LOOKUP];
    if (is_at(owners, owners->last, id))
        return HF_OK;
    size_t at = place_of(owners, id);
    if (!is_at(owners, at, id))
        HF_TRY(insert(owners, at, id, name_of(id, is_group, buffer), err));
    owners->last = at;
    return HF_OK;
}

json_t *hf_vol_owners_json(const struct hf_vol_owners *owners)
{
    json_t *names = json_object();
    for (size_t i = 0; names && i < owners->count; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "%u", owners->items[i].id);
        if (owners->items[i].name &&
            json_object_set_new(names, key, json_string(owners->items[i].name)) != 0) {
            json_decref(names);
            names = NULL;
        }
    }
    return names;
}

static bool parse_id(const char *text, uint32_t *out)
{
    char *end;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    *out = (uint32_t)value;
    return *text >= '0' && *text <= '9' && !*end && errno == 0 && value <= UINT32_MAX;
}

enum hf_status hf_vol_owners_map(struct hf_vol_owners *owners, const json_t *names, bool is_group,
                                 struct hf_error *err)
{
    const char *key;
    json_t *value;
    json_object_foreach ((json_t *)(uintptr_t)names, key, value) {
        uint32_t id;
        const char *name = json_string_value(value);
        if (!name || !parse_id(key, &id) || owners->count >= NAMES_MAX)
            return hf_error_set(err, HF_DAMAGED, "the names of owners are of no known form");
        size_t at = place_of(owners, id);
        if (is_at(owners, at, id))
            continue;
        HF_TRY(insert(owners, at, id, name, err));
        (void)number_of(name, is_group, &owners->items[at].here);
    }
    return HF_OK;
}

uint32_t hf_vol_owners_here(const struct hf_vol_owners *owners, uint32_t id)
{
    size_t at = place_of(owners, id);
    return is_at(owners, at, id) ? owners->items[at].here : id;
}

const char *hf_vol_owners_name(const struct hf_vol_owners *owners, uint32_t id)
{
    size_t at = place_of(owners, id);
    return is_at(owners, at, id) && owners->items[at].name ? owners->items[at].name : "";
}
