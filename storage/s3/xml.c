#include "storage/s3/xml.h"

#include "base/buffer.h"

#include <expat.h>
#include <limits.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

struct walk {
    XML_Parser parser;
    hf_xml_fn *fn;
    void *ctx;
    struct hf_error *err;
    char path[HF_XML_PATH];
    size_t ends[HF_XML_DEPTH]; /* of path, by depth */
    size_t depth;
    struct hf_buf text; /* of the element at hand; what stood before a child is dropped */
    bool failed;
};

static void stop(struct walk *walk)
{
    walk->failed = true;
    (void)XML_StopParser(walk->parser, XML_FALSE);
}

static void stop_because(struct walk *walk, const char *why)
{
    if (walk->failed)
        return;
    (void)hf_error_set(walk->err, HF_DAMAGED, "XML with %s", why);
    stop(walk);
}

static void XMLCALL on_start(void *arg, const XML_Char *name, const XML_Char **attributes)
{
    struct walk *walk = arg;
    const char *colon = strrchr(name, ':');
    size_t at = walk->depth > 0 ? walk->ends[walk->depth - 1] : 0;
    size_t len;
    (void)attributes;
    if (walk->failed)
        return;
    if (colon)
        name = colon + 1;
    len = strlen(name);
    if (walk->depth == HF_XML_DEPTH || len + 2 > sizeof walk->path - at) {
        stop_because(walk, "more elements in one another than there can be");
        return;
    }
    if (walk->depth > 0)
        walk->path[at++] = '/';
    memcpy(walk->path + at, name, len + 1);
    walk->ends[walk->depth++] = at + len;
    walk->text.len = 0;
}

static void XMLCALL on_end(void *arg, const XML_Char *name)
{
    struct walk *walk = arg;
    const char *text = NULL;
    (void)name;
    if (walk->failed)
        return;
    if (hf_buf_cstr(&walk->text, &text, walk->err) != HF_OK ||
        walk->fn(walk->ctx, walk->path, text, walk->err) != HF_OK) {
        stop(walk);
        return;
    }
    walk->depth--;
    walk->path[walk->depth > 0 ? walk->ends[walk->depth - 1] : 0] = '\0';
    walk->text.len = 0;
}

static void XMLCALL on_text(void *arg, const XML_Char *text, int len)
{
    struct walk *walk = arg;
    if (walk->failed)
        return;
    if ((size_t)len > HF_XML_TEXT - walk->text.len)
        stop_because(walk, "a longer text than there can be");
    else if (hf_buf_append(&walk->text, text, (size_t)len, walk->err) != HF_OK)
        stop(walk);
}

static void XMLCALL on_doctype(void *arg, const XML_Char *name, const XML_Char *system,
                               const XML_Char *public, int internal)
{
    (void)name;
    (void)system;
    (void)public;
    (void)internal;
    stop_because(arg, "a document type");
}

static enum hf_status run(struct walk *walk, const void *data, size_t len)
{
    XML_SetUserData(walk->parser, walk);
    XML_SetElementHandler(walk->parser, on_start, on_end);
    XML_SetCharacterDataHandler(walk->parser, on_text);
    XML_SetStartDoctypeDeclHandler(walk->parser, on_doctype);
    enum XML_Status status = XML_Parse(walk->parser, data, (int)len, XML_TRUE);
    if (walk->failed)
        return walk->err->status;
    if (status == XML_STATUS_OK)
        return HF_OK;
    enum XML_Error code = XML_GetErrorCode(walk->parser);
    if (code == XML_ERROR_NO_MEMORY)
        return hf_error_memory(walk->err);
    return hf_error_set(walk->err, HF_DAMAGED, "no XML: %s at byte %ld", XML_ErrorString(code),
                        (long)XML_GetCurrentByteIndex(walk->parser));
}

/* Answers may hold credentials (AWS STS): what expat frees is wiped. */

static void wipe_and_free(void *block)
{
    if (block)
        explicit_bzero(block, malloc_usable_size(block));
    free(block);
}

static void *move_and_wipe(void *block, size_t size)
{
    void *moved = malloc(size);
    if (moved && block) {
        size_t kept = malloc_usable_size(block);
        memcpy(moved, block, kept < size ? kept : size);
        wipe_and_free(block);
    }
    return moved;
}

static const XML_Memory_Handling_Suite wiping = {malloc, move_and_wipe, wipe_and_free};

enum hf_status hf_xml_parse(const void *data, size_t len, hf_xml_fn *fn, void *ctx,
                            struct hf_error *err)
{
    struct walk walk = {.fn = fn, .ctx = ctx, .err = err, .text = HF_BUF_INIT};
    if (len > INT_MAX)
        return hf_error_set(err, HF_DAMAGED, "XML of %zu bytes", len);
    HF_TRY(hf_buf_reserve(&walk.text, HF_XML_TEXT + 1, err)); /* one block, which does not move */
    walk.parser = XML_ParserCreate_MM(NULL, &wiping, NULL);
    enum hf_status status = walk.parser ? run(&walk, data, len) : hf_error_memory(err);
    if (walk.parser)
        XML_ParserFree(walk.parser);
    explicit_bzero(walk.text.data, walk.text.cap);
    hf_buf_free(&walk.text);
    return status;
}
