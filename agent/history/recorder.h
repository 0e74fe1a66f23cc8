/*
 * Writes the run that this process is into the history, from what it says (agent/terminal/output.h)
 * and from what its command tells about the parts of its work.
 *
 * It never stands in the way: what goes wrong with the history is warned of once, and the run goes
 * on. All functions take NULL for a recorder. hf_recorder_* are called by the main thread; what the
 * output hears comes from any.
 */
#ifndef HF_AGENT_HISTORY_RECORDER_H
#define HF_AGENT_HISTORY_RECORDER_H

#include "agent/cli/args.h"
#include "agent/config/config.h"
#include "agent/history/history.h"
#include "agent/terminal/output.h"

struct hf_recorder;

/*
 * The id is that of HF_RUN_VARIABLE, if the agent has given one, or a new one; HF_TRIGGER_VARIABLE
 * says why the agent began the run. Lines of the log bear the id from now on. Nothing is written
 * yet. config and output are borrowed; HF_NO_MEMORY is the only error.
 */
enum hf_status hf_recorder_new(const struct hf_args *args, const struct hf_config *config,
                               struct hf_output *output, struct hf_recorder **out,
                               struct hf_error *err) HF_WARN_UNUSED;
/* Listens no longer. Takes NULL. */
void hf_recorder_free(struct hf_recorder *recorder);
HF_DEFINE_AUTO_PTR(hf_recorder, hf_recorder_free)

const char *hf_recorder_run(const struct hf_recorder *recorder);
/* The run as it is: for who tells of it (agent/notify/). Borrowed. */
const struct hf_history_run *hf_recorder_facts(const struct hf_recorder *recorder);
/* The history, opened for writing, or NULL where there is none to be had. */
struct hf_history *hf_recorder_history(struct hf_recorder *recorder);

/* What is done from now on is done by another process, which records it; or (false) by this one. A
 * process that ends while it has passed is no run. */
void hf_recorder_pass(struct hf_recorder *recorder, bool passed);

/* A part of the work begins; the one before, if it was not ended, ended well. source and repository
 * may be NULL. The first one writes the run. */
void hf_recorder_part(struct hf_recorder *recorder, const char *action, const char *source,
                      const char *repository);
/* The part ended so; what its result said (hf_output_event) belongs to it. */
void hf_recorder_part_end(struct hf_recorder *recorder, const struct hf_error *error);

/* The run ended so (HF_OK: well). A usage error before any part is no run. */
void hf_recorder_end(struct hf_recorder *recorder, const struct hf_error *error);
/* It was a run, and is over. */
bool hf_recorder_ended(const struct hf_recorder *recorder);

#endif
