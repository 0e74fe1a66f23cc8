#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/config/substitute.h"
#include "tests/support/check.h"

static const char *lookup(void *ctx, const char *name)
{
    (void)ctx;
    if (strcmp(name, "HOST") == 0)
        return "db1";
    if (strcmp(name, "EMPTY") == 0)
        return "";
    return strcmp(name, "TRICKY") == 0 ? "${HOST}" : NULL;
}

static void substitute_known_forms_gives_values(void **state)
{
    static const char *const cases[][2] = {
        {"plain", "plain"},
        {"${HOST}", "db1"},
        {"a-${HOST}-b-${HOST}", "a-db1-b-db1"},
        {"${NONE:-fallback}", "fallback"},
        {"${EMPTY:-fallback}", "fallback"},
        {"${HOST:-fallback}", "db1"},
        {"${NONE:-}", ""},
        {"${EMPTY}", ""},
        {"$${HOST}", "${HOST}"},
        {"pa$$word$", "pa$$word$"},
        {"${TRICKY}", "${HOST}"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct hf_error err = HF_ERROR_INIT;
        char *text = NULL;

        assert_ok(hf_substitute(cases[i][0], lookup, NULL, &text, &err), &err);
        assert_string_equal(text, cases[i][1]);
        free(text);
    }
}

static void substitute_bad_forms_says_why(void **state)
{
    static const char *const cases[][2] = {
        {"${NONE}", "the environment has no NONE; set it, or write ${NONE:-default}"},
        {"${HOST", "\"${\" without \"}\"; write \"$${\" for the text \"${\""},
        {"${}", "\"${\" must be followed by the name of a variable"},
        {"${1A}", "\"${\" must be followed by the name of a variable"},
        {"${HOST-x}", "only ${HOST} and ${HOST:-default} are understood"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct hf_error err = HF_ERROR_INIT;
        char *text = NULL;

        assert_fails(hf_substitute(cases[i][0], lookup, NULL, &text, &err), HF_CONFIG, &err);
        assert_string_equal(err.text, cases[i][1]);
        assert_null(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(substitute_known_forms_gives_values),
        cmocka_unit_test(substitute_bad_forms_says_why),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
