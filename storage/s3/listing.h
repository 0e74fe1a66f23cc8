/* A page of a listing (ListObjectsV2 with encoding-type=url), read from XML. Pure. */
#ifndef HF_STORAGE_S3_LISTING_H
#define HF_STORAGE_S3_LISTING_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

enum {
    HF_S3_KEY_MAX = 1024,   /* of any object in a bucket */
    HF_S3_TOKEN_MAX = 4096, /* of a continuation; with its NUL */
    HF_S3_PAGE_MAX = 1000,  /* keys of a page: what is asked for at once */
};

struct hf_s3_listed {
    char *key; /* as it is, not escaped */
    uint64_t size;
    int64_t mtime;
};

struct hf_s3_page {
    struct hf_s3_listed *objects;
    size_t count;
    bool truncated; /* there is more: token says where */
    char token[HF_S3_TOKEN_MAX];
};

#define HF_S3_PAGE_INIT                                                                            \
    {                                                                                              \
        .objects = NULL                                                                            \
    }
void hf_s3_page_done(struct hf_s3_page *page);
static inline void hf_s3_page_auto(struct hf_s3_page *page)
{
    hf_s3_page_done(page);
}

/* Replaces what the page held. HF_DAMAGED: it is no page, or holds what cannot be. */
enum hf_status hf_s3_page_read(struct hf_s3_page *page, const void *data, size_t len,
                               struct hf_error *err) HF_WARN_UNUSED;

#endif
