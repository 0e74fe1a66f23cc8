#include "storage/s3/s3_internal.h"

#include <stdlib.h>

static enum hf_status make(const struct hf_s3 *s3, struct hf_s3_connection **out,
                           struct hf_error *err)
{
    struct hf_s3_connection *connection = calloc(1, sizeof *connection);
    struct hf_http_options options = {
        .ca_file = s3->ca_file, .proxy = s3->proxy, .stall_s = s3->stall_s, .large = true};
    if (!connection)
        return hf_error_memory(err);
    enum hf_status status = hf_http_new(&options, &connection->http, err);
    if (status != HF_OK) {
        free(connection);
        return status;
    }
    *out = connection;
    return HF_OK;
}

/* Under the lock. */
static enum hf_status add(struct hf_s3 *s3, struct hf_error *err)
{
    struct hf_s3_connection *connection = NULL;
    HF_TRY(make(s3, &connection, err));
    s3->all[s3->connections++] = connection;
    connection->next = s3->idle;
    s3->idle = connection;
    return HF_OK;
}

enum hf_status hf_s3_take(struct hf_s3 *s3, struct hf_s3_connection **out, struct hf_error *err)
{
    enum hf_status status = HF_OK;
    (void)pthread_mutex_lock(&s3->mutex);
    if (!s3->idle && s3->connections < s3->connections_max)
        status = add(s3, err);
    while (status == HF_OK && !s3->idle)
        (void)pthread_cond_wait(&s3->given, &s3->mutex);
    if (status == HF_OK) {
        *out = s3->idle;
        s3->idle = s3->idle->next;
    }
    (void)pthread_mutex_unlock(&s3->mutex);
    return status;
}

void hf_s3_give(struct hf_s3 *s3, struct hf_s3_connection *connection)
{
    (void)pthread_mutex_lock(&s3->mutex);
    connection->next = s3->idle;
    s3->idle = connection;
    (void)pthread_cond_signal(&s3->given);
    (void)pthread_mutex_unlock(&s3->mutex);
}

void hf_s3_connections_free(struct hf_s3 *s3)
{
    for (unsigned i = 0; i < s3->connections; i++) {
        hf_http_free(s3->all[i]->http);
        hf_buf_free(&s3->all[i]->body);
        free(s3->all[i]);
    }
}
