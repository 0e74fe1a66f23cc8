#include "storage/repository/read_budget.h"

#include "base/text.h"

#include <pthread.h>
#include <stdlib.h>

enum {
    SHARE_MAX = 32 << 20, /* more look-ahead than this hides nothing any more */
    RECYCLED_MAX = 64,
    SMALL = 64 << 10, /* buffers below are left to malloc */
};

struct hf_read_budget {
    pthread_mutex_t lock;
    uint64_t memory;
    uint64_t limit; /* of what is taken; recycled buffers come on top */
    uint64_t used;
    uint64_t peak;
    size_t readers;
    uint64_t keep_limit;
    uint64_t kept_bytes;
    size_t kept_count;
    struct hf_buf kept[RECYCLED_MAX];
};

enum hf_status hf_read_budget_new(uint64_t memory, struct hf_read_budget **out,
                                  struct hf_error *err)
{
    struct hf_read_budget *budget = calloc(1, sizeof *budget);
    if (!budget)
        return hf_error_memory(err);
    if (memory < HF_READ_BUDGET_MIN)
        memory = HF_READ_BUDGET_MIN;
    budget->keep_limit = memory / 8;
    /* A buffer from the shelf may be a quarter larger than what it is counted as. */
    budget->limit = (memory - budget->keep_limit) / 5 * 4;
    budget->memory = memory;
    if (pthread_mutex_init(&budget->lock, NULL) != 0) {
        free(budget);
        return hf_error_memory(err);
    }
    *out = budget;
    return HF_OK;
}

void hf_read_budget_free(struct hf_read_budget *budget)
{
    for (size_t i = 0; i < budget->kept_count; i++)
        hf_buf_free(&budget->kept[i]);
    pthread_mutex_destroy(&budget->lock);
    free(budget);
}

static bool take_within(struct hf_read_budget *budget, uint64_t bytes, uint64_t limit)
{
    pthread_mutex_lock(&budget->lock);
    bool room = bytes <= limit && budget->used <= limit - bytes;
    if (room) {
        budget->used += bytes;
        if (budget->used > budget->peak)
            budget->peak = budget->used;
    }
    pthread_mutex_unlock(&budget->lock);
    return room;
}

bool hf_read_budget_try(struct hf_read_budget *budget, uint64_t bytes)
{
    return take_within(budget, bytes, budget->limit / 4 * 3);
}

enum hf_status hf_read_budget_take(struct hf_read_budget *budget, uint64_t bytes,
                                   struct hf_error *err)
{
    if (take_within(budget, bytes, budget->limit))
        return HF_OK;
    char limit[HF_SIZE_TEXT];
    hf_text_format_size(limit, budget->memory);
    return hf_error_set(err, HF_NO_MEMORY,
                        "%zu streams read at once do not fit into %s of memory; read fewer at a "
                        "time or allow more memory",
                        budget->readers, limit);
}

void hf_read_budget_give(struct hf_read_budget *budget, uint64_t bytes)
{
    pthread_mutex_lock(&budget->lock);
    budget->used -= bytes;
    pthread_mutex_unlock(&budget->lock);
}

void hf_read_budget_join(struct hf_read_budget *budget)
{
    pthread_mutex_lock(&budget->lock);
    budget->readers++;
    pthread_mutex_unlock(&budget->lock);
}

void hf_read_budget_leave(struct hf_read_budget *budget)
{
    pthread_mutex_lock(&budget->lock);
    budget->readers--;
    pthread_mutex_unlock(&budget->lock);
}

uint64_t hf_read_budget_share(struct hf_read_budget *budget)
{
    pthread_mutex_lock(&budget->lock);
    uint64_t share = budget->limit / 4 * 3 / (budget->readers ? budget->readers : 1);
    pthread_mutex_unlock(&budget->lock);
    return share < SHARE_MAX ? share : SHARE_MAX;
}

enum hf_status hf_read_budget_buffer(struct hf_read_budget *budget, size_t size, struct hf_buf *out,
                                     struct hf_error *err)
{
    struct hf_buf buf = HF_BUF_INIT;
    if (size >= SMALL) {
        pthread_mutex_lock(&budget->lock);
        for (size_t i = budget->kept_count; i-- > 0;) {
            if (budget->kept[i].cap < size || budget->kept[i].cap > size + size / 4)
                continue;
            buf = budget->kept[i];
            budget->kept[i] = budget->kept[--budget->kept_count];
            budget->kept_bytes -= buf.cap;
            break;
        }
        pthread_mutex_unlock(&budget->lock);
    }
    if (buf.cap < size) { /* exactly: hf_buf_reserve would round up to a power of two */
        buf.data = malloc(size);
        if (!buf.data)
            return hf_error_memory(err);
        buf.cap = size;
    }
    *out = buf;
    return HF_OK;
}

void hf_read_budget_recycle(struct hf_read_budget *budget, struct hf_buf *buf)
{
    buf->len = 0;
    if (buf->cap >= SMALL) {
        pthread_mutex_lock(&budget->lock);
        if (budget->kept_count < RECYCLED_MAX &&
            buf->cap <= budget->keep_limit - budget->kept_bytes) {
            budget->kept_bytes += buf->cap;
            budget->kept[budget->kept_count++] = *buf;
            *buf = (struct hf_buf)HF_BUF_INIT;
        }
        pthread_mutex_unlock(&budget->lock);
    }
    hf_buf_free(buf);
}

uint64_t hf_read_budget_peak(struct hf_read_budget *budget)
{
    pthread_mutex_lock(&budget->lock);
    uint64_t peak = budget->peak;
    pthread_mutex_unlock(&budget->lock);
    return peak;
}
