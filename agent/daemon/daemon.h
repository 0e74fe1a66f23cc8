/*
 * "holdfast agent": runs what is due, for years.
 *
 * One thread and one poll: signals, the socket (control.h), and the pipes of the runs, each of
 * which is a child process (run.h). When something runs is the planner's to say
 * (schedules/planner.h), what there is to run the agenda's (agenda.h).
 *
 * SIGTERM and SIGINT: no more runs are begun, those that go on get SIGTERM, and SIGKILL after
 * "stop_timeout"; a second signal kills at once. SIGHUP: the configuration is read again, whole or
 * not at all. What is lost with the state directory is the history and the sight of other runs:
 * backups are made all the same.
 */
#ifndef HF_AGENT_DAEMON_DAEMON_H
#define HF_AGENT_DAEMON_DAEMON_H

#include "agent/session.h"

/* Until a signal ends it. HF_BUSY when another agent has the state directory. */
enum hf_status hf_daemon_run(struct hf_session *session, struct hf_error *err) HF_WARN_UNUSED;

/* For tests only: with HF_CLOCK_SKIP=SECONDS in its environment an agent that has nothing to do
 * sets its clock forward to its next deadline instead of waiting for it, by so many seconds in all;
 * its runs get that clock, too. */
#define HF_DAEMON_SKIP_VARIABLE "HF_CLOCK_SKIP"

#endif
