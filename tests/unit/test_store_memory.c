#include "tests/support/memory_store.h"
#include "tests/support/store_conformance.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void store_memory_conforms(void **state)
{
    (void)state;
    for (size_t i = 0; i < hf_store_tests_count; i++) {
        struct hf_error err = HF_ERROR_INIT;
        HF_AUTO_PTR(hf_store) store = NULL;
        print_message("  %s\n", hf_store_tests[i].name);
        assert_int_equal(hf_memory_store_new(&store, &err), HF_OK);
        hf_store_tests[i].run(store);
    }
}

static void fail_nth_operation_fails_it_only(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_store_stat stat;
    HF_AUTO_PTR(hf_store) store = NULL;
    assert_int_equal(hf_memory_store_new(&store, &err), HF_OK);
    hf_memory_store_fail(store, 2, HF_FAULT_BEFORE, HF_NO_SPACE);
    assert_int_equal(hf_store_put(store, "a", "1", 1, HF_PUT_CREATE, &err), HF_OK);
    assert_int_equal(hf_store_put(store, "b", "1", 1, HF_PUT_CREATE, &err), HF_NO_SPACE);
    assert_int_equal(hf_store_stat(store, "b", &stat, &err), HF_NOT_FOUND);
    hf_memory_store_fail(store, 1, HF_FAULT_AFTER, HF_UNREACHABLE);
    assert_int_equal(hf_store_put(store, "b", "1", 1, HF_PUT_CREATE, &err), HF_UNREACHABLE);
    assert_int_equal(hf_store_stat(store, "b", &stat, &err), HF_OK);
    assert_int_equal(hf_memory_store_operations(store), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(store_memory_conforms),
        cmocka_unit_test(fail_nth_operation_fails_it_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
