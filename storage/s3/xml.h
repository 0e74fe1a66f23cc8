/*
 * XML answers of object stores, read by expat within bounds: no document type (so no entities but
 * the five), depth, name and text lengths limited. What is more, or no XML, is HF_DAMAGED. Memory
 * is wiped when it is given back: some answers hold credentials.
 */
#ifndef HF_STORAGE_S3_XML_H
#define HF_STORAGE_S3_XML_H

#include "base/error.h"

#include <stddef.h>

enum {
    HF_XML_DEPTH = 8,
    HF_XML_PATH = 256,
    HF_XML_TEXT = 8192, /* of one element; an escaped key of 1024 bytes is 3072 */
};

/* An element ended. path: names of the elements from the root down to this one, without namespace
 * prefixes ("ListBucketResult/Contents/Key"); text: what was directly in it. Both borrowed. An
 * error ends the reading and is its result. */
typedef enum hf_status hf_xml_fn(void *ctx, const char *path, const char *text,
                                 struct hf_error *err);

enum hf_status hf_xml_parse(const void *data, size_t len, hf_xml_fn *fn, void *ctx,
                            struct hf_error *err) HF_WARN_UNUSED;

#endif
