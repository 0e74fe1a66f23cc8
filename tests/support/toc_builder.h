/* Writes archives of pg_dump's custom form by hand, for tests of what reads them. */
#ifndef HF_TESTS_TOC_BUILDER_H
#define HF_TESTS_TOC_BUILDER_H

#include "base/buffer.h"
#include "formats/postgres/toc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct toc_item {
    int32_t id;
    enum hf_pg_section section;
    const char *desc, *nspace, *tag;
    const char *owner; /* NULL: "app" */
    const char *defn;  /* NULL: "" */
    int32_t deps[8];   /* ends with 0 */
};

static inline void toc_put_int(struct hf_buf *b, int32_t v)
{
    struct hf_error err = HF_ERROR_INIT;

    assert_int_equal(hf_buf_u8(b, v < 0, &err), HF_OK);
    assert_int_equal(hf_buf_u32(b, (uint32_t)(v < 0 ? -v : v), &err), HF_OK);
}

static inline void toc_put_text(struct hf_buf *b, const char *text)
{
    struct hf_error err = HF_ERROR_INIT;

    toc_put_int(b, text ? (int32_t)strlen(text) : -1);
    if (text)
        assert_int_equal(hf_buf_append_str(b, text, &err), HF_OK);
}

static inline void toc_put_item(struct hf_buf *b, const struct toc_item *item, unsigned minor)
{
    static const uint8_t offset[9] = {3};
    struct hf_error err = HF_ERROR_INIT;
    char number[16];

    toc_put_int(b, item->id);
    toc_put_int(b, 0);
    toc_put_text(b, "1259");
    toc_put_text(b, "16384");
    toc_put_text(b, item->tag);
    toc_put_text(b, item->desc);
    toc_put_int(b, (int32_t)item->section);
    toc_put_text(b, item->defn);
    toc_put_text(b, "");
    toc_put_text(b, NULL);
    toc_put_text(b, item->nspace);
    toc_put_text(b, NULL);
    toc_put_text(b, "heap");
    if (minor >= 16)
        toc_put_int(b, 'r');
    toc_put_text(b, item->owner ? item->owner : "app");
    toc_put_text(b, "false");
    for (size_t i = 0; i < 8 && item->deps[i] != 0; i++) {
        (void)snprintf(number, sizeof number, "%d", (int)item->deps[i]);
        toc_put_text(b, number);
    }
    toc_put_text(b, NULL);
    assert_int_equal(hf_buf_append(b, offset, sizeof offset, &err), HF_OK);
}

static inline void toc_build(struct hf_buf *b, unsigned minor, const char *version,
                             const struct toc_item *items, size_t count)
{
    const uint8_t head[] = {'P', 'G', 'D', 'M', 'P', 1, (uint8_t)minor, 0, 4, 8, 1};
    struct hf_error err = HF_ERROR_INIT;

    assert_int_equal(hf_buf_append(b, head, sizeof head, &err), HF_OK);
    if (minor >= 15)
        assert_int_equal(hf_buf_u8(b, 0, &err), HF_OK);
    else
        toc_put_int(b, 0);
    for (int i = 0; i < 7; i++)
        toc_put_int(b, i);
    toc_put_text(b, "shop");
    toc_put_text(b, version);
    toc_put_text(b, version);
    toc_put_int(b, (int32_t)count);
    for (size_t i = 0; i < count; i++)
        toc_put_item(b, &items[i], minor);
}

static inline struct hf_pg_toc *toc_make(const char *version, const struct toc_item *items,
                                         size_t count)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO(hf_buf) b = HF_BUF_INIT;
    struct hf_pg_toc *toc = NULL;

    toc_build(&b, 14, version, items, count);
    assert_int_equal(hf_pg_toc_parse(b.data, b.len, &toc, &err), HF_OK);
    return toc;
}

#endif
