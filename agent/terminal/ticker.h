/* Calls a function now and then, on a thread of its own, until it is stopped. */
#ifndef HF_AGENT_TERMINAL_TICKER_H
#define HF_AGENT_TERMINAL_TICKER_H

#include "base/error.h"

struct hf_ticker;

enum hf_status hf_ticker_start(int milliseconds, void (*tick)(void *ctx), void *ctx,
                               struct hf_ticker **out, struct hf_error *err) HF_WARN_UNUSED;
/* Waits for a call under way. Takes NULL. */
void hf_ticker_stop(struct hf_ticker *ticker);

#endif
