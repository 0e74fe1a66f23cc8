/*
 * The Docker Engine, as far as volumes need it: its API over a unix socket. A struct hf_docker
 * belongs to one thread at a time. What the engine answers is believed only as far as its form
 * goes; refusals come back in its words.
 */
#ifndef HF_VOLUME_DOCKER_H
#define HF_VOLUME_DOCKER_H

#include "base/cancel.h"
#include "base/text.h"

#include <jansson.h>

struct hf_docker;

#define HF_DOCKER_SOCKET "/var/run/docker.sock"

/* socket NULL: HF_DOCKER_SOCKET. Borrowed for the call; cancel (may be NULL) as long as it lives.
 * Nothing is connected yet. */
enum hf_status hf_docker_new(const char *socket, struct hf_cancel *cancel, struct hf_docker **out,
                             struct hf_error *err) HF_WARN_UNUSED;
void hf_docker_free(struct hf_docker *docker);
HF_DEFINE_AUTO_PTR(hf_docker, hf_docker_free)

/* Where a volume's content is on the engine's host. */
struct hf_docker_volume {
    char *path;  /* absolute; owned */
    bool on_use; /* mounted only while a container uses it (a network file system, say): its
                    directory is empty else */
    char driver[61];
};
/* HF_NOT_FOUND when there is no such volume. out->path is the caller's. */
enum hf_status hf_docker_volume(struct hf_docker *docker, const char *name,
                                struct hf_docker_volume *out, struct hf_error *err) HF_WARN_UNUSED;
/* One that is there already will do. */
enum hf_status hf_docker_volume_create(struct hf_docker *docker, const char *name,
                                       struct hf_error *err) HF_WARN_UNUSED;
/* Appends the ids of the running containers that have the volume mounted; paused ones count, those
 * with HF_DOCKER_LABEL, which are of holdfast itself, do not. */
enum hf_status hf_docker_volume_users(struct hf_docker *docker, const char *name,
                                      struct hf_strings *out, struct hf_error *err) HF_WARN_UNUSED;

struct hf_docker_container {
    char id[65];
    bool running;
    bool paused;
};
/* Appends the ids of all containers, running or not, with a label, "KEY=VALUE". */
enum hf_status hf_docker_labelled(struct hf_docker *docker, const char *label,
                                  struct hf_strings *out, struct hf_error *err) HF_WARN_UNUSED;
/* All that the engine knows of a container, unchecked. HF_NOT_FOUND. */
enum hf_status hf_docker_inspect(struct hf_docker *docker, const char *container, json_t **out,
                                 struct hf_error *err) HF_WARN_UNUSED;
/* By name or id. HF_NOT_FOUND. */
enum hf_status hf_docker_container(struct hf_docker *docker, const char *name,
                                   struct hf_docker_container *out,
                                   struct hf_error *err) HF_WARN_UNUSED;
enum hf_docker_action { HF_DOCKER_PAUSE, HF_DOCKER_UNPAUSE, HF_DOCKER_STOP, HF_DOCKER_START };
/* A container that is that way already is no error. */
enum hf_status hf_docker_act(struct hf_docker *docker, const char *container,
                             enum hf_docker_action action, struct hf_error *err) HF_WARN_UNUSED;
/* A container of our own: as the engine's API describes one, borrowed. It is not started yet. */
#define HF_DOCKER_LABEL "org.holdfast.helper"
enum hf_status hf_docker_create(struct hf_docker *docker, const char *name, const json_t *container,
                                struct hf_error *err) HF_WARN_UNUSED;
/* Ends it if it runs. One that is not there is no error. */
enum hf_status hf_docker_remove(struct hf_docker *docker, const char *name,
                                struct hf_error *err) HF_WARN_UNUSED;
/* The image that a container was made of; HF_NOT_FOUND when there is no such container. */
enum hf_status hf_docker_image(struct hf_docker *docker, const char *container, char **out,
                               struct hf_error *err) HF_WARN_UNUSED;
/* Runs a command in a running container to its end. HF_FAILED unless it exits with 0, with the last
 * of what it said. */
enum hf_status hf_docker_exec(struct hf_docker *docker, const char *container,
                              const struct hf_strings *argv, struct hf_error *err) HF_WARN_UNUSED;

/* ---- what answers are parsed with, for docker.c and the fuzzer; all HF_DAMAGED ---- */

enum hf_status hf_docker_parse_volume(const void *data, size_t len, struct hf_docker_volume *out,
                                      struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_docker_parse_containers(const void *data, size_t len, struct hf_strings *out,
                                          struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_docker_parse_container(const void *data, size_t len,
                                         struct hf_docker_container *out,
                                         struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_docker_parse_image(const void *data, size_t len, char **out,
                                     struct hf_error *err) HF_WARN_UNUSED;

/* Output of a command comes in frames: a byte that says which stream, three zeros, u32 length
 * (big-endian), the bytes. Keeps the last of it, but for what take gets. Start with zeroes. */
enum { HF_DOCKER_SAID = 1024 };
typedef enum hf_status hf_docker_take_fn(void *ctx, const void *data, size_t len,
                                         struct hf_error *err);
struct hf_docker_frames {
    hf_docker_take_fn *take; /* gets standard output, piece by piece; NULL: kept with the rest */
    void *take_ctx;
    uint8_t head[8];
    size_t head_len;
    uint32_t left; /* of the frame */
    uint8_t stream;
    char said[HF_DOCKER_SAID + 1];
    size_t said_len;
};
enum hf_status hf_docker_frames_feed(struct hf_docker_frames *frames, const void *data, size_t len,
                                     struct hf_error *err) HF_WARN_UNUSED;
/* Makes a text of what was kept: no control characters, NUL-ended, borrowed. */
const char *hf_docker_frames_text(struct hf_docker_frames *frames);
/* The last lines that a container wrote; frames starts with zeroes. */
enum hf_status hf_docker_logs(struct hf_docker *docker, const char *container,
                              struct hf_docker_frames *frames, struct hf_error *err) HF_WARN_UNUSED;

#endif
