/*
 * The restore of one database: what its steps share. Made by restore.c; each step is a module of
 * its own below. One thread owns the job; loaders and readers of load.c and read_back.c write to
 * their tables only, under the lock of those modules.
 */
#ifndef HF_POSTGRES_RESTORE_JOB_H
#define HF_POSTGRES_RESTORE_JOB_H

#include "formats/postgres/connection.h"
#include "formats/postgres/digest.h"
#include "formats/postgres/load_plan.h"
#include "formats/postgres/postgres.h"
#include "formats/postgres/restore_input.h"
#include "formats/postgres/selection.h"
#include "formats/postgres/tools.h"

enum { HF_PG_NAME_SIZE = 64 }; /* of an identifier, with its NUL */
/* Of the advisory locks that running restores hold, one each: "hold". */
enum { HF_PG_LOCK_CLASS = 0x686f6c64 };

struct hf_pg_job {
    const struct hf_pg_config *config;
    const struct hf_restore_options *options;
    const struct hf_work *work;
    const struct hf_feed *feed;
    const json_t *server;   /* of the manifest's properties */
    const json_t *database; /* likewise, this database's */
    const char *target;     /* the real name */
    bool replace;
    unsigned jobs;

    struct hf_pg *maintenance;       /* connected elsewhere; holds the lock on the temporary name */
    char temporary[HF_PG_NAME_SIZE]; /* "" while there is none */
    char aside[HF_PG_NAME_SIZE];     /* what had the name, or "" */
    struct hf_strings made_roles;    /* those that this restore has created */
    bool no_tablespaces;             /* some are missing: all goes to the default */

    struct hf_pg_tool pg_restore, pg_dump;
    struct hf_pg_tool psql; /* where pg_restore is too new for the server to run by itself */
    struct hf_pg_input input;
    struct hf_pg_load_plan *plan; /* from hf_pg_load on: what comes with the rows */
    struct hf_pg_digest_key key;
    bool wants_objects;    /* large objects are to be restored */
    bool left_out_objects; /* the snapshot has large objects that were not asked for */
    bool has_objects;      /* large objects were restored: what was fed of them and their content */
    struct hf_pg_digest_sum objects_fed, pieces_fed;

    json_t *differences, *notes; /* arrays of the report */
};

/* Connects to a database of the target; address.database is set from it. */
enum hf_status hf_pg_job_connect(const struct hf_pg_job *job, const char *database,
                                 struct hf_pg **out, struct hf_error *err) HF_WARN_UNUSED;

/* "Restoring …": one line for the observer. */
void hf_pg_job_step(const struct hf_pg_job *job, const char *format, ...) HF_PRINTF(2, 3);
/* Into the report and, as a warning, to the observer. */
enum hf_status hf_pg_job_note(struct hf_pg_job *job, struct hf_error *err, const char *format, ...)
    HF_PRINTF(3, 4) HF_WARN_UNUSED;
/* One entry of the report's differences. */
enum hf_status hf_pg_job_differ(struct hf_pg_job *job, const char *what, const char *name,
                                const char *expected, const char *found,
                                struct hf_error *err) HF_WARN_UNUSED;

/* A small stream of the database, whole; nothing when the snapshot has none. */
enum hf_status hf_pg_job_stream(const struct hf_pg_job *job, const char *what, struct hf_buf *out,
                                struct hf_error *err) HF_WARN_UNUSED;

/* A JSON string of any bytes: what is not UTF-8 becomes '?'. NULL gives null. */
json_t *hf_pg_json_text(const char *text);

/* Runs the SQL texts that a query gives, one column, many at a time: statements that name objects
 * are formatted by the server, which knows best how to quote. */
enum hf_status hf_pg_run_generated(struct hf_pg *pg, const char *query,
                                   struct hf_error *err) HF_WARN_UNUSED;

/* preflight.c: everything about the target that can be known before data flows. */
enum hf_status hf_pg_preflight(struct hf_pg_job *job, struct hf_error *err) HF_WARN_UNUSED;

/* roles.c: creates those that are needed and missing, without login. preflight has checked that
 * it is allowed to. */
enum hf_status hf_pg_roles_check(struct hf_pg_job *job, struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_pg_roles_create(struct hf_pg_job *job, struct hf_error *err) HF_WARN_UNUSED;
/* Drops those that it has created, after a failure and after the temporary database, over any
 * connection. What somebody else uses by now stays; that is a note. */
void hf_pg_roles_drop(struct hf_pg_job *job, struct hf_pg *pg);

/* target_database.c */
enum hf_status hf_pg_target_open(struct hf_pg_job *job, struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_pg_target_create(struct hf_pg_job *job, struct hf_error *err) HF_WARN_UNUSED;
/* HF_BUSY with who is connected to the database that would be renamed aside. */
enum hf_status hf_pg_target_check_idle(struct hf_pg_job *job, struct hf_error *err) HF_WARN_UNUSED;
/* Gives the temporary database its name, and renames what had it aside, in one transaction. */
enum hf_status hf_pg_target_publish(struct hf_pg_job *job, struct hf_error *err) HF_WARN_UNUSED;
/* Drops the temporary database and the roles made for it, also after an interrupt. A failure
 * becomes a note. */
void hf_pg_target_drop(struct hf_pg_job *job);

/* archive_stages.c: a run of pg_restore for what a stage has left, or for one entry of the archive.
 * The latter may be called by several threads. */
enum hf_status hf_pg_entry_run(const struct hf_pg_job *job, size_t entry,
                               struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_pg_stage_run(struct hf_pg_job *job, enum hf_pg_stage stage,
                               struct hf_error *err) HF_WARN_UNUSED;

/* partition_routes.c: finds the partitions whose rows may belong to another one now, and sets the
 * roots they are loaded by. After the tables were created. */
enum hf_status hf_pg_route_partitions(struct hf_pg_job *job, struct hf_error *err) HF_WARN_UNUSED;
/* Whether b's rows are loaded by way of the same root as a's. */
bool hf_pg_same_root(const struct hf_pg_rows_of *a, const struct hf_pg_rows_of *b);

/* load.c: the rows of all tables in parallel, and the indexes of large ones (load_plan.h). */
enum hf_status hf_pg_load(struct hf_pg_job *job, struct hf_error *err) HF_WARN_UNUSED;

/* finish.c */
enum hf_status hf_pg_restore_sequences(struct hf_pg_job *job, struct hf_pg *pg,
                                       struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_pg_refresh_matviews(struct hf_pg_job *job, struct hf_pg *pg,
                                      struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_pg_analyze(struct hf_pg_job *job, struct hf_error *err) HF_WARN_UNUSED;

/* large_object_restore.c */
enum hf_status hf_pg_restore_large_objects(struct hf_pg_job *job, struct hf_pg *pg,
                                           struct hf_error *err) HF_WARN_UNUSED;

enum hf_status hf_pg_compare_large_objects(struct hf_pg_job *job, struct hf_pg *pg,
                                           struct hf_error *err) HF_WARN_UNUSED;

/* database_settings.c: owner, ACL, settings, limits of the temporary database. */
enum hf_status hf_pg_database_settings(struct hf_pg_job *job, struct hf_error *err) HF_WARN_UNUSED;

/* compare.c: fills the report's differences; HF_OK also when there are some. */
enum hf_status hf_pg_compare(struct hf_pg_job *job, struct hf_error *err) HF_WARN_UNUSED;
/* A difference when they are not equal. */
enum hf_status hf_pg_compare_digests(struct hf_pg_job *job, const char *what, const char *name,
                                     const struct hf_pg_digest_sum *expected,
                                     const struct hf_pg_digest_sum *found,
                                     struct hf_error *err) HF_WARN_UNUSED;
/* The database's own properties, after hf_pg_database_settings, over a connection to it that was
 * made before: its limit may let no one in. */
enum hf_status hf_pg_compare_properties(struct hf_pg_job *job, struct hf_pg *pg,
                                        struct hf_error *err) HF_WARN_UNUSED;
/* read_back.c: the digests of all tables as they are in the restored database. */
enum hf_status hf_pg_read_back(struct hf_pg_job *job, struct hf_error *err) HF_WARN_UNUSED;

#endif
