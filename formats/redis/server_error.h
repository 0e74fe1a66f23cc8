/*
 * What a Redis server's error reply means.
 *
 *   HF_DENIED       NOAUTH, WRONGPASS, NOPERM, READONLY, DENIED (protected mode)
 *   HF_BUSY         LOADING, BUSY (a script runs), TRYAGAIN, too many clients
 *   HF_UNREACHABLE  MASTERDOWN, NOMASTERLINK, NOREPLICAS, CLUSTERDOWN
 *   HF_FAILED       MISCONF (the server cannot save to its own disk), and whatever else
 *   HF_NO_SPACE     OOM
 *   HF_EXISTS       BUSYKEY
 *   HF_UNSUPPORTED  unknown commands and subcommands; a dump of a newer version
 *   HF_USAGE        MOVED, ASK, CROSSSLOT: a node of a cluster spoken to as a single server
 */
#ifndef HF_REDIS_SERVER_ERROR_H
#define HF_REDIS_SERVER_ERROR_H

#include "base/error.h"

/* text: the reply without its '-'. Sets "<where>: <text>" and what to do. */
enum hf_status hf_redis_server_error(const char *where, const char *text, struct hf_error *err);

#endif
