/*
 * Secret bytes: in sodium_malloc memory (guarded, locked, never in core dumps), wiped when freed.
 */
#ifndef HF_BASE_SECRET_H
#define HF_BASE_SECRET_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

enum { HF_SECRET_MAX = 262144 };

struct hf_secret {
    uint8_t *data; /* len bytes, then a NUL, so that a text secret is a C string */
    size_t len;
};

/* Call once before anything else in base/ that deals with secrets or random bytes. */
enum hf_status hf_crypto_init(struct hf_error *err) HF_WARN_UNUSED;

/* len bytes of data (NULL: zeroes), at most HF_SECRET_MAX. */
enum hf_status hf_secret_new(const void *data, size_t len, struct hf_secret **out,
                             struct hf_error *err) HF_WARN_UNUSED;
/* The whole of a file, one line end at its end removed. Errors name the path, never the content. */
enum hf_status hf_secret_read_file(const char *path, struct hf_secret **out,
                                   struct hf_error *err) HF_WARN_UNUSED;
/* From a descriptor until its end, one line end removed. what names it in errors. */
enum hf_status hf_secret_read_fd(int fd, const char *what, struct hf_secret **out,
                                 struct hf_error *err) HF_WARN_UNUSED;
/* Takes NULL. */
void hf_secret_free(struct hf_secret *secret);
HF_DEFINE_AUTO_PTR(hf_secret, hf_secret_free)

/* A text secret as a C string; borrowed. */
const char *hf_secret_text(const struct hf_secret *secret);

#endif
