/*
 * One piece of work, many threads: the first error wins and stops the rest.
 *
 * Any thread may fail it; every thread asks now and then, or polls its fd beside
 * its own sockets. A signal handler may use hf_cancel_interrupt only.
 */
#ifndef HF_BASE_CANCEL_H
#define HF_BASE_CANCEL_H

#include "base/error.h"

#include <stdint.h>

struct hf_cancel;

enum hf_status hf_cancel_new(struct hf_cancel **out, struct hf_error *err) HF_WARN_UNUSED;
void hf_cancel_free(struct hf_cancel *cancel);
HF_DEFINE_AUTO_PTR(hf_cancel, hf_cancel_free)

/* Stops the work with this error. Only the first call counts; HF_CANCELLED errors never
 * replace a cause. */
void hf_cancel_fail(struct hf_cancel *cancel, const struct hf_error *cause);

/* Stops the work as a person would with Ctrl-C. Async-signal-safe. */
void hf_cancel_interrupt(struct hf_cancel *cancel);

bool hf_cancel_requested(const struct hf_cancel *cancel);

/* HF_OK while the work goes on, HF_CANCELLED ("interrupted" or "stopped after an error elsewhere")
 * once it was stopped. */
enum hf_status hf_cancel_check(struct hf_cancel *cancel, struct hf_error *err) HF_WARN_UNUSED;

/* The cause, copied out; HF_OK when there is none. HF_CANCELLED after an interrupt. */
enum hf_status hf_cancel_cause(struct hf_cancel *cancel, struct hf_error *out);

/* Sleeps for so long, or until the work is stopped: HF_CANCELLED, as hf_cancel_check has it. cancel
 * may be NULL: sleeps for all of it. */
enum hf_status hf_cancel_sleep(struct hf_cancel *cancel, int64_t ns,
                               struct hf_error *err) HF_WARN_UNUSED;

/* Readable once the work was stopped; never read from it. Owned by the object. */
int hf_cancel_fd(const struct hf_cancel *cancel);

#endif
