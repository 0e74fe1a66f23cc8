/* holdfast init */
#include "agent/choose.h"
#include "agent/run.h"

#include <string.h>

static enum hf_status read_cipher(const struct hf_args *args, enum hf_repo_cipher *out,
                                  struct hf_error *err)
{
    const char *name = hf_args_value(args, HF_OPT_CIPHER);

    *out = HF_CIPHER_XCHACHA20_POLY1305;
    if (!name || strcmp(name, "xchacha20-poly1305") == 0)
        return HF_OK;
    if (strcmp(name, "aes-256-gcm") != 0)
        return hf_error_set(err, HF_USAGE,
                            "option --cipher takes xchacha20-poly1305 or aes-256-gcm, not "
                            "\"%.40s\"",
                            name);
    *out = HF_CIPHER_AES_256_GCM;
    return HF_OK;
}

/* Tries the store out before anything is made in it: rights, locks. */
static enum hf_status try_store(struct hf_session *session, struct hf_error *err)
{
    struct hf_store_traits traits;

    HF_TRY(hf_store_probe(session->at_hand->store, &traits, err));
    if (!traits.creates_atomically)
        hf_output_news(session->output,
                       "%s has no create-only put: holdfast looks before it creates\n",
                       hf_store_name(session->at_hand->store));
    return HF_OK;
}

static void report(struct hf_session *session, const struct hf_chosen *chosen)
{
    const char *fingerprint = hf_repo_fingerprint(session->at_hand->repo);

    hf_output_event(session->output, "init",
                    json_pack("{s:s, s:s, s:s}", "repository", chosen->place, "id",
                              hf_repo_id(session->at_hand->repo), "fingerprint", fingerprint));
    hf_output_news(session->output,
                   "made repository %s in %s\n"
                   "fingerprint %s\n"
                   "Without its passphrase nothing in it can be read: keep a copy elsewhere.\n",
                   hf_repo_id(session->at_hand->repo), chosen->place, fingerprint);
}

enum hf_status hf_run_init(struct hf_session *session, struct hf_error *err)
{
    struct hf_repo_options options = {.kdf_ops = 0};
    struct hf_credential credential = {.passphrase = NULL};
    HF_AUTO_PTR(hf_secret) passphrase = NULL;
    struct hf_chosen chosen;

    HF_TRY(read_cipher(session->args, &options.cipher, err));
    HF_TRY(hf_choose_repository(session, NULL, &chosen, err));
    HF_TRY(hf_choose_new_passphrase(session, &chosen, &passphrase, err));
    credential.passphrase = passphrase;
    HF_TRY(hf_choose_make_store(session, &chosen, err));
    if (try_store(session, err) != HF_OK ||
        hf_repo_init(session->at_hand->store, &options, &credential, err) != HF_OK ||
        /* Opened again, so that what is reported as made is known to open. */
        hf_repo_open(session->at_hand->store, &credential, &session->at_hand->repo, err) != HF_OK)
        return hf_session_name_repository(session, err);
    report(session, &chosen);
    return HF_OK;
}
