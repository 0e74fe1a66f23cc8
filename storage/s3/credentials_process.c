/* credential_process of a profile (credential_ways.h). */
#include "base/json.h"
#include "base/secret_command.h"
#include "storage/s3/credential_values.h"
#include "storage/s3/credential_ways.h"

enum hf_status hf_s3_run_process(const struct hf_s3_look *look, const char *command,
                                 struct hf_s3_credentials *out, struct hf_error *err)
{
    const char *const argv[] = {"/bin/sh", "-c", command, NULL};
    HF_AUTO_PTR(hf_secret) document = NULL;

    if (hf_secret_read_command(argv, look->cancel, &document, err) != HF_OK)
        return hf_error_prefix(err, "credential_process");
    return hf_s3_parse_document(document, "SessionToken", "the output of credential_process", out,
                                err);
}
