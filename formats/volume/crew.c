#include "formats/volume/crew.h"

#include "base/pool.h"
#include "base/queue.h"

#include <pthread.h>
#include <stdlib.h>

enum { WAITING = 64 };

struct hf_vol_crew {
    hf_vol_do_fn *work;
    void *ctx;
    struct hf_cancel *cancel;
    struct hf_queue *queue;
    struct hf_pool *pool;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t undone;
    bool stopped;
};

static void stop(void *arg)
{
    struct hf_vol_crew *crew = arg;
    hf_queue_cancel(crew->queue);
    pthread_mutex_lock(&crew->lock);
    crew->stopped = true;
    pthread_cond_broadcast(&crew->changed);
    pthread_mutex_unlock(&crew->lock);
}

static enum hf_status run(void *arg, size_t index, struct hf_error *err)
{
    struct hf_vol_crew *crew = arg;
    struct hf_vol_duty *duty;
    while ((duty = hf_queue_pop(crew->queue)) != NULL) {
        enum hf_status status = hf_cancel_check(crew->cancel, err);
        if (status == HF_OK)
            status = crew->work(crew->ctx, index, duty, err);
        free(duty);
        HF_TRY(status);
        pthread_mutex_lock(&crew->lock);
        if (--crew->undone == 0)
            pthread_cond_broadcast(&crew->changed);
        pthread_mutex_unlock(&crew->lock);
    }
    return HF_OK;
}

static void crew_free(struct hf_vol_crew *crew)
{
    struct hf_vol_duty *duty;
    while (crew->queue && (duty = hf_queue_drain(crew->queue)) != NULL)
        free(duty);
    if (crew->queue)
        hf_queue_free(crew->queue);
    pthread_cond_destroy(&crew->changed);
    pthread_mutex_destroy(&crew->lock);
    free(crew);
}
HF_DEFINE_AUTO_PTR(hf_vol_crew, crew_free)

enum hf_status hf_vol_crew_start(size_t threads, hf_vol_do_fn *work, void *ctx,
                                 struct hf_cancel *cancel, struct hf_vol_crew **out,
                                 struct hf_error *err)
{
    HF_AUTO_PTR(hf_vol_crew) crew = calloc(1, sizeof *crew);
    if (!crew)
        return hf_error_memory(err);
    (void)pthread_mutex_init(&crew->lock, NULL); /* cannot fail with default attributes */
    (void)pthread_cond_init(&crew->changed, NULL);
    crew->work = work;
    crew->ctx = ctx;
    crew->cancel = cancel;
    HF_TRY(hf_queue_new(WAITING, &crew->queue, err));
    HF_TRY(hf_pool_start(threads, run, stop, crew, cancel, &crew->pool, err));
    *out = crew;
    crew = NULL;
    return HF_OK;
}

static enum hf_status stopped(struct hf_vol_crew *crew, struct hf_error *err)
{
    HF_TRY(hf_cancel_check(crew->cancel, err));
    return hf_error_set(err, HF_CANCELLED, "stopped after an error elsewhere");
}

enum hf_status hf_vol_crew_give(struct hf_vol_crew *crew, int kind, size_t first, size_t count,
                                struct hf_error *err)
{
    struct hf_vol_duty *duty = malloc(sizeof *duty);
    if (!duty)
        return hf_error_memory(err);
    *duty = (struct hf_vol_duty){kind, first, count};
    pthread_mutex_lock(&crew->lock);
    crew->undone++;
    pthread_mutex_unlock(&crew->lock);
    if (hf_queue_push(crew->queue, duty))
        return HF_OK;
    free(duty);
    return stopped(crew, err);
}

enum hf_status hf_vol_crew_wait(struct hf_vol_crew *crew, struct hf_error *err)
{
    pthread_mutex_lock(&crew->lock);
    while (crew->undone > 0 && !crew->stopped)
        pthread_cond_wait(&crew->changed, &crew->lock);
    bool was_stopped = crew->stopped;
    pthread_mutex_unlock(&crew->lock);
    return was_stopped ? stopped(crew, err) : HF_OK;
}

enum hf_status hf_vol_crew_end(struct hf_vol_crew *crew, struct hf_error *err)
{
    HF_AUTO_PTR(hf_vol_crew) owned = crew;
    pthread_mutex_lock(&crew->lock);
    bool unfinished = crew->undone > 0;
    pthread_mutex_unlock(&crew->lock);
    if (unfinished)
        stop(owned);
    else
        hf_queue_close(owned->queue);
    return hf_pool_join(owned->pool, err);
}
