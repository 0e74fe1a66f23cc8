#include "storage/repository/reflist.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/shelf.h"

/* References first, first + 1, … */
static struct hf_reflist_root build(struct shelf *shelf, uint32_t first, uint32_t count)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_reflist *list;
    struct hf_reflist_root root;
    assert_int_equal(hf_reflist_new(shelf_store, shelf, &list, &err), HF_OK);
    for (uint32_t i = first; i < first + count; i++) {
        struct hf_ref ref = {.len = i + 1};
        make_id(ref.id, i);
        assert_int_equal(hf_reflist_add(list, &ref, &err), HF_OK);
    }
    assert_int_equal(hf_reflist_finish(list, &root, &err), HF_OK);
    hf_reflist_free(list);
    return root;
}

static enum hf_status read_list(struct shelf *shelf, const struct hf_reflist_root *root,
                                uint32_t *out_count, struct hf_error *err)
{
    HF_AUTO_PTR(hf_refcursor) cursor = NULL;
    HF_TRY(hf_refcursor_open(root, shelf_read, shelf, &cursor, err));
    for (*out_count = 0;; (*out_count)++) {
        struct hf_ref ref;
        bool end;
        HF_TRY(hf_refcursor_next(cursor, &ref, &end, err));
        if (end)
            return HF_OK;
        uint8_t id[HF_REF_ID];
        make_id(id, *out_count);
        if (ref.len != *out_count + 1 || memcmp(id, ref.id, HF_REF_ID) != 0)
            return hf_error_set(err, HF_MISMATCH, "wrong entry %u", *out_count);
    }
}

static void reflist_any_length_comes_back(void **state)
{
    (void)state;
    static const uint32_t lengths[] = {0, 1, 2, 127, 128, 129, 4095, 4096, 5000, 90000, 400000};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        struct shelf shelf = {.nodes = NULL};
        struct hf_error err = HF_ERROR_INIT;
        struct hf_reflist_root root = build(&shelf, 0, lengths[i]);
        uint32_t count = 0;
        assert_int_equal(root.chunks, lengths[i]);
        assert_int_equal(read_list(&shelf, &root, &count, &err), HF_OK);
        assert_int_equal(count, lengths[i]);
        if (lengths[i] < 2)
            assert_int_equal(shelf.stored, 0);
        if (lengths[i] > 90000)
            assert_true(root.depth >= 2);
        shelf_done(&shelf);
    }
}

static void reflist_same_list_same_root(void **state)
{
    (void)state;
    struct shelf shelf = {.nodes = NULL};
    struct hf_reflist_root a = build(&shelf, 0, 30000);
    size_t nodes = shelf.count;
    struct hf_reflist_root b = build(&shelf, 0, 30000);
    assert_memory_equal(a.id, b.id, HF_REF_ID);
    assert_int_equal(a.depth, b.depth);
    assert_int_equal(shelf.count, nodes);
    shelf_done(&shelf);
}

static void reflist_shifted_list_shares_most_nodes(void **state)
{
    (void)state;
    struct shelf shelf = {.nodes = NULL};
    (void)build(&shelf, 0, 50000);
    size_t nodes = shelf.count;
    (void)build(&shelf, 3, 50000); /* three off the front, three more at the end */
    assert_true(nodes > 50);
    assert_true(shelf.count - nodes <= 8);
    shelf_done(&shelf);
}

static void reflist_store_failure_is_passed_on(void **state)
{
    (void)state;
    struct shelf shelf = {.fail_at = 2};
    struct hf_error err = HF_ERROR_INIT;
    struct hf_reflist *list;
    enum hf_status status = HF_OK;
    assert_int_equal(hf_reflist_new(shelf_store, &shelf, &list, &err), HF_OK);
    for (uint32_t i = 0; status == HF_OK && i < 20000; i++) {
        struct hf_ref ref = {.len = 1};
        make_id(ref.id, i);
        status = hf_reflist_add(list, &ref, &err);
    }
    assert_int_equal(status, HF_NO_SPACE);
    hf_reflist_free(list);
    shelf_done(&shelf);
}

/* Every byte of every node in turn: the length of an entry or the form of a node is noticed,
 * another id is one that is not there (chunk ids themselves are verified by whoever reads). */
static void cursor_flipped_byte_is_noticed(void **state)
{
    (void)state;
    struct shelf shelf = {.nodes = NULL};
    struct hf_reflist_root root = build(&shelf, 0, 1500);
    assert_true(root.depth == 2);
    for (size_t n = 0; n < shelf.count; n++) {
        for (size_t i = 0; i < shelf.nodes[n].len; i++) {
            struct hf_error err = HF_ERROR_INIT;
            uint32_t count;
            shelf.nodes[n].data[i] ^= 0x11;
            assert_int_not_equal(read_list(&shelf, &root, &count, &err), HF_OK);
            shelf.nodes[n].data[i] ^= 0x11;
        }
    }
    shelf_done(&shelf);
}

static void cursor_wrong_root_is_damaged(void **state)
{
    (void)state;
    struct shelf shelf = {.nodes = NULL};
    struct hf_reflist_root good = build(&shelf, 0, 3000), bad[6];
    for (size_t i = 0; i < 6; i++)
        bad[i] = good;
    bad[0].chunks++;
    bad[1].chunks--;
    bad[2].bytes++;
    bad[3].bytes--;
    bad[4].depth++;
    bad[5].depth = HF_REFLIST_DEPTH_MAX + 1;
    for (size_t i = 0; i < 6; i++) {
        struct hf_error err = HF_ERROR_INIT;
        uint32_t count;
        assert_int_equal(read_list(&shelf, &bad[i], &count, &err), HF_DAMAGED);
    }
    shelf_done(&shelf);
}

static void cursor_endless_list_is_bounded(void **state)
{
    (void)state;
    struct shelf shelf = {.nodes = NULL};
    struct hf_error err = HF_ERROR_INIT;
    struct hf_reflist_root root = build(&shelf, 0, 600);
    struct hf_refcursor *cursor;
    struct hf_ref ref;
    bool end = false;
    root.chunks = 2; /* the node holds 600 */
    root.bytes = 3;
    assert_int_equal(hf_refcursor_open(&root, shelf_read, &shelf, &cursor, &err), HF_OK);
    assert_int_equal(hf_refcursor_next(cursor, &ref, &end, &err), HF_OK);
    assert_int_equal(hf_refcursor_next(cursor, &ref, &end, &err), HF_OK);
    assert_int_equal(hf_refcursor_next(cursor, &ref, &end, &err), HF_DAMAGED);
    assert_int_equal(hf_refcursor_next(cursor, &ref, &end, &err), HF_DAMAGED);
    hf_refcursor_close(cursor);
    shelf_done(&shelf);
}

struct visits {
    size_t nodes, chunks;
};

static enum hf_status visit_node(void *ctx, const uint8_t id[HF_REF_ID], uint32_t len,
                                 struct hf_error *err)
{
    struct visits *visits = ctx;
    (void)id;
    (void)len;
    (void)err;
    visits->nodes++;
    return HF_OK;
}

static enum hf_status visit_chunk(void *ctx, const uint8_t id[HF_REF_ID], uint32_t len,
                                  struct hf_error *err)
{
    struct visits *visits = ctx;
    (void)id;
    (void)len;
    (void)err;
    visits->chunks++;
    return HF_OK;
}

static void walk_visits_every_node_and_chunk(void **state)
{
    (void)state;
    struct shelf shelf = {.nodes = NULL};
    struct hf_error err = HF_ERROR_INIT;
    struct hf_reflist_root root = build(&shelf, 0, 20000);
    struct visits visits = {0, 0};
    assert_int_equal(
        hf_reflist_walk(&root, shelf_read, &shelf, visit_node, visit_chunk, &visits, &err), HF_OK);
    assert_int_equal(visits.nodes, shelf.count);
    assert_int_equal(visits.chunks, 20000);
    shelf_done(&shelf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reflist_any_length_comes_back),
        cmocka_unit_test(reflist_same_list_same_root),
        cmocka_unit_test(reflist_shifted_list_shares_most_nodes),
        cmocka_unit_test(reflist_store_failure_is_passed_on),
        cmocka_unit_test(cursor_flipped_byte_is_noticed),
        cmocka_unit_test(cursor_wrong_root_is_damaged),
        cmocka_unit_test(cursor_endless_list_is_bounded),
        cmocka_unit_test(walk_visits_every_node_and_chunk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
