/*
 * Decompresses LZF as it passes: bytes in, bytes out, in constant memory, as a string of RDB may be
 * 512 MiB long. (liblzf takes and gives whole blocks only.)
 *
 * The format: a control byte c below 32 is followed by c + 1 literal bytes; any other refers back:
 * length (c >> 5) + 2 (with 7 in the upper bits, the next byte is added), distance (c & 31) * 256 +
 * the next byte + 1, at most 8192.
 */
#ifndef HF_REDIS_LZF_H
#define HF_REDIS_LZF_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

enum { HF_LZF_WINDOW = 8192, HF_LZF_BUFFER = 8 * HF_LZF_WINDOW };

typedef enum hf_status hf_lzf_out(void *ctx, const uint8_t *data, size_t len, struct hf_error *err);

struct hf_lzf {
    uint64_t left;                 /* bytes that are still to come out */
    size_t at, given;              /* bytes in buffer; of these, handed out already */
    size_t literal;                /* literal bytes to come in */
    uint8_t need;                  /* bytes of a reference that is not whole: 0 to 2 */
    uint16_t length, offset;       /* of that reference */
    uint8_t buffer[HF_LZF_BUFFER]; /* the last bytes out, at least a window of them */
};

/* out_len: how long the text is; what comes out otherwise is HF_DAMAGED. */
void hf_lzf_init(struct hf_lzf *lzf, uint64_t out_len);
/* Any piece of the compressed bytes. Pieces of the text go to out before it returns. */
enum hf_status hf_lzf_feed(struct hf_lzf *lzf, const uint8_t *data, size_t len, hf_lzf_out *out,
                           void *ctx, struct hf_error *err) HF_WARN_UNUSED;
/* The end of the compressed bytes. */
enum hf_status hf_lzf_end(const struct hf_lzf *lzf, struct hf_error *err) HF_WARN_UNUSED;

#endif
