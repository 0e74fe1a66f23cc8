/*
 * A pax tar through libarchive, member by member, onto a descriptor. Names are bytes: those that
 * are not UTF-8 are written as they are and marked so. Holes of sparse files are kept (GNU.sparse
 * 1.0). One thread from beginning to end, whose locale is changed meanwhile.
 */
#ifndef HF_VOLUME_TAR_WRITER_H
#define HF_VOLUME_TAR_WRITER_H

#include "formats/volume/entry.h"
#include "formats/volume/owners.h"

struct hf_vol_tar;

/* users and groups have the names; borrowed. */
enum hf_status hf_vol_tar_open(int fd, const struct hf_vol_owners *users,
                               const struct hf_vol_owners *groups, struct hf_vol_tar **out,
                               struct hf_error *err) HF_WARN_UNUSED;
/* The head of a member, at path. Of a file, its content must follow: data, holes left out, and
 * end. */
enum hf_status hf_vol_tar_add(struct hf_vol_tar *tar, const struct hf_vol_entry *entry,
                              const char *path, struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_vol_tar_data(struct hf_vol_tar *tar, const void *data, size_t len,
                               struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_vol_tar_end(struct hf_vol_tar *tar, struct hf_error *err) HF_WARN_UNUSED;
/* Ends the archive. */
enum hf_status hf_vol_tar_finish(struct hf_vol_tar *tar, struct hf_error *err) HF_WARN_UNUSED;
void hf_vol_tar_free(struct hf_vol_tar *tar);
HF_DEFINE_AUTO_PTR(hf_vol_tar, hf_vol_tar_free)

#endif
