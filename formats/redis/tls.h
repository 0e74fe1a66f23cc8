/*
 * TLS over a non-blocking socket, by OpenSSL: certificates are checked against the system's
 * authorities or those given, and must name the host. TLS 1.2 or newer.
 */
#ifndef HF_REDIS_TLS_H
#define HF_REDIS_TLS_H

#include "base/error.h"

#include <stddef.h>
#include <sys/types.h>

struct hf_tls;

/* Paths may be NULL; key NULL: in the file of cert. */
struct hf_tls_options {
    const char *ca, *cert, *key;
    const char *name; /* a host name or an address */
    bool insecure;
};

/* fd is borrowed. HF_CONFIG names the file that is no good. */
enum hf_status hf_tls_new(const struct hf_tls_options *options, int fd, struct hf_tls **out,
                          struct hf_error *err) HF_WARN_UNUSED;
void hf_tls_free(struct hf_tls *tls); /* takes NULL */
HF_DEFINE_AUTO_PTR(hf_tls, hf_tls_free)

/* A step of the handshake; not done: wait for hf_tls_wants, then again. HF_UNREACHABLE says what is
 * wrong with the certificate. */
enum hf_status hf_tls_handshake(struct hf_tls *tls, bool *out_done,
                                struct hf_error *err) HF_WARN_UNUSED;
/* As recv and send: -1 and errno; EAGAIN: wait for hf_tls_wants. */
ssize_t hf_tls_read(struct hf_tls *tls, void *data, size_t cap);
ssize_t hf_tls_write(struct hf_tls *tls, const void *data, size_t len);
/* POLLIN or POLLOUT: what the last call that did not finish waits for. */
short hf_tls_wants(const struct hf_tls *tls);

#endif
