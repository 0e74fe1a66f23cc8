/* What S3 may do besides: object lock, removal of many, encryption, class, tags, checksums, parts,
 * and trying out what a server can do. */
#include "base/text.h"
#include "storage/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/http_peer.h"
#include "tests/support/s3_fixture.h"

#define COUNT(list) (sizeof(list) / sizeof *(list))
#define SCRIPT(config, ...)                                                                        \
    const struct hf_peer_answer answers[] = {__VA_ARGS__};                                         \
    struct hf_peer *peer = hf_peer_script(answers, COUNT(answers));                                \
    struct hf_error err = HF_ERROR_INIT;                                                           \
    struct hf_store *store = s3_open_with(peer, config, NULL)

#define NO_CONTENT "HTTP/1.1 204 No Content\r\n\r\n"
#define NOT_FOUND "HTTP/1.1 404 Not Found\r\n" S3_EMPTY
#define FORBIDDEN                                                                                  \
    "HTTP/1.1 403 Forbidden\r\nContent-Length: 40\r\n\r\n<Error><Code>AccessDenied</Code></Error>"
#define CLOSED(xml) "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" xml
#define ENABLED                                                                                    \
    CLOSED("<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled>"               \
           "</ObjectLockConfiguration>")
#define LOCKED_UNTIL(time)                                                                         \
    "HTTP/1.1 200 OK\r\nx-amz-version-id: v1\r\nx-amz-object-lock-mode: COMPLIANCE\r\n"            \
    "x-amz-object-lock-retain-until-date: " time "\r\nContent-Length: 4\r\n\r\n"
#define PACK "packs/3a/3a6eb0790f39ac87c94f3856b2dd2c5d110e6811602261a9a923d3bb23adc8b7"

static const struct hf_s3_config plain = {.prefix = "pre"};
static const struct hf_s3_config locking = {
    .prefix = "pre", .lock = HF_S3_LOCK_COMPLIANCE, .lock_days = 30};

static void end(struct hf_store *store, struct hf_peer *peer)
{
    hf_store_close(store);
    hf_peer_stop(peer);
}

static void put_says_how_objects_are_kept(void **state)
{
    (void)state;
    const struct hf_s3_tag tags[] = {{"team", "a b&c"}, {"x", ""}};
    struct hf_s3_config config = {.sse = HF_S3_SSE_KMS,
                                  .kms_key_id = "key/1",
                                  .storage_class = "GLACIER_IR",
                                  .tags = tags,
                                  .tag_count = 2};
    SCRIPT(config, {.bytes = S3_OK});
    assert_ok(hf_store_put(store, PACK, "data", 4, HF_PUT_REPLACE, &err), &err);
    const char *sent = hf_peer_request(peer, 0, NULL);
    assert_contains(sent, "x-amz-server-side-encryption: aws:kms\r\n");
    assert_contains(sent, "x-amz-server-side-encryption-aws-kms-key-id: key/1\r\n");
    assert_contains(sent, "x-amz-storage-class: GLACIER_IR\r\n");
    assert_contains(sent, "x-amz-tagging: team=a%20b%26c&x=\r\n");
    /* Only packs lie there for long; what is read all the time stays where it is. */
    assert_ok(hf_store_put(store, "index/a", "data", 4, HF_PUT_REPLACE, &err), &err);
    sent = hf_peer_request(peer, 1, NULL);
    assert_null(strstr(sent, "x-amz-storage-class"));
    assert_contains(sent, "x-amz-tagging");
    end(store, peer);
}

static void put_checksum_is_the_one_asked_for(void **state)
{
    (void)state;
    const struct {
        enum hf_s3_checksum checksum;
        const char *header;
    } cases[] = {
        {HF_S3_CHECKSUM_MD5, "content-md5: jXd/OF09/siBXSD3SWAm3A==\r\n"},
        {HF_S3_CHECKSUM_SHA256,
         "x-amz-checksum-sha256: Om6weQ85rIfJTzhWst0sXREOaBFgImGpqSPTuyOtyLc=\r\n"},
        {HF_S3_CHECKSUM_CRC32C, "x-amz-checksum-crc32c: rth90Q==\r\n"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct hf_s3_config config = {.checksum = cases[i].checksum};
        SCRIPT(config, {.bytes = S3_OK});
        assert_ok(hf_store_put(store, PACK, "data", 4, HF_PUT_REPLACE, &err), &err);
        assert_contains(hf_peer_request(peer, 0, NULL), cases[i].header);
        assert_ok(hf_store_put(store, "keys/a", "data", 4, HF_PUT_REPLACE, &err), &err);
        assert_contains(hf_peer_request(peer, 1, NULL), cases[i].header);
        end(store, peer);
    }
}

/* The hash of a pack is not computed but taken from its name. */
static void put_of_a_pack_is_signed_with_its_name(void **state)
{
    (void)state;
    SCRIPT(plain, {.bytes = S3_OK});
    assert_ok(hf_store_put(store, PACK, "other", 5, HF_PUT_REPLACE, &err), &err);
    assert_contains(hf_peer_request(peer, 0, NULL), "x-amz-content-sha256: 3a6eb0790f39ac87c9");
    end(store, peer);
}

static void put_with_another_etag_is_tried_again(void **state)
{
    (void)state;
    struct hf_s3_config config = {.checksum = HF_S3_CHECKSUM_MD5};
    SCRIPT(config,
           {.bytes = "HTTP/1.1 200 OK\r\nETag: \"00000000000000000000000000000000\"\r\n" S3_EMPTY},
           {.bytes = "HTTP/1.1 200 OK\r\nETag: \"8d777f385d3dfec8815d20f7496026dc\"\r\n" S3_EMPTY});
    assert_ok(hf_store_put(store, "a", "data", 4, HF_PUT_REPLACE, &err), &err);
    assert_int_equal(hf_peer_requests(peer), 2);
    end(store, peer);
}

static void open_refuses_what_cannot_be_meant(void **state)
{
    (void)state;
    const struct {
        struct hf_s3_config config;
        const char *text;
    } cases[] = {
        {{.unsigned_payload = true, .endpoint = "http://x"}, "https only"},
        {{.lock = HF_S3_LOCK_GOVERNANCE}, "days are 1 to"},
        {{.connections = 1000}, "at most"},
        {{.part_size = 1}, "5 MiB"},
        {{.storage_class = "A B"}, "storage class"},
        {{.kms_key_id = "a\nb"}, "KMS key id"},
        {{.tag_count = 11}, "tags"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct hf_error err = HF_ERROR_INIT;
        struct hf_s3_config config = cases[i].config;
        struct hf_store *store;
        config.bucket = "b";
        assert_fails(hf_s3_open(&config, NULL, &store, &err), HF_CONFIG, &err);
        assert_contains(err.text, cases[i].text);
    }
}

static void put_locks_all_but_leases(void **state)
{
    (void)state;
    SCRIPT(locking, {.bytes = S3_OK});
    assert_true(hf_store_protects(store));
    assert_ok(hf_store_put(store, PACK, "data", 4, HF_PUT_REPLACE, &err), &err);
    const char *sent = hf_peer_request(peer, 0, NULL);
    assert_contains(sent, "x-amz-object-lock-mode: COMPLIANCE\r\n");
    assert_contains(sent, "x-amz-object-lock-retain-until-date: 20");
    assert_contains(sent, "content-md5: "); /* AWS wants one of a locked object */
    assert_ok(hf_store_put(store, "leases/a", "data", 4, HF_PUT_REPLACE, &err), &err);
    assert_null(strstr(hf_peer_request(peer, 1, NULL), "x-amz-object-lock"));
    end(store, peer);
}

static void put_of_a_locked_object_always_has_a_checksum(void **state)
{
    (void)state;
    struct hf_s3_config config = locking;
    config.checksum = HF_S3_CHECKSUM_NONE;
    SCRIPT(config, {.bytes = S3_OK});
    assert_ok(hf_store_put(store, PACK, "data", 4, HF_PUT_REPLACE, &err), &err);
    assert_contains(hf_peer_request(peer, 0, NULL), "content-md5: ");
    end(store, peer);
}

static void protect_puts_a_retention(void **state)
{
    (void)state;
    SCRIPT(locking, {.bytes = S3_OK}, {.bytes = S3_NO_SUCH_KEY},
           {.bytes = "HTTP/1.1 405 Marker\r\n" S3_EMPTY});
    assert_ok(hf_store_protect(store, PACK, &err), &err);
    const char *sent = hf_peer_request(peer, 0, NULL);
    assert_contains(sent, "PUT /bucket/pre/" PACK "?retention= HTTP/1.1\r\n");
    assert_contains(sent, "<Retention><Mode>COMPLIANCE</Mode><RetainUntilDate>20");
    assert_contains(sent, "content-md5: ");
    assert_fails(hf_store_protect(store, PACK, &err), HF_NOT_FOUND, &err);
    assert_fails(hf_store_protect(store, PACK, &err), HF_NOT_FOUND, &err);
    assert_ok(hf_store_protect(store, "leases/a", &err), &err);
    assert_int_equal(hf_peer_requests(peer), 3);
    end(store, peer);
}

static void protect_of_what_is_locked_for_longer_is_done(void **state)
{
    (void)state;
    SCRIPT(locking, {.bytes = FORBIDDEN}, {.bytes = LOCKED_UNTIL("2999-01-01T00:00:00Z")},
           {.bytes = FORBIDDEN}, {.bytes = LOCKED_UNTIL("2020-01-01T00:00:00Z")});
    assert_ok(hf_store_protect(store, PACK, &err), &err);
    assert_fails(hf_store_protect(store, PACK, &err), HF_DENIED, &err);
    assert_contains(err.text, "cannot lock " PACK);
    end(store, peer);
}

static void protect_without_lock_asks_nobody(void **state)
{
    (void)state;
    SCRIPT(plain, {.bytes = S3_OK});
    assert_false(hf_store_protects(store));
    assert_ok(hf_store_protect(store, PACK, &err), &err);
    assert_int_equal(hf_peer_requests(peer), 0);
    end(store, peer);
}

static void stat_tells_until_when_it_is_locked(void **state)
{
    (void)state;
    SCRIPT(plain, {.bytes = LOCKED_UNTIL("2099-01-01T00:00:00.5Z")},
           {.bytes = LOCKED_UNTIL("2999-01-01T00:00:00Z")},
           {.bytes = "HTTP/1.1 200 OK\r\nx-amz-object-lock-legal-hold: ON\r\n" S3_EMPTY},
           {.bytes = S3_OK});
    struct hf_store_stat stat;
    assert_ok(hf_store_stat(store, "a", &stat, &err), &err);
    char text[HF_TIME_TEXT];
    hf_time_format(text, stat.locked_until);
    assert_string_equal(text, "2099-01-01T00:00:00Z");
    assert_ok(hf_store_stat(store, "a", &stat, &err), &err);
    assert_true(stat.locked_until == INT64_MAX); /* beyond what ns can say */
    assert_ok(hf_store_stat(store, "a", &stat, &err), &err);
    assert_true(stat.locked_until == INT64_MAX);
    assert_ok(hf_store_stat(store, "a", &stat, &err), &err);
    assert_int_equal(stat.locked_until, 0);
    end(store, peer);
}

/* The bucket locks by itself: a DELETE would only hide the object. */
static void delete_of_a_locked_object_is_denied(void **state)
{
    (void)state;
    SCRIPT(plain, {.bytes = ENABLED, .then = HF_PEER_CLOSE},
           {.bytes = LOCKED_UNTIL("2099-01-02T03:04:05Z")});
    assert_fails(hf_store_delete(store, PACK, &err), HF_DENIED, &err);
    assert_contains(err.text, "locked until 2099-01-02T03:04:05Z");
    assert_contains(hf_peer_request(peer, 0, NULL), "GET /bucket?object-lock= HTTP");
    assert_contains(hf_peer_request(peer, 1, NULL), "HEAD ");
    assert_int_equal(hf_peer_requests(peer), 2);
    end(store, peer);
}

static void delete_where_locks_are_removes_each_version(void **state)
{
    (void)state;
    SCRIPT(locking, {.bytes = LOCKED_UNTIL("2020-01-01T00:00:00Z")}, {.bytes = NO_CONTENT},
           {.bytes = "HTTP/1.1 200 OK\r\nx-amz-version-id: v/0\r\n" S3_EMPTY},
           {.bytes = NO_CONTENT}, {.bytes = NOT_FOUND});
    assert_ok(hf_store_delete(store, PACK, &err), &err);
    assert_contains(hf_peer_request(peer, 1, NULL), "DELETE /bucket/pre/" PACK "?versionId=v1 ");
    assert_contains(hf_peer_request(peer, 3, NULL), "?versionId=v%2F0 ");
    assert_int_equal(hf_peer_requests(peer), 5);
    end(store, peer);
}

static void delete_many_is_one_request(void **state)
{
    (void)state;
    struct hf_s3_config config = {.prefix = "a&b"};
    SCRIPT(config, {.bytes = NOT_FOUND}, /* no lock */
           {.bytes = CLOSED("<DeleteResult><Error><Key>a&amp;b/k2</Key><Code>InternalError</Code>"
                            "</Error></DeleteResult>"),
            .then = HF_PEER_CLOSE},
           {.bytes = NO_CONTENT});
    const char *const keys[] = {"k1", "k2", "k3"};
    assert_ok(hf_store_delete_many(store, keys, 3, &err), &err);
    const char *sent = hf_peer_request(peer, 1, NULL);
    assert_contains(sent, "POST /bucket?delete= HTTP/1.1\r\n");
    assert_contains(sent, "content-md5: ");
    assert_contains(sent, "<Delete><Quiet>true</Quiet><Object><Key>a&#38;b/k1</Key></Object>");
    /* What failed is tried alone. */
    assert_contains(hf_peer_request(peer, 2, NULL), "DELETE /bucket/a%26b/k2 ");
    assert_int_equal(hf_peer_requests(peer), 3);
    end(store, peer);
}

static void delete_many_where_it_is_unknown_goes_one_by_one(void **state)
{
    (void)state;
    SCRIPT(plain, {.bytes = NOT_FOUND}, {.bytes = S3_NOT_IMPLEMENTED}, {.bytes = NO_CONTENT},
           {.bytes = FORBIDDEN}, {.bytes = NO_CONTENT});
    const char *const keys[] = {"k1", "k2", "k3"};
    assert_fails(hf_store_delete_many(store, keys, 3, &err), HF_DENIED, &err);
    assert_contains(err.text, "cannot remove k2");
    assert_contains(hf_peer_request(peer, 4, NULL), "DELETE /bucket/pre/k3 ");
    end(store, peer);
}

static void probe_tells_who_obeys_from_who_does_not(void **state)
{
    (void)state;
    const struct {
        const char *second;
        bool creates;
    } cases[] = {{"HTTP/1.1 412 Precondition Failed\r\n" S3_EMPTY, true}, {S3_OK, false}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        SCRIPT(plain, {.bytes = S3_OK}, {.bytes = cases[i].second}, {.bytes = NO_CONTENT},
               {.bytes = NOT_FOUND}, {.bytes = S3_OK});
        struct hf_store_traits traits;
        assert_ok(hf_store_probe(store, &traits, &err), &err);
        assert_int_equal(traits.creates_atomically, cases[i].creates);
        assert_contains(hf_peer_request(peer, 0, NULL), "PUT /bucket/pre/tmp/probe-");
        assert_contains(hf_peer_request(peer, 2, NULL), "DELETE /bucket/pre/tmp/probe-");
        if (!cases[i].creates) { /* from then on a look before the put */
            assert_ok(hf_store_put(store, "a", "data", 4, HF_PUT_CREATE, &err), &err);
            assert_contains(hf_peer_request(peer, 3, NULL), "HEAD ");
            assert_null(strstr(hf_peer_request(peer, 4, NULL), "if-none-match"));
        }
        end(store, peer);
    }
}

static void probe_of_a_bucket_without_the_lock_that_is_configured_fails(void **state)
{
    (void)state;
    SCRIPT(locking, {.bytes = S3_OK}, {.bytes = "HTTP/1.1 412 Precondition Failed\r\n" S3_EMPTY},
           {.bytes = NO_CONTENT}, {.bytes = NOT_FOUND});
    struct hf_store_traits traits;
    assert_fails(hf_store_probe(store, &traits, &err), HF_CONFIG, &err);
    assert_contains(err.text, "object lock is not enabled");
    end(store, peer);
}

#define UPLOAD                                                                                     \
    CLOSED("<InitiateMultipartUploadResult><UploadId>u&amp;1</UploadId>"                           \
           "</InitiateMultipartUploadResult>")
#define COMPLETED CLOSED("<CompleteMultipartUploadResult/>")

static void put_large_object_goes_in_parts(void **state)
{
    (void)state;
    const size_t len = (11 << 20) + 3;
    struct hf_s3_config config = {.part_size = 5 << 20, .checksum = HF_S3_CHECKSUM_MD5};
    HF_AUTO_FREE char *data = calloc(1, len);
    assert_non_null(data);
    SCRIPT(config, {.bytes = UPLOAD, .then = HF_PEER_CLOSE}, {.bytes = S3_OK},
           {.bytes = S3_SLOW_DOWN}, {.bytes = S3_OK}, {.bytes = S3_OK},
           {.bytes = CLOSED("<Error><Code>InternalError</Code></Error>"), .then = HF_PEER_CLOSE},
           {.bytes = COMPLETED, .then = HF_PEER_CLOSE});
    assert_ok(hf_store_put(store, "a", data, len, HF_PUT_REPLACE, &err), &err);
    assert_contains(hf_peer_request(peer, 0, NULL), "POST /bucket/a?uploads= HTTP");
    assert_contains(hf_peer_request(peer, 4, NULL), "PUT /bucket/a?partNumber=3&uploadId=u%261 ");
    assert_contains(hf_peer_request(peer, 4, NULL), "Content-Length: 1048579\r\n");
    assert_contains(hf_peer_request(peer, 4, NULL), "content-md5: ");
    assert_contains(hf_peer_request(peer, 6, NULL),
                    "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>\"e\"</ETag>");
    assert_int_equal(hf_peer_requests(peer), 7);
    end(store, peer);
}

static void put_in_parts_that_fails_leaves_none(void **state)
{
    (void)state;
    const size_t len = 6 << 20;
    struct hf_s3_config config = {.part_size = 5 << 20};
    HF_AUTO_FREE char *data = calloc(1, len);
    assert_non_null(data);
    SCRIPT(config, {.bytes = NOT_FOUND}, {.bytes = UPLOAD, .then = HF_PEER_CLOSE},
           {.bytes = FORBIDDEN}, {.bytes = NO_CONTENT});
    assert_fails(hf_store_put(store, "a", data, len, HF_PUT_CREATE, &err), HF_DENIED, &err);
    assert_contains(hf_peer_request(peer, 3, NULL), "DELETE /bucket/a?uploadId=u%261 ");
    end(store, peer);
}

/* Work that was stopped still has its lease to remove. */
static void operation_after_a_stop_gets_one_try(void **state)
{
    (void)state;
    HF_AUTO_PTR(hf_cancel) cancel = NULL;
    SCRIPT(plain, {.bytes = NO_CONTENT}, {.bytes = S3_SLOW_DOWN});
    assert_ok(hf_cancel_new(&cancel, &err), &err);
    hf_store_watch(store, cancel);
    hf_cancel_interrupt(cancel);
    assert_ok(hf_store_delete(store, "leases/a", &err), &err);
    assert_fails(hf_store_delete(store, "leases/a", &err), HF_UNREACHABLE, &err);
    assert_int_equal(hf_peer_requests(peer), 2);
    end(store, peer);
}

static void stop_then_hang(void *ctx, size_t index, const char *request, size_t len,
                           struct hf_peer_answer *answer)
{
    (void)index;
    (void)request;
    (void)len;
    hf_cancel_interrupt(ctx);
    answer->then = HF_PEER_HANG;
}

static void operation_under_way_ends_when_work_is_stopped(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_cancel) cancel = NULL;
    assert_ok(hf_cancel_new(&cancel, &err), &err);
    struct hf_peer *peer = hf_peer_start(stop_then_hang, cancel, NULL);
    struct hf_store *store = s3_open_with(peer, (struct hf_s3_config){.stall_s = 600}, NULL);
    hf_store_watch(store, cancel);
    assert_fails(hf_store_delete(store, "leases/a", &err), HF_CANCELLED, &err);
    end(store, peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(put_says_how_objects_are_kept),
        cmocka_unit_test(put_checksum_is_the_one_asked_for),
        cmocka_unit_test(put_of_a_pack_is_signed_with_its_name),
        cmocka_unit_test(put_with_another_etag_is_tried_again),
        cmocka_unit_test(open_refuses_what_cannot_be_meant),
        cmocka_unit_test(put_locks_all_but_leases),
        cmocka_unit_test(put_of_a_locked_object_always_has_a_checksum),
        cmocka_unit_test(protect_puts_a_retention),
        cmocka_unit_test(protect_of_what_is_locked_for_longer_is_done),
        cmocka_unit_test(protect_without_lock_asks_nobody),
        cmocka_unit_test(stat_tells_until_when_it_is_locked),
        cmocka_unit_test(delete_of_a_locked_object_is_denied),
        cmocka_unit_test(delete_where_locks_are_removes_each_version),
        cmocka_unit_test(delete_many_is_one_request),
        cmocka_unit_test(delete_many_where_it_is_unknown_goes_one_by_one),
        cmocka_unit_test(probe_tells_who_obeys_from_who_does_not),
        cmocka_unit_test(probe_of_a_bucket_without_the_lock_that_is_configured_fails),
        cmocka_unit_test(put_large_object_goes_in_parts),
        cmocka_unit_test(put_in_parts_that_fails_leaves_none),
        cmocka_unit_test(operation_after_a_stop_gets_one_try),
        cmocka_unit_test(operation_under_way_ends_when_work_is_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
