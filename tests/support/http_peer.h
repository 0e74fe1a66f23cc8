/*
 * An HTTP server on loopback that does what a test's script says, right or wrong: answers byte by
 * byte as given, resets, hangs. One thread serves all connections, in the order requests come.
 */
#ifndef HF_TESTS_HTTP_PEER_H
#define HF_TESTS_HTTP_PEER_H

#include <stdbool.h>
#include <stddef.h>

enum hf_peer_then {
    HF_PEER_KEEP,  /* goes on on this connection */
    HF_PEER_CLOSE, /* an orderly end */
    HF_PEER_RESET, /* RST */
    HF_PEER_HANG,  /* keeps it open and never says more */
};

struct hf_peer_answer {
    const char *bytes; /* as they go over the wire; NULL: none */
    size_t len;        /* 0: strlen(bytes) */
    enum hf_peer_then then;
    bool in_pieces; /* head and body by a write each, the second when the first was acknowledged */
};

struct hf_peer;

/* Answers a request (head and body, NUL-ended), the index-th from 0. What answer->bytes points to
 * must last until the next call. Runs on the peer's thread. */
typedef void hf_peer_fn(void *ctx, size_t index, const char *request, size_t len,
                        struct hf_peer_answer *answer);

/* unix_socket: its path, or NULL for a port of 127.0.0.1. */
struct hf_peer *hf_peer_start(hf_peer_fn *fn, void *ctx, const char *unix_socket);
/* From a list; the last answer is given again and again. */
struct hf_peer *hf_peer_script(const struct hf_peer_answer *answers, size_t count);
void hf_peer_stop(struct hf_peer *peer);

/* "http://127.0.0.1:PORT" */
const char *hf_peer_url(const struct hf_peer *peer);
/* How many requests and connections there were; waits for a step that is under way. */
size_t hf_peer_requests(struct hf_peer *peer);
size_t hf_peer_connections(struct hf_peer *peer);
/* The index-th request (head and body), NUL-ended; borrowed, kept until the peer stops. */
const char *hf_peer_request(struct hf_peer *peer, size_t index, size_t *out_len);

#endif
