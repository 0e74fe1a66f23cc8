/*
 * Reading chunks: from an id to verified plaintext, whichever pack it is in.
 *
 * Holds what all readers of a snapshot share: open pack keys, coders, and a few blocks of packs,
 * so that a thousand small chunks that lie side by side cost one request. A chunk whose pack is
 * missing or damaged is looked for in other packs; when the index does not know it at all, the
 * packs that no index names are asked once. Any thread may call anything but free.
 */
#ifndef HF_REPOSITORY_CHUNK_READER_H
#define HF_REPOSITORY_CHUNK_READER_H

#include "base/buffer.h"
#include "storage/repository/index.h"
#include "storage/repository/reflist.h"

struct hf_chunk_reader;

enum {
    HF_READER_BLOCK = 512 << 10, /* what is fetched around a small chunk */
    HF_READER_BLOCKS = 16,
    HF_READER_SMALL = 128 << 10, /* stored bytes of a chunk that goes through blocks */
};

/* repo and index are borrowed. */
enum hf_status hf_chunk_reader_new(struct hf_repo *repo, struct hf_index *index,
                                   struct hf_chunk_reader **out,
                                   struct hf_error *err) HF_WARN_UNUSED;
void hf_chunk_reader_free(struct hf_chunk_reader *reader);
HF_DEFINE_AUTO_PTR(hf_chunk_reader, hf_chunk_reader_free)

/* Chunks that are in no sound pack are taken from a replica from here on. Before any other thread
 * uses the reader; fallback is borrowed. */
struct hf_fallback;
void hf_chunk_reader_fall_back(struct hf_chunk_reader *reader, struct hf_fallback *fallback);

/* Where a chunk is. HF_DAMAGED when it is nowhere, or when class or plain length (0: any) are
 * not those expected; the error names the chunk. */
enum hf_status hf_chunk_locate(struct hf_chunk_reader *reader, const uint8_t id[HF_REF_ID],
                               enum hf_chunk_class class, uint32_t plain_len,
                               struct hf_location *out, struct hf_error *err) HF_WARN_UNUSED;

/* What one thread needs to open frames; lent by the reader, given back after. */
struct hf_opener;
enum hf_status hf_opener_borrow(struct hf_chunk_reader *reader, struct hf_opener **out,
                                struct hf_error *err) HF_WARN_UNUSED;
void hf_opener_return(struct hf_chunk_reader *reader, struct hf_opener *opener);

/* sealed (frame->stored_len bytes) to plain (frame->plain_len bytes), decrypted, decoded and
 * verified. Errors name chunk and pack. */
enum hf_status hf_chunk_open(struct hf_chunk_reader *reader, struct hf_opener *opener,
                             const struct hf_location *location, const uint8_t *sealed,
                             uint8_t *plain, struct hf_error *err) HF_WARN_UNUSED;

/* The whole way for one chunk, on this thread; appended to out. */
enum hf_status hf_chunk_read(struct hf_chunk_reader *reader, const uint8_t id[HF_REF_ID],
                             enum hf_chunk_class class, uint32_t plain_len, struct hf_buf *out,
                             struct hf_error *err) HF_WARN_UNUSED;

/* A hf_reflist_read_fn; ctx is the reader. */
enum hf_status hf_chunk_read_meta(void *ctx, const uint8_t id[HF_REF_ID], size_t max,
                                  struct hf_buf *out, struct hf_error *err) HF_WARN_UNUSED;

#endif
