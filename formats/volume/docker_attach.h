/*
 * Talking to a process in a container, over its standard input and output, through the engine: the
 * attach call of its API, whose connection becomes a stream in both directions.
 *
 * Attached before the container is started, nothing that it says is lost; and when the connection
 * ends, however that comes, the container's standard input does (it was made with StdinOnce). One
 * thread at a time, but for writing, which another may do meanwhile.
 */
#ifndef HF_VOLUME_DOCKER_ATTACH_H
#define HF_VOLUME_DOCKER_ATTACH_H

#include "formats/volume/docker.h"

struct hf_docker_attached;

/* engine: the path of its socket; NULL: the usual one. take gets what the container writes to its
 * standard output. */
enum hf_status hf_docker_attach(const char *engine, const char *container, struct hf_cancel *cancel,
                                hf_docker_take_fn *take, void *take_ctx,
                                struct hf_docker_attached **out,
                                struct hf_error *err) HF_WARN_UNUSED;
void hf_docker_detach(struct hf_docker_attached *attached);
HF_DEFINE_AUTO_PTR(hf_docker_attached, hf_docker_detach)

/* Waits for output, at most wait_ms (-1: as long as it takes), and hands it on. *out_ended: there
 * will be no more. HF_UNREACHABLE when the time is over, or the engine is gone. */
enum hf_status hf_docker_attached_read(struct hf_docker_attached *attached, int wait_ms,
                                       bool *out_ended, struct hf_error *err) HF_WARN_UNUSED;
/* All of it. */
enum hf_status hf_docker_attached_write(struct hf_docker_attached *attached, const void *data,
                                        size_t len, struct hf_error *err) HF_WARN_UNUSED;
/* Its standard input ends; output still comes. */
enum hf_status hf_docker_attached_close_input(struct hf_docker_attached *attached,
                                              struct hf_error *err) HF_WARN_UNUSED;
/* The last it wrote to its standard error; borrowed. */
const char *hf_docker_attached_said(struct hf_docker_attached *attached);

/* Where an answer's head ends, or 0 while it is not complete. HF_DAMAGED for what is no HTTP,
 * HF_FAILED for a refusal. */
enum hf_status hf_docker_parse_upgrade(const void *data, size_t len, size_t *out_head,
                                       struct hf_error *err) HF_WARN_UNUSED;

#endif
