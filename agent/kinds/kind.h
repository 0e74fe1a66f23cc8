/*
 * What the agent knows of a kind of source beyond formats/source.h: how it is written in the
 * configuration and as a URL, what can be a target, and how a person is told of it. One table
 * (kind.c); everything else in agent/ asks it. Constant data; main thread only.
 */
#ifndef HF_AGENT_KINDS_KIND_H
#define HF_AGENT_KINDS_KIND_H

#include "agent/config/fields.h"
#include "agent/session.h"
#include "formats/source.h"
#include "storage/repository/snapshot.h"

#include <stdlib.h>

/* Where to restore to. */
struct hf_target {
    struct hf_config_source made;    /* of what --to says; empty where a source serves */
    struct hf_config_source *source; /* that one, or a source of the configuration */
    const char *name;                /* borrowed; NULL: as it was called */
    char *made_name;                 /* what name points to where it is nobody else's, or NULL */
};

static inline void hf_target_auto(struct hf_target *target)
{
    hf_config_source_done(&target->made);
    free(target->made_name);
}

struct hf_kind {
    const struct hf_source_kind *source; /* its name is the key in the configuration */
    const char *noun;                    /* "a PostgreSQL source", for errors */
    const char *records;                 /* "rows": what its streams count */
    const char *const *schemes;          /* "postgresql://" and so on, then NULL */

    /* HF_OPTION_BIT of the options that are particular to kinds and that this one takes. */
    uint64_t url_options;     /* for a source that is given as a URL */
    uint64_t restore_options; /* of restore and export */

    /* Reads the value of the kind's key into out->as. out is zeroed but for its name, and released
     * by the caller with hf_config_source_done. */
    enum hf_status (*read)(const struct hf_fields_file *file, const struct hf_yaml *value,
                           const char *where, struct hf_config_source *out, struct hf_error *err);
    void (*done)(struct hf_config_source *source);

    /* A source from a URL and the options of the command line; names it. out as with read. */
    enum hf_status (*from_url)(const struct hf_session *session, const char *url,
                               struct hf_config_source *out, struct hf_error *err);

    /* Fetches secrets, so that out->as is what formats/ takes. May be called again. */
    enum hf_status (*prepare)(const struct hf_session *session, struct hf_config_source *source,
                              struct hf_error *err);

    /* Bytes of content that a capture would hold in memory itself, of what a backup may use; NULL:
     * none. */
    uint64_t (*holds)(const struct hf_config_source *source);

    /* What --to means. source: what the snapshot is of, where the configuration has that, or NULL;
     * name: what it was called. out is zeroed; made is released by the caller also on failure. The
     * source that comes out is prepared. */
    enum hf_status (*target)(struct hf_session *session, const char *to, const char *name,
                             struct hf_config_source *source, struct hf_target *out,
                             struct hf_error *err);

    /* Where a source of the configuration is itself, or beside that under its name with suffix (""
     * for its own place); HF_USAGE where there can be no such thing. out as with target. */
    enum hf_status (*own_target)(struct hf_session *session, struct hf_config_source *source,
                                 const char *suffix, struct hf_target *out, struct hf_error *err);

    /* Settings for export, which reaches no server: fills out->as, as with read. source as with
     * target. */
    enum hf_status (*for_export)(const struct hf_session *session,
                                 const struct hf_config_source *source,
                                 struct hf_config_source *out, struct hf_error *err);

    /* Tells a person what a restore reported (docs/json.md). */
    void (*report)(struct hf_output *output, const json_t *report);

    /* What "show" says beyond what all snapshots have: text, and members of event. */
    enum hf_status (*show)(struct hf_output *output, const struct hf_snapshot_info *info,
                           const struct hf_feed *feed, json_t *event, struct hf_error *err);
};

extern const struct hf_kind hf_kind_postgres;
extern const struct hf_kind hf_kind_redis;
extern const struct hf_kind hf_kind_volume;

enum { HF_KINDS_MAX = 8, HF_KIND_LIST = 200 };

/* All kinds, at most HF_KINDS_MAX; NULL past the last. */
const struct hf_kind *hf_kind_at(size_t index);
/* Their keys in the configuration: "one of "a", "b" and "c"". */
void hf_kind_list(char out[HF_KIND_LIST]);
/* By the name that a manifest or the configuration says; HF_UNSUPPORTED for one this program does
 * not know. */
enum hf_status hf_kind_find(const char *name, const struct hf_kind **out,
                            struct hf_error *err) HF_WARN_UNUSED;
/* By the scheme of a URL, or NULL. */
const struct hf_kind *hf_kind_of_url(const char *text);
/* A source from a URL of a kind there is. out is zeroed, and released with hf_config_source_done
 * also on failure. HF_USAGE for options of another kind. */
enum hf_status hf_kind_source_of_url(const struct hf_session *session, const char *url,
                                     struct hf_config_source *out,
                                     struct hf_error *err) HF_WARN_UNUSED;

/* What a snapshot is of, where the configuration has a source of that name and kind, or NULL. */
struct hf_config_source *hf_kind_source_of(const struct hf_session *session,
                                           const struct hf_snapshot_info *info);

/* What formats/ takes: each member of source->as begins with it. Borrowed. */
const void *hf_kind_config(const struct hf_config_source *source);

/* HF_USAGE for an option of restore and export that is another kind's. */
enum hf_status hf_kind_check_restore_options(const struct hf_kind *kind, const struct hf_args *args,
                                             struct hf_error *err) HF_WARN_UNUSED;
/* HF_USAGE when there are options that are for URLs only. name: of the source they cannot go with.
 */
enum hf_status hf_kind_refuse_url_options(const struct hf_args *args, const char *name,
                                          struct hf_error *err) HF_WARN_UNUSED;

/* Whether text can name a source ('@' ends the name where a snapshot is named): HF_USAGE. */
enum hf_status hf_kind_check_name(const char *name, struct hf_error *err) HF_WARN_UNUSED;

#endif
