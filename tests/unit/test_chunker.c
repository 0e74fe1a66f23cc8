#include "storage/repository/chunker.h"

#include "storage/repository/header.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/check.h"

enum { MIN = 2 << 10, AVG = 8 << 10, MAX = 32 << 10, BIG = 2 << 20, CUTS = BIG / MIN + 2 };

static const uint8_t seed[HF_KEY_SIZE] = "a seed of thirty-two bytes.....";

struct cuts {
    size_t at[CUTS];
    size_t count;
};

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static uint8_t *random_bytes(size_t len, uint32_t state)
{
    uint8_t *data = malloc(len);
    assert_non_null(data);
    for (size_t i = 0; i < len; i++)
        data[i] = (uint8_t)next_random(&state);
    return data;
}

/* Rows of 1 to 200 letters. */
static uint8_t *random_rows(size_t len, uint32_t state)
{
    uint8_t *data = random_bytes(len, state);
    size_t end = 0;
    for (size_t i = 0; i < len; i++) {
        data[i] = (uint8_t)('a' + data[i] % 26);
        if (i == end) {
            data[i] = '\n';
            end = i + 1 + next_random(&state) % 200;
        }
    }
    data[len - 1] = '\n';
    return data;
}

static void make_chunker(struct hf_chunker *chunker)
{
    struct hf_error err = HF_ERROR_INIT;
    assert_ok(hf_chunker_init(chunker, seed, MIN, AVG, MAX, &err), &err);
}

/* Cuts all of data, of which steps bytes more become known at a time (0: random steps). */
static void cut_all(enum hf_stream_kind kind, const uint8_t *data, size_t len, size_t step,
                    struct cuts *out)
{
    struct hf_chunker chunker;
    uint32_t state = 7;
    make_chunker(&chunker);
    out->count = 0;
    for (size_t begin = 0; begin < len;) {
        struct hf_chunk_scan scan = {.at = 0};
        size_t cut = 0;
        size_t left = len - begin < MAX ? len - begin : MAX;
        for (size_t known = 0; cut == 0 && known < left;) {
            known += step ? step : 1 + next_random(&state) % 5000;
            if (known > left)
                known = left;
            cut = hf_chunker_scan(&chunker, kind, &scan, data + begin, known);
            assert_true(cut <= known);
        }
        begin += cut ? cut : left;
        assert_true(out->count < CUTS);
        out->at[out->count++] = begin;
    }
}

static void scan_any_steps_same_cuts(void **state)
{
    (void)state;
    for (int kind = HF_STREAM_BYTES; kind <= HF_STREAM_ROWS; kind++) {
        uint8_t *data = kind == HF_STREAM_ROWS ? random_rows(BIG, 1) : random_bytes(BIG, 1);
        static struct cuts whole, steps;
        cut_all((enum hf_stream_kind)kind, data, BIG, MAX, &whole);
        static const size_t sizes[] = {0, 1, 63, 64, 1000, MIN, AVG};
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            cut_all((enum hf_stream_kind)kind, data, BIG, sizes[i], &steps);
            assert_int_equal(steps.count, whole.count);
            assert_memory_equal(steps.at, whole.at, whole.count * sizeof whole.at[0]);
        }
        free(data);
    }
}

static void scan_random_bytes_sizes_near_average(void **state)
{
    (void)state;
    static struct cuts cuts;
    uint8_t *data = random_bytes(BIG, 2);
    cut_all(HF_STREAM_BYTES, data, BIG, 0, &cuts);
    for (size_t i = 0; i + 1 < cuts.count; i++) {
        size_t len = cuts.at[i] - (i ? cuts.at[i - 1] : 0);
        assert_in_range(len, MIN, MAX);
    }
    assert_in_range(BIG / cuts.count, AVG * 7 / 10, AVG * 14 / 10);
    free(data);
}

static size_t count_common(const struct cuts *a, size_t a_shift, const struct cuts *b)
{
    size_t common = 0;
    for (size_t i = 0, j = 0; i < a->count; i++) {
        while (j < b->count && b->at[j] < a->at[i] + a_shift)
            j++;
        common += j < b->count && b->at[j] == a->at[i] + a_shift;
    }
    return common;
}

static void scan_insertion_moves_only_nearby_cuts(void **state)
{
    (void)state;
    for (int kind = HF_STREAM_BYTES; kind <= HF_STREAM_ROWS; kind++) {
        static struct cuts before, after;
        uint8_t *data = kind == HF_STREAM_ROWS ? random_rows(BIG, 3) : random_bytes(BIG, 3);
        uint8_t *more = malloc(BIG + 100);
        assert_non_null(more);
        size_t at = BIG / 3;
        memcpy(more, data, at);
        memset(more + at, 'x', 100);
        memcpy(more + at + 100, data + at, BIG - at);
        cut_all((enum hf_stream_kind)kind, data, BIG, 0, &before);
        cut_all((enum hf_stream_kind)kind, more, BIG + 100, 0, &after);
        size_t same = count_common(&before, 0, &after) + count_common(&before, 100, &after);
        assert_true(same + 10 >= before.count);
        free(more);
        free(data);
    }
}

static void scan_deletion_moves_only_nearby_cuts(void **state)
{
    (void)state;
    static struct cuts before, after;
    uint8_t *data = random_rows(BIG, 4);
    uint8_t *less = malloc(BIG);
    assert_non_null(less);
    size_t at = BIG / 2;
    memcpy(less, data, at);
    memcpy(less + at, data + at + 5000, BIG - at - 5000);
    cut_all(HF_STREAM_ROWS, data, BIG, 0, &before);
    cut_all(HF_STREAM_ROWS, less, BIG - 5000, 0, &after);
    size_t same = count_common(&before, 0, &after) + count_common(&after, 5000, &before);
    assert_true(same + 10 >= before.count);
    free(less);
    free(data);
}

static void scan_rows_cuts_after_rows(void **state)
{
    (void)state;
    static struct cuts cuts;
    uint8_t *data = random_rows(BIG, 5);
    cut_all(HF_STREAM_ROWS, data, BIG, 0, &cuts);
    for (size_t i = 0; i < cuts.count; i++)
        assert_int_equal(data[cuts.at[i] - 1], '\n');
    free(data);
}

static void scan_rows_without_condition_cuts_after_last_row(void **state)
{
    (void)state;
    /* The same byte over and over never meets the condition, or always does: rows of it that leave
     * a remainder at the greatest length. */
    uint8_t *data = malloc(BIG);
    assert_non_null(data);
    memset(data, 'x', BIG);
    for (size_t i = 999; i < BIG; i += 1000)
        data[i] = '\n';
    static struct cuts cuts;
    cut_all(HF_STREAM_ROWS, data, BIG, 0, &cuts);
    for (size_t i = 0; i + 1 < cuts.count; i++) {
        assert_int_equal(data[cuts.at[i] - 1], '\n');
        assert_in_range(cuts.at[i] - (i ? cuts.at[i - 1] : 0), MIN, MAX);
    }
    free(data);
}

static void scan_row_longer_than_max_is_cut_hard(void **state)
{
    (void)state;
    uint8_t *data = random_bytes(BIG, 6);
    for (size_t i = 0; i < BIG; i++)
        data[i] = (uint8_t)('a' + data[i] % 26);
    static struct cuts cuts;
    cut_all(HF_STREAM_ROWS, data, BIG, 0, &cuts);
    for (size_t i = 0; i + 1 < cuts.count; i++)
        assert_int_equal(cuts.at[i], (i + 1) * MAX);
    free(data);
}

static void init_other_seed_other_cuts(void **state)
{
    (void)state;
    struct hf_chunker a, b;
    uint8_t other[HF_KEY_SIZE] = {1};
    struct hf_error err = HF_ERROR_INIT;
    make_chunker(&a);
    assert_ok(hf_chunker_init(&b, other, MIN, AVG, MAX, &err), &err);
    assert_memory_not_equal(a.table, b.table, sizeof a.table);
}

static void init_wrong_sizes_refused(void **state)
{
    (void)state;
    struct hf_chunker chunker;
    struct hf_error err = HF_ERROR_INIT;
    assert_fails(hf_chunker_init(&chunker, seed, AVG, AVG, MAX, &err), HF_USAGE, &err);
    assert_fails(hf_chunker_init(&chunker, seed, MIN, AVG, AVG, &err), HF_USAGE, &err);
    assert_fails(hf_chunker_init(&chunker, seed, MIN, AVG + 1, MAX, &err), HF_USAGE, &err);
    assert_fails(hf_chunker_init(&chunker, seed, 16, AVG, MAX, &err), HF_USAGE, &err);
    assert_fails(hf_chunker_init(&chunker, seed, MIN, AVG, HF_CHUNK_MAX_HIGHEST + 1, &err),
                 HF_USAGE, &err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scan_any_steps_same_cuts),
        cmocka_unit_test(scan_random_bytes_sizes_near_average),
        cmocka_unit_test(scan_insertion_moves_only_nearby_cuts),
        cmocka_unit_test(scan_deletion_moves_only_nearby_cuts),
        cmocka_unit_test(scan_rows_cuts_after_rows),
        cmocka_unit_test(scan_rows_without_condition_cuts_after_last_row),
        cmocka_unit_test(scan_row_longer_than_max_is_cut_hard),
        cmocka_unit_test(init_other_seed_other_cuts),
        cmocka_unit_test(init_wrong_sizes_refused),
    };
    return cmocka_run_group_tests_name("chunker", tests, NULL, NULL);
}
