/*
 * Growable bytes, a writer of little-endian fields, and a bounded reader for
 * bytes that are not trusted.
 *
 * struct hf_buf owns its block: start with HF_BUF_INIT, end with hf_buf_free (or
 * HF_AUTO(hf_buf)). Appending can only fail for memory. A struct hf_reader borrows
 * bytes and never reads past them: the first read that does not fit marks it bad,
 * later reads give zeroes, and hf_reader_ok tells once, at the end.
 */
#ifndef HF_BASE_BUFFER_H
#define HF_BASE_BUFFER_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

struct hf_buf {
    uint8_t *data;
    size_t len;
    size_t cap;
};

#define HF_BUF_INIT                                                                                \
    {                                                                                              \
        .data = NULL                                                                               \
    }

void hf_buf_free(struct hf_buf *buf);
static inline void hf_buf_auto(struct hf_buf *buf)
{
    hf_buf_free(buf);
}

/* Room for at least extra bytes more. */
enum hf_status hf_buf_reserve(struct hf_buf *buf, size_t extra,
                              struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_buf_append(struct hf_buf *buf, const void *data, size_t len,
                             struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_buf_append_str(struct hf_buf *buf, const char *text,
                                 struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_buf_printf(struct hf_buf *buf, struct hf_error *err, const char *format, ...)
    HF_PRINTF(3, 4) HF_WARN_UNUSED;
enum hf_status hf_buf_u8(struct hf_buf *buf, uint8_t v, struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_buf_u16(struct hf_buf *buf, uint16_t v, struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_buf_u32(struct hf_buf *buf, uint32_t v, struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_buf_u64(struct hf_buf *buf, uint64_t v, struct hf_error *err) HF_WARN_UNUSED;

/* The bytes as a C string, valid until the buffer changes; a NUL is put behind the last byte. */
enum hf_status hf_buf_cstr(struct hf_buf *buf, const char **out,
                           struct hf_error *err) HF_WARN_UNUSED;

/* Fields in place, little-endian. */
void hf_store_u16(uint8_t *at, uint16_t v);
void hf_store_u32(uint8_t *at, uint32_t v);
void hf_store_u64(uint8_t *at, uint64_t v);
uint16_t hf_load_u16(const uint8_t *at);
uint32_t hf_load_u32(const uint8_t *at);
uint64_t hf_load_u64(const uint8_t *at);

struct hf_reader {
    const uint8_t *at;
    size_t left;
    bool bad;
};

void hf_reader_init(struct hf_reader *r, const void *data, size_t len);
uint8_t hf_reader_u8(struct hf_reader *r);
uint16_t hf_reader_u16(struct hf_reader *r);
uint32_t hf_reader_u32(struct hf_reader *r);
uint64_t hf_reader_u64(struct hf_reader *r);
/* len bytes, borrowed; NULL and bad when they are not there. */
const uint8_t *hf_reader_bytes(struct hf_reader *r, size_t len);
/* Nothing was read past the end so far. */
bool hf_reader_ok(const struct hf_reader *r);
/* Nothing was read past the end, and nothing is left. */
bool hf_reader_done(const struct hf_reader *r);

/* Lower-case hexadecimal. text holds 2 * len + 1 bytes. */
void hf_hex(char *text, const uint8_t *data, size_t len);
/* Exactly len bytes from 2 * len hexadecimal digits; false otherwise. */
bool hf_unhex(uint8_t *data, size_t len, const char *text);

#endif
