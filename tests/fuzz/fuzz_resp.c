/* Replies of a Redis server: whatever it sends, replies, bulk strings and lines come or an error.
 */
#include "formats/redis/connection.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STEPS_MAX = 1000, LINE = 200 };

static enum hf_status take_bulk(struct hf_redis *redis, struct hf_error *err)
{
    const uint8_t *bytes;
    int64_t left;
    size_t len;

    HF_TRY(hf_redis_bulk(redis, &left, err));
    if (left < 0)
        return HF_OK;
    while (left > 0) {
        HF_TRY(hf_redis_peek(redis, &bytes, &len, err));
        len = (int64_t)len < left ? len : (size_t)left;
        hf_redis_take(redis, len);
        left -= (int64_t)len;
    }
    return hf_redis_bulk_end(redis, err);
}

static enum hf_status step(struct hf_redis *redis, unsigned choice, struct hf_error *err)
{
    HF_AUTO_REPLY reply = NULL;
    const char *line;

    if (choice == 0)
        return take_bulk(redis, err);
    if (choice == 1)
        return hf_redis_line(redis, LINE, &line, err);
    return hf_redis_reply(redis, &reply, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_redis) redis = NULL;
    int ends[2];

    if (size < 1 || size > 60000 || socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
        return 0;
    if (write(ends[1], data + 1, size - 1) != (ssize_t)size - 1)
        abort();
    (void)close(ends[1]);
    if (hf_redis_adopt(ends[0], "fuzz", NULL, &redis, &err) != HF_OK)
        abort();
    for (unsigned i = 0; i < STEPS_MAX; i++) {
        if (step(redis, (data[0] >> (i % 4 * 2)) % 4U, &err) != HF_OK)
            break;
    }
    return 0;
}
