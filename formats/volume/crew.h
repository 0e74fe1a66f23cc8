/* Threads that do what they are given, and a way to wait until all of it is done. */
#ifndef HF_VOLUME_CREW_H
#define HF_VOLUME_CREW_H

#include "base/cancel.h"
#include "base/error.h"

#include <stddef.h>

struct hf_vol_crew;

/* One piece of work: [first, first + count) of whatever ctx and kind mean. */
struct hf_vol_duty {
    int kind;
    size_t first, count;
};
typedef enum hf_status hf_vol_do_fn(void *ctx, size_t thread, const struct hf_vol_duty *duty,
                                    struct hf_error *err);

enum hf_status hf_vol_crew_start(size_t threads, hf_vol_do_fn *work, void *ctx,
                                 struct hf_cancel *cancel, struct hf_vol_crew **out,
                                 struct hf_error *err) HF_WARN_UNUSED;
/* Waits while there is much to do already. HF_CANCELLED after an error of any thread. */
enum hf_status hf_vol_crew_give(struct hf_vol_crew *crew, int kind, size_t first, size_t count,
                                struct hf_error *err) HF_WARN_UNUSED;
/* Until all that was given is done. */
enum hf_status hf_vol_crew_wait(struct hf_vol_crew *crew, struct hf_error *err) HF_WARN_UNUSED;
/* Joins the threads and frees the crew; what was given and not begun is not done. The first error
 * of a thread. */
enum hf_status hf_vol_crew_end(struct hf_vol_crew *crew, struct hf_error *err) HF_WARN_UNUSED;

#endif
