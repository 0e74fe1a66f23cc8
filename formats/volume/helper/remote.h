/*
 * The far end of a sink or a feed, inside a helper: what is written goes to whoever started the
 * helper, what is read comes from there (wire.h). Any thread.
 */
#ifndef HF_VOLUME_HELPER_REMOTE_H
#define HF_VOLUME_HELPER_REMOTE_H

#include "base/cancel.h"
#include "base/observer.h"
#include "base/stream.h"
#include "formats/volume/helper/wire.h"

struct hf_vol_remote;

/* Says hello on out, and waits on in for what is to be done (START). cancel is failed when the
 * connection ends; both descriptors are borrowed, and made not to block. */
enum hf_status hf_vol_remote_open(int in, int out, struct hf_cancel *cancel,
                                  struct hf_vol_remote **out_remote,
                                  struct hf_error *err) HF_WARN_UNUSED;
void hf_vol_remote_close(struct hf_vol_remote *remote);
HF_DEFINE_AUTO_PTR(hf_vol_remote, hf_vol_remote_close)

/* What is to be done; borrowed. */
const json_t *hf_vol_remote_start(const struct hf_vol_remote *remote);
const struct hf_observer *hf_vol_remote_observer(const struct hf_vol_remote *remote);
const struct hf_sink *hf_vol_remote_sink(const struct hf_vol_remote *remote);
/* Of the streams that START names. */
enum hf_status hf_vol_remote_feed(struct hf_vol_remote *remote, const struct hf_feed **out,
                                  struct hf_error *err) HF_WARN_UNUSED;
/* The last that is said: how why has it, and what the work came to (NULL: nothing). */
enum hf_status hf_vol_remote_result(struct hf_vol_remote *remote, const struct hf_error *why,
                                    const json_t *result, struct hf_error *err) HF_WARN_UNUSED;

/* ---- for the streams (remote_streams.c) ---- */

/* One message, whole, whoever else sends. */
enum hf_status hf_vol_remote_send(struct hf_vol_remote *remote, enum hf_vol_wire_type type,
                                  uint32_t id, const void *data, size_t len,
                                  struct hf_error *err) HF_WARN_UNUSED;
/* A new number for a stream or a call. */
uint32_t hf_vol_remote_number(struct hf_vol_remote *remote);
/* Sends it and waits for the answer, which replaces what is in out. A refusal is this call's
 * error. */
enum hf_status hf_vol_remote_call(struct hf_vol_remote *remote, enum hf_vol_wire_type type,
                                  uint32_t id, const void *data, size_t len, struct hf_buf *out,
                                  struct hf_error *err) HF_WARN_UNUSED;

/* The sink, and the feeds: of the last snapshot, and of what is restored. */
struct hf_vol_far;
enum hf_status hf_vol_far_new(struct hf_vol_remote *remote, struct hf_vol_far **out,
                              struct hf_error *err) HF_WARN_UNUSED;
void hf_vol_far_free(struct hf_vol_far *far);
const struct hf_sink *hf_vol_far_sink(const struct hf_vol_far *far);
enum hf_status hf_vol_far_feed(struct hf_vol_far *far, const json_t *streams,
                               const struct hf_feed **out, struct hf_error *err) HF_WARN_UNUSED;

#endif
