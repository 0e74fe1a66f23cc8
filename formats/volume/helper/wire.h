/*
 * What holdfast and its helper in a container say to each other.
 *
 * Messages: u8 type, u32 id, u32 length (little-endian), so many bytes. Both ends are of the same
 * version of the program (the first message makes sure), so nothing here outlives a run. What comes
 * out of the container is believed only as far as its form goes; lengths are bounded before room is
 * made.
 */
#ifndef HF_VOLUME_HELPER_WIRE_H
#define HF_VOLUME_HELPER_WIRE_H

#include "base/buffer.h"
#include "base/cancel.h"
#include "base/text.h"

#include <jansson.h>

enum hf_vol_wire_type {
    /* From the helper. With a *, it waits for an answer; the id names the call. */
    HF_WIRE_HELLO = 1,  /* the version of the program */
    HF_WIRE_NOTE,       /* id: the level; text */
    HF_WIRE_EXPECT,     /* id 1; u64 bytes, u64 items */
    HF_WIRE_ADVANCE,    /* id 0; the same */
    HF_WIRE_OPEN,       /* id: the sink's stream from now on; u8 kind, name */
    HF_WIRE_WRITE,      /* id: the stream; bytes */
    HF_WIRE_CLOSE,      /* id; u64 records */
    HF_WIRE_ABANDON,    /* id */
    HF_WIRE_CUT,        /* id */
    HF_WIRE_CARRY,      /* name */
    HF_WIRE_BASE,       /* *: JSON {"properties", "streams"}, or nothing */
    HF_WIRE_HOLDS,      /* * name: u8 */
    HF_WIRE_FEED_OPEN,  /* * u64 offset, u64 length (all ones: all of it), name: nothing. The
                           call's id names the feed's stream from now on */
    HF_WIRE_FEED_NEXT,  /* * u32 stream: bytes, none at its end */
    HF_WIRE_FEED_CLOSE, /* id: the feed's stream */
    HF_WIRE_RESULT,     /* JSON: "status", "sys", "text", and what the work came to */
    /* To the helper. */
    HF_WIRE_START,   /* JSON: what to do */
    HF_WIRE_ANSWER,  /* id: the call */
    HF_WIRE_REFUSAL, /* id: the call; u8 status, text */
    HF_WIRE_TYPES,
};

enum {
    HF_WIRE_HEAD = 9,
    HF_WIRE_UP_MAX = 16 << 20,   /* bytes of a message from the helper */
    HF_WIRE_DOWN_MAX = 64 << 20, /* to it */
    HF_WIRE_PIECE = 256 << 10,   /* of what a stream writes */
};

/* Puts messages together from bytes that come in any pieces. */
typedef enum hf_status hf_vol_wire_take_fn(void *ctx, enum hf_vol_wire_type type, uint32_t id,
                                           struct hf_buf *payload, struct hf_error *err);
struct hf_vol_inbox {
    hf_vol_wire_take_fn *take; /* may take the payload's block away, leaving another */
    void *ctx;
    size_t max; /* bytes of a message */
    uint8_t head[HF_WIRE_HEAD];
    size_t head_len;
    size_t left; /* of the payload */
    struct hf_buf payload;
};
void hf_vol_inbox_done(struct hf_vol_inbox *inbox);
enum hf_status hf_vol_inbox_feed(struct hf_vol_inbox *inbox, const void *data, size_t len,
                                 struct hf_error *err) HF_WARN_UNUSED;

void hf_vol_wire_head(uint8_t head[HF_WIRE_HEAD], enum hf_vol_wire_type type, uint32_t id,
                      size_t len);

/* Descriptors that do not block, watched along with cancel. */
enum hf_status hf_vol_wire_unblock(int fd, struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_vol_wire_write(int fd, struct hf_cancel *cancel, const void *data, size_t len,
                                 struct hf_error *err) HF_WARN_UNUSED;
/* At least a byte, or *out 0 at the end. HF_UNREACHABLE after wait_ms (-1: never). */
enum hf_status hf_vol_wire_read(int fd, struct hf_cancel *cancel, int wait_ms, void *data,
                                size_t cap, size_t *out, struct hf_error *err) HF_WARN_UNUSED;

/* Texts of a JSON array; what is in it besides is HF_DAMAGED. */
enum hf_status hf_vol_wire_strings(const json_t *array, struct hf_strings *out,
                                   struct hf_error *err) HF_WARN_UNUSED;
/* HF_USAGE for what is not UTF-8. New reference. */
enum hf_status hf_vol_wire_array(const struct hf_strings *strings, json_t **out,
                                 struct hf_error *err) HF_WARN_UNUSED;

#endif
