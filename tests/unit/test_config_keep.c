#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/config/config.h"
#include "agent/config/duration.h"
#include "base/clock.h"
#include "tests/support/check.h"

#include <stdio.h>
#include <string.h>

static const char *lookup(void *ctx, const char *name)
{
    (void)ctx;
    (void)name;
    return NULL;
}

static enum hf_status parse(const char *keep, struct hf_config **out, struct hf_error *err)
{
    char text[1000];

    (void)snprintf(text, sizeof text,
                   "repositories: {local: {path: /v}}\n"
                   "sources: {app: {volume: {path: /srv}}}\n"
                   "jobs:\n  nightly: {sources: app, repositories: local, %s}\n",
                   keep);
    return hf_config_parse("c.yaml", "/etc/hf", text, strlen(text), lookup, NULL, out, err);
}

static int setup(void **state)
{
    struct hf_error err = HF_ERROR_INIT;

    (void)state;
    return hf_crypto_init(&err) == HF_OK ? 0 : -1;
}

static void read_keep_every_rule_gives_all(void **state)
{
    HF_AUTO_PTR(hf_config) config = NULL;
    struct hf_error err = HF_ERROR_INIT;
    char text[HF_KEEP_TEXT];

    (void)state;
    assert_ok(parse("keep: {last: 3, hourly: 24, daily: 14, weekly: 8, monthly: 12, yearly: 5, "
                    "within: 36h, tags: [release, v1.2]}",
                    &config, &err),
              &err);
    const struct hf_keep *keep = &hf_config_job(config, "nightly")->keep;
    hf_keep_format(text, keep);
    assert_string_equal(text,
                        "last 3, hourly 24, daily 14, weekly 8, monthly 12, yearly 5, within 36 h");
    assert_true(hf_strings_contain(&keep->tags, "v1.2"));
}

static void read_keep_wrong_value_says_where(void **state)
{
    static const struct {
        const char *keep, *error;
    } cases[] = {
        {"keep: {dayly: 3}",
         "c.yaml:4:55: unknown key \"dayly\" of \"keep\" in job \"nightly\"; did you mean "
         "\"daily\"?"},
        {"keep: {daily: 0}", "must be a number from 1 to 10000, not \"0\""},
        {"keep: {daily: -3}", "must be a number from 1 to 10000, not \"-3\""},
        {"keep: {within: 30}", "must be a span of time, such as 36h, 30d, 8w or 1y"},
        {"keep: {within: 0d}", "must be a span of time"},
        {"keep: {tags: release}", "there is no rule of \"keep\" in job \"nightly\""},
        {"keep: {last: 1, tags: a b}", "\"a b\" of \"keep\" in job \"nightly\" cannot be a tag"},
        {"keep: 3", "there must be a group of keys of \"keep\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        HF_AUTO_PTR(hf_config) config = NULL;
        struct hf_error err = HF_ERROR_INIT;

        assert_int_equal(parse(cases[i].keep, &config, &err), HF_CONFIG);
        if (!strstr(err.text, cases[i].error))
            fail_msg("%s", err.text);
    }
}

static void keep_words_are_the_same_rules(void **state)
{
    static const char *const good[] = {"last=3", "daily=14", "within=30d", "tags=release"};
    static const char *const bad[] = {"daily",   "daily=",   "daily=x",
                                      "daily=0", "within=3", "tags=x"};
    struct hf_error err = HF_ERROR_INIT;
    struct hf_strings words = HF_STRINGS_INIT;
    struct hf_keep keep = {.within = 0};
    char text[HF_KEEP_TEXT];

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_ok(hf_strings_add(&words, good[i], &err), &err);
    assert_ok(hf_config_keep_words(&words, &keep, &err), &err);
    hf_keep_format(text, &keep);
    assert_string_equal(text, "last 3, daily 14, within 30 d");
    assert_string_equal(keep.tags.items[0], "release");
    hf_keep_done(&keep);
    hf_strings_free(&words);

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct hf_strings word = HF_STRINGS_INIT;

        assert_ok(hf_strings_add(&word, bad[i], &err), &err);
        assert_int_equal(hf_config_keep_words(&word, &keep, &err), HF_USAGE);
        hf_keep_done(&keep);
        hf_strings_free(&word);
    }
}

static void duration_parse_takes_spans_only(void **state)
{
    static const char *const bad[] = {"", "5", "d", "0h", "5x", "5 d", "-5d", "99999999999999d"};
    int64_t span = 0;

    (void)state;
    assert_true(hf_duration_parse("90s", &span));
    assert_int_equal(span, 90 * HF_NS_PER_S);
    assert_true(hf_duration_parse("2w", &span));
    assert_int_equal(span, 14 * 86400 * HF_NS_PER_S);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(hf_duration_parse(bad[i], &span));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read_keep_every_rule_gives_all),
        cmocka_unit_test(read_keep_wrong_value_says_where),
        cmocka_unit_test(keep_words_are_the_same_rules),
        cmocka_unit_test(duration_parse_takes_spans_only),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
