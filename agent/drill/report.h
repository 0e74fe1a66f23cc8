/*
 * What a drill found out: the facts that every form of the report (text, JSON, JUnit, HTML) is made
 * of. Filled by run.h while the drill goes on; whole at every moment, so that a drill that was
 * interrupted can be reported too. Times are wall-clock nanoseconds (base/clock.h), durations
 * nanoseconds; a time or duration of 0 was not reached. Everything is owned by the report. One
 * thread.
 *
 * No text here holds a secret: expected and found values of assertions are what the restored data
 * says, and go where the report goes.
 */
#ifndef HF_AGENT_DRILL_REPORT_H
#define HF_AGENT_DRILL_REPORT_H

#include "agent/terminal/output.h"
#include "base/buffer.h"
#include "base/error.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* Ordered by how bad it is for who asks whether backups restore: of several drills, the highest
 * decides what the program ends with. */
enum hf_drill_verdict {
    HF_DRILL_PROVEN,           /* restored, equal, every assertion holds, within the limits */
    HF_DRILL_LIMIT_MISSED,     /* as proven, and recorded as that, but too slow or too old */
    HF_DRILL_INTERRUPTED,      /* by a signal, before it knew */
    HF_DRILL_BAD_ENVIRONMENT,  /* nothing is known of the backup: the drill could not be held */
    HF_DRILL_ASSERTION_FAILED, /* restored as captured, but not what the user expects of it */
    HF_DRILL_BAD_BACKUP,       /* there is none, or it is damaged, does not restore, or differs */
};

enum hf_drill_step_id {
    HF_DRILL_STEP_FIND,    /* the snapshot in the repository */
    HF_DRILL_STEP_SCRATCH, /* leftovers are removed, the scratch target is made */
    HF_DRILL_STEP_RESTORE, /* and compare: both belong to one pass */
    HF_DRILL_STEP_ASSERT,
    HF_DRILL_STEP_CLEANUP, /* the scratch target is removed */
    HF_DRILL_STEP_RECORD,  /* the proof is put into the repository */
    HF_DRILL_STEPS
};

enum hf_drill_outcome {
    HF_DRILL_NOT_RUN, /* since an earlier step failed, or there was nothing to do */
    HF_DRILL_RUNNING, /* also of a step in which the program was interrupted */
    HF_DRILL_DONE,
    HF_DRILL_FAILED,
};

struct hf_drill_step {
    enum hf_drill_outcome outcome;
    int64_t start, end;
    char *text; /* what was done, or why it failed; a line for a person. NULL: nothing to say */
};

enum hf_drill_held {
    HF_DRILL_NOT_ASKED, /* the drill did not get there */
    HF_DRILL_HOLDS,
    HF_DRILL_HOLDS_NOT,
};

/* As many as are configured for the source, in that order, from the beginning. */
struct hf_drill_assertion {
    enum hf_drill_held held;
    char *what;     /* "sql: select count(*) > 0 from links" */
    char *expected; /* "true", "1", "a file"; */
    char *found;    /* "false", "NULL", "error: relation …"; NULL: not asked */
    int64_t took;
};

struct hf_drill_limit {
    int64_t limit;    /* 0: none was set */
    int64_t measured; /* meaningful where known */
    bool known;
};

/* A drill of one source. */
struct hf_drill_source {
    char *source;     /* its name */
    char *kind;       /* "postgres"; NULL until the snapshot was found */
    char *job;        /* whose drill it is, or NULL */
    char *repository; /* name or place */
    char *snapshot;   /* id; NULL until it was found */
    char *scratch;    /* "temporary PostgreSQL 15.20"; NULL until it was made */
    int64_t captured; /* what moment the snapshot is of */
    int64_t start, end;

    struct hf_drill_step steps[HF_DRILL_STEPS];
    uint64_t bytes, records;  /* of the snapshot's streams; 0 until it was found */
    const char *records_noun; /* "rows", "keys", "entries"; constant text, or NULL */
    bool compared, equal;     /* what was read back from the scratch target with what was fed */
    json_t *restored;         /* the restore's report (docs/json.md), or NULL */
    json_t *notes;            /* array of texts: leftovers that were removed, and the like */
    struct hf_drill_assertion *assertions;
    size_t assertion_count;
    struct hf_drill_limit rto; /* recovery time: opening the snapshot to restored and compared */
    struct hf_drill_limit rpo; /* recovery point: age of the source's newest snapshot at start */

    enum hf_drill_verdict verdict;
    struct hf_error error; /* why it is not proven, with its chain; HF_OK where it is */
    bool recorded;         /* the proof is in the repository */
};

struct hf_drill_report {
    int64_t start, end;
    struct hf_drill_source *sources; /* in the order in which they are drilled */
    size_t count;
};

static inline void hf_drill_report_init(struct hf_drill_report *report)
{
    *report = (struct hf_drill_report){.count = 0};
}
void hf_drill_report_done(struct hf_drill_report *report);
static inline void hf_drill_report_auto(struct hf_drill_report *report)
{
    hf_drill_report_done(report);
}
/* A new one at the end; all of them may move. Borrowed. */
enum hf_status hf_drill_report_add(struct hf_drill_report *report, const char *source,
                                   struct hf_drill_source **out,
                                   struct hf_error *err) HF_WARN_UNUSED;

/* The worst of all, HF_DRILL_PROVEN for none. */
enum hf_drill_verdict hf_drill_report_verdict(const struct hf_drill_report *report);
/* 0 proven; 3 bad backup or failed assertion; 4 bad environment; 1 limit missed or interrupted. */
int hf_drill_exit_code(enum hf_drill_verdict verdict);

/* For programs: "proven", "bad backup", "bad environment", "assertion failed", "limit missed",
 * "interrupted". */
const char *hf_drill_verdict_name(enum hf_drill_verdict verdict);
/* "find", "scratch", "restore", "assert", "cleanup", "record" */
const char *hf_drill_step_name(enum hf_drill_step_id id);
/* "not run", "running", "done", "failed" */
const char *hf_drill_outcome_name(enum hf_drill_outcome outcome);
/* What a person should do about it: a sentence or two, or NULL for proven. */
const char *hf_drill_advice(enum hf_drill_verdict verdict);
bool hf_drill_limit_missed(const struct hf_drill_limit *limit);

/* The event "drill" of docs/json.md, also the report that is kept with the proof; NULL when out of
 * memory. New reference. */
json_t *hf_drill_source_json(const struct hf_drill_source *source);
/* A paragraph for a person; more of what is proven only with --verbose, of what is not always all.
 */
void hf_drill_source_text(const struct hf_drill_source *source, struct hf_output *output);
/* Whole documents, appended: JUnit XML for CI (docs/drills.md says what becomes what), and a page
 * for a browser that needs nothing beside it. */
enum hf_status hf_drill_report_junit(const struct hf_drill_report *report, struct hf_buf *out,
                                     struct hf_error *err) HF_WARN_UNUSED;
enum hf_status hf_drill_report_html(const struct hf_drill_report *report, struct hf_buf *out,
                                    struct hf_error *err) HF_WARN_UNUSED;

#endif
