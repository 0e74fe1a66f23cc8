/*
 * Opening frames of a hostile repository: the input is what was sealed under a key the attacker
 * has, so that the decoders see it and not only the tag. First byte: codec and kind; then the plain
 * length the directory claims; the rest is the body.
 */
#include "base/buffer.h"
#include "base/secret.h"
#include "storage/repository/frame.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PLAIN_MAX = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_frame_coder *coder;
    struct hf_pack_key key = {.cipher = HF_CIPHER_XCHACHA20_POLY1305};
    struct hf_reader input;
    hf_reader_init(&input, data, size);
    struct hf_frame frame = {.codec = hf_reader_u8(&input) % 4};
    frame.plain_len = hf_reader_u32(&input) % PLAIN_MAX;
    if (!hf_reader_ok(&input) || input.left == 0)
        return 0;
    frame.stored_len = (uint32_t)input.left + HF_FRAME_TAG;
    if (hf_crypto_init(&err) != HF_OK || hf_frame_coder_new(0, &coder, &err) != HF_OK)
        abort();
    uint8_t *sealed = malloc(frame.stored_len);
    uint8_t *plain = malloc((size_t)frame.plain_len + 1);
    if (!sealed || !plain || hf_frame_seal(coder, &key, &frame, input.at, sealed, &err) != HF_OK)
        abort();
    (void)!hf_frame_open(coder, &key, &frame, sealed, plain, &err);
    free(sealed);
    free(plain);
    hf_frame_coder_free(coder);
    return 0;
}
