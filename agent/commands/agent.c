/* holdfast agent */
#include "agent/commands/run.h"
#include "agent/daemon/daemon.h"

enum hf_status hf_run_agent(struct hf_session *session, struct hf_error *err)
{
    return hf_daemon_run(session, err);
}
