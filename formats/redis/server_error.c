#include "formats/redis/server_error.h"

#include <string.h>
#include <strings.h>

/* The first that begins (or, with a leading '*', is somewhere in) the server's text counts. */
static const struct {
    const char *begins;
    enum hf_status status;
    const char *advice;
} meanings[] = {
    {"NOAUTH", HF_DENIED, "give the source a password"},
    {"WRONGPASS", HF_DENIED, "the user or password is wrong"},
    {"ERR invalid password", HF_DENIED, "the password is wrong"},
    {"*without any password configured", HF_DENIED,
     "the server has no password set: give none, or set one"},
    {"NOPERM", HF_DENIED, "the ACL user lacks a right: see docs/redis.md for those it needs"},
    {"DENIED", HF_DENIED, "the server is in protected mode: set a password or bind an address"},
    {"READONLY", HF_DENIED, "this is a replica: name its master"},
    {"LOADING", HF_BUSY, "the server is loading its data: try again when it is done"},
    {"BUSYKEY", HF_EXISTS, "a key of that name exists"},
    {"BUSYGROUP", HF_EXISTS, "it exists"},
    {"BUSY", HF_BUSY, "a script runs on the server: end it with SCRIPT KILL, or wait"},
    {"TRYAGAIN", HF_BUSY, "slots are migrating: try again when they have moved"},
    {"*max number of clients", HF_BUSY, "raise maxclients, or try again later"},
    {"MASTERDOWN", HF_UNREACHABLE, "the replica has lost its master"},
    {"NOMASTERLINK", HF_UNREACHABLE, "the replica has lost its master: name another server"},
    {"NOREPLICAS", HF_UNREACHABLE,
     "the server takes no writes while it has too few replicas (min-replicas-to-write)"},
    {"CLUSTERDOWN", HF_UNREACHABLE, "the cluster is not whole"},
    {"MISCONF", HF_FAILED,
     "the server cannot save to its own disk and refuses writes: mend that first"},
    {"OOM", HF_NO_SPACE, "the server is full: raise maxmemory"},
    {"MOVED", HF_USAGE, "this is a node of a cluster: name it as a cluster"},
    {"ASK ", HF_USAGE, "this is a node of a cluster: name it as a cluster"},
    {"CROSSSLOT", HF_USAGE, "this is a node of a cluster: name it as a cluster"},
    {"*DUMP payload version", HF_UNSUPPORTED, "the server is too old for this dump"},
    {"*Bad data format", HF_UNSUPPORTED,
     "the server does not know a type of this dump, or a module is missing"},
    {"*unknown command", HF_UNSUPPORTED, "the server does not have that command, or hides it"},
    {"*unknown subcommand", HF_UNSUPPORTED, "the server does not have that command"},
};

static bool means(const char *pattern, const char *text)
{
    if (*pattern == '*')
        return strcasestr(text, pattern + 1) != NULL;
    return strncmp(text, pattern, strlen(pattern)) == 0;
}

enum hf_status hf_redis_server_error(const char *where, const char *text, struct hf_error *err)
{
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++) {
        if (means(meanings[i].begins, text))
            return hf_error_set(err, meanings[i].status, "%s: the server says \"%.300s\": %s",
                                where, text, meanings[i].advice);
    }
    return hf_error_set(err, HF_FAILED, "%s: the server says \"%.300s\"", where, text);
}
