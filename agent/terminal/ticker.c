#include "agent/terminal/ticker.h"

#include "base/pool.h"

#include <poll.h>
#include <stdlib.h>

struct hf_ticker {
    int milliseconds;
    void (*tick)(void *ctx);
    void *ctx;
    struct hf_cancel *stop;
    struct hf_pool *pool;
};

static enum hf_status run(void *arg, size_t index, struct hf_error *err)
{
    struct hf_ticker *ticker = arg;
    struct pollfd stop = {.fd = hf_cancel_fd(ticker->stop), .events = POLLIN};

    (void)index;
    (void)err;
    while (!hf_cancel_requested(ticker->stop)) {
        if (poll(&stop, 1, ticker->milliseconds) == 0)
            ticker->tick(ticker->ctx);
    }
    return HF_OK;
}

enum hf_status hf_ticker_start(int milliseconds, void (*tick)(void *ctx), void *ctx,
                               struct hf_ticker **out, struct hf_error *err)
{
    struct hf_ticker *ticker = calloc(1, sizeof *ticker);

    if (!ticker)
        return hf_error_memory(err);
    *ticker = (struct hf_ticker){.milliseconds = milliseconds, .tick = tick, .ctx = ctx};
    if (hf_cancel_new(&ticker->stop, err) != HF_OK ||
        hf_pool_start(1, run, NULL, ticker, ticker->stop, &ticker->pool, err) != HF_OK) {
        hf_ticker_stop(ticker);
        return err->status;
    }
    *out = ticker;
    return HF_OK;
}

void hf_ticker_stop(struct hf_ticker *ticker)
{
    struct hf_error stopped = HF_ERROR_INIT; /* that it was stopped is all the pool can say */

    if (!ticker)
        return;
    if (ticker->stop)
        hf_cancel_interrupt(ticker->stop);
    if (ticker->pool)
        (void)(hf_pool_join(ticker->pool, &stopped) == HF_OK);
    if (ticker->stop)
        hf_cancel_free(ticker->stop);
    free(ticker);
}
