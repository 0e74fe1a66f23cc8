/*
 * The source contract: what every kind of thing that is backed up provides. formats/ knows
 * nothing of storage/: streams go to a sink and come from a feed (base/stream.h).
 *
 * A kind's own configuration struct is made by agent/ and passed as config; it is borrowed.
 * Functions run on the caller's thread and may start pools of their own; they return when all
 * their threads, children and connections have ended.
 */
#ifndef HF_FORMATS_SOURCE_H
#define HF_FORMATS_SOURCE_H

#include "base/cancel.h"
#include "base/error.h"
#include "base/observer.h"
#include "base/stream.h"
#include "base/text.h"

#include <jansson.h>

struct hf_work {
    struct hf_cancel *cancel;           /* never NULL */
    const struct hf_observer *observer; /* may be NULL */
    unsigned jobs;                      /* connections or threads; 0: the kind's default */
    uint64_t memory; /* bytes that a capture may hold itself, where its kind holds content back; 0:
                        the kind's default */
};

struct hf_capture_result {
    int64_t time;       /* the moment the capture is of, ns */
    json_t *properties; /* new reference, for the manifest */
};

/* Of what belongs to no schema: by default it goes with everything, and not with a part. */
enum hf_large_objects { HF_LARGE_OBJECTS_DEFAULT, HF_LARGE_OBJECTS_YES, HF_LARGE_OBJECTS_NO };

/* What to restore and how. Strings are borrowed. */
struct hf_restore_options {
    const char *target; /* the new name; NULL: as it was called (server source) */
    bool replace;       /* keep what has the name, renamed aside */
    bool no_owner, no_acl;
    bool numeric_owner; /* owners by their numbers, whatever these are called here */
    bool no_compare;
    struct hf_strings schemas;  /* patterns; both empty: everything */
    struct hf_strings tables;   /* "schema.table" or "table" patterns */
    struct hf_strings patterns; /* of keys or paths; empty: everything */
    enum hf_large_objects large_objects;
    const char *database; /* of a snapshot with several: this one; NULL: all, or the only one */
};

struct hf_source_kind {
    const char *name; /* "postgres" */

    enum hf_status (*capture)(const void *config, const struct hf_sink *sink,
                              const struct hf_work *work, struct hf_capture_result *out,
                              struct hf_error *err);

    /* properties: as captured. config says where to. *out_report (a new reference, set also on
     * HF_MISMATCH) is what was restored, kept aside and compared; see docs/json.md. */
    enum hf_status (*restore)(const void *config, const json_t *properties,
                              const struct hf_feed *feed, const struct hf_restore_options *options,
                              const struct hf_work *work, json_t **out_report,
                              struct hf_error *err);

    /* Writes the kind's plain form of the snapshot to out_fd. */
    enum hf_status (*export)(const void *config, const json_t *properties,
                             const struct hf_feed *feed, const struct hf_restore_options *options,
                             const struct hf_work *work, int out_fd, struct hf_error *err);

    /* Findings for `doctor`: an array of {"what","ok","text"}; HF_OK also when some are bad. */
    enum hf_status (*doctor)(const void *config, json_t **out_findings, struct hf_error *err);
};

#endif
