/*
 * Pack directories. The input is slots and directory entries as a holder of meta_key could write
 * them: it is sealed here, so that what is behind the seal is parsed. Once more as it is, tail and
 * all. First byte: number of slots; then their bytes; the rest is the directory's plaintext.
 */
#include "base/secret.h"
#include "storage/repository/envelope.h"
#include "storage/repository/pack.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct hf_keyset *make_keys(void)
{
    const uint8_t repo_id[HF_REPO_ID] = {1};
    struct hf_error err = HF_ERROR_INIT;
    struct hf_keyset *keys;
    if (hf_crypto_init(&err) != HF_OK || hf_keyset_generate(repo_id, &keys, &err) != HF_OK)
        abort();
    return keys;
}

static void parse(const struct hf_keyset *keys, const uint8_t *tail, size_t len, uint64_t size)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_pack_directory) directory = HF_PACK_DIRECTORY_INIT;
    if (hf_pack_tail_parse(keys, tail, len, size, &directory, &err) != HF_OK)
        return;
    for (size_t i = 0; i < directory.slot_count; i++) {
        struct hf_pack_key key;
        (void)!hf_pack_slot_open(keys, &directory.slots[i], "the pack", &key, &err);
    }
}

static enum hf_status make_tail(const struct hf_keyset *keys, const uint8_t *slots, size_t count,
                                const uint8_t *plain, size_t plain_len, struct hf_buf *out,
                                struct hf_error *err)
{
    HF_AUTO(hf_buf) sealed = HF_BUF_INIT;
    struct hf_context context = {slots, count * HF_PACK_SLOT};
    HF_TRY(hf_envelope_seal(keys, HF_SEALED_DIRECTORY, &context, plain, plain_len, &sealed, err));
    HF_TRY(hf_buf_append(out, slots, count * HF_PACK_SLOT, err));
    HF_TRY(hf_buf_append(out, sealed.data, sealed.len, err));
    HF_TRY(hf_buf_u32(out, (uint32_t)count, err));
    HF_TRY(hf_buf_u32(out, (uint32_t)sealed.len, err));
    return hf_buf_append_str(out, "HFPACKE1", err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct hf_keyset *keys; /* made once: it takes longer than all the rest */
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) tail = HF_BUF_INIT;
    if (!keys)
        keys = make_keys();
    parse(keys, data, size, (uint64_t)size + 1000);
    if (size < 9)
        return 0;
    size_t count = data[0];
    uint64_t frames = hf_load_u64(data + 1) % HF_PACK_MAX; /* what the object holds before */
    data += 9;
    size -= 9;
    if (count * HF_PACK_SLOT > size)
        return 0;
    if (make_tail(keys, data, count, data + count * HF_PACK_SLOT, size - count * HF_PACK_SLOT,
                  &tail, &err) != HF_OK)
        abort();
    parse(keys, tail.data, tail.len, frames + tail.len);
    return 0;
}
