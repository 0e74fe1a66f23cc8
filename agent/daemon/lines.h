/*
 * Lines out of a descriptor that does not block: of a run's reports, of requests and answers on the
 * agent's socket. A line that is longer than its bound is passed over and counted: whoever writes
 * cannot make us hold more. Starts zeroed. One thread at a time.
 */
#ifndef HF_AGENT_DAEMON_LINES_H
#define HF_AGENT_DAEMON_LINES_H

#include "base/buffer.h"

struct hf_lines {
    struct hf_buf buf;
    size_t taken;   /* of buf, by hf_lines_next */
    size_t max;     /* bytes of a line */
    size_t dropped; /* lines that were too long */
    bool dropping;  /* ... one of them has not ended yet */
};

/* Reads what is there now, up to 64 KiB. out_end: there will be no more. */
enum hf_status hf_lines_read(struct hf_lines *lines, int fd, bool *out_end,
                             struct hf_error *err) HF_WARN_UNUSED;
/* Takes bytes as if they had been read. */
enum hf_status hf_lines_add(struct hf_lines *lines, const void *data, size_t len,
                            struct hf_error *err) HF_WARN_UNUSED;
/* The next whole line without its end, as text that lasts until the next call of anything here;
 * NULL when there is none yet. A line that holds a NUL ends there. */
const char *hf_lines_next(struct hf_lines *lines, size_t *out_len);
void hf_lines_done(struct hf_lines *lines);

#endif
