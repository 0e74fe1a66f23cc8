#include "agent/daemon/lines.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 65536 };

enum hf_status hf_lines_add(struct hf_lines *lines, const void *data, size_t len,
                            struct hf_error *err)
{
    if (lines->taken > 0)
        memmove(lines->buf.data, lines->buf.data + lines->taken, lines->buf.len - lines->taken);
    lines->buf.len -= lines->taken;
    lines->taken = 0;
    return hf_buf_append(&lines->buf, data, len, err);
}

enum hf_status hf_lines_read(struct hf_lines *lines, int fd, bool *out_end, struct hf_error *err)
{
    char piece[PIECE];
    ssize_t got;

    do {
        got = read(fd, piece, sizeof piece);
    } while (got < 0 && errno == EINTR);
    if (got < 0 && errno == EAGAIN)
        return HF_OK;
    if (got < 0 && errno != ECONNRESET)
        return hf_error_sys(err, errno, "reading");
    if (got > 0)
        return hf_lines_add(lines, piece, (size_t)got, err);
    *out_end = true;
    return HF_OK;
}

/* What is there of a line that has become too long is let go of, its end included once it comes. */
static void drop_long(struct hf_lines *lines)
{
    if (lines->buf.len - lines->taken <= lines->max)
        return;
    lines->dropped += lines->dropping ? 0 : 1;
    lines->dropping = true;
    lines->taken = lines->buf.len;
}

const char *hf_lines_next(struct hf_lines *lines, size_t *out_len)
{
    while (lines->taken < lines->buf.len) {
        char *line = (char *)lines->buf.data + lines->taken;
        char *end = memchr(line, '\n', lines->buf.len - lines->taken);
        bool dropping = lines->dropping;

        if (!end) {
            drop_long(lines);
            return NULL;
        }
        lines->taken += (size_t)(end + 1 - line);
        lines->dropping = false;
        if (!dropping && (size_t)(end - line) > lines->max)
            lines->dropped++;
        else if (!dropping) {
            *end = 0;
            *out_len = strlen(line);
            return line;
        }
    }
    return NULL;
}

void hf_lines_done(struct hf_lines *lines)
{
    hf_buf_free(&lines->buf);
}
