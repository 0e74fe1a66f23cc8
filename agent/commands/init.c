/* holdfast init */
#include "agent/commands/run.h"
#include "agent/repositories/choose.h"
#include "storage/repository/replica.h"

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

/* What has a meaning with or without --replica-of only. */
static enum hf_status check_options(const struct hf_args *args, struct hf_error *err)
{
    static const enum hf_option_id replicas[] = {HF_OPT_IDENTITY_FILE, HF_OPT_FINGERPRINT};
    bool replica = args->given[HF_OPT_REPLICA_OF] > 0;

    if (replica && args->given[HF_OPT_CIPHER])
        return hf_error_set(err, HF_USAGE,
                            "--cipher and --replica-of cannot be given together: a replica has "
                            "the cipher of its original");
    for (size_t i = 0; i < sizeof replicas / sizeof *replicas; i++)
        if (!replica && args->given[replicas[i]])
            return hf_error_set(err, HF_USAGE, "--%s goes with --replica-of only",
                                hf_option(replicas[i])->name);
    return HF_OK;
}

static void report(struct hf_session *session, const struct hf_chosen *chosen,
                   const struct hf_opened *original)
{
    struct hf_repo *repo = session->at_hand->repo;

    hf_output_event(session->output, "init",
                    json_pack("{s:s, s:s, s:s, s:s?}", "repository", chosen->place, "id",
                              hf_repo_id(repo), "fingerprint", hf_repo_fingerprint(repo),
                              "replica_of", original ? original->place : NULL));
    hf_output_news(session->output, "made repository %s in %s\nfingerprint %s\n", hf_repo_id(repo),
                   chosen->place, hf_repo_fingerprint(repo));
    if (original)
        hf_output_news(session->output,
                       "It has the keys of %s, and no snapshot yet: \"holdfast copy\" brings "
                       "them.\n",
                       original->title);
    else
        hf_output_news(session->output, "Without its passphrase nothing in it can be read: keep a "
                                        "copy elsewhere.\n");
}

/* What is made is opened again, so that what is reported is known to open. */
static enum hf_status init_new(struct hf_session *session, const struct hf_chosen *chosen,
                               struct hf_error *err)
{
    struct hf_repo_options options = {.kdf_ops = 0};
    struct hf_credential credential = {.passphrase = NULL};
    HF_AUTO_PTR(hf_secret) passphrase = NULL;

    HF_TRY(read_cipher(session->args, &options.cipher, err));
    HF_TRY(hf_choose_new_passphrase(session, chosen, &passphrase, err));
    credential.passphrase = passphrase;
    HF_TRY(hf_choose_make_store(session, chosen, err));
    if (try_store(session, err) != HF_OK ||
        hf_repo_init(session->at_hand->store, &options, &credential, err) != HF_OK ||
        hf_repo_open(session->at_hand->store, &credential, &session->at_hand->repo, err) != HF_OK)
        return hf_session_name_repository(session, err);
    report(session, chosen, NULL);
    return HF_OK;
}

static enum hf_status init_replica(struct hf_session *session, const struct hf_chosen *chosen,
                                   const char *name, struct hf_error *err)
{
    HF_AUTO_PTR(hf_secret) identity = NULL;
    HF_AUTO_PTR(hf_secret) passphrase = NULL;
    struct hf_credential credential = {.passphrase = NULL};
    struct hf_opened *original;
    struct hf_chosen from;

    HF_TRY(hf_choose_named(session, name, &from, err));
    if (strcmp(from.place, chosen->place) == 0)
        return hf_error_set(err, HF_USAGE, "a repository is no replica of itself: %s",
                            chosen->place);
    HF_TRY(hf_choose_open_beside(session, &from, &original, err));
    HF_TRY(hf_choose_replica_credential(session, chosen, &from, &identity, &passphrase, err));
    credential.identity = identity;
    credential.passphrase = passphrase;
    HF_TRY(hf_choose_make_store(session, chosen, err));
    if (try_store(session, err) != HF_OK ||
        hf_replica_init(original->repo, session->at_hand->store, &credential, err) != HF_OK ||
        hf_repo_open(session->at_hand->store, &credential, &session->at_hand->repo, err) != HF_OK)
        return hf_session_name_repository(session, err);
    report(session, chosen, original);
    return HF_OK;
}

enum hf_status hf_run_init(struct hf_session *session, struct hf_error *err)
{
    const char *original = hf_args_value(session->args, HF_OPT_REPLICA_OF);
    struct hf_chosen chosen;

    HF_TRY(check_options(session->args, err));
    HF_TRY(hf_choose_repository(session, NULL, &chosen, err));
    return original ? init_replica(session, &chosen, original, err)
                    : init_new(session, &chosen, err);
}
