/*
 * The last resort of readers: packs that left the index (hf_index_drop) and that no index object
 * describes any more, but that are still in the store. Their directories are read again, so that a
 * chunk which is nowhere else can be looked for in them. They stay dropped.
 */
#ifndef HF_REPOSITORY_INDEX_RECALL_H
#define HF_REPOSITORY_INDEX_RECALL_H

#include "storage/repository/index.h"

/* One whose directory cannot be read is passed over. */
enum hf_status hf_index_recall(struct hf_index *index, struct hf_repo *repo,
                               struct hf_error *err) HF_WARN_UNUSED;

#endif
