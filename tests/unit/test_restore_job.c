#include "agent/commands/restore.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* Oldest first: a whole run at 10, one without "media" at 20, one of "app" alone at 30. */
static struct hf_snapshot_info items[] = {
    {.source = "app", .time = 10},   {.source = "cache", .time = 11},
    {.source = "media", .time = 12}, {.source = "app", .time = 20},
    {.source = "cache", .time = 21}, {.source = "app", .time = 30},
    {.source = "other", .time = 40},
};
static const char *const runs[] = {"a", "a", "a", "b", "b", "c", "d"};
enum { COUNT = sizeof items / sizeof *items };
static struct hf_snapshots list = {.items = items, .count = COUNT};

static char app[] = "app", cache[] = "cache", media[] = "media";
static char *names[] = {app, cache, media};
static const struct hf_strings sources = {.items = names, .count = 3};

static int set_runs(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT; i++)
        items[i].properties = json_pack("{s:s}", "run", runs[i]);
    return 0;
}

static int drop_runs(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        json_decref(items[i].properties);
        items[i].properties = NULL;
    }
    return 0;
}

static void expect(int64_t before, int64_t a, int64_t c, int64_t m)
{
    const struct hf_snapshot_info *found[3];
    const int64_t times[] = {a, c, m};

    hf_restore_job_choose(&list, &sources, before, found);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(found[i] ? found[i]->time : 0, times[i]);
}

static void choose_latest_takes_the_newest_of_what_the_run_lacks(void **state)
{
    (void)state;
    expect(INT64_MAX, 30, 21, 12);
    expect(30, 20, 21, 12);
}

static void choose_a_moment_within_a_run_takes_what_was_there(void **state)
{
    (void)state;
    expect(21, 20, 11, 12);
    expect(20, 10, 11, 12);
    expect(11, 10, 0, 0);
    expect(10, 0, 0, 0);
}

static void choose_a_run_is_kept_together_whatever_came_of_others(void **state)
{
    (void)state;
    items[5].time = 20; /* of another run, but not the newest snapshot */
    expect(INT64_MAX, 20, 21, 12);
    items[5].time = 30;
}

static void choose_without_names_of_runs_takes_the_newest(void **state)
{
    (void)state;
    expect(INT64_MAX, 30, 21, 12);
    expect(20, 10, 11, 12);
}

static void job_of_operand_is_what_is_before_the_at(void **state)
{
    char name[] = "nightly";
    struct hf_config_job job = {.name = name};
    struct hf_config config = {.jobs = &job, .job_count = 1};

    (void)state;
    assert_ptr_equal(hf_restore_job_of(&config, "nightly"), &job);
    assert_ptr_equal(hf_restore_job_of(&config, "nightly@latest"), &job);
    assert_ptr_equal(hf_restore_job_of(&config, "nightly@2026"), &job);
    assert_null(hf_restore_job_of(&config, "night@latest"));
    assert_null(hf_restore_job_of(&config, "app@nightly"));
}

int main(void)
{
    const struct CMUnitTest with_runs[] = {
        cmocka_unit_test(choose_latest_takes_the_newest_of_what_the_run_lacks),
        cmocka_unit_test(choose_a_moment_within_a_run_takes_what_was_there),
        cmocka_unit_test(choose_a_run_is_kept_together_whatever_came_of_others),
    };
    const struct CMUnitTest without[] = {
        cmocka_unit_test(choose_without_names_of_runs_takes_the_newest),
        cmocka_unit_test(job_of_operand_is_what_is_before_the_at),
    };
    int failed = cmocka_run_group_tests(with_runs, set_runs, drop_runs);

    return failed + cmocka_run_group_tests(without, NULL, NULL);
}
