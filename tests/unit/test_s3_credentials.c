#include "base/clock.h"
#include "base/pool.h"
#include "storage/s3/credentials.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/check.h"

/* A source that counts; its n-th credentials are "ID<n>", valid for as long as the test says. */
struct counting {
    atomic_uint fetches;
    int64_t lifetime; /* ns; 0: for ever */
    bool failing;
};

static enum hf_status fetch(void *ctx, struct hf_s3_credentials *out, struct hf_error *err)
{
    struct counting *counting = ctx;
    char id[16];
    unsigned n = atomic_fetch_add(&counting->fetches, 1) + 1;
    if (counting->failing)
        return hf_error_set(err, HF_UNREACHABLE, "the source is away");
    (void)snprintf(id, sizeof id, "ID%u", n);
    out->expires = counting->lifetime ? hf_clock_now() + counting->lifetime : 0;
    HF_TRY(hf_secret_new(id, strlen(id), &out->access_key, err));
    return hf_secret_new("secret", 6, &out->secret_key, err);
}

static struct hf_s3_provider *open_provider(struct counting *counting)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_s3_provider *provider;
    struct hf_s3_source source = {.ctx = counting, .fetch = fetch};
    assert_ok(hf_crypto_init(&err), &err);
    assert_ok(hf_s3_provider_new(&source, &provider, &err), &err);
    return provider;
}

static void assert_acquires(struct hf_s3_provider *provider, const char *id)
{
    struct hf_error err = HF_ERROR_INIT;
    const struct hf_s3_credentials *credentials;
    assert_ok(hf_s3_provider_acquire(provider, &credentials, &err), &err);
    assert_string_equal(hf_secret_text(credentials->access_key), id);
    hf_s3_provider_release(provider, credentials);
}

static void acquire_static_keys_copies_them(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_secret) access_key = NULL;
    HF_AUTO_PTR(hf_secret) secret_key = NULL;
    HF_AUTO_PTR(hf_s3_provider) provider = NULL;
    const struct hf_s3_credentials *credentials;
    assert_ok(hf_crypto_init(&err), &err);
    assert_ok(hf_secret_new("AKID", 4, &access_key, &err), &err);
    assert_ok(hf_secret_new("shh", 3, &secret_key, &err), &err);
    assert_ok(hf_s3_provider_new_static(access_key, secret_key, NULL, &provider, &err), &err);
    access_key->data[0] = 'X';
    assert_ok(hf_s3_provider_acquire(provider, &credentials, &err), &err);
    assert_string_equal(hf_secret_text(credentials->access_key), "AKID");
    assert_string_equal(hf_secret_text(credentials->secret_key), "shh");
    assert_null(credentials->session_token);
    assert_int_equal(credentials->expires, 0);
    hf_s3_provider_release(provider, credentials);
}

static void acquire_lasting_credentials_fetches_once(void **state)
{
    (void)state;
    struct counting counting = {.lifetime = 3600 * HF_NS_PER_S};
    HF_AUTO_PTR(hf_s3_provider) provider = open_provider(&counting);
    assert_acquires(provider, "ID1");
    assert_acquires(provider, "ID1");
}

static void acquire_expired_credentials_fetches_anew(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    struct counting counting = {.lifetime = 3600 * HF_NS_PER_S};
    HF_AUTO_PTR(hf_s3_provider) provider = open_provider(&counting);
    const struct hf_s3_credentials *first;
    assert_ok(hf_s3_provider_acquire(provider, &first, &err), &err);
    hf_s3_provider_expire(provider, first);
    assert_acquires(provider, "ID2");
    /* Once more by another thread that had them too: the new ones are not lost. */
    hf_s3_provider_expire(provider, first);
    assert_acquires(provider, "ID2");
    assert_string_equal(hf_secret_text(first->access_key), "ID1");
    hf_s3_provider_release(provider, first);
}

static void acquire_soon_expiring_credentials_fetches_without_thrashing(void **state)
{
    (void)state;
    struct counting counting = {.lifetime = (HF_S3_REFRESH_S - 5) * HF_NS_PER_S};
    HF_AUTO_PTR(hf_s3_provider) provider = open_provider(&counting);
    for (int i = 0; i < 10; i++)
        assert_acquires(provider, "ID1");
}

static void acquire_before_expiry_fetches_anew_and_early(void **state)
{
    (void)state;
    struct counting counting = {.lifetime = 3600 * HF_NS_PER_S};
    HF_AUTO_PTR(hf_s3_provider) provider = open_provider(&counting);
    const struct hf_s3_credentials *old;
    struct hf_error err = HF_ERROR_INIT;
    char offset[32];
    assert_ok(hf_s3_provider_acquire(provider, &old, &err), &err);
    (void)snprintf(offset, sizeof offset, "%d",
                   3600 - HF_S3_REFRESH_S - HF_S3_REFRESH_JITTER_S - 10);
    assert_int_equal(setenv("HF_CLOCK_OFFSET", offset, 1), 0);
    assert_acquires(provider, "ID1");
    (void)snprintf(offset, sizeof offset, "%d", 3600 - HF_S3_REFRESH_S + 10);
    assert_int_equal(setenv("HF_CLOCK_OFFSET", offset, 1), 0);
    assert_acquires(provider, "ID2");
    assert_string_equal(hf_secret_text(old->access_key), "ID1");
    hf_s3_provider_release(provider, old);
    assert_int_equal(unsetenv("HF_CLOCK_OFFSET"), 0);
}

static void acquire_failed_refresh_goes_on_with_what_is_good(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    struct counting counting = {.lifetime = 60 * HF_NS_PER_S};
    HF_AUTO_PTR(hf_s3_provider) provider = open_provider(&counting);
    assert_acquires(provider, "ID1");
    counting.failing = true;
    assert_acquires(provider, "ID1");
    const struct hf_s3_credentials *credentials;
    assert_ok(hf_s3_provider_acquire(provider, &credentials, &err), &err);
    hf_s3_provider_expire(provider, credentials);
    hf_s3_provider_release(provider, credentials);
    assert_fails(hf_s3_provider_acquire(provider, &credentials, &err), HF_UNREACHABLE, &err);
    assert_string_equal(err.text, "the source is away");
}

static void acquire_credentials_of_the_past_is_refused(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    struct counting counting = {.lifetime = -1};
    HF_AUTO_PTR(hf_s3_provider) provider = open_provider(&counting);
    const struct hf_s3_credentials *credentials;
    assert_fails(hf_s3_provider_acquire(provider, &credentials, &err), HF_DENIED, &err);
    assert_contains(err.text, "clock");
}

enum { USERS = 4, ROUNDS = 200 };

static enum hf_status use_and_expire(void *arg, size_t index, struct hf_error *err)
{
    struct hf_s3_provider *provider = arg;
    for (int i = 0; i < ROUNDS; i++) {
        const struct hf_s3_credentials *credentials;
        HF_TRY(hf_s3_provider_acquire(provider, &credentials, err));
        if (index == 0 && i % 10 == 0)
            hf_s3_provider_expire(provider, credentials);
        if (credentials->access_key->len < 3)
            (void)hf_error_set(err, HF_FAILED, "no key");
        hf_s3_provider_release(provider, credentials);
    }
    return err->status;
}

static void acquire_by_many_threads_fetches_once_for_all(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    struct counting counting = {.lifetime = 3600 * HF_NS_PER_S};
    HF_AUTO_PTR(hf_s3_provider) provider = open_provider(&counting);
    HF_AUTO_PTR(hf_cancel) cancel = NULL;
    struct hf_pool *pool;
    assert_ok(hf_cancel_new(&cancel, &err), &err);
    assert_ok(hf_pool_start(USERS, use_and_expire, NULL, provider, cancel, &pool, &err), &err);
    assert_ok(hf_pool_join(pool, &err), &err);
    assert_true(atomic_load(&counting.fetches) <= ROUNDS / 10 + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(acquire_static_keys_copies_them),
        cmocka_unit_test(acquire_lasting_credentials_fetches_once),
        cmocka_unit_test(acquire_expired_credentials_fetches_anew),
        cmocka_unit_test(acquire_soon_expiring_credentials_fetches_without_thrashing),
        cmocka_unit_test(acquire_before_expiry_fetches_anew_and_early),
        cmocka_unit_test(acquire_failed_refresh_goes_on_with_what_is_good),
        cmocka_unit_test(acquire_credentials_of_the_past_is_refused),
        cmocka_unit_test(acquire_by_many_threads_fetches_once_for_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
