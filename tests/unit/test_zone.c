#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/file.h"
#include "schedules/zone.h"
#include "schedules/zone_rule.h"
#include "tests/support/check.h"

#define FOLDER HF_SOURCE_DIR "/tests/unit/schedules/zoneinfo"

static int setup(void **state)
{
    (void)state;
    (void)unsetenv("TZ");
    return setenv("TZDIR", FOLDER, 1);
}

static void load_bad_name_fails(void **state)
{
    static const char *const cases[][2] = {
        {"", "is no name of a time zone"},
        {"../zoneinfo/Europe/Berlin", "is no name of a time zone"},
        {"/etc/localtime", "is no name of a time zone"},
        {"Europe/Berl in", "is no name of a time zone"},
        {"Europe/Berln", "there is no time zone \"Europe/Berln\" in"},
        {"Europe/Berln", "did you mean \"Europe/Berlin\"?"},
        {"europe/berlin", "there is no time zone \"europe/berlin\" in"},
        {"Europe", "time zone \"Europe\": "},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct hf_error err = HF_ERROR_INIT;
        struct hf_zone *zone = NULL;

        assert_fails(hf_zone_load(cases[i][0], &zone, &err), HF_CONFIG, &err);
        assert_contains(err.text, cases[i][1]);
    }
}

static void load_without_database_has_utc_and_names_the_package(void **state)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_zone) zone = NULL;

    (void)state;
    (void)setenv("TZDIR", FOLDER "/none", 1);
    assert_ok(hf_zone_load("UTC", &zone, &err), &err);
    assert_true(hf_zone_local(zone, 1000) == 1000);
    hf_zone_free(zone);
    zone = NULL;
    assert_fails(hf_zone_load("Europe/Berlin", &zone, &err), HF_CONFIG, &err);
    assert_contains(err.text, "install the package tzdata");
    (void)setenv("TZDIR", FOLDER, 1);
}

static void load_own_zone_is_what_tz_says(void **state)
{
    static const struct {
        const char *tz;
        int64_t offset; /* in July 2026 */
    } cases[] = {{"Europe/Berlin", 7200},
                 {":Asia/Kathmandu", 20700},
                 {FOLDER "/Europe/Berlin", 7200},
                 {"CET-1CEST,M3.5.0,M10.5.0/3", 7200},
                 {"<+0330>-3:30", 12600},
                 {"", 0},
                 {"Etc/UTC", 0}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct hf_error err = HF_ERROR_INIT;
        HF_AUTO_PTR(hf_zone) zone = NULL;

        (void)setenv("TZ", cases[i].tz, 1);
        assert_ok(hf_zone_load(NULL, &zone, &err), &err);
        assert_true(hf_zone_offset(zone, INT64_C(1783000000) * HF_NS_PER_S) == cases[i].offset);
    }
    (void)setenv("TZ", "Nowhere/Else", 1);
    {
        struct hf_error err = HF_ERROR_INIT;
        struct hf_zone *zone = NULL;

        assert_fails(hf_zone_load(NULL, &zone, &err), HF_CONFIG, &err);
        assert_contains(err.text, "TZ in the environment: there is no time zone \"Nowhere/Else\"");
    }
    (void)unsetenv("TZ");
}

static void rule_parse_takes_what_is_one(void **state)
{
    static const struct {
        const char *text;
        bool good;
    } cases[] = {
        {"UTC0", true},
        {"EST5EDT,M3.2.0,M11.1.0", true},
        {"<-02>2<-01>,M3.5.0/-1,M10.5.0/0", true},
        {"<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", true},
        {"IST-1GMT0,M10.5.0,M3.5.0/1", true},
        {"XXX3YYY2:30:15,J60/167,364/-167:59:59", true},
        {"", false},
        {"EST", false},
        {"ES5", false},
        {"<+02-2", false},
        {"EST5EDT", false},
        {"EST5EDT,M3.2.0", false},
        {"EST5EDT,M13.2.0,M11.1.0", false},
        {"EST5EDT,M3.6.0,M11.1.0", false},
        {"EST5EDT,J0,J1", false},
        {"EST25", false},
        {"EST5:60", false},
        {"EST5EDT,M3.2.0,M11.1.0/168", false},
        {"EST5EDT,M3.2.0,M11.1.0 ", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct hf_zone_rule rule;

        if (hf_zone_rule_parse(cases[i].text, strlen(cases[i].text), &rule) != cases[i].good)
            fail_msg("%s", cases[i].text);
    }
}

static void parse_every_byte_changed_never_breaks(void **state)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) data = HF_BUF_INIT;
    HF_AUTO_PTR(hf_zone) whole = NULL;

    (void)state;
    assert_ok(hf_file_read(FOLDER "/Australia/Lord_Howe", 100000, &data, &err), &err);
    assert_ok(hf_zone_parse("x", data.data, data.len, &whole, &err), &err);
    for (size_t i = 0; i < data.len; i++) {
        uint8_t *byte = (uint8_t *)data.data + i;
        HF_AUTO_PTR(hf_zone) zone = NULL;
        struct hf_zone_span span;

        *byte ^= 0x81;
        if (hf_zone_parse("x", data.data, data.len, &zone, &err) == HF_OK) {
            hf_zone_span_at(zone, 1783000000, &span);
            assert_true(span.begin <= 1783000000 && span.end > 1783000000);
        }
        *byte ^= 0x81;
    }
    for (size_t len = 0; len < data.len; len++) {
        struct hf_zone *zone = NULL;

        assert_fails(hf_zone_parse("x", data.data, len, &zone, &err), HF_CONFIG, &err);
    }
}

static void format_shows_local_time_and_offset(void **state)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_zone) zone = NULL;
    HF_AUTO_PTR(hf_zone) west = NULL;
    char text[HF_ZONE_TEXT];

    (void)state;
    assert_ok(hf_zone_load("Asia/Kathmandu", &zone, &err), &err);
    hf_zone_format(zone, 1783000000, text);
    assert_string_equal(text, "2026-07-02 19:31:40 +05:45");
    assert_ok(hf_zone_load("America/New_York", &west, &err), &err);
    hf_zone_format(west, 1783000000, text);
    assert_string_equal(text, "2026-07-02 09:46:40 -04:00");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(load_bad_name_fails),
        cmocka_unit_test(load_without_database_has_utc_and_names_the_package),
        cmocka_unit_test(load_own_zone_is_what_tz_says),
        cmocka_unit_test(rule_parse_takes_what_is_one),
        cmocka_unit_test(parse_every_byte_changed_never_breaks),
        cmocka_unit_test(format_shows_local_time_and_offset),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
