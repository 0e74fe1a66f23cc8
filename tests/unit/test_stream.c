#include "base/stream.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/support/check.h"

static void assert_part(const char *part, const char *expected)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) name = HF_BUF_INIT;
    const char *text;
    assert_ok(hf_buf_append_str(&name, "data/", &err), &err);
    assert_ok(hf_stream_name_part(&name, part, &err), &err);
    assert_ok(hf_buf_cstr(&name, &text, &err), &err);
    assert_string_equal(text + 5, expected);
}

static void stream_name_part_special_bytes_are_encoded(void **state)
{
    (void)state;
    assert_part("orders", "orders");
    assert_part("a b.c\"d", "a b.c\"d");
    assert_part("a/b%c", "a%2Fb%25c");
    assert_part("\n\t\x7f\x01", "%0A%09%7F%01");
    assert_part("r\xc3\xa9sum\xc3\xa9", "r\xc3\xa9sum\xc3\xa9");
    assert_part("latin\xe9", "latin%E9"); /* not UTF-8 */
    assert_part("", "");
}

static void stream_name_part_too_long_is_refused_untouched(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) name = HF_BUF_INIT;
    char longer[HF_STREAM_NAME_MAX + 2];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;
    assert_fails(hf_stream_name_part(&name, longer, &err), HF_UNSUPPORTED, &err);
    assert_int_equal(name.len, 0);
    longer[HF_STREAM_NAME_MAX] = 0;
    assert_ok(hf_stream_name_part(&name, longer, &err), &err);
    assert_int_equal(name.len, HF_STREAM_NAME_MAX);
}

/* One stream in memory, as sink and feed; fails when told to. */
struct hf_sink_stream {
    struct tape *tape;
};
struct hf_feed_stream {
    struct tape *tape;
};
struct tape {
    struct hf_buf bytes;
    struct hf_sink_stream in;
    struct hf_feed_stream out;
    size_t at;
    uint64_t records;
    int opened, closed, abandoned;
    bool fail_write, fail_close;
    size_t fail_next_at;
};

static enum hf_status in_open(void *ctx, const char *name, enum hf_stream_kind kind,
                              struct hf_sink_stream **out, struct hf_error *err)
{
    struct tape *tape = ctx;
    (void)kind;
    if (strcmp(name, "refused") == 0)
        return hf_error_set(err, HF_EXISTS, "refused");
    tape->opened++;
    tape->in.tape = tape;
    *out = &tape->in;
    return HF_OK;
}

static enum hf_status in_write(struct hf_sink_stream *stream, const void *data, size_t len,
                               struct hf_error *err)
{
    if (stream->tape->fail_write)
        return hf_error_set(err, HF_NO_SPACE, "full");
    return hf_buf_append(&stream->tape->bytes, data, len, err);
}

static enum hf_status in_close(struct hf_sink_stream *stream, uint64_t records, const json_t *attrs,
                               struct hf_error *err)
{
    (void)attrs;
    stream->tape->closed++;
    stream->tape->records = records;
    return stream->tape->fail_close ? hf_error_set(err, HF_IO, "close") : HF_OK;
}

static void in_abandon(struct hf_sink_stream *stream)
{
    stream->tape->abandoned++;
}

static struct hf_sink sink_of(struct tape *tape)
{
    return (struct hf_sink){
        .ctx = tape, .open = in_open, .write = in_write, .close = in_close, .abandon = in_abandon};
}

static enum hf_status out_open(void *ctx, const char *name, struct hf_feed_stream **out,
                               struct hf_error *err)
{
    struct tape *tape = ctx;
    if (strcmp(name, "gone") == 0)
        return hf_error_set(err, HF_NOT_FOUND, "gone");
    tape->opened++;
    tape->out.tape = tape;
    *out = &tape->out;
    return HF_OK;
}

/* Pieces of 3 bytes. */
static enum hf_status out_next(struct hf_feed_stream *stream, const uint8_t **data, size_t *len,
                               struct hf_error *err)
{
    struct tape *tape = stream->tape;
    size_t left = tape->bytes.len - tape->at;
    if (tape->fail_next_at > 0 && tape->at >= tape->fail_next_at)
        return hf_error_set(err, HF_DAMAGED, "flipped");
    *len = left < 3 ? left : 3;
    *data = tape->bytes.data + tape->at;
    tape->at += *len;
    return HF_OK;
}

static void out_close(struct hf_feed_stream *stream)
{
    stream->tape->closed++;
}

static struct hf_feed feed_of(struct tape *tape)
{
    return (struct hf_feed){.ctx = tape, .open = out_open, .next = out_next, .close = out_close};
}

static void sink_write_all_opens_writes_and_closes(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    struct tape tape = {.bytes = HF_BUF_INIT};
    struct hf_sink sink = sink_of(&tape);
    assert_ok(hf_sink_write_all(&sink, "a", HF_STREAM_BYTES, "bytes", 5, 2, NULL, &err), &err);
    assert_int_equal(tape.bytes.len, 5);
    assert_int_equal(tape.records, 2);
    assert_int_equal(tape.closed, 1);
    assert_ok(hf_sink_write_all(&sink, "b", HF_STREAM_BYTES, NULL, 0, 0, NULL, &err), &err);
    assert_int_equal(tape.closed, 2);
    hf_buf_free(&tape.bytes);
}

static void sink_write_all_failures_end_the_stream_once(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    struct tape tape = {.fail_write = true};
    struct hf_sink sink = sink_of(&tape);
    assert_fails(hf_sink_write_all(&sink, "refused", HF_STREAM_BYTES, "x", 1, 0, NULL, &err),
                 HF_EXISTS, &err);
    assert_int_equal(tape.abandoned + tape.closed, 0);
    assert_fails(hf_sink_write_all(&sink, "a", HF_STREAM_BYTES, "x", 1, 0, NULL, &err), HF_NO_SPACE,
                 &err);
    assert_int_equal(tape.abandoned, 1);
    assert_int_equal(tape.closed, 0);
    tape.fail_write = false;
    tape.fail_close = true;
    assert_fails(hf_sink_write_all(&sink, "a", HF_STREAM_BYTES, "x", 1, 0, NULL, &err), HF_IO,
                 &err);
    assert_int_equal(tape.abandoned, 1);
    assert_int_equal(tape.closed, 1);
    hf_buf_free(&tape.bytes);
}

static void feed_read_all_pieces_are_joined(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) out = HF_BUF_INIT;
    struct tape tape = {.bytes = HF_BUF_INIT};
    struct hf_feed feed = feed_of(&tape);
    assert_ok(hf_buf_append_str(&tape.bytes, "1234567890", &err), &err);
    assert_ok(hf_feed_read_all(&feed, "a", 10, &out, &err), &err);
    assert_int_equal(out.len, 10);
    assert_memory_equal(out.data, "1234567890", 10);
    assert_int_equal(tape.closed, 1);
    hf_buf_free(&tape.bytes);
}

static void feed_read_all_failures_close_and_leave_the_buffer(void **state)
{
    (void)state;
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) out = HF_BUF_INIT;
    struct tape tape = {.bytes = HF_BUF_INIT};
    struct hf_feed feed = feed_of(&tape);
    assert_ok(hf_buf_append_str(&tape.bytes, "1234567890", &err), &err);
    assert_ok(hf_buf_append_str(&out, "kept", &err), &err);
    assert_fails(hf_feed_read_all(&feed, "gone", 10, &out, &err), HF_NOT_FOUND, &err);
    assert_int_equal(tape.closed, 0);
    assert_fails(hf_feed_read_all(&feed, "a", 9, &out, &err), HF_DAMAGED, &err);
    assert_contains(err.text, "stream a");
    tape.at = 0;
    tape.fail_next_at = 6;
    assert_fails(hf_feed_read_all(&feed, "a", 10, &out, &err), HF_DAMAGED, &err);
    assert_string_equal(err.text, "flipped");
    assert_int_equal(tape.opened, 2);
    assert_int_equal(tape.closed, 2);
    assert_int_equal(out.len, 4);
    hf_buf_free(&tape.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stream_name_part_special_bytes_are_encoded),
        cmocka_unit_test(stream_name_part_too_long_is_refused_untouched),
        cmocka_unit_test(sink_write_all_opens_writes_and_closes),
        cmocka_unit_test(sink_write_all_failures_end_the_stream_once),
        cmocka_unit_test(feed_read_all_pieces_are_joined),
        cmocka_unit_test(feed_read_all_failures_close_and_leave_the_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
