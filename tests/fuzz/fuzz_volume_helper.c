/* What a helper container may say: no sink and no feed, so only the form of it counts. */
#include "base/json.h"
#include "base/stream.h"
#include "formats/volume/docker.h"
#include "formats/volume/helper/serve.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum hf_status drop(void *ctx, const void *data, size_t len, struct hf_error *err)
{
    (void)ctx;
    (void)data;
    (void)len;
    (void)err;
    return HF_OK;
}

static enum hf_status sink_open(void *ctx, const char *name, enum hf_stream_kind kind,
                                struct hf_sink_stream **out, struct hf_error *err)
{
    (void)name;
    (void)kind;
    (void)err;
    *out = ctx;
    return HF_OK;
}

static enum hf_status sink_write(struct hf_sink_stream *stream, const void *data, size_t len,
                                 struct hf_error *err)
{
    return drop(stream, data, len, err);
}

static enum hf_status sink_close(struct hf_sink_stream *stream, uint64_t records,
                                 const json_t *attrs, struct hf_error *err)
{
    (void)stream;
    (void)records;
    (void)attrs;
    (void)err;
    return HF_OK;
}

static void sink_abandon(struct hf_sink_stream *stream)
{
    (void)stream;
}

static enum hf_status sink_cut(struct hf_sink_stream *stream, struct hf_error *err)
{
    (void)stream;
    (void)err;
    return HF_OK;
}

static enum hf_status sink_base(void *ctx, const struct hf_base **out, struct hf_error *err)
{
    (void)ctx;
    (void)err;
    *out = NULL;
    return HF_OK;
}

static enum hf_status take(void *ctx, const void *data, size_t len, struct hf_error *err)
{
    return hf_vol_serve_feed(ctx, data, len, err);
}

/* The first byte says whether it comes in Docker's frames. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_JSON start = json_object();
    const struct hf_sink sink = {.ctx = start, /* any pointer will do */
                                 .open = sink_open,
                                 .write = sink_write,
                                 .close = sink_close,
                                 .abandon = sink_abandon,
                                 .cut = sink_cut,
                                 .base = sink_base};
    const struct hf_vol_serve_options options = {.sink = &sink, .send = drop, .start = start};
    HF_AUTO_PTR(hf_vol_serve) serve = NULL; /* goes before what it borrows */
    const json_t *result;
    if (size == 0 || hf_vol_serve_new(&options, &serve, &err) != HF_OK)
        return 0;
    struct hf_docker_frames frames = {.take = take, .take_ctx = serve};
    enum hf_status status = data[0] & 1 ? hf_docker_frames_feed(&frames, data + 1, size - 1, &err)
                                        : hf_vol_serve_feed(serve, data + 1, size - 1, &err);
    if (status == HF_OK && hf_vol_serve_ended(serve))
        (void)!hf_vol_serve_result(serve, &result, &err);
    return 0;
}
