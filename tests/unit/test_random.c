#include "base/random.h"
#include "base/secret.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/support/check.h"

static void random_bytes_twice_differ(void **state)
{
    (void)state;
    uint8_t a[32] = {0};
    uint8_t b[32] = {0};
    hf_random_bytes(a, sizeof a);
    hf_random_bytes(b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
}

static void random_below_stays_below_and_reaches_all(void **state)
{
    (void)state;
    bool seen[5] = {false};
    for (int i = 0; i < 2000; i++) {
        uint32_t n = hf_random_below(5);
        assert_true(n < 5);
        seen[n] = true;
    }
    for (size_t i = 0; i < 5; i++)
        assert_true(seen[i]);
    assert_int_equal(hf_random_below(1), 0);
}

static void random_hex_has_the_length_asked_for(void **state)
{
    (void)state;
    char a[33];
    char b[33];
    hf_random_hex(a, 16);
    hf_random_hex(b, 16);
    assert_int_equal(strlen(a), 32);
    assert_int_equal(strspn(a, "0123456789abcdef"), 32);
    assert_string_not_equal(a, b);
    hf_random_hex(a, 0);
    assert_string_equal(a, "");
}

static int init(void **state)
{
    struct hf_error err = HF_ERROR_INIT;
    (void)state;
    return hf_crypto_init(&err) == HF_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_bytes_twice_differ),
        cmocka_unit_test(random_below_stays_below_and_reaches_all),
        cmocka_unit_test(random_hex_has_the_length_asked_for),
    };
    return cmocka_run_group_tests(tests, init, NULL);
}
