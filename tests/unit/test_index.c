#include "storage/repository/index.h"

#include "storage/repository/repository_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/check.h"
#include "tests/support/memory_store.h"
#include "tests/support/pack_fixture.h"
#include "tests/support/repo_fixture.h"
#include "tests/support/snapshot_fixture.h"

static struct hf_index *new_index(void)
{
    struct hf_index *index;
    struct hf_error err = HF_ERROR_INIT;
    assert_ok(hf_index_new(&index, &err), &err);
    return index;
}

static struct hf_index *load(struct fixture *fixture)
{
    struct hf_index *index = new_index();
    struct hf_error err = HF_ERROR_INIT;
    assert_ok(hf_index_load(index, fixture->repo, NULL, &err), &err);
    return index;
}

static void flush(struct fixture *fixture, struct hf_index *index)
{
    struct hf_error err = HF_ERROR_INIT;
    assert_ok(hf_index_flush(index, fixture->repo, NULL, &err), &err);
    assert_int_equal(hf_index_pending(index), 0);
}

static bool find(struct hf_index *index, uint32_t seed, uint32_t i, struct hf_location *out)
{
    struct hf_chunk_id id = fixture_chunk_id(seed, i);
    return hf_index_find(index, &id, out);
}

static void flush_load_same_index(void **state)
{
    struct fixture *fixture = *state;
    struct hf_index *index = new_index();
    struct fixture_pack made[3];
    struct hf_location at;
    for (uint32_t seed = 0; seed < 3; seed++)
        made[seed] = fixture_pack(NULL, fixture->repo->keys, seed, 100 * seed + 1, index);
    assert_int_equal(hf_index_pending(index), 3);
    flush(fixture, index);
    flush(fixture, index);
    assert_int_equal(hf_memory_store_count(fixture->store, "index/"), 1);
    hf_index_free(index);
    index = load(fixture);
    assert_int_equal(hf_index_frames(index), 1 + 101 + 201);
    assert_true(find(index, 2, 77, &at));
    assert_true(hf_chunk_id_equal(&at.pack->id, &made[2].id));
    assert_int_equal(at.pack->size, made[2].size);
    assert_int_equal(at.frame->plain_len, 10 + 77);
    assert_int_equal(at.frame->number, 77);
    assert_int_equal(at.frame->offset, HF_PACK_MAGIC + 77 * (10 + HF_FRAME_TAG));
    assert_int_equal(at.pack->class, HF_CHUNK_DATA);
    assert_false(at.dropped);
    assert_false(find(index, 3, 0, &at));
    assert_int_equal(hf_index_pending(index), 0);
    hf_index_free(index);
}

static void flush_many_packs_several_objects(void **state)
{
    enum { FRAMES = 20000, PACKS = HF_INDEX_OBJECT_TARGET / HF_PACK_ENTRY / FRAMES + 2 };
    struct fixture *fixture = *state;
    struct hf_index *index = new_index();
    for (uint32_t seed = 0; seed < PACKS; seed++)
        (void)fixture_pack(NULL, fixture->repo->keys, seed, FRAMES, index);
    flush(fixture, index);
    hf_index_free(index);
    assert_int_equal(hf_memory_store_count(fixture->store, "index/"), 2);
    index = load(fixture);
    assert_int_equal(hf_index_frames(index), PACKS * FRAMES);
    hf_index_free(index);
}

static void drop_pack_found_last_and_known_after_load(void **state)
{
    struct fixture *fixture = *state;
    struct hf_index *index = new_index();
    struct hf_error err = HF_ERROR_INIT;
    struct hf_location at;
    struct fixture_pack first = fixture_pack(NULL, fixture->repo->keys, 1, 10, index);
    flush(fixture, index);
    assert_ok(hf_index_drop(index, &first.id, &err), &err);
    assert_true(find(index, 1, 5, &at));
    assert_true(at.dropped);
    assert_int_equal(hf_index_frames(index), 0);
    struct fixture_pack second = fixture_pack(NULL, fixture->repo->keys, 1, 8, index);
    for (int round = 0; round < 2; round++) {
        assert_true(find(index, 1, 5, &at));
        assert_false(at.dropped);
        assert_true(hf_chunk_id_equal(&at.pack->id, &second.id));
        assert_true(find(index, 1, 9, &at));
        assert_true(at.dropped);
        assert_true(hf_index_is_dropped(index, &first.id));
        flush(fixture, index);
        hf_index_free(index);
        index = load(fixture);
    }
    hf_index_free(index);
}

static void revive_counts_again_once_it_is_rewritten(void **state)
{
    struct fixture *fixture = *state;
    struct hf_index *index = new_index();
    struct hf_error err = HF_ERROR_INIT;
    struct hf_location at;
    struct fixture_pack pack = fixture_pack(NULL, fixture->repo->keys, 1, 3, index);
    flush(fixture, index);
    assert_false(hf_index_revive(index, &pack.id)); /* it is not dropped */
    /* Dropped and revived before anybody was told: nothing to tell. */
    assert_ok(hf_index_drop(index, &pack.id, &err), &err);
    assert_false(hf_index_revive(index, &pack.id));
    assert_true(find(index, 1, 0, &at) && !at.dropped);
    assert_int_equal(hf_index_pending(index), 0);
    assert_int_equal(hf_index_frames(index), 3);
    /* Dropped again, and told. */
    assert_ok(hf_index_drop(index, &pack.id, &err), &err);
    assert_true(find(index, 1, 0, &at) && at.dropped);
    flush(fixture, index);
    hf_index_free(index);
    index = load(fixture);
    assert_true(hf_index_is_dropped(index, &pack.id));
    assert_true(hf_index_revive(index, &pack.id));
    assert_true(find(index, 1, 0, &at) && !at.dropped);
    assert_ok(hf_index_rewrite(index, fixture->repo, &err), &err);
    hf_index_free(index);
    index = load(fixture);
    assert_true(find(index, 1, 0, &at) && !at.dropped);
    hf_index_free(index);
}

static void rewrite_replaces_all_objects(void **state)
{
    struct fixture *fixture = *state;
    struct hf_error err = HF_ERROR_INIT;
    for (uint32_t seed = 0; seed < 5; seed++) {
        struct hf_index *index = new_index();
        (void)fixture_pack(NULL, fixture->repo->keys, seed, 3, index);
        flush(fixture, index);
        hf_index_free(index);
    }
    assert_int_equal(hf_memory_store_count(fixture->store, "index/"), 5);
    struct hf_index *index = load(fixture);
    assert_ok(hf_index_rewrite(index, fixture->repo, &err), &err);
    hf_index_free(index);
    assert_int_equal(hf_memory_store_count(fixture->store, "index/"), 1);
    index = load(fixture);
    assert_int_equal(hf_index_frames(index), 15);
    hf_index_free(index);
}

struct fault_log {
    unsigned count;
    enum hf_status status;
    char object[HF_STORE_KEY_MAX + 1];
};

static void log_fault(void *ctx, const char *object, const struct hf_error *why)
{
    struct fault_log *log = ctx;
    log->count++;
    log->status = why->status;
    (void)snprintf(log->object, sizeof log->object, "%s", object);
}

static void load_damaged_object_is_a_fault(void **state)
{
    struct fixture *fixture = *state;
    struct hf_error err = HF_ERROR_INIT;
    char key[HF_STORE_KEY_MAX + 1];
    struct fault_log log = {.count = 0};
    const struct hf_index_faults faults = {&log, log_fault};
    HF_AUTO(hf_buf) object = HF_BUF_INIT;
    struct hf_index *index = new_index();
    (void)fixture_pack(NULL, fixture->repo->keys, 1, 3, index);
    flush(fixture, index);
    hf_index_free(index);
    assert_ok(hf_store_list(fixture->store, "index/", hf_test_first_key, key, &err), &err);
    assert_ok(hf_store_get_all(fixture->store, key, 1 << 20, &object, &err), &err);
    object.data[object.len / 2] ^= 1;
    assert_true(hf_memory_store_overwrite(fixture->store, key, object.data, object.len));

    index = new_index();
    assert_fails(hf_index_load(index, fixture->repo, NULL, &err), HF_DAMAGED, &err);
    assert_contains(err.text, key);
    hf_index_free(index);
    index = new_index();
    assert_ok(hf_index_load(index, fixture->repo, &faults, &err), &err);
    assert_int_equal(log.count, 1);
    assert_int_equal(log.status, HF_DAMAGED);
    assert_string_equal(log.object, key);
    hf_index_free(index);
}

static void survey_adopts_strays_and_drops_lost(void **state)
{
    struct fixture *fixture = *state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_index_survey survey;
    struct hf_location at;
    struct fault_log log = {.count = 0};
    const struct hf_index_faults faults = {&log, log_fault};
    struct hf_index *index = new_index();
    struct fixture_pack kept = fixture_pack(fixture->store, fixture->repo->keys, 1, 3, index);
    (void)fixture_pack(NULL, fixture->repo->keys, 2, 3, index);
    struct fixture_pack cut = fixture_pack(fixture->store, fixture->repo->keys, 3, 3, index);
    struct fixture_pack stray = fixture_pack(fixture->store, fixture->repo->keys, 4, 400, NULL);
    struct fixture_pack bad = fixture_pack(fixture->store, fixture->repo->keys, 5, 3, NULL);
    struct fixture_pack doubted = fixture_pack(fixture->store, fixture->repo->keys, 6, 3, NULL);
    assert_true(hf_memory_store_overwrite(fixture->store, cut.name, "short", 5));
    assert_true(
        hf_memory_store_overwrite(fixture->store, bad.name, "not a pack at all, is it", 24));
    assert_ok(hf_index_drop(index, &doubted.id, &err), &err);

    assert_ok(hf_index_survey(index, fixture->repo, "", &faults, &survey, &err), &err);
    assert_int_equal(survey.adopted, 1);
    assert_int_equal(survey.lost, 2);
    assert_int_equal(log.count, 1);
    assert_string_equal(log.object, bad.name);
    assert_true(find(index, 1, 2, &at));
    assert_true(hf_chunk_id_equal(&at.pack->id, &kept.id));
    assert_true(find(index, 4, 399, &at));
    assert_true(hf_chunk_id_equal(&at.pack->id, &stray.id));
    assert_true(find(index, 2, 0, &at) && at.dropped);
    assert_true(find(index, 3, 0, &at) && at.dropped);
    assert_false(find(index, 6, 0, &at));
    hf_index_free(index);
}

static void survey_of_a_part_leaves_the_others(void **state)
{
    enum { PACKS = 40 };
    struct fixture *fixture = *state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_index *index = new_index();
    struct hf_index_survey survey;
    size_t adopted = 0, lost = 0;
    for (uint32_t seed = 0; seed < PACKS; seed++) {
        (void)fixture_pack(NULL, fixture->repo->keys, seed, 1, index); /* lost */
        (void)fixture_pack(fixture->store, fixture->repo->keys, PACKS + seed, 1, NULL);
    }
    for (unsigned digit = 0; digit < 16; digit++) {
        const char part[2] = {"0123456789abcdef"[digit]};
        assert_ok(hf_index_survey(index, fixture->repo, part, NULL, &survey, &err), &err);
        adopted += survey.adopted;
        lost += survey.lost;
        assert_int_equal(hf_index_frames(index), PACKS + adopted - lost);
    }
    assert_int_equal(adopted, PACKS);
    assert_int_equal(lost, PACKS);
    hf_index_free(index);
}

static void parse_truncated_or_flipped_is_damage_or_exact(void **state)
{
    struct fixture *fixture = *state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) plain = HF_BUF_INIT;
    /* One pack of one slot and two frames, by hand. */
    struct hf_pack pack;
    HF_AUTO_PTR(hf_pack_builder) builder = NULL;
    assert_ok(hf_pack_builder_new(1 << 16, &builder, &err), &err);
    assert_ok(hf_pack_builder_begin(builder, fixture->repo->keys, HF_CHUNK_META,
                                    HF_CIPHER_AES_256_GCM, &err),
              &err);
    assert_ok(hf_pack_builder_finish(builder, fixture->repo->keys, &pack, &err), &err);
    assert_ok(hf_buf_u32(&plain, 1, &err), &err);
    assert_ok(hf_buf_u32(&plain, 1, &err), &err);
    assert_ok(hf_buf_append(&plain, pack.id.bytes, 32, &err), &err);
    assert_ok(hf_buf_append(&plain, pack.id.bytes, 32, &err), &err);
    assert_ok(hf_buf_u64(&plain, 1000, &err), &err);
    assert_ok(hf_buf_u32(&plain, 1, &err), &err);
    assert_ok(hf_buf_u32(&plain, 2, &err), &err);
    assert_ok(hf_buf_append(&plain, pack.slots[0].raw, HF_PACK_SLOT, &err), &err);
    for (uint32_t i = 0; i < 2; i++) {
        assert_ok(hf_buf_append(&plain, pack.id.bytes, 32, &err), &err);
        assert_ok(hf_buf_u32(&plain, 100, &err), &err);
        assert_ok(hf_buf_u32(&plain, 50, &err), &err);
        assert_ok(hf_buf_u32(&plain, i, &err), &err);
        assert_ok(hf_buf_u16(&plain, 0, &err), &err);
        assert_ok(hf_buf_u16(&plain, HF_CODEC_ZSTD, &err), &err);
    }
    struct hf_index *index = new_index();
    assert_ok(hf_index_parse(index, plain.data, plain.len, &err), &err);
    hf_index_free(index);
    for (size_t len = 0; len < plain.len; len++) {
        index = new_index();
        uint8_t *exact = malloc(len + 1);
        assert_non_null(exact);
        memcpy(exact, plain.data, len);
        assert_fails(hf_index_parse(index, exact, len, &err), HF_DAMAGED, &err);
        assert_null(hf_index_pack(index, 0));
        free(exact);
        hf_index_free(index);
    }
    for (size_t i = 0; i < plain.len * 8; i++) {
        index = new_index();
        plain.data[i / 8] ^= (uint8_t)(1u << i % 8);
        enum hf_status status = hf_index_parse(index, plain.data, plain.len, &err);
        assert_true(status == HF_OK || status == HF_DAMAGED);
        plain.data[i / 8] ^= (uint8_t)(1u << i % 8);
        hf_index_free(index);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(flush_load_same_index, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(flush_many_packs_several_objects, fixture_set_up,
                                        fixture_tear_down),
        cmocka_unit_test_setup_teardown(drop_pack_found_last_and_known_after_load, fixture_set_up,
                                        fixture_tear_down),
        cmocka_unit_test_setup_teardown(revive_counts_again_once_it_is_rewritten, fixture_set_up,
                                        fixture_tear_down),
        cmocka_unit_test_setup_teardown(rewrite_replaces_all_objects, fixture_set_up,
                                        fixture_tear_down),
        cmocka_unit_test_setup_teardown(load_damaged_object_is_a_fault, fixture_set_up,
                                        fixture_tear_down),
        cmocka_unit_test_setup_teardown(survey_adopts_strays_and_drops_lost, fixture_set_up,
                                        fixture_tear_down),
        cmocka_unit_test_setup_teardown(survey_of_a_part_leaves_the_others, fixture_set_up,
                                        fixture_tear_down),
        cmocka_unit_test_setup_teardown(parse_truncated_or_flipped_is_damage_or_exact,
                                        fixture_set_up, fixture_tear_down),
    };
    return cmocka_run_group_tests_name("index", tests, NULL, NULL);
}
