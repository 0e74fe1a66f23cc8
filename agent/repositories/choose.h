/*
 * Which repository, and how it is opened.
 *
 * Which: --repository (a name of the configuration, a directory, or s3://bucket/prefix), else the
 * job's, else the only one of the configuration. How: --identity-file, --passphrase-file or
 * --passphrase-command; else what the configuration says; else HOLDFAST_PASSPHRASE_FILE or
 * HOLDFAST_PASSPHRASE; else it is asked for on the terminal.
 */
#ifndef HF_AGENT_REPOSITORIES_CHOOSE_H
#define HF_AGENT_REPOSITORIES_CHOOSE_H

#include "agent/session.h"

/* Everything is borrowed from the session. */
struct hf_chosen {
    const struct hf_config_repository *configured; /* or NULL: a place that was said */
    const char *name;                              /* of the configuration, or NULL */
    const char *place;             /* what tells it from others, and what people are shown */
    const char *path;              /* the directory, or */
    const struct hf_config_s3 *s3; /* the bucket */
};

/* wanted: a name of the configuration where the command line has none, or NULL. */
enum hf_status hf_choose_repository(struct hf_session *session, const char *wanted,
                                    struct hf_chosen *out, struct hf_error *err) HF_WARN_UNUSED;
/* The repository that a person named, whatever --repository says. */
enum hf_status hf_choose_named(struct hf_session *session, const char *name, struct hf_chosen *out,
                               struct hf_error *err) HF_WARN_UNUSED;

/* A passphrase for a repository that is made: asked for twice if it has to be. */
enum hf_status hf_choose_new_passphrase(struct hf_session *session, const struct hf_chosen *chosen,
                                        struct hf_secret **out,
                                        struct hf_error *err) HF_WARN_UNUSED;

/* Opens the store, or the store and the repository, and makes it the one at hand. One that is open
 * already is not opened again. Errors name the repository. */
enum hf_status hf_choose_open_store(struct hf_session *session, const struct hf_chosen *chosen,
                                    struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_choose_open(struct hf_session *session, const struct hf_chosen *chosen,
                              struct hf_error *err) HF_WARN_UNUSED;
/* Opens the replica that --from names, if it is given (session->from). */
enum hf_status hf_choose_open_from(struct hf_session *session, struct hf_error *err) HF_WARN_UNUSED;
/* Without --from: the next of the other repositories that a job with this source stores in, beside
 * the one at hand, becomes session->from. *tried begins with 0. Warns of those that cannot be
 * opened; false: none is left. */
bool hf_choose_next_from(struct hf_session *session, const char *source, size_t *tried);
/* All at once: hf_choose_repository, for which SOURCE@... among several repositories means the one
 * that the source's jobs store in, hf_choose_open and hf_choose_open_from. */
enum hf_status hf_choose_and_open(struct hf_session *session, struct hf_error *err) HF_WARN_UNUSED;
/* A store that may have to be made, and becomes the one at hand. */
enum hf_status hf_choose_make_store(struct hf_session *session, const struct hf_chosen *chosen,
                                    struct hf_error *err) HF_WARN_UNUSED;
/* What a repository will be opened with that is made as a replica of original, which is open: what
 * is said for it; else what opened the original. Both outputs are the caller's; one stays NULL. */
enum hf_status hf_choose_replica_credential(struct hf_session *session,
                                            const struct hf_chosen *replica,
                                            const struct hf_chosen *original,
                                            struct hf_secret **out_identity,
                                            struct hf_secret **out_passphrase,
                                            struct hf_error *err) HF_WARN_UNUSED;
/* Another repository, beside the one at hand. */
enum hf_status hf_choose_open_beside(struct hf_session *session, const struct hf_chosen *chosen,
                                     struct hf_opened **out, struct hf_error *err) HF_WARN_UNUSED;
/* A repository of the configuration. */
struct hf_chosen hf_choose_configured(const struct hf_config_repository *repository);

#endif
