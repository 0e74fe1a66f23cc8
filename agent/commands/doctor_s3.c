#include "agent/commands/doctor_s3.h"

#include "agent/config/duration.h"
#include "agent/repositories/place_s3.h"
#include "base/clock.h"
#include "storage/s3/s3_facts.h"

#include <stdio.h>
#include <string.h>

enum { TEXT = 1024 };

/* Below that nobody can tell a clock from a slow network. */
static const int64_t clock_allowed = 60 * HF_NS_PER_S;

/* One visit. */
struct visit {
    const struct hf_session *session;
    const struct hf_config_s3 *s3;
    struct hf_store *store;
    hf_finding_fn *find;
    void *ctx;
};

static bool look_at_credentials(const struct visit *v)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_s3_credentials) found = HF_S3_CREDENTIALS_INIT;
    HF_AUTO_PTR(hf_s3_chain) chain = NULL;
    char text[TEXT], until[HF_TIME_TEXT];

    if (hf_place_s3_chain(v->session, v->s3, &chain, &err) == HF_OK) {
        const struct hf_s3_source source = hf_s3_chain_source(chain);

        (void)source.fetch(source.ctx, &found, &err);
    }
    if (!found.access_key) {
        v->find(v->ctx, "credentials", false, err.text);
        return false;
    }
    hf_time_format(until, found.expires);
    (void)snprintf(text, sizeof text, "from %s%s%s", hf_s3_chain_way(chain),
                   found.expires ? ", renewed before they expire at " : "",
                   found.expires ? until : "");
    v->find(v->ctx, "credentials", true, text);
    return true;
}

static void say_clock(const struct visit *v, const struct hf_s3_facts *facts)
{
    int64_t off = facts->ahead < 0 ? -facts->ahead : facts->ahead;
    char text[TEXT], by[HF_DURATION_TEXT];

    if (off <= clock_allowed) {
        v->find(v->ctx, "clock", true, "agrees with the server's");
        return;
    }
    hf_duration_format(by, off);
    (void)snprintf(text, sizeof text,
                   "%s %s the server's; requests are signed with the server's time, but snapshots "
                   "bear this machine's: set it right (NTP)",
                   by, facts->ahead < 0 ? "behind" : "ahead of");
    v->find(v->ctx, "clock", false, text);
}

static void say_region(const struct visit *v, const struct hf_s3_facts *facts)
{
    char text[TEXT];

    if (!v->s3->region || strcmp(v->s3->region, facts->region) == 0)
        (void)snprintf(text, sizeof text, "%s", facts->region);
    else
        (void)snprintf(text, sizeof text,
                       "the server says that the bucket is in %s, the configuration says %.60s; "
                       "write \"region: %s\" and save a request each time",
                       facts->region, v->s3->region, facts->region);
    v->find(v->ctx, "region", !v->s3->region || strcmp(v->s3->region, facts->region) == 0, text);
}

static const char *state_words(enum hf_s3_state state)
{
    return state == HF_S3_STATE_ON ? "on" : state == HF_S3_STATE_OFF ? "off" : "not told";
}

static void say_versions(const struct visit *v, const struct hf_s3_facts *facts)
{
    char text[TEXT];
    bool wanted = v->s3->lock != HF_S3_LOCK_NONE;

    (void)snprintf(text, sizeof text, "%s%s", state_words(facts->versions),
                   facts->versions == HF_S3_STATE_ON
                       ? "; let a lifecycle rule remove old versions, or what is deleted stays"
                       : "");
    v->find(v->ctx, "versions", true, text);
    (void)snprintf(text, sizeof text, "%s%s", state_words(facts->lock),
                   wanted && facts->lock == HF_S3_STATE_OFF
                       ? ", but the configuration wants it: make a bucket that has it, or remove "
                         "\"lock\""
                   : !wanted && facts->lock == HF_S3_STATE_ON
                       ? ", but holdfast locks nothing: the configuration has no \"lock\""
                       : "");
    v->find(v->ctx, "object lock", !(wanted && facts->lock == HF_S3_STATE_OFF), text);
}

/* The questions first: their answers say more than that to a look at an object, which has no body.
 * HF_NOT_FOUND of an object is as good as the object. */
static bool look_at_bucket(const struct visit *v)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_store_stat stat;
    struct hf_s3_facts facts;
    enum hf_status status = hf_s3_facts_read(v->store, &facts, &err);

    if (status == HF_OK)
        status = hf_store_stat(v->store, "holdfast", &stat, &err);
    if (status != HF_OK && status != HF_NOT_FOUND) {
        v->find(v->ctx, "bucket", false, err.text);
        return false;
    }
    v->find(v->ctx, "bucket", true, hf_store_name(v->store));
    say_region(v, &facts);
    say_clock(v, &facts);
    say_versions(v, &facts);
    return true;
}

static void look_at_creating(const struct visit *v)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_store_traits traits;

    if (hf_store_probe(v->store, &traits, &err) != HF_OK)
        v->find(v->ctx, "writing", false, err.text);
    else
        v->find(v->ctx, "writing", true,
                traits.creates_atomically
                    ? "allowed; the server creates an object only where there is none"
                    : "allowed; the server has no create-only put, so holdfast looks first, and "
                      "relies on no more");
}

/* After something was put. */
static void look_at_encryption(const struct visit *v)
{
    enum hf_s3_state state = hf_s3_facts_encryption(v->store);

    if (state == HF_S3_STATE_ON)
        v->find(v->ctx, "encryption", true, "the server says that it encrypts");
    else if (state == HF_S3_STATE_OFF)
        v->find(v->ctx, "encryption", false,
                "the server takes objects and does not say that it encrypts them: it may not know "
                "what \"sse\" asks for (what holdfast stores is encrypted before it is sent)");
}

bool hf_doctor_s3(const struct hf_session *session, const struct hf_chosen *chosen,
                  hf_finding_fn *find, void *ctx)
{
    struct visit v = {.session = session, .s3 = chosen->s3, .find = find, .ctx = ctx};
    struct hf_error err = HF_ERROR_INIT;
    bool reached;

    if (!look_at_credentials(&v))
        return false;
    if (hf_place_s3_open(session, v.s3, HF_PLACE_QUICK, &v.store, &err) != HF_OK) {
        find(ctx, "bucket", false, err.text);
        return false;
    }
    hf_store_watch(v.store, session->cancel);
    reached = look_at_bucket(&v);
    if (reached) {
        look_at_creating(&v);
        look_at_encryption(&v);
    }
    hf_store_close(v.store);
    return reached;
}
