/*
 * The list of files: what a snapshot of a volume has, in tree order, each with where its content
 * is. The stream "files", of kind meta: 8 bytes "HFVOL001", then records (docs/volumes.md).
 *
 * The writer ends chunks where a hash of the path says so, and a record behind such a cut shares
 * nothing with the one before: an unchanged run of files gives the same chunks in the next
 * snapshot. Readers need not know of cuts. Writer and reader belong to one thread at a time.
 */
#ifndef HF_VOLUME_LIST_H
#define HF_VOLUME_LIST_H

#include "base/stream.h"
#include "formats/volume/entry.h"

#define HF_VOL_LIST "files"

struct hf_vol_list_writer;
enum hf_status hf_vol_list_create(const struct hf_sink *sink, struct hf_vol_list_writer **out,
                                  struct hf_error *err) HF_WARN_UNUSED;
/* In tree order; a directory before what is in it. */
enum hf_status hf_vol_list_add(struct hf_vol_list_writer *list, const struct hf_vol_entry *entry,
                               struct hf_error *err) HF_WARN_UNUSED;
/* Ends the stream and frees the writer, whatever the result. */
enum hf_status hf_vol_list_finish(struct hf_vol_list_writer *list,
                                  struct hf_error *err) HF_WARN_UNUSED;
void hf_vol_list_abandon(struct hf_vol_list_writer *list);
HF_DEFINE_AUTO_PTR(hf_vol_list_writer, hf_vol_list_abandon)

/*
 * Reading. Besides what entry.h checks: paths rise in tree order, and the parent of each is a
 * directory that was listed: so nothing in a list can be reached through a link or a file.
 */
struct hf_vol_list;
enum hf_status hf_vol_list_open(const struct hf_feed *feed, struct hf_vol_list **out,
                                struct hf_error *err) HF_WARN_UNUSED;
/* The next entry, good until the next call; NULL at the end. */
enum hf_status hf_vol_list_next(struct hf_vol_list *list, const struct hf_vol_entry **out,
                                struct hf_error *err) HF_WARN_UNUSED;
void hf_vol_list_close(struct hf_vol_list *list);
HF_DEFINE_AUTO_PTR(hf_vol_list, hf_vol_list_close)

/* Name of a bundle's stream. */
enum { HF_VOL_BUNDLE_NAME = 20 };
void hf_vol_bundle_name(char name[HF_VOL_BUNDLE_NAME], uint32_t bundle);
/* The number in such a name; false for another stream. */
bool hf_vol_bundle_number(const char *name, uint32_t *out);

/* FNV-1a of a path, folded: where runs of files are cut. */
uint32_t hf_vol_path_hash(const char *path);

#endif
