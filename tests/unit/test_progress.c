#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/config/duration.h"
#include "agent/terminal/progress.h"
#include "base/clock.h"
#include "tests/support/check.h"

static const uint64_t mib = UINT64_C(1) << 20;

/* 100 MiB/s for some seconds, of 1000 MiB. */
static struct hf_progress after(unsigned seconds)
{
    struct hf_progress progress;

    hf_progress_begin(&progress, "app", 0);
    progress.total_bytes = 1000 * mib;
    for (unsigned i = 1; i <= seconds * 10; i++)
        hf_progress_advance(&progress, 10 * mib, 0, (int64_t)i * HF_NS_PER_S / 10);
    return progress;
}

static void render_shows_percent_amount_rate_and_time_left(void **state)
{
    struct hf_progress progress = after(5);
    char line[200];

    (void)state;
    hf_progress_step(&progress, "copying");
    hf_progress_render(&progress, 5 * HF_NS_PER_S, 120, line, sizeof line);
    assert_string_equal(line, "app  50%  500.0 MiB of 1000.0 MiB  100.0 MiB/s  6 s left  copying");
}

static void render_in_narrow_terminal_leaves_parts_out(void **state)
{
    struct hf_progress progress = after(5);
    char line[200];

    (void)state;
    for (size_t width = 0; width < 100; width++) {
        hf_progress_render(&progress, 5 * HF_NS_PER_S, width, line, sizeof line);
        assert_true(strlen(line) <= width);
    }
    hf_progress_render(&progress, 5 * HF_NS_PER_S, 10, line, sizeof line);
    assert_string_equal(line, "app  50%");
}

static void render_without_expectation_shows_amount_only(void **state)
{
    struct hf_progress progress;
    char line[200];

    (void)state;
    hf_progress_begin(&progress, "app", 0);
    hf_progress_advance(&progress, 5 * mib, 1, 1);
    hf_progress_render(&progress, 1, 80, line, sizeof line);
    assert_string_equal(line, "app  5.0 MiB");
}

static void render_past_the_expectation_stays_below_all(void **state)
{
    struct hf_progress progress = after(12);
    char line[200];

    (void)state;
    hf_progress_render(&progress, 12 * HF_NS_PER_S, 80, line, sizeof line);
    assert_string_equal(line, "app  99%  1.2 GiB  100.0 MiB/s");
}

static void render_of_a_stalled_work_has_no_rate(void **state)
{
    struct hf_progress progress = after(5);
    char line[200];

    (void)state;
    hf_progress_step(&progress, "creating indexes");
    hf_progress_render(&progress, 9 * HF_NS_PER_S, 80, line, sizeof line);
    assert_string_equal(line, "app  50%  500.0 MiB of 1000.0 MiB  creating indexes");
}

static void rate_of_a_stalled_work_falls(void **state)
{
    struct hf_progress progress = after(20);
    uint64_t rate = hf_progress_rate(&progress, 20 * HF_NS_PER_S);

    (void)state;
    assert_true(rate > 95 * mib && rate < 105 * mib);
    assert_true(hf_progress_rate(&progress, 100 * HF_NS_PER_S) < 10 * mib);
}

static void step_with_control_characters_and_cut_utf8_is_clean(void **state)
{
    struct hf_progress progress;
    char text[200];

    (void)state;
    hf_progress_begin(&progress, "a\033[2Jb", 0);
    assert_string_equal(progress.label, "a?[2Jb");
    memset(text, 'x', sizeof text);
    memcpy(text + HF_PROGRESS_STEP - 2, "\xc3\xa4", 2);
    text[sizeof text - 1] = 0;
    hf_progress_step(&progress, text);
    assert_int_equal(strlen(progress.step), HF_PROGRESS_STEP - 2);
}

static void duration_and_age_are_words(void **state)
{
    char text[HF_DURATION_TEXT];

    (void)state;
    hf_duration_format(text, HF_NS_PER_S * 42 / 10);
    assert_string_equal(text, "4.2 s");
    hf_duration_format(text, HF_NS_PER_S * 200);
    assert_string_equal(text, "3 min 20 s");
    hf_duration_format(text, HF_NS_PER_S * 7500);
    assert_string_equal(text, "2 h 5 min");
    hf_age_format(text, HF_NS_PER_S * 3600 * 30);
    assert_string_equal(text, "30 h");
    hf_age_format(text, HF_NS_PER_S * 86400 * 12);
    assert_string_equal(text, "12 days");
    hf_age_format(text, -1);
    assert_string_equal(text, "in the future");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(render_shows_percent_amount_rate_and_time_left),
        cmocka_unit_test(render_in_narrow_terminal_leaves_parts_out),
        cmocka_unit_test(render_without_expectation_shows_amount_only),
        cmocka_unit_test(render_past_the_expectation_stays_below_all),
        cmocka_unit_test(render_of_a_stalled_work_has_no_rate),
        cmocka_unit_test(rate_of_a_stalled_work_falls),
        cmocka_unit_test(step_with_control_characters_and_cut_utf8_is_clean),
        cmocka_unit_test(duration_and_age_are_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
