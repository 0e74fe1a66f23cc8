#include "agent/config/substitute.h"

#include "base/buffer.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_LEN = 128 };

struct reference {
    char name[NAME_MAX_LEN + 1];
    const char *fallback; /* inside the text, or NULL */
    size_t fallback_len;
    const char *end; /* after the closing brace */
};

static enum hf_status read_reference(const char *at, struct reference *ref, struct hf_error *err)
{
    const char *name = at + 2;
    const char *end = strchr(name, '}');
    size_t len = 0;

    if (!end)
        return hf_error_set(err, HF_CONFIG,
                            "\"${\" without \"}\"; write \"$${\" for the text \"${\"");
    while (isalnum((unsigned char)name[len]) || name[len] == '_')
        len++;
    if (len == 0 || len > NAME_MAX_LEN || isdigit((unsigned char)name[0]))
        return hf_error_set(err, HF_CONFIG, "\"${\" must be followed by the name of a variable");
    memcpy(ref->name, name, len);
    ref->name[len] = 0;
    ref->fallback = NULL;
    ref->fallback_len = 0;
    if (strncmp(name + len, ":-", 2) == 0) {
        ref->fallback = name + len + 2;
        ref->fallback_len = (size_t)(end - ref->fallback);
    } else if (name + len != end) {
        return hf_error_set(err, HF_CONFIG, "only ${%s} and ${%s:-default} are understood",
                            ref->name, ref->name);
    }
    ref->end = end + 1;
    return HF_OK;
}

static enum hf_status put_value(struct hf_buf *out, const struct reference *ref, const char *value,
                                struct hf_error *err)
{
    if (ref->fallback && (!value || !*value))
        return hf_buf_append(out, ref->fallback, ref->fallback_len, err);
    if (!value)
        return hf_error_set(err, HF_CONFIG,
                            "the environment has no %s; set it, or write ${%s:-default}", ref->name,
                            ref->name);
    return hf_buf_append(out, value, strlen(value), err);
}

static enum hf_status substitute(struct hf_buf *out, const char *text, hf_lookup_fn *lookup,
                                 void *ctx, struct hf_error *err)
{
    /* Enough for all: a buffer that grows would leave unwiped copies behind. */
    HF_TRY(hf_buf_reserve(out, HF_SUBSTITUTE_MAX + 1, err));
    while (*text) {
        struct reference ref;
        size_t literal = strcspn(text, "$");

        HF_TRY(hf_buf_append(out, text, literal, err));
        text += literal;
        if (strncmp(text, "$${", 3) == 0) {
            HF_TRY(hf_buf_append(out, "${", 2, err));
            text += 3;
        } else if (strncmp(text, "${", 2) == 0) {
            HF_TRY(read_reference(text, &ref, err));
            HF_TRY(put_value(out, &ref, lookup(ctx, ref.name), err));
            text = ref.end;
        } else if (*text) {
            HF_TRY(hf_buf_append(out, text++, 1, err));
        }
        if (out->len > HF_SUBSTITUTE_MAX)
            return hf_error_set(err, HF_CONFIG, "the text is too long");
    }
    return HF_OK;
}

enum hf_status hf_substitute(const char *text, hf_lookup_fn *lookup, void *ctx, char **out,
                             struct hf_error *err)
{
    HF_AUTO(hf_buf) buf = HF_BUF_INIT;
    enum hf_status status;

    if (strlen(text) > HF_SUBSTITUTE_MAX)
        return hf_error_set(err, HF_CONFIG, "the text is too long");
    status = substitute(&buf, text, lookup, ctx, err);
    if (status == HF_OK) {
        *out = strndup((const char *)buf.data, buf.len);
        status = *out ? HF_OK : hf_error_memory(err);
    }
    if (buf.data)
        explicit_bzero(buf.data, buf.cap);
    return status;
}
