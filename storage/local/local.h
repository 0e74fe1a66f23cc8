/*
 * The local store: a directory. Objects are files; put writes a temporary file in tmp/, fsyncs
 * it, links or renames it into place and fsyncs the folder, so a crash leaves a whole object or
 * none. Directories 0700, files 0600 whatever the umask. Temporary files that are older than a
 * day (a killed writer's) are removed at open.
 */
#ifndef HF_STORAGE_LOCAL_H
#define HF_STORAGE_LOCAL_H

#include "storage/store.h"

enum hf_local_mode {
    HF_LOCAL_OPEN,   /* HF_NOT_FOUND when the directory is not there */
    HF_LOCAL_CREATE, /* made, with its parents, when it is not there */
};

enum hf_status hf_local_open(const char *path, enum hf_local_mode mode, struct hf_store **out,
                             struct hf_error *err) HF_WARN_UNUSED;

#endif
