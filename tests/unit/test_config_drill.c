#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/config/config.h"
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

static enum hf_status parse(const char *drill, struct hf_config **out, struct hf_error *err)
{
    char text[2000];

    (void)snprintf(text, sizeof text,
                   "repositories: {local: {path: /v}}\n"
                   "jobs:\n  nightly: {sources: [app, cache, one, two], repositories: local,\n"
                   "    timezone: Europe/Berlin, drill: %s}\n"
                   "sources:\n  app: {postgres: {host: db, database: app}}\n"
                   "  cache: {redis: {url: 'redis://cache'}}\n"
                   "  one: {volume: {path: /srv/one}}\n  two: {volume: {path: /srv/two}}\n",
                   drill);
    return hf_config_parse("c.yaml", "/etc/hf", text, strlen(text), lookup, NULL, out, err);
}

static int setup(void **state)
{
    struct hf_error err = HF_ERROR_INIT;

    (void)state;
    return hf_crypto_init(&err) == HF_OK ? 0 : -1;
}

static void read_drill_every_key_gives_all(void **state)
{
    HF_AUTO_PTR(hf_config) config = NULL;
    struct hf_error err = HF_ERROR_INIT;
    const struct hf_config_drill *drill;

    (void)state;
    assert_ok(parse("{schedule: '0 4 * * sun', rto: 30m, rpo: 26h, timeout: 5,"
                    " scratch: {postgres: {server: {host: db2, user: drill, password: hush}},"
                    " redis: {program: /opt/redis}, volume: {folder: drills}},"
                    " assert: [{sql: ' SELECT 1; ', database: app}, {redis: 'GET \"a b\"  c',"
                    " equals: x}, {redis: [GET, a b]}, {source: two, file: a/b, min_size: 1KiB}]}",
                    &config, &err),
              &err);
    drill = hf_config_job(config, "nightly")->drill;
    assert_non_null(drill->schedule);
    assert_int_equal(drill->rto, 1800 * HF_NS_PER_S);
    assert_int_equal(drill->rpo, 26 * 3600 * HF_NS_PER_S);
    assert_int_equal(drill->timeout, 5);
    assert_non_null(strstr(drill->postgres.server->as.postgres.config.conninfo, "db2"));
    assert_string_equal(drill->redis.program, "/opt/redis");
    assert_string_equal(drill->volume.folder, "/etc/hf/drills");
    assert_int_equal(drill->assertion_count, 4);
    assert_string_equal(drill->assertions[0].sql, "SELECT 1");
    assert_string_equal(drill->assertions[0].source, "app");
    assert_int_equal(drill->assertions[1].redis.count, 3);
    assert_string_equal(drill->assertions[1].redis.items[1], "a b");
    assert_string_equal(drill->assertions[1].source, "cache");
    assert_int_equal(drill->assertions[2].redis.count, 2);
    assert_string_equal(drill->assertions[3].source, "two");
    assert_int_equal(drill->assertions[3].min_size, 1024);
}

static void read_drill_of_nothing_is_a_drill(void **state)
{
    HF_AUTO_PTR(hf_config) config = NULL;
    HF_AUTO_PTR(hf_config) other = NULL;
    struct hf_error err = HF_ERROR_INIT;

    (void)state;
    assert_ok(parse("{}", &config, &err), &err);
    assert_non_null(hf_config_job(config, "nightly")->drill);
    assert_ok(parse("null", &other, &err), &err);
    assert_non_null(hf_config_job(other, "nightly")->drill);
}

static void read_drill_what_is_wrong_is_refused_at_its_place(void **state)
{
    static const struct {
        const char *drill, *says;
    } cases[] = {
        {"{schedule: never}", "\"schedule\" of \"drill\" in job \"nightly\""},
        {"{rto: 0s}", "c.yaml:4:"},
        {"{rto: soon}", "\"rto\""},
        {"{asert: {sql: SELECT 1}}", "did you mean \"assert\""},
        {"{assert: []}", "1 to 1000"},
        {"{assert: {}}", "one of \"sql\""},
        {"{assert: {sql: SELECT 1, file: a}}", "one of \"sql\""},
        {"{assert: {sql: SELECT 1; SELECT 2}}", "exactly one statement"},
        {"{assert: {sql: ' -- nothing'}}", "exactly one statement"},
        {"{assert: {sql: SELECT \"a}}", "\"sql\""},
        {"{assert: {redis: 'GET \"a'}}", "a quote is open"},
        {"{assert: {file: a}}", "must say of which \"source\""},
        {"{assert: {source: one, file: /a}}", "below the volume"},
        {"{assert: {source: one, file: a/../../b}}", "below the volume"},
        {"{assert: {source: one, file: a, sha256: AB}}", "64 hexadecimal"},
        {"{assert: {source: one, file: a, equals: b}}", "does not go with \"file\""},
        {"{assert: {source: one, sql: SELECT 1}}", "for a PostgreSQL source"},
        {"{assert: {source: three, file: a}}", "no source \"three\""},
        {"{scratch: {volume: {server: {host: a}}}}", "unknown key \"server\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        HF_AUTO_PTR(hf_config) config = NULL;
        struct hf_error err = HF_ERROR_INIT;

        assert_int_equal(parse(cases[i].drill, &config, &err), HF_CONFIG);
        if (!strstr(err.text, cases[i].says))
            fail_msg("%s: %s", cases[i].drill, err.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read_drill_every_key_gives_all),
        cmocka_unit_test(read_drill_of_nothing_is_a_drill),
        cmocka_unit_test(read_drill_what_is_wrong_is_refused_at_its_place),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
