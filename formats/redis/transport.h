/*
 * Bytes to and from a Redis server: TCP, a unix socket, or TLS over TCP.
 *
 * Everything waits on the socket and on the hf_cancel's descriptor at once, and no longer than the
 * timeout without a byte passing. Errors are HF_UNREACHABLE (HF_CANCELLED when stopped, HF_CONFIG
 * for certificates and keys that cannot be read) and name the place; after one the transport is
 * good for nothing but close. One thread at a time.
 */
#ifndef HF_REDIS_TRANSPORT_H
#define HF_REDIS_TRANSPORT_H

#include "base/cancel.h"
#include "base/error.h"

#include <stddef.h>

struct hf_redis_transport;

/* Borrowed while it is being opened. */
struct hf_redis_place {
    const char *host; /* or NULL: socket */
    unsigned port;
    const char *socket;
    bool tls, tls_insecure;
    const char *tls_ca, *tls_cert, *tls_key;
    const char *tls_name;     /* whom the certificate must name; NULL: host */
    unsigned connect_timeout; /* seconds */
    unsigned timeout;         /* seconds */
};

/* cancel may be NULL. */
enum hf_status hf_redis_transport_open(const struct hf_redis_place *place, struct hf_cancel *cancel,
                                       struct hf_redis_transport **out,
                                       struct hf_error *err) HF_WARN_UNUSED;
/* Of a connected socket, which it then owns. */
enum hf_status hf_redis_transport_adopt(int fd, const char *where, struct hf_cancel *cancel,
                                        struct hf_redis_transport **out,
                                        struct hf_error *err) HF_WARN_UNUSED;
void hf_redis_transport_close(struct hf_redis_transport *transport); /* takes NULL */
HF_DEFINE_AUTO_PTR(hf_redis_transport, hf_redis_transport_close)

/* "db.example:6379", for messages; lives as long as the transport. */
const char *hf_redis_transport_where(const struct hf_redis_transport *transport);

/* At least one byte, at most cap; *out 0 at the end of the connection. */
enum hf_status hf_redis_transport_read(struct hf_redis_transport *transport, void *data, size_t cap,
                                       size_t *out, struct hf_error *err) HF_WARN_UNUSED;
/* All of it. */
enum hf_status hf_redis_transport_write(struct hf_redis_transport *transport, const void *data,
                                        size_t len, struct hf_error *err) HF_WARN_UNUSED;

#endif
