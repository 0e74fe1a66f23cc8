/*
 * Ctrl-C and its kin end the work at hand cleanly; a second one ends the program at once. SIGUSR1
 * ends nothing: the agent sends it to a run before the SIGTERM that ends it for its time limit.
 */
#ifndef HF_AGENT_SIGNALS_H
#define HF_AGENT_SIGNALS_H

#include "base/cancel.h"

/* SIGINT, SIGTERM and SIGHUP (unless ignored, as nohup does) interrupt; SIGPIPE is ignored. */
enum hf_status hf_signals_install(struct hf_error *err) HF_WARN_UNUSED;

/* From now on a signal interrupts this work (NULL: none). If one came before, it is interrupted
 * at once. Main thread only; call with NULL before freeing it. */
void hf_signals_watch(struct hf_cancel *cancel);

/* Whether a signal came. */
bool hf_signals_interrupted(void);
/* ... and it was for the run's time limit. */
bool hf_signals_time_over(void);

#endif
