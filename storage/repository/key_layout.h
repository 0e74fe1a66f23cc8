/* Numbers in a key record (docs/format.md, "Key records"), for the files that read and make one. */
#ifndef HF_REPOSITORY_KEY_LAYOUT_H
#define HF_REPOSITORY_KEY_LAYOUT_H

#define HF_RECORD_BEGIN "HFKEYREC"
#define HF_RECORD_GRANT_LABEL "holdfast 1 grant"

enum {
    HF_RECORD_MAGIC = 8,
    HF_RECORD_VERSION = 1,
    HF_RECORD_KIND_PASSPHRASE = 1,
    HF_RECORD_KIND_RECIPIENT = 2,
    HF_RECORD_ROLE_WRITER = 1,
    HF_RECORD_ROLE_READER = 2,
    HF_RECORD_KDF_ARGON2ID = 1,
    HF_RECORD_SUM = 32,
};

#endif
