/*
 * A snapshot of a volume as a pax tar, on out_fd: what GNU tar and bsdtar extract to the same tree
 * (their options for attributes and ACLs given). options->patterns choose.
 *
 * Files come roughly in tree order, each run of them in the order in which their content lies; then
 * hard links, and directories last of all: so no member changes the times of a directory that was
 * extracted before.
 */
#ifndef HF_VOLUME_EXPORT_H
#define HF_VOLUME_EXPORT_H

#include "formats/volume/volume.h"

enum hf_status hf_vol_export(const void *config, const json_t *properties,
                             const struct hf_feed *feed, const struct hf_restore_options *options,
                             const struct hf_work *work, int out_fd,
                             struct hf_error *err) HF_WARN_UNUSED;

#endif
