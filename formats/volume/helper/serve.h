/*
 * Doing what the helper in a container asks for: at a backup it writes to our sink, at a restore it
 * reads from our feed. One thread at a time.
 *
 * Nothing that it says is trusted: streams are those a volume has, what is opened is closed, there
 * is a most of everything.
 */
#ifndef HF_VOLUME_HELPER_SERVE_H
#define HF_VOLUME_HELPER_SERVE_H

#include "formats/source.h"
#include "formats/volume/helper/wire.h"

/* How answers get to the helper. */
typedef enum hf_status hf_vol_send_fn(void *ctx, const void *data, size_t len,
                                      struct hf_error *err);

struct hf_vol_serve_options {
    const struct hf_sink *sink; /* a backup's; or */
    const struct hf_feed *feed; /* a restore's */
    const struct hf_observer *observer;
    hf_vol_send_fn *send;
    void *send_ctx;
    const json_t *start; /* what the helper is told to do, once it has said hello */
};

struct hf_vol_serve;
/* options' pointers are borrowed as long as it lives. */
enum hf_status hf_vol_serve_new(const struct hf_vol_serve_options *options,
                                struct hf_vol_serve **out, struct hf_error *err) HF_WARN_UNUSED;
/* Abandons what is open. */
void hf_vol_serve_free(struct hf_vol_serve *serve);
HF_DEFINE_AUTO_PTR(hf_vol_serve, hf_vol_serve_free)

/* What the helper said, in any pieces. */
enum hf_status hf_vol_serve_feed(struct hf_vol_serve *serve, const void *data, size_t len,
                                 struct hf_error *err) HF_WARN_UNUSED;
/* Whether it has said hello, and whether it has said what came of the work. */
bool hf_vol_serve_begun(const struct hf_vol_serve *serve);
bool hf_vol_serve_ended(const struct hf_vol_serve *serve);
/* What came of it: the helper's own error, or HF_OK. *out (borrowed, may be set either way, NULL
 * where it said nothing) is its object. */
enum hf_status hf_vol_serve_result(const struct hf_vol_serve *serve, const json_t **out,
                                   struct hf_error *err) HF_WARN_UNUSED;

/* The streams of a feed, for the helper: [[name, kind, bytes, records, chunks], …]. */
enum hf_status hf_vol_serve_streams(const struct hf_feed *feed, json_t **out,
                                    struct hf_error *err) HF_WARN_UNUSED;

#endif
