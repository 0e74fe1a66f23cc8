#include "formats/volume/fetch.h"

#include "formats/volume/list.h"

#include <stdlib.h>

static int by_place(const void *a, const void *b)
{
    const struct hf_vol_part *x = &(*(struct hf_vol_wanted *const *)a)->part;
    const struct hf_vol_part *y = &(*(struct hf_vol_wanted *const *)b)->part;
    if (x->bundle != y->bundle)
        return x->bundle < y->bundle ? -1 : 1;
    if (x->offset != y->offset)
        return x->offset < y->offset ? -1 : 1;
    return 0;
}

void hf_vol_wanted_sort(struct hf_vol_wanted **wanted, size_t count)
{
    if (count > 1)
        qsort(wanted, count, sizeof(struct hf_vol_wanted *), by_place);
}

size_t hf_vol_wanted_run(struct hf_vol_wanted *const *wanted, size_t count)
{
    const struct hf_vol_part *first = &wanted[0]->part;
    uint64_t end = first->offset + first->len;
    size_t n = 1;
    for (; n < count; n++) {
        const struct hf_vol_part *part = &wanted[n]->part;
        /* Pieces that lie over one another are read apart. */
        if (part->bundle != first->bundle || part->offset < end ||
            part->offset > end + HF_VOL_GAP_MAX ||
            part->offset + part->len - first->offset > HF_VOL_REQUEST_MAX)
            break;
        end = part->offset + part->len;
    }
    return n;
}

/* A stream that is open, and what is left of its last piece. */
struct input {
    const struct hf_feed *feed;
    struct hf_cancel *cancel;
    struct hf_feed_stream *stream;
    const uint8_t *data;
    size_t len;
};

static enum hf_status more(struct input *input, struct hf_error *err)
{
    if (input->len > 0)
        return HF_OK;
    HF_TRY(hf_cancel_check(input->cancel, err));
    HF_TRY(input->feed->next(input->stream, &input->data, &input->len, err));
    if (input->len == 0)
        return hf_error_set(err, HF_DAMAGED, "content that the list of files names is not there");
    return HF_OK;
}

/* len bytes to the taker, or past it (taker NULL). */
static enum hf_status pass(struct input *input, uint64_t len, const struct hf_vol_taker *taker,
                           struct hf_error *err)
{
    while (len > 0) {
        HF_TRY(more(input, err));
        size_t part = input->len < len ? input->len : (size_t)len;
        if (taker)
            HF_TRY(taker->data(taker->ctx, input->data, part, err));
        input->data += part;
        input->len -= part;
        len -= part;
    }
    return HF_OK;
}

static enum hf_status pass_all(struct input *input, struct hf_vol_wanted *const *wanted,
                               size_t count, const struct hf_vol_taker *taker, struct hf_error *err)
{
    uint64_t at = wanted[0]->part.offset;
    for (size_t i = 0; i < count; i++) {
        const struct hf_vol_part *part = &wanted[i]->part;
        HF_TRY(pass(input, part->offset - at, NULL, err));
        HF_TRY(taker->begin(taker->ctx, wanted[i], err));
        HF_TRY(pass(input, part->len, taker, err));
        HF_TRY(taker->end(taker->ctx, err));
        at = part->offset + part->len;
    }
    return HF_OK;
}

enum hf_status hf_vol_fetch(const struct hf_feed *feed, struct hf_cancel *cancel,
                            struct hf_vol_wanted *const *wanted, size_t count,
                            const struct hf_vol_taker *taker, struct hf_error *err)
{
    char name[HF_VOL_BUNDLE_NAME];
    struct input input = {.feed = feed, .cancel = cancel};
    const struct hf_vol_part *first = &wanted[0]->part, *last = &wanted[count - 1]->part;
    hf_vol_bundle_name(name, first->bundle);
    if (!feed->find(feed->ctx, name))
        return hf_error_set(err, HF_DAMAGED, "the list of files names a bundle that is not there");
    HF_TRY(feed->open_range(feed->ctx, name, first->offset,
                            last->offset + last->len - first->offset, &input.stream, err));
    enum hf_status status = pass_all(&input, wanted, count, taker, err);
    feed->close(input.stream);
    return status;
}
