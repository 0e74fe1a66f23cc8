/*
 * One thing in a volume, and its bytes in the list of files (docs/volumes.md, "The list").
 *
 * All pointers of a struct hf_vol_entry are borrowed, by rule of whoever fills it in. Decoding
 * trusts nothing: what is not exactly as it may be is HF_DAMAGED. Any thread.
 */
#ifndef HF_VOLUME_ENTRY_H
#define HF_VOLUME_ENTRY_H

#include "base/buffer.h"
#include "formats/volume/arena.h"

#include <stdint.h>
#include <sys/stat.h>

/* The numbers are format. */
enum hf_vol_type {
    HF_VOL_DIRECTORY = 1,
    HF_VOL_FILE = 2,
    HF_VOL_SYMLINK = 3,
    HF_VOL_HARD_LINK = 4, /* another name of a file, symbolic link, device, … listed before */
    HF_VOL_CHARACTER = 5,
    HF_VOL_BLOCK = 6,
    HF_VOL_FIFO = 7,
};

enum {
    HF_VOL_TORN = 1, /* a file that changed whenever it was read */
};

enum {
    HF_VOL_PARTS_MAX = 1 << 20,
    HF_VOL_EXTENTS_MAX = 1 << 18,
    HF_VOL_XATTRS_MAX = 4096,
    HF_VOL_RECORD_MAX = 16 << 20, /* bytes of an entry in the list */
};

/* A moment as stat has it. */
struct hf_vol_time {
    int64_t s;
    uint32_t ns;
};

/* Where a piece of the content is. */
struct hf_vol_part {
    uint32_t bundle;
    uint64_t offset;
    uint64_t len;
};

/* A run of bytes of a sparse file that is no hole. */
struct hf_vol_extent {
    uint64_t offset;
    uint64_t len;
};

struct hf_vol_entry {
    const char *path; /* as in path.h */
    enum hf_vol_type type;
    unsigned flags;
    uint32_t mode; /* 07777 */
    uint32_t uid, gid;
    struct hf_vol_time mtime;

    /* Of files. */
    uint64_t size;
    struct hf_vol_time ctime; /* 0, 0: nothing can be told from it */
    uint64_t inode;
    const struct hf_vol_part *parts; /* the content, holes left out */
    size_t part_count;
    bool sparse;
    const struct hf_vol_extent *extents; /* of a sparse file, rising, none empty */
    size_t extent_count;

    const char *target;    /* of links: as it reads, or the path of the other name */
    uint32_t major, minor; /* of devices */

    /* xattr_count times: u16 length and bytes of the name, u32 length and bytes of the value. */
    const uint8_t *xattrs;
    size_t xattrs_len;
    size_t xattr_count;
};

/* Makes parts, extents and attributes copies that live as long as arena. */
enum hf_status hf_vol_entry_copy(struct hf_vol_entry *entry, struct hf_vol_arena *arena,
                                 struct hf_error *err) HF_WARN_UNUSED;

/* From what stat says: type, mode, owner, times, size, inode, device. False for what is not kept
 * (a socket). */
bool hf_vol_entry_stat(struct hf_vol_entry *entry, const struct stat *st);
bool hf_vol_time_equal(struct hf_vol_time a, struct hf_vol_time b);
/* Bytes of content: size without holes. */
uint64_t hf_vol_entry_stored(const struct hf_vol_entry *entry);

/* Appends the record. shared: how many bytes at the beginning of the path are those of the path
 * before. */
enum hf_status hf_vol_entry_encode(const struct hf_vol_entry *entry, size_t shared,
                                   struct hf_buf *out, struct hf_error *err) HF_WARN_UNUSED;

/* What decoding keeps from one record to the next, and what the decoded entry points to. Start with
 * zeroes, end with hf_vol_decoder_done. */
struct hf_vol_decoder {
    struct hf_buf path; /* of the entry, with a NUL */
    struct hf_buf target;
    struct hf_vol_part *parts;
    size_t part_cap;
    struct hf_vol_extent *extents;
    size_t extent_cap;
};
void hf_vol_decoder_done(struct hf_vol_decoder *decoder);

/* A record's body (without its length). The entry is good until the next call, and as long as
 * data. */
enum hf_status hf_vol_entry_decode(struct hf_vol_decoder *decoder, const void *data, size_t len,
                                   struct hf_vol_entry *out, struct hf_error *err) HF_WARN_UNUSED;

/* LEB128, at most 10 bytes. */
enum hf_status hf_vol_put_number(struct hf_buf *out, uint64_t value,
                                 struct hf_error *err) HF_WARN_UNUSED;
uint64_t hf_vol_get_number(struct hf_reader *r);

/* One extended attribute after the other: false at the end. at counts bytes of xattrs, from 0. */
struct hf_vol_xattr {
    const char *name; /* name_len bytes, no NUL */
    size_t name_len;
    const uint8_t *value;
    size_t len;
};
bool hf_vol_xattr_next(const struct hf_vol_entry *entry, size_t *at, struct hf_vol_xattr *out);

#endif
