#include "base/observer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/support/check.h"

struct seen {
    enum hf_note_level level;
    char text[64];
    uint64_t bytes;
    uint64_t items;
};

static void on_note(void *ctx, enum hf_note_level level, const char *text)
{
    struct seen *seen = ctx;
    seen->level = level;
    (void)snprintf(seen->text, sizeof seen->text, "%s", text);
}

static void on_numbers(void *ctx, uint64_t bytes, uint64_t items)
{
    struct seen *seen = ctx;
    seen->bytes += bytes;
    seen->items += items;
}

static void observe_calls_reach_the_observer(void **state)
{
    (void)state;
    struct seen seen = {.level = HF_NOTE_DETAIL};
    const struct hf_observer observer = {
        .ctx = &seen, .note = on_note, .expect = on_numbers, .advance = on_numbers};
    hf_observe(&observer, HF_NOTE_WARNING, "%d of %s", 3, "four");
    hf_observe_expect(&observer, 100, 2);
    hf_observe_advance(&observer, 10, 1);
    assert_int_equal(seen.level, HF_NOTE_WARNING);
    assert_string_equal(seen.text, "3 of four");
    assert_int_equal(seen.bytes, 110);
    assert_int_equal(seen.items, 3);
}

static void observe_without_observer_or_functions_is_nothing(void **state)
{
    (void)state;
    const struct hf_observer silent = {.ctx = NULL};
    const struct hf_observer *const observers[] = {NULL, &silent};
    for (size_t i = 0; i < 2; i++) {
        hf_observe(observers[i], HF_NOTE_STEP, "x");
        hf_observe_expect(observers[i], 1, 1);
        hf_observe_advance(observers[i], 1, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(observe_calls_reach_the_observer),
        cmocka_unit_test(observe_without_observer_or_functions_is_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
