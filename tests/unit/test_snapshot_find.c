#include "storage/repository/snapshot.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct hf_snapshot_info items[] = {
    {.id = "aaaa0000000000000000000000000001", .source = "app"},
    {.id = "aaab0000000000000000000000000002", .source = "app"},
    {.id = "bbbb0000000000000000000000000003", .source = "cache"},
    {.id = "cccc0000000000000000000000000004", .source = "app"},
};
static const char *const times[] = {"2026-11-19T02:00:00Z", "2026-11-20T02:00:00Z",
                                    "2026-11-20T03:00:00Z", "2026-11-21T02:00:00Z"};
static struct hf_snapshots all = {.items = items, .count = 4};

static int set_times(void **state)
{
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        int64_t end;
        assert_true(hf_time_parse(times[i], &items[i].time, &end));
    }
    return 0;
}

static void expect(const char *name, const char *id)
{
    struct hf_error err = HF_ERROR_INIT;
    const struct hf_snapshot_info *info = NULL;
    assert_int_equal(hf_snapshots_find(&all, name, &info, &err), HF_OK);
    assert_string_equal(info->id, id);
}

static void expect_error(const char *name, enum hf_status status, const char *words)
{
    struct hf_error err = HF_ERROR_INIT;
    const struct hf_snapshot_info *info = NULL;
    assert_int_equal(hf_snapshots_find(&all, name, &info, &err), status);
    assert_null(info);
    if (!strstr(err.text, words))
        fail_msg("\"%s\" does not say \"%s\"", err.text, words);
}

static void find_by_name_time_and_id(void **state)
{
    (void)state;
    expect("latest", items[3].id);
    expect("app@latest", items[3].id);
    expect("cache@latest", items[2].id);
    expect("app@2026-11-20", items[1].id);
    expect("app@2026-11", items[3].id);
    expect("app@2026-11-19T02:00", items[0].id);
    expect("bbbb", items[2].id);
    expect(items[0].id, items[0].id);
    expect("app@aaab", items[1].id);
}

static void find_nothing_says_what_there_is(void **state)
{
    (void)state;
    expect_error("apq@latest", HF_NOT_FOUND, "did you mean \"app\"");
    expect_error("warehouse@latest", HF_NOT_FOUND, "there are snapshots of app, cache");
    expect_error("app@2026-11-18", HF_NOT_FOUND, "app@2026-11-19T02:00:00Z (aaaa0000)");
    expect_error("app@2026-11-20T12", HF_NOT_FOUND,
                 "app@2026-11-20T02:00:00Z (aaab0000) and app@2026-11-21T02:00:00Z (cccc0000)");
    expect_error("dddd", HF_NOT_FOUND, "no snapshot has an id that begins with dddd");
}

static void find_unclear_name_is_usage(void **state)
{
    (void)state;
    expect_error("aaa", HF_USAGE, "begins the ids of 2 snapshots");
    expect_error("app", HF_USAGE, "app@latest");
    expect_error("app@yesterday", HF_USAGE, "a time such as");
    expect_error("who knows", HF_USAGE, "names no snapshot");
    expect_error("", HF_USAGE, "names no snapshot");
}

static void find_in_empty_list_says_so(void **state)
{
    (void)state;
    struct hf_snapshots none = {.items = NULL};
    struct hf_error err = HF_ERROR_INIT;
    const struct hf_snapshot_info *info;
    assert_int_equal(hf_snapshots_find(&none, "latest", &info, &err), HF_NOT_FOUND);
    assert_non_null(strstr(err.text, "no snapshot yet"));
    none.unreadable = 1;
    assert_int_equal(hf_snapshots_find(&none, "latest", &info, &err), HF_NOT_FOUND);
    assert_non_null(strstr(err.text, "holdfast check"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(find_by_name_time_and_id),
        cmocka_unit_test(find_nothing_says_what_there_is),
        cmocka_unit_test(find_unclear_name_is_usage),
        cmocka_unit_test(find_in_empty_list_says_so),
    };
    return cmocka_run_group_tests(tests, set_times, NULL);
}
