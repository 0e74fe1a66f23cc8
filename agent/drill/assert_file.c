#include "agent/drill/assert.h"
#include "base/file.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PIECE = 64 << 10 };

/* Within the volume, whatever symbolic links say. */
static int open_within(int root, const char *path)
{
    const struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
                                 .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};

    return (int)syscall(SYS_openat2, root, path, &how, sizeof how);
}

static enum hf_status digest(int fd, struct hf_cancel *cancel, EVP_MD_CTX *md, char *hex,
                             struct hf_error *err)
{
    unsigned char piece[PIECE], sum[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    ssize_t got;

    if (EVP_DigestInit_ex(md, EVP_sha256(), NULL) != 1)
        return hf_error_memory(err);
    while ((got = read(fd, piece, sizeof piece)) > 0) {
        HF_TRY(hf_cancel_check(cancel, err));
        if (EVP_DigestUpdate(md, piece, (size_t)got) != 1)
            return hf_error_memory(err);
    }
    if (got < 0)
        return hf_error_sys(err, errno, "reading it");
    if (EVP_DigestFinal_ex(md, sum, &len) != 1)
        return hf_error_memory(err);
    for (unsigned i = 0; i < len; i++)
        (void)snprintf(hex + 2 * (size_t)i, 3, "%02x", sum[i]);
    return HF_OK;
}

static enum hf_status check_sum(struct hf_drill_ask *ask, int fd, struct hf_error *err)
{
    char hex[2 * EVP_MAX_MD_SIZE + 1] = "";
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    enum hf_status status;

    if (!md)
        return hf_error_memory(err);
    status = digest(fd, ask->request->session->cancel, md, hex, err);
    EVP_MD_CTX_free(md);
    ask->holds = strcmp(hex, ask->assertion->sha256) == 0;
    (void)snprintf(ask->found, sizeof ask->found, "a file with SHA-256 %s", hex);
    return status;
}

enum hf_status hf_drill_ask_file(struct hf_drill_ask *ask, struct hf_error *err)
{
    const struct hf_config_assertion *a = ask->assertion;
    HF_AUTO_FD root = open(ask->scratch->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    HF_AUTO_FD fd = root < 0 ? -1 : open_within(root, a->file);
    char size[HF_SIZE_TEXT];
    struct stat facts;

    if (root < 0)
        return hf_error_sys(err, errno, "%s", ask->scratch->name);
    if (fd < 0 || fstat(fd, &facts) != 0) {
        (void)snprintf(ask->found, sizeof ask->found, "error: %s", strerror(errno));
        return HF_OK;
    }
    hf_text_format_size(size, (uint64_t)facts.st_size);
    ask->holds = S_ISREG(facts.st_mode) && (uint64_t)facts.st_size >= a->min_size;
    (void)snprintf(ask->found, sizeof ask->found, "%s of %s",
                   S_ISREG(facts.st_mode) ? "a file" : "something that is no file, ", size);
    return ask->holds && a->sha256 ? check_sum(ask, fd, err) : HF_OK;
}
