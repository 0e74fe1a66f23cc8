/*
 * The `drill:` part of a job: when its backups are tried, where, against which limits, and what the
 * user expects of what was restored. Part of job.h.
 */
#ifndef HF_AGENT_CONFIG_DRILL_H
#define HF_AGENT_CONFIG_DRILL_H

#include "agent/config/fields.h"
#include "base/text.h"

struct hf_config;
struct hf_config_job;
struct hf_config_source;
struct hf_schedule;

/* Where a kind of source is restored to. Nothing set: an own temporary server or directory. */
struct hf_config_scratch {
    struct hf_config_source *server; /* postgres: a new database there; or NULL */
    char *bin_dir;                   /* postgres: where initdb is; NULL: search */
    char *image;                     /* postgres, redis: a container of it; or NULL */
    char *docker_socket;             /* with image: the engine's; NULL: the usual one */
    char *network; /* with image: the container's; NULL: the engine's own, the port published to
                      this host */
    char *program; /* redis: the server; NULL: search */
    char *user;   /* postgres: who runs the server where we are root; NULL: postgres, else nobody */
    char *folder; /* where temporary things are made; NULL: TMPDIR, else /var/tmp */
};

enum hf_assertion_type { HF_ASSERT_SQL, HF_ASSERT_REDIS, HF_ASSERT_FILE };

struct hf_config_assertion {
    char *source; /* of the job */
    enum hf_assertion_type type;
    char *sql;               /* one statement, without its semicolon */
    char *database;          /* sql, redis: which one of several; or NULL */
    struct hf_strings redis; /* a command's words */
    char *equals;          /* redis: the answer; NULL: anything but nil, 0, nothing and an error */
    char *file;            /* path below the volume */
    uint64_t min_size;     /* file: bytes */
    char *sha256;          /* file: 64 hexadecimal digits; or NULL */
    unsigned line, column; /* in the file */
};

enum { HF_CONFIG_ASSERTIONS_MAX = 1000 };

struct hf_config_drill {
    char *written;                /* the schedule as text, or NULL */
    struct hf_schedule *schedule; /* in the job's time zone; NULL: only on demand */
    struct hf_config_scratch postgres, redis, volume;
    int64_t rto, rpo; /* ns; 0: no limit */
    unsigned timeout; /* seconds that one assertion may take; 0: HF_DRILL_ASSERTION_TIMEOUT */
    struct hf_config_assertion *assertions;
    size_t assertion_count;
};

enum { HF_DRILL_ASSERTION_TIMEOUT = 60 };

/* *out is NULL before, and to be released with hf_config_drill_free also on failure. */
enum hf_status hf_config_read_drill(const struct hf_fields_file *file, const struct hf_yaml *map,
                                    const char *where, struct hf_config_drill **out,
                                    struct hf_error *err) HF_WARN_UNUSED;
void hf_config_drill_free(struct hf_config_drill *drill); /* takes NULL */

/* When all of the job was read, its time zone too: makes the schedule, of which map, the value of
 * its key "drill" (or NULL), is the place. */
enum hf_status hf_config_set_drill_schedule(const struct hf_fields_file *file,
                                            const struct hf_yaml *map, const char *where,
                                            struct hf_config_job *job,
                                            struct hf_error *err) HF_WARN_UNUSED;
/* When all of the file was read: gives each assertion that names no source the only one that fits,
 * and refuses those that fit none. */
enum hf_status hf_config_check_drill(const struct hf_fields_file *file,
                                     const struct hf_config *config,
                                     const struct hf_config_job *job,
                                     struct hf_error *err) HF_WARN_UNUSED;

#endif
