/* What an S3 server answers, as arbitrary bytes: a page of a listing, an error, a time. */
#include "base/http.h"
#include "storage/s3/fault.h"
#include "storage/s3/listing.h"
#include "storage/s3/time.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_page(const uint8_t *data, size_t size)
{
    HF_AUTO(hf_s3_page) page = HF_S3_PAGE_INIT;
    struct hf_error err = HF_ERROR_INIT;
    if (hf_s3_page_read(&page, data, size, &err) != HF_OK)
        return;
    if (page.count > HF_S3_PAGE_MAX || (page.truncated && !page.token[0]))
        abort();
    for (size_t i = 0; i < page.count; i++)
        if (strlen(page.objects[i].key) > HF_S3_KEY_MAX)
            abort();
}

/* What is said of it is one line, and final or not. */
static void read_fault(const uint8_t *data, size_t size)
{
    struct hf_s3_fault fault = {.http = size > 0 ? 100 + 2 * data[0] : 500};
    struct hf_error err = HF_ERROR_INIT;
    (void)hf_s3_fault_read(&fault, data, size);
    (void)hf_s3_fault_verdict(&fault);
    if (hf_s3_fault_error(&fault, "cannot", &err) == HF_OK)
        abort();
    for (const char *c = err.text; *c; c++)
        if ((unsigned char)*c < ' ')
            abort();
}

static void read_time(const uint8_t *data, size_t size)
{
    char text[80];
    int64_t time;
    if (size >= sizeof text)
        return;
    memcpy(text, data, size);
    text[size] = '\0';
    (void)hf_s3_time_parse(text, &time);
    (void)hf_http_parse_date(text, &time);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_page(data, size);
    read_fault(data, size);
    read_time(data, size);
    return 0;
}
