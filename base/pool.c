#include "base/pool.h"

#include "base/cpus.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

struct worker {
    struct hf_pool *pool;
    size_t index;
    pthread_t thread;
};

struct hf_pool {
    hf_pool_fn *run;
    void (*on_fail)(void *arg);
    void *arg;
    struct hf_cancel *cancel;
    atomic_bool failed;
    size_t started;
    struct worker workers[];
};

static void fail(struct hf_pool *pool, const struct hf_error *cause)
{
    atomic_store(&pool->failed, true);
    hf_cancel_fail(pool->cancel, cause);
    if (pool->on_fail)
        pool->on_fail(pool->arg);
}

static void *work(void *arg)
{
    struct worker *worker = arg;
    struct hf_pool *pool = worker->pool;
    struct hf_error err = HF_ERROR_INIT;

    if (pool->run(pool->arg, worker->index, &err) != HF_OK)
        fail(pool, &err);
    return NULL;
}

/* A thread inherits the mask of its maker. */
static int start_worker(struct worker *worker)
{
    sigset_t all;
    sigset_t before;
    int sys;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    sys = pthread_create(&worker->thread, NULL, work, worker);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return sys;
}

static void join_all(struct hf_pool *pool)
{
    for (size_t i = 0; i < pool->started; i++)
        (void)pthread_join(pool->workers[i].thread, NULL);
}

enum hf_status hf_pool_start(size_t count, hf_pool_fn *run, void (*on_fail)(void *arg), void *arg,
                             struct hf_cancel *cancel, struct hf_pool **out, struct hf_error *err)
{
    struct hf_pool *pool;
    size_t bytes;

    if (__builtin_mul_overflow(count, sizeof pool->workers[0], &bytes) ||
        __builtin_add_overflow(bytes, sizeof *pool, &bytes))
        return hf_error_memory(err);
    pool = calloc(1, bytes);
    if (!pool)
        return hf_error_memory(err);
    pool->run = run;
    pool->on_fail = on_fail;
    pool->arg = arg;
    pool->cancel = cancel;
    atomic_init(&pool->failed, false);
    for (size_t i = 0; i < count; i++) {
        struct worker *worker = &pool->workers[i];
        enum hf_status status;
        int sys;

        worker->pool = pool;
        worker->index = i;
        sys = start_worker(worker);
        if (sys != 0) {
            status = hf_error_sys(err, sys, "thread %zu of %zu cannot be started", i + 1, count);
            fail(pool, err); /* those that run must end before arg goes away */
            join_all(pool);
            free(pool);
            return status;
        }
        pool->started++;
    }
    *out = pool;
    return HF_OK;
}

enum hf_status hf_pool_join(struct hf_pool *pool, struct hf_error *err)
{
    enum hf_status status = HF_OK;

    join_all(pool);
    if (atomic_load(&pool->failed))
        status = hf_cancel_cause(pool->cancel, err);
    free(pool);
    return status;
}

struct each {
    hf_pool_item_fn *fn;
    void *arg;
    size_t count;
    atomic_size_t next;
    struct hf_cancel *cancel; /* the caller's, or NULL */
    struct hf_cancel
        *own; /* of the threads: an error of one must not stop the caller's other work */
};

static enum hf_status work_each(void *arg, size_t index, struct hf_error *err)
{
    struct each *each = arg;

    (void)index;
    for (;;) {
        size_t item = atomic_fetch_add(&each->next, 1);

        if (item >= each->count || hf_cancel_requested(each->own))
            return HF_OK;
        if (each->cancel)
            HF_TRY(hf_cancel_check(each->cancel, err));
        HF_TRY(each->fn(each->arg, item, err));
    }
}

enum hf_status hf_pool_each(size_t threads, size_t count, hf_pool_item_fn *fn, void *arg,
                            struct hf_cancel *cancel, struct hf_error *err)
{
    HF_AUTO_PTR(hf_cancel) own = NULL;
    struct hf_pool *pool;

    HF_TRY(hf_cancel_new(&own, err));
    struct each each = {.fn = fn, .arg = arg, .count = count, .cancel = cancel, .own = own};
    if (threads > count)
        threads = count;
    if (threads <= 1)
        return work_each(&each, 0, err);
    HF_TRY(hf_pool_start(threads, work_each, NULL, &each, own, &pool, err));
    return hf_pool_join(pool, err);
}

static size_t processors(void)
{
    cpu_set_t set;
    long online;

    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        return (size_t)CPU_COUNT(&set);
    online = sysconf(_SC_NPROCESSORS_ONLN); /* more processors than a cpu_set_t holds */
    return online > 0 ? (size_t)online : 1;
}

size_t hf_pool_cpus(void)
{
    size_t there = processors();
    size_t quota = hf_cpus_quota("");

    return quota > 0 && quota < there ? quota : there;
}
