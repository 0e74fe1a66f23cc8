#include "agent/drill/markup.h"

#include "base/text.h"

#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd"

static const char *entity(uint32_t code)
{
    switch (code) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    default:
        return NULL;
    }
}

/* What XML 1.0 calls a Char, less U+007F to U+009F, which it discourages and HTML forbids. */
static bool is_writable(uint32_t code)
{
    if (code < 0x20)
        return code == '\t' || code == '\n' || code == '\r';
    return (code < 0x7f || code > 0x9f) && (code & 0xfffe) != 0xfffe;
}

enum hf_status hf_markup_text(struct hf_buf *out, const char *text, struct hf_error *err)
{
    while (text && *text) {
        uint32_t code = 0;
        size_t len = hf_text_utf8(text, &code);
        const char *other = len == 0 || !is_writable(code) ? REPLACEMENT : entity(code);

        if (other)
            HF_TRY(hf_buf_append_str(out, other, err));
        else
            HF_TRY(hf_buf_append(out, text, len, err));
        text += len ? len : 1;
    }
    return HF_OK;
}

enum hf_status hf_markup_put(struct hf_buf *out, const char *before, const char *text,
                             const char *after, struct hf_error *err)
{
    HF_TRY(hf_buf_append_str(out, before, err));
    HF_TRY(hf_markup_text(out, text, err));
    return hf_buf_append_str(out, after, err);
}
