/*
 * The memory of a restore: what all open streams of a snapshot together may hold.
 *
 * Bytes are taken before a buffer is filled and given back after it is released. Look-ahead may
 * take from three quarters of the whole, and is simply told no beyond; what a reader waits for
 * may take from all of it. So a stream can always go on, however much others have read ahead,
 * unless the pieces that readers hold at that moment alone fill the budget.
 *
 * Emptied buffers are kept, up to an eighth, for the next to use: fresh memory costs a page fault
 * per 4 KiB. Any thread may call anything but free.
 */
#ifndef HF_REPOSITORY_READ_BUDGET_H
#define HF_REPOSITORY_READ_BUDGET_H

#include "base/buffer.h"
#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

struct hf_read_budget;

/* memory in bytes, at least HF_READ_BUDGET_MIN is used. */
enum { HF_READ_BUDGET_MIN = 32 << 20 };
enum hf_status hf_read_budget_new(uint64_t memory, struct hf_read_budget **out,
                                  struct hf_error *err) HF_WARN_UNUSED;
void hf_read_budget_free(struct hf_read_budget *budget);
HF_DEFINE_AUTO_PTR(hf_read_budget, hf_read_budget_free)

/* For look-ahead: false when there is no room. */
bool hf_read_budget_try(struct hf_read_budget *budget, uint64_t bytes) HF_WARN_UNUSED;
/* For what is needed now: HF_NO_MEMORY when readers hold everything. */
enum hf_status hf_read_budget_take(struct hf_read_budget *budget, uint64_t bytes,
                                   struct hf_error *err) HF_WARN_UNUSED;
void hf_read_budget_give(struct hf_read_budget *budget, uint64_t bytes);

/* Streams in mid-read, among which look-ahead is shared out. */
void hf_read_budget_join(struct hf_read_budget *budget);
void hf_read_budget_leave(struct hf_read_budget *budget);
/* What one of them may hold ahead. */
uint64_t hf_read_budget_share(struct hf_read_budget *budget);

/* An empty buffer with room for size bytes, and back. */
enum hf_status hf_read_budget_buffer(struct hf_read_budget *budget, size_t size, struct hf_buf *out,
                                     struct hf_error *err) HF_WARN_UNUSED;
void hf_read_budget_recycle(struct hf_read_budget *budget, struct hf_buf *buf);

/* The most that was ever taken, for tests. */
uint64_t hf_read_budget_peak(struct hf_read_budget *budget);

#endif
