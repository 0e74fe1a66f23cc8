/*
 * A private PostgreSQL for tests: made by tests/servers/postgres, ended with the test. It is a 15,
 * or what HOLDFAST_TEST_POSTGRES says; 18 needs the folder of its clients in PATH.
 */
#ifndef HF_TESTS_PG_FIXTURE_H
#define HF_TESTS_PG_FIXTURE_H

#include <stdbool.h>

enum { PG_FIXTURE_PATH = 64, PG_FIXTURE_TEXT = 512, PG_FIXTURE_SETTINGS = 8 };

struct pg_fixture {
    char folder[PG_FIXTURE_PATH / 2]; /* of everything it has */
    char server[PG_FIXTURE_PATH];     /* the server's folder */
    char script[PG_FIXTURE_TEXT];
    char conninfo[PG_FIXTURE_TEXT]; /* over the socket, as superuser postgres, without database */
    char socket[PG_FIXTURE_PATH + 8];
    int port;
};

/* script: tests/servers/postgres. settings: "name=value", NULL-ended, may be NULL. False when there
 * is no server to be had here. The server is started and on failure the reason is on stderr. */
bool pg_fixture_start(struct pg_fixture *fixture, const char *script, const char *const *settings);
/* Ends it ("fast", "immediate") and starts it again. */
void pg_fixture_stop_server(const struct pg_fixture *fixture, const char *mode);
bool pg_fixture_start_server(struct pg_fixture *fixture, const char *const *settings);
/* Ends it and removes the folder. */
void pg_fixture_stop(struct pg_fixture *fixture);

/* Runs a program with arguments (NULL-ended) and waits; its exit code, or -1. */
int pg_fixture_run(const char *const *argv);

#endif
