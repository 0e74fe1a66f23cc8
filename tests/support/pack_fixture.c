#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/pack_fixture.h"

#include "tests/support/check.h"

struct hf_chunk_id fixture_chunk_id(uint32_t seed, uint32_t i)
{
    struct hf_chunk_id id = {{0}};
    hf_store_u32(id.bytes, seed * 2654435761u + i * 40503u);
    hf_store_u32(id.bytes + 4, i);
    hf_store_u32(id.bytes + 8, seed);
    return id;
}

struct fixture_pack fixture_pack(struct hf_store *store, const struct hf_keyset *keys,
                                 uint32_t seed, uint32_t count, struct hf_index *index)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_pack pack;
    struct fixture_pack made;
    HF_AUTO_PTR(hf_pack_builder) builder = NULL;
    assert_ok(hf_pack_builder_new(4 << 20, &builder, &err), &err);
    assert_ok(
        hf_pack_builder_begin(builder, keys, HF_CHUNK_DATA, HF_CIPHER_XCHACHA20_POLY1305, &err),
        &err);
    for (uint32_t i = 0; i < count; i++) {
        struct hf_frame frame = {
            .id = fixture_chunk_id(seed, i), .plain_len = 10 + i, .stored_len = 10 + HF_FRAME_TAG};
        uint8_t *place = hf_pack_builder_reserve(builder, &frame);
        assert_non_null(place);
        memset(place, (int)seed, frame.stored_len);
    }
    assert_ok(hf_pack_builder_finish(builder, keys, &pack, &err), &err);
    made.id = pack.id;
    made.size = pack.len;
    hf_pack_name(&pack.id, made.name);
    if (store)
        assert_ok(hf_store_put(store, made.name, pack.data, pack.len, HF_PUT_CREATE, &err), &err);
    if (index)
        assert_ok(hf_index_add(index, &pack.id, pack.len, pack.slots, pack.slot_count, pack.frames,
                               pack.frame_count, &err),
                  &err);
    return made;
}
