#include "storage/s3/listing.h"

#include "base/buffer.h"
#include "base/text.h"
#include "storage/s3/time.h"
#include "storage/s3/xml.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define OBJECT "ListBucketResult/Contents"

struct reading {
    struct hf_s3_page *page;
    struct hf_s3_listed object; /* at hand */
    bool has_size;
    bool is_page; /* and says whether there are more */
};

void hf_s3_page_done(struct hf_s3_page *page)
{
    for (size_t i = 0; i < page->count; i++)
        free(page->objects[i].key);
    free(page->objects);
    *page = (struct hf_s3_page)HF_S3_PAGE_INIT;
}

/* In place; a blank may be written '+'. False: a bad escape, or a NUL. */
static bool unescape(char *text)
{
    char *to = text;
    for (const char *from = text; *from; from++) {
        uint8_t byte = (uint8_t)*from;
        if (*from == '+') {
            byte = ' ';
        } else if (*from == '%') {
            char digits[3] = {from[1], from[1] ? from[2] : '\0', '\0'};
            if (!hf_unhex(&byte, 1, digits) || byte == 0)
                return false;
            from += 2;
        }
        *to++ = (char)byte;
    }
    *to = '\0';
    return true;
}

static enum hf_status take_key(struct reading *reading, const char *text, struct hf_error *err)
{
    free(reading->object.key);
    reading->object.key = NULL;
    HF_TRY(hf_text_copy(text, &reading->object.key, err));
    if (!unescape(reading->object.key) || strlen(reading->object.key) > HF_S3_KEY_MAX)
        return hf_error_set(err, HF_DAMAGED, "a listing with a key that is none");
    return HF_OK;
}

static enum hf_status take_size(struct reading *reading, const char *text, struct hf_error *err)
{
    char *end = NULL;
    errno = 0;
    reading->object.size = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0)
        return hf_error_set(err, HF_DAMAGED, "a listing with a size that is none");
    reading->has_size = true;
    return HF_OK;
}

static enum hf_status end_object(struct reading *reading, struct hf_error *err)
{
    struct hf_s3_page *page = reading->page;
    if (!reading->object.key || !reading->has_size)
        return hf_error_set(err, HF_DAMAGED, "a listing with an object without key or size");
    if (page->count == HF_S3_PAGE_MAX)
        return hf_error_set(err, HF_DAMAGED, "a listing with more than %d objects in a page",
                            HF_S3_PAGE_MAX);
    page->objects[page->count++] = reading->object;
    reading->object = (struct hf_s3_listed){.key = NULL};
    reading->has_size = false;
    return HF_OK;
}

static enum hf_status take_token(struct reading *reading, const char *text, struct hf_error *err)
{
    size_t len = strlen(text);
    if (len >= sizeof reading->page->token)
        return hf_error_set(err, HF_DAMAGED, "a listing with too long a continuation token");
    memcpy(reading->page->token, text, len + 1);
    return HF_OK;
}

static enum hf_status take(void *ctx, const char *path, const char *text, struct hf_error *err)
{
    struct reading *reading = ctx;
    if (strcmp(path, OBJECT "/Key") == 0)
        return take_key(reading, text, err);
    if (strcmp(path, OBJECT "/Size") == 0)
        return take_size(reading, text, err);
    if (strcmp(path, OBJECT "/LastModified") == 0 &&
        !hf_s3_time_parse(text, &reading->object.mtime))
        return hf_error_set(err, HF_DAMAGED, "a listing with a time that is none");
    if (strcmp(path, OBJECT) == 0)
        return end_object(reading, err);
    if (strcmp(path, "ListBucketResult/IsTruncated") == 0) {
        reading->is_page = true;
        reading->page->truncated = strcmp(text, "true") == 0;
    }
    if (strcmp(path, "ListBucketResult/NextContinuationToken") == 0)
        return take_token(reading, text, err);
    return HF_OK;
}

enum hf_status hf_s3_page_read(struct hf_s3_page *page, const void *data, size_t len,
                               struct hf_error *err)
{
    struct reading reading = {.page = page};
    hf_s3_page_done(page);
    page->objects = calloc(HF_S3_PAGE_MAX, sizeof *page->objects);
    if (!page->objects)
        return hf_error_memory(err);
    enum hf_status status = hf_xml_parse(data, len, take, &reading, err);
    free(reading.object.key);
    HF_TRY(status);
    if (!reading.is_page || (page->truncated && !page->token[0]))
        return hf_error_set(err, HF_DAMAGED, "an answer that is no page of a listing");
    return HF_OK;
}
