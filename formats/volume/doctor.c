#include "formats/volume/doctor.h"

#include "formats/finding.h"
#include "formats/volume/docker.h"
#include "formats/volume/helper/helper.h"
#include "formats/volume/surroundings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum hf_status look_at_containers(const struct hf_volume_config *config,
                                         const struct hf_strings *names, json_t *findings,
                                         struct hf_error *err)
{
    HF_AUTO_PTR(hf_docker) docker = NULL;
    HF_TRY(hf_docker_new(config->docker_socket, NULL, &docker, err));
    for (size_t i = 0; i < names->count; i++) {
        struct hf_docker_container container;
        struct hf_error why = HF_ERROR_INIT;
        if (strcmp(names->items[i], "all") == 0)
            continue;
        bool ok = hf_docker_container(docker, names->items[i], &container, &why) == HF_OK;
        HF_TRY(hf_finding_add(findings, names->items[i], ok, err, "%s",
                              ok ? "the container is there" : why.text));
    }
    return HF_OK;
}

/* Which image a helper would be made of. */
static enum hf_status look_at_helper(const struct hf_volume_config *config,
                                     const struct hf_vol_where *where, json_t *findings,
                                     struct hf_error *err)
{
    HF_AUTO_FREE char *image = NULL;
    HF_AUTO_FREE char *program = NULL;
    struct hf_error why = HF_ERROR_INIT;
    if (hf_vol_helper_image(config, NULL, &image, &program, &why) != HF_OK)
        return hf_finding_add(findings, "directory", false, err, "%s: %s", where->path, why.text);
    return hf_finding_add(findings, "directory", true, err, "%s, by a helper container of image %s",
                          where->path, image);
}

static enum hf_status look(const struct hf_volume_config *config, json_t *findings,
                           struct hf_error *err)
{
    HF_AUTO(hf_vol_where) where = {.path = NULL};
    struct hf_error why = HF_ERROR_INIT;
    if (hf_vol_locate(config, NULL, &where, &why) != HF_OK)
        return hf_finding_add(findings, "directory", false, err, "%s", why.text);
    bool ok = where.by_helper || access(where.path, R_OK | X_OK) == 0;
    if (!ok)
        (void)hf_error_sys(&why, errno, "%s", where.path);
    if (where.by_helper)
        HF_TRY(look_at_helper(config, &where, findings, err));
    else
        HF_TRY(hf_finding_add(findings, "directory", ok, err, "%s", ok ? where.path : why.text));
    HF_TRY(look_at_containers(config, &config->pause, findings, err));
    return look_at_containers(config, &config->stop, findings, err);
}

enum hf_status hf_vol_doctor(const void *config, json_t **out_findings, struct hf_error *err)
{
    json_t *findings = json_array();
    if (!findings)
        return hf_error_memory(err);
    enum hf_status status = look(config, findings, err);
    if (status == HF_OK)
        *out_findings = findings;
    else
        json_decref(findings);
    return status;
}
