#include "storage/repository/lease_others.h"

#include "base/clock.h"
#include "base/json.h"
#include "storage/repository/envelope.h"
#include "storage/repository/repository_internal.h"

#include <stdlib.h>
#include <string.h>

/* By the store's clock, ns: so new that its owner may still be judging; so far ahead that the
 * store's clock must have been set back since. */
static const int64_t just_now = 2 * HF_NS_PER_S;
static const int64_t absurd = 86400 * HF_NS_PER_S;

struct other {
    char object[HF_LEASE_OBJECT_TEXT];
    int64_t mtime;
};

struct survey {
    const struct hf_lease_question *question;
    struct other *others;
    size_t count;
    size_t cap;
    bool own_seen;
    int64_t now; /* mtime of our own lease, put a moment ago: the store's clock */
};

static enum hf_status grow(struct survey *s, struct hf_error *err)
{
    if (s->count < s->cap)
        return HF_OK;
    size_t cap = s->cap ? 2 * s->cap : 16;
    struct other *others = realloc(s->others, cap * sizeof *others);
    if (!others)
        return hf_error_memory(err);
    s->others = others;
    s->cap = cap;
    return HF_OK;
}

static enum hf_status see(void *ctx, const char *key, const struct hf_store_stat *stat,
                          struct hf_error *err)
{
    struct survey *s = ctx;
    if (strcmp(key, s->question->own) == 0) {
        s->own_seen = true;
        s->now = stat->mtime;
        return HF_OK;
    }
    uint8_t id[16];
    const char *name = key + strlen(HF_LEASES_PREFIX);
    if (strlen(name) != 2 * sizeof id || !hf_unhex(id, sizeof id, name))
        return HF_OK;
    if (s->count >= HF_LEASES_MAX)
        return hf_error_set(err, HF_BUSY, "more than %d leases; remove those that are old",
                            HF_LEASES_MAX);
    HF_TRY(grow(s, err));
    struct other *other = &s->others[s->count++];
    memcpy(other->object, key, strlen(key) + 1);
    other->mtime = stat->mtime;
    return HF_OK;
}

static enum hf_status parse_mode(const json_t *json, enum hf_lease_mode *out, struct hf_error *err)
{
    const char *mode = NULL;
    HF_TRY(hf_json_string(json, "mode", &mode, err));
    if (strcmp(mode, "shared") == 0)
        *out = HF_LEASE_SHARED;
    else if (strcmp(mode, "keys") == 0)
        *out = HF_LEASE_KEYS;
    else if (strcmp(mode, "prune") == 0)
        *out = HF_LEASE_PRUNE;
    else /* also one that this version does not know */
        *out = HF_LEASE_EXCLUSIVE;
    return HF_OK;
}

static bool conflicts(enum hf_lease_mode a, enum hf_lease_mode b)
{
    if (a == HF_LEASE_EXCLUSIVE || b == HF_LEASE_EXCLUSIVE)
        return true;
    return a == b && a != HF_LEASE_SHARED;
}

/* HF_BUSY when what the lease says is in our way; another error when it says nothing. */
static enum hf_status judge_text(const struct hf_lease_question *q, const char *object,
                                 const struct hf_buf *text, struct hf_error *err)
{
    HF_AUTO_JSON json = NULL;
    enum hf_lease_mode mode = HF_LEASE_EXCLUSIVE;
    const char *purpose = NULL;
    const char *host = NULL;
    uint64_t pid = 0;
    int64_t since = 0;
    HF_TRY(hf_json_parse_object(text->data, text->len, HF_LEASE_BYTES_MAX, "lease", &json, err));
    HF_TRY(parse_mode(json, &mode, err));
    HF_TRY(hf_json_string(json, "purpose", &purpose, err));
    HF_TRY(hf_json_string(json, "host", &host, err));
    HF_TRY(hf_json_u64(json, "pid", INT32_MAX, &pid, err));
    HF_TRY(hf_json_i64(json, "since", &since, err));
    if (strcmp(purpose, q->purpose) == 0)
        *q->out_traces = true;
    if (!conflicts(q->mode, mode))
        return HF_OK;
    if (json_is_true(json_object_get(json, "brief")))
        memcpy(q->out_brief, object, strlen(object) + 1);
    char when[HF_TIME_TEXT];
    hf_time_format(when, since);
    return hf_error_set(err, HF_BUSY,
                        "%s is in use: %.200s, by process %llu on %.255s since %s; wait until it "
                        "is done",
                        hf_store_name(q->repo->store), purpose, (unsigned long long)pid, host,
                        when);
}

/* One that cannot be read may be anything, until it expires. */
static enum hf_status unreadable(const struct hf_lease_question *q, const struct other *other,
                                 struct hf_error *err)
{
    struct hf_error why = *err;
    return hf_error_set(err, HF_BUSY,
                        "%s is in use by somebody whose lease %s cannot be read (%.300s); it "
                        "expires when it is not renewed for %lld minutes",
                        hf_store_name(q->repo->store), other->object, why.text,
                        (long long)(q->ttl / HF_NS_PER_S / 60));
}

static enum hf_status judge_live(const struct hf_lease_question *q, const struct other *other,
                                 struct hf_error *err)
{
    HF_AUTO(hf_buf) bytes = HF_BUF_INIT;
    HF_AUTO(hf_buf) text = HF_BUF_INIT;
    enum hf_status status =
        hf_store_get_all(q->repo->store, other->object, HF_LEASE_BYTES_MAX, &bytes, err);
    if (status == HF_NOT_FOUND) /* released meanwhile */
        return HF_OK;
    if (status != HF_OK && status != HF_DAMAGED)
        return status;
    if (status == HF_OK)
        status = hf_envelope_open(q->repo->keys, HF_SEALED_LEASE, NULL, bytes.data, bytes.len,
                                  &text, err);
    if (status == HF_OK)
        status = judge_text(q, other->object, &text, err);
    if (status == HF_OK || status == HF_BUSY || status == HF_NO_MEMORY)
        return status;
    return unreadable(q, other, err);
}

static void remove_expired(const struct hf_lease_question *q, const struct other *other)
{
    struct hf_error ignored = HF_ERROR_INIT;
    if (hf_store_delete(q->repo->store, other->object, &ignored) == HF_OK && q->observer)
        hf_observe(q->observer, HF_NOTE_WARNING,
                   "%s: removed %s, which expired: whoever held it was killed or lost the store",
                   hf_store_name(q->repo->store), other->object);
}

static enum hf_status judge_all(const struct survey *s, bool *out_settled, struct hf_error *err)
{
    for (size_t i = 0; i < s->count; i++) {
        const struct other *other = &s->others[i];
        int64_t age = s->now - other->mtime;
        if (age > s->question->ttl || age < -absurd) {
            *s->question->out_traces = true;
            remove_expired(s->question, other);
            continue;
        }
        enum hf_status status = judge_live(s->question, other, err);
        if (status != HF_OK) {
            *out_settled = status != HF_BUSY || age > just_now;
            return status;
        }
    }
    return HF_OK;
}

enum hf_status hf_lease_judge(const struct hf_lease_question *question, bool *out_settled,
                              struct hf_error *err)
{
    struct survey survey = {.question = question};
    struct hf_store *store = question->repo->store;
    question->out_brief[0] = '\0';
    enum hf_status status = hf_store_list(store, HF_LEASES_PREFIX, see, &survey, err);
    if (status == HF_OK && !survey.own_seen)
        status = hf_error_set(err, HF_IO, "%s: %s was written, but is not listed",
                              hf_store_name(store), question->own);
    if (status == HF_OK) {
        *question->out_now = survey.now;
        status = judge_all(&survey, out_settled, err);
    }
    free(survey.others);
    return status;
}

bool hf_lease_still_brief(struct hf_repo *repo, const char *object)
{
    HF_AUTO(hf_buf) bytes = HF_BUF_INIT;
    HF_AUTO(hf_buf) text = HF_BUF_INIT;
    HF_AUTO_JSON json = NULL;
    struct hf_error ignored = HF_ERROR_INIT;
    return hf_store_get_all(repo->store, object, HF_LEASE_BYTES_MAX, &bytes, &ignored) == HF_OK &&
           hf_envelope_open(repo->keys, HF_SEALED_LEASE, NULL, bytes.data, bytes.len, &text,
                            &ignored) == HF_OK &&
           hf_json_parse_object(text.data, text.len, HF_LEASE_BYTES_MAX, "lease", &json,
                                &ignored) == HF_OK &&
           json_is_true(json_object_get(json, "brief"));
}
