/*
 * From a chosen repository to its store: the one place that knows which kinds of stores there are.
 */
#ifndef HF_AGENT_REPOSITORIES_PLACE_H
#define HF_AGENT_REPOSITORIES_PLACE_H

#include "agent/repositories/choose.h"

enum hf_place_mode {
    HF_PLACE_OPEN,   /* HF_NOT_FOUND, naming "holdfast init", when it is not there */
    HF_PLACE_CREATE, /* made where it can be */
};

/* Opens the store; *out is the caller's. Errors name the place, not the repository. */
enum hf_status hf_place_open(const struct hf_session *session, const struct hf_chosen *chosen,
                             enum hf_place_mode mode, struct hf_store **out,
                             struct hf_error *err) HF_WARN_UNUSED;

#endif
