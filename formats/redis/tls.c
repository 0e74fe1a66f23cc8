#include "formats/redis/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdlib.h>

struct hf_tls {
    SSL_CTX *context;
    SSL *ssl;
    short wants;
};

void hf_tls_free(struct hf_tls *tls)
{
    if (!tls)
        return;
    SSL_free(tls->ssl);
    SSL_CTX_free(tls->context);
    free(tls);
}

static const char *reason(void)
{
    const char *text = ERR_reason_error_string(ERR_peek_last_error());

    return text ? text : "unknown TLS error";
}

static enum hf_status load_files(struct hf_tls *tls, const struct hf_tls_options *options,
                                 struct hf_error *err)
{
    const char *key = options->key ? options->key : options->cert;

    if (options->ca && SSL_CTX_load_verify_file(tls->context, options->ca) != 1)
        return hf_error_set(err, HF_CONFIG, "%s: cannot read the certificate authorities: %s",
                            options->ca, reason());
    if (!options->ca && SSL_CTX_set_default_verify_paths(tls->context) != 1)
        return hf_error_set(err, HF_CONFIG, "cannot read the system's certificate authorities: %s",
                            reason());
    if (options->cert && SSL_CTX_use_certificate_chain_file(tls->context, options->cert) != 1)
        return hf_error_set(err, HF_CONFIG, "%s: cannot read the client certificate: %s",
                            options->cert, reason());
    if (options->cert && (SSL_CTX_use_PrivateKey_file(tls->context, key, SSL_FILETYPE_PEM) != 1 ||
                          SSL_CTX_check_private_key(tls->context) != 1))
        return hf_error_set(err, HF_CONFIG, "%s: cannot use the private key: %s", key, reason());
    return HF_OK;
}

static bool is_address(const char *name)
{
    unsigned char bytes[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, name, bytes) == 1 || inet_pton(AF_INET6, name, bytes) == 1;
}

static bool expect_name(SSL *ssl, const char *name)
{
    if (is_address(name))
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
    return SSL_set1_host(ssl, name) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
}

enum hf_status hf_tls_new(const struct hf_tls_options *options, int fd, struct hf_tls **out,
                          struct hf_error *err)
{
    HF_AUTO_PTR(hf_tls) tls = calloc(1, sizeof *tls);

    if (!tls)
        return hf_error_memory(err);
    ERR_clear_error();
    tls->context = SSL_CTX_new(TLS_client_method());
    if (!tls->context || SSL_CTX_set_min_proto_version(tls->context, TLS1_2_VERSION) != 1)
        return hf_error_set(err, HF_FAILED, "TLS: %s", reason());
    SSL_CTX_set_verify(tls->context, options->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    /* A write that did not finish is tried again from wherever the rest now is. */
    (void)SSL_CTX_set_mode(tls->context,
                           SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    HF_TRY(load_files(tls, options, err));
    tls->ssl = SSL_new(tls->context);
    if (!tls->ssl || SSL_set_fd(tls->ssl, fd) != 1 || !expect_name(tls->ssl, options->name))
        return hf_error_set(err, HF_FAILED, "TLS: %s", reason());
    *out = tls;
    tls = NULL;
    return HF_OK;
}

/* Whether the call only has to wait; sets errno otherwise. */
static bool has_to_wait(struct hf_tls *tls, int result)
{
    int problem = SSL_get_error(tls->ssl, result);

    if (problem == SSL_ERROR_WANT_READ || problem == SSL_ERROR_WANT_WRITE) {
        tls->wants = problem == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
        errno = EAGAIN;
        return true;
    }
    if (problem != SSL_ERROR_SYSCALL || errno == 0 || errno == EAGAIN)
        errno = ECONNRESET;
    return false;
}

enum hf_status hf_tls_handshake(struct hf_tls *tls, bool *out_done, struct hf_error *err)
{
    int result;
    long verdict;

    ERR_clear_error();
    errno = 0;
    result = SSL_connect(tls->ssl);
    if (result == 1 || has_to_wait(tls, result)) {
        *out_done = result == 1;
        return HF_OK;
    }
    verdict = SSL_get_verify_result(tls->ssl);
    if (verdict != X509_V_OK)
        return hf_error_set(err, HF_UNREACHABLE, "the server's certificate is not trusted: %s",
                            X509_verify_cert_error_string(verdict));
    return hf_error_set(err, HF_UNREACHABLE, "TLS handshake: %s (does the port speak TLS?)",
                        ERR_peek_last_error() ? reason() : "the server ended the connection");
}

ssize_t hf_tls_read(struct hf_tls *tls, void *data, size_t cap)
{
    int result;

    ERR_clear_error();
    errno = 0;
    result = SSL_read(tls->ssl, data, cap > INT_MAX ? INT_MAX : (int)cap);
    if (result > 0)
        return result;
    if (SSL_get_error(tls->ssl, result) == SSL_ERROR_ZERO_RETURN)
        return 0;
    (void)has_to_wait(tls, result);
    return -1;
}

ssize_t hf_tls_write(struct hf_tls *tls, const void *data, size_t len)
{
    int result;

    ERR_clear_error();
    errno = 0;
    result = SSL_write(tls->ssl, data, len > INT_MAX ? INT_MAX : (int)len);
    if (result > 0)
        return result;
    (void)has_to_wait(tls, result);
    return -1;
}

short hf_tls_wants(const struct hf_tls *tls)
{
    return tls->wants;
}
