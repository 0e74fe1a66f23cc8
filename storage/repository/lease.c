#include "storage/repository/lease.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/pool.h"
#include "base/random.h"
#include "base/text.h"
#include "storage/repository/envelope.h"
#include "storage/repository/lease_others.h"
#include "storage/repository/repository_internal.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { NS_PER_MS = 1000000, TRIES = 6, WAIT_MS = 250, LOOK_MS = 1000, JUDGE_MS = 30000 };

struct hf_lease {
    struct hf_repo *repo;
    char object[HF_LEASE_OBJECT_TEXT];
    char purpose[HF_LEASE_PURPOSE_MAX + 1];
    pthread_mutex_t lock; /* of bytes, held while they are put */
    struct hf_buf bytes;  /* sealed once: renewing puts the same again and needs no keys */
    int64_t ttl;
    int64_t renew;
    struct hf_cancel *cancel; /* the work's; may be NULL */
    struct hf_cancel *stop;   /* of the renewing thread */
    struct hf_pool *pool;
    int64_t store_ahead; /* of the store's clock, when it was taken, before the machine's time */
    _Atomic int64_t renewed; /* machine time at which the last put that succeeded began */
    atomic_bool lost;
    bool traces;
};

/* Unlike hf_clock_monotonic this goes on while the machine is suspended. */
static int64_t machine_time(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_BOOTTIME, &now); /* cannot fail for this clock */
    return (int64_t)now.tv_sec * HF_NS_PER_S + now.tv_nsec;
}

/* Others may take it for expired after ttl; we stop a tenth earlier, so that the step that the
 * lease protects ends in time. */
static bool outlived(const struct hf_lease *lease)
{
    return machine_time() - atomic_load(&lease->renewed) > lease->ttl - lease->ttl / 10;
}

static enum hf_status put_own(struct hf_lease *lease, struct hf_error *err)
{
    pthread_mutex_lock(&lease->lock);
    int64_t begun = machine_time();
    enum hf_status status = hf_store_put(lease->repo->store, lease->object, lease->bytes.data,
                                         lease->bytes.len, HF_PUT_REPLACE, err);
    if (status == HF_OK)
        atomic_store(&lease->renewed, begun);
    pthread_mutex_unlock(&lease->lock);
    return status;
}

/* Best effort: what stays expires. */
static void remove_own(struct hf_lease *lease)
{
    struct hf_error ignored = HF_ERROR_INIT;
    (void)!hf_store_delete(lease->repo->store, lease->object, &ignored);
}

/* An object that is gone was taken for expired: putting it again would make two holders. */
static enum hf_status renew_own(struct hf_lease *lease, struct hf_error *err)
{
    struct hf_store_stat stat;
    HF_TRY(hf_store_stat(lease->repo->store, lease->object, &stat, err));
    return put_own(lease, err);
}

static void lose(struct hf_lease *lease, const struct hf_error *why)
{
    struct hf_error err = HF_ERROR_INIT;
    atomic_store(&lease->lost, true);
    (void)hf_error_set(&err, HF_BUSY,
                       "the lease on the repository was lost, because it could not be renewed "
                       "(%.500s); run again",
                       why->status != HF_OK ? why->text : "this machine stood still");
    if (lease->cancel)
        hf_cancel_fail(lease->cancel, &err);
}

/* False when the fd became readable: stop. */
static bool wait_for(const struct hf_cancel *cancel, int64_t ns)
{
    struct pollfd fd = {.fd = cancel ? hf_cancel_fd(cancel) : -1, .events = POLLIN};
    int64_t end = machine_time() + ns;
    for (int64_t left = ns; left > 0; left = end - machine_time()) {
        int64_t ms = left / NS_PER_MS + 1;
        if (poll(&fd, 1, (int)(ms < INT32_MAX ? ms : INT32_MAX)) > 0)
            return false;
    }
    return true;
}

static enum hf_status keep_renewing(void *arg, size_t index, struct hf_error *err)
{
    struct hf_lease *lease = arg;
    struct hf_error why = HF_ERROR_INIT; /* of the last renewal that failed */
    int64_t wait = lease->renew;
    (void)index;
    (void)err;
    while (wait_for(lease->stop, wait)) {
        if (outlived(lease)) { /* another may hold it already: do not come back */
            lose(lease, &why);
            return HF_OK;
        }
        enum hf_status status = renew_own(lease, &why);
        if (status == HF_OK)
            why = (struct hf_error)HF_ERROR_INIT;
        if (status == HF_NOT_FOUND) {
            lose(lease, &why);
            return HF_OK;
        }
        wait = status == HF_OK ? lease->renew : lease->renew / 6;
    }
    return HF_OK;
}

static const char *mode_name(enum hf_lease_mode mode)
{
    switch (mode) {
    case HF_LEASE_SHARED:
        return "shared";
    case HF_LEASE_KEYS:
        return "keys";
    case HF_LEASE_PRUNE:
        return "prune";
    case HF_LEASE_EXCLUSIVE:
        break;
    }
    return "exclusive";
}

/* brief: whoever finds it in his way may as well wait. */
static enum hf_status seal_own(struct hf_lease *lease, enum hf_lease_mode mode, bool brief,
                               struct hf_error *err)
{
    char host[HF_LEASE_HOST_MAX + 1] = "";
    if (gethostname(host, sizeof host - 1) != 0)
        (void)snprintf(host, sizeof host, "unknown host");

    HF_AUTO_JSON json = NULL;
    HF_AUTO(hf_buf) text = HF_BUF_INIT;
    HF_AUTO(hf_buf) sealed = HF_BUF_INIT;
    HF_TRY(hf_json_pack(&json, err, "{s:s, s:s, s:s, s:I, s:I}", "mode", mode_name(mode), "purpose",
                        lease->purpose, "host", host, "pid", (json_int_t)getpid(), "since",
                        (json_int_t)hf_clock_now()));
    if (brief && json_object_set_new(json, "brief", json_true()) != 0)
        return hf_error_memory(err);
    HF_TRY(hf_json_dump(json, &text, err));
    HF_TRY(hf_envelope_seal(lease->repo->keys, HF_SEALED_LEASE, NULL, text.data, text.len, &sealed,
                            err));
    pthread_mutex_lock(&lease->lock);
    struct hf_buf before = lease->bytes;
    lease->bytes = sealed;
    sealed = before;
    pthread_mutex_unlock(&lease->lock);
    return HF_OK;
}

/* Put, then look; out_settled: the other holds it for good, trying again at once is no use.
 * brief: as hf_lease_question.out_brief. The own object stays where it is. */
static enum hf_status attempt(struct hf_lease *lease, enum hf_lease_mode mode,
                              const struct hf_observer *observer, bool *out_settled, char *brief,
                              struct hf_error *err)
{
    int64_t now = 0;
    const struct hf_lease_question question = {
        .repo = lease->repo,
        .own = lease->object,
        .mode = mode,
        .purpose = lease->purpose,
        .out_traces = &lease->traces,
        .out_now = &now,
        .out_brief = brief,
        .ttl = lease->ttl,
        .observer = observer,
    };
    *out_settled = true;
    HF_TRY(put_own(lease, err));
    enum hf_status status = hf_lease_judge(&question, out_settled, err);
    if (now != 0)
        lease->store_ahead = now - atomic_load(&lease->renewed);
    return status;
}

/* Somebody has the repository for himself for a moment: waits until he is done, or until it is time
 * to judge again whether he was killed; a random while between two looks. False: at the deadline
 * (machine time), or when cancelled. */
static bool wait_for_brief(const struct hf_lease *lease, const struct hf_cancel *cancel,
                           const char *brief, int64_t deadline)
{
    int64_t judge = machine_time() + (int64_t)JUDGE_MS * NS_PER_MS;
    while (machine_time() < deadline) {
        if (!wait_for(cancel, (int64_t)(LOOK_MS / 2 + hf_random_below(LOOK_MS)) * NS_PER_MS))
            return false;
        if (machine_time() >= judge || !hf_lease_still_brief(lease->repo, brief))
            return true;
    }
    return false;
}

static enum hf_status acquire(struct hf_lease *lease, const struct hf_lease_options *options,
                              struct hf_error *err)
{
    int64_t deadline = machine_time() + HF_LEASE_PATIENCE_S * HF_NS_PER_S;
    for (unsigned try = 1;; try++) {
        bool settled = false;
        char brief[HF_LEASE_OBJECT_TEXT] = "";
        enum hf_status status =
            attempt(lease, options->mode, options->observer, &settled, brief, err);
        if (status != HF_OK)
            remove_own(lease);
        if (status == HF_BUSY && brief[0] && options->mode != HF_LEASE_PRUNE) {
            hf_observe(options->observer, HF_NOTE_STEP, "waiting: %s", err->text);
            if (wait_for_brief(lease, options->cancel, brief, deadline)) {
                try = 0;
                continue;
            }
            if (options->cancel)
                HF_TRY(hf_cancel_check(options->cancel, err));
            return status;
        }
        if (status != HF_BUSY || settled || try == TRIES)
            return status;
        /* Two that came at once both stepped back: the random wait lets one go first. */
        if (!wait_for(options->cancel, (int64_t)hf_random_below(WAIT_MS * try) * NS_PER_MS))
            return hf_cancel_check(options->cancel, err);
    }
}

static void free_lease(struct hf_lease *lease)
{
    hf_cancel_free(lease->stop);
    hf_buf_free(&lease->bytes);
    pthread_mutex_destroy(&lease->lock);
    free(lease);
}

enum hf_status hf_lease_take(struct hf_repo *repo, const struct hf_lease_options *options,
                             struct hf_lease **out, struct hf_error *err)
{
    struct hf_lease *lease = calloc(1, sizeof *lease);
    if (!lease)
        return hf_error_memory(err);
    char id[33];
    hf_random_hex(id, 16);
    (void)snprintf(lease->object, sizeof lease->object, HF_LEASES_PREFIX "%s", id);
    (void)snprintf(lease->purpose, sizeof lease->purpose, "%s", options->purpose);
    (void)pthread_mutex_init(&lease->lock, NULL); /* cannot fail with default attributes */
    lease->repo = repo;
    lease->cancel = options->cancel;
    lease->ttl = options->ttl ? options->ttl : HF_LEASE_TTL_S * HF_NS_PER_S;
    lease->renew = options->renew ? options->renew : HF_LEASE_RENEW_S * HF_NS_PER_S;

    enum hf_status status = hf_cancel_new(&lease->stop, err);
    if (status == HF_OK)
        status = seal_own(lease, options->mode, false, err);
    if (status == HF_OK)
        status = acquire(lease, options, err);
    if (status == HF_OK) {
        status = hf_pool_start(1, keep_renewing, NULL, lease, lease->stop, &lease->pool, err);
        if (status != HF_OK)
            remove_own(lease);
    }
    if (status != HF_OK) {
        free_lease(lease);
        return status;
    }
    *out = lease;
    return HF_OK;
}

bool hf_lease_found_traces(const struct hf_lease *lease)
{
    return lease->traces;
}

int64_t hf_lease_reckon(const struct hf_lease *lease)
{
    return machine_time() + lease->store_ahead;
}

enum hf_status hf_lease_check(struct hf_lease *lease, struct hf_error *err)
{
    if (!atomic_load(&lease->lost) && !outlived(lease))
        return HF_OK;
    return hf_error_set(err, HF_BUSY,
                        "the lease on the repository was lost, because it could not be renewed in "
                        "time; run again");
}

enum hf_status hf_lease_confirm(struct hf_lease *lease, struct hf_error *err)
{
    struct hf_store_stat stat;
    HF_TRY(hf_lease_check(lease, err));
    enum hf_status status = hf_store_stat(lease->repo->store, lease->object, &stat, err);
    if (status != HF_NOT_FOUND)
        return status;
    atomic_store(&lease->lost, true);
    return hf_lease_check(lease, err);
}

enum hf_status hf_lease_time(struct hf_lease *lease, int64_t *out, struct hf_error *err)
{
    struct hf_store_stat stat;
    HF_TRY(hf_lease_check(lease, err));
    HF_TRY(renew_own(lease, err));
    HF_TRY(hf_store_stat(lease->repo->store, lease->object, &stat, err));
    *out = stat.mtime;
    return HF_OK;
}

enum hf_status hf_lease_lower(struct hf_lease *lease, struct hf_error *err)
{
    HF_TRY(seal_own(lease, HF_LEASE_PRUNE, false, err));
    HF_TRY(hf_lease_check(lease, err));
    return renew_own(lease, err);
}

enum hf_status hf_lease_raise(struct hf_lease *lease, int64_t wait, struct hf_cancel *cancel,
                              struct hf_error *err)
{
    int64_t deadline = machine_time() + wait;
    struct hf_error why = HF_ERROR_INIT;
    enum hf_status status = hf_lease_confirm(lease, err);
    if (status == HF_OK)
        status = seal_own(lease, HF_LEASE_EXCLUSIVE, true, err);
    HF_TRY(status);
    for (;;) {
        bool settled = false;
        char brief[HF_LEASE_OBJECT_TEXT];
        status = attempt(lease, HF_LEASE_EXCLUSIVE, NULL, &settled, brief, &why);
        if (status != HF_BUSY || machine_time() >= deadline ||
            !wait_for(cancel, (int64_t)LOOK_MS * NS_PER_MS))
            break;
    }
    if (status == HF_OK)
        status = hf_lease_check(lease, &why);
    if (status == HF_OK)
        return HF_OK;
    *err = why;
    if (hf_lease_lower(lease, &why) != HF_OK)
        *err = why;
    return err->status;
}

void hf_lease_release(struct hf_lease *lease)
{
    if (!lease)
        return;
    struct hf_error ignored = HF_ERROR_INIT;
    hf_cancel_interrupt(lease->stop);
    (void)!hf_pool_join(lease->pool, &ignored); /* the thread reports to the work's cancel */
    if (!atomic_load(&lease->lost))
        remove_own(lease);
    free_lease(lease);
}
