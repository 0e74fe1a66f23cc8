/*
 * What the last snapshot of a volume knows: which files are as they were, and where their content
 * is.
 *
 * Opening it goes through the whole list once, to know how much of each bundle is still referred
 * to; a list that is not whole is none to rely on. A bundle is used again unless
 *   - one of its chunks is not where it can be counted on,
 *   - more than a fifth of it is waste, and it is among the worst of these that together hold at
 *     most an eighth of the volume (or 64 MiB): so that all cannot come at once,
 *   - it is one of more than 16 that hold less than 1 MiB each.
 * Files in other bundles are read again, and end up in new ones without waste.
 *
 * One thread at a time.
 */
#ifndef HF_VOLUME_BASE_H
#define HF_VOLUME_BASE_H

#include "base/observer.h"
#include "base/stream.h"
#include "formats/volume/entry.h"

struct hf_vol_base;
/* There being no last snapshot, or none of use, is no error: nothing is found in it then. */
enum hf_status hf_vol_base_open(const struct hf_sink *sink, const struct hf_observer *observer,
                                struct hf_vol_base **out, struct hf_error *err) HF_WARN_UNUSED;
void hf_vol_base_free(struct hf_vol_base *base);
HF_DEFINE_AUTO_PTR(hf_vol_base, hf_vol_base_free)

/* The file as it was, if fresh (path and what stat says) tells that it did not change and its
 * content can be used again; its bundles then count as used. NULL otherwise. Paths must rise in
 * tree order. Good until the next call. */
enum hf_status hf_vol_base_find(struct hf_vol_base *base, const struct hf_vol_entry *fresh,
                                const struct hf_vol_entry **out,
                                struct hf_error *err) HF_WARN_UNUSED;
/* Makes the used bundles part of the new snapshot. */
enum hf_status hf_vol_base_carry(struct hf_vol_base *base, struct hf_error *err) HF_WARN_UNUSED;
/* The first number that no bundle has. */
uint32_t hf_vol_base_next_bundle(const struct hf_vol_base *base);

#endif
