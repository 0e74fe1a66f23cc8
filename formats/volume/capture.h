/*
 * Reading a volume into streams; see volume.h for these.
 *
 * Manifest properties:
 *   {"path", "docker" (name or null), "files", "directories", "symlinks", "hard_links", "devices",
 * "fifos", "bytes", "read": {"files", "bytes"}, "changed", "vanished", "unreadable", "sockets":
 * {"count", "paths": […]}, "users": {"1000": "alice", …}, "groups": {…}}
 */
#ifndef HF_VOLUME_CAPTURE_H
#define HF_VOLUME_CAPTURE_H

#include "formats/volume/volume.h"

enum hf_status hf_vol_capture(const void *config, const struct hf_sink *sink,
                              const struct hf_work *work, struct hf_capture_result *out,
                              struct hf_error *err) HF_WARN_UNUSED;

/* The same of a directory, quiet or not: of config only what says how to read. */
enum hf_status hf_vol_capture_directory(const char *path, const struct hf_volume_config *config,
                                        const struct hf_sink *sink, const struct hf_work *work,
                                        struct hf_capture_result *out,
                                        struct hf_error *err) HF_WARN_UNUSED;

#endif
