#include "storage/s3/s3_internal.h"

#include "base/text.h"
#include "storage/s3/listing.h"

#include <stdlib.h>
#include <string.h>

/* A listing under way. */
struct walk {
    struct hf_s3 *s3;
    char *prefix; /* in the bucket */
    struct hf_s3_page page;
    char *last; /* key of the pages before: they must go on from it */
};

static enum hf_status read_page(void *ctx, struct hf_s3_connection *connection,
                                struct hf_error *err)
{
    struct walk *walk = ctx;
    return hf_s3_page_read(&walk->page, connection->body.data, connection->body.len, err);
}

static enum hf_status fetch_page(struct walk *walk, const char *token, struct hf_error *err)
{
    struct hf_s3_request request = {.what = "cannot list", .method = "GET", .ctx = walk};
    request.read = read_page;
    hf_s3_add_parameter(&request, "list-type", "2");
    hf_s3_add_parameter(&request, "encoding-type", "url");
    hf_s3_add_parameter(&request, "prefix", walk->prefix);
    if (token)
        hf_s3_add_parameter(&request, "continuation-token", token);
    return hf_s3_do(walk->s3, &request, err);
}

/* Keys come in order; a server that shows the same page for ever is found by that. */
static enum hf_status check_order(struct walk *walk, struct hf_error *err)
{
    const struct hf_s3_page *page = &walk->page;
    for (size_t i = 0; i < page->count; i++) {
        const char *before = i > 0 ? page->objects[i - 1].key : walk->last;
        if (before && strcmp(before, page->objects[i].key) >= 0)
            return hf_error_set(err, HF_DAMAGED,
                                "%s: the server's listing does not go on from key to key",
                                hf_store_name(&walk->s3->store));
    }
    if (page->count == 0)
        return HF_OK;
    free(walk->last);
    walk->last = NULL;
    return hf_text_copy(page->objects[page->count - 1].key, &walk->last, err);
}

/* What cannot be an object of a store (probes in tmp/, folders of web consoles) is none. */
static enum hf_status hand_out(const struct walk *walk, hf_store_list_fn *fn, void *ctx,
                               struct hf_error *err)
{
    const char *root = walk->s3->endpoint.prefix;
    size_t root_len = strlen(root);
    for (size_t i = 0; i < walk->page.count; i++) {
        const struct hf_s3_listed *object = &walk->page.objects[i];
        struct hf_store_stat stat = {.size = object->size, .mtime = object->mtime};
        if (strncmp(object->key, walk->prefix, strlen(walk->prefix)) != 0)
            return hf_error_set(err, HF_DAMAGED, "%s: the server lists what it was not asked for",
                                hf_store_name(&walk->s3->store));
        if (hf_store_key_valid(object->key + root_len))
            HF_TRY(fn(ctx, object->key + root_len, &stat, err));
    }
    return HF_OK;
}

/* The page's token is in the page, which the next one replaces. */
static enum hf_status walk_pages(struct walk *walk, hf_store_list_fn *fn, void *ctx,
                                 struct hf_error *err)
{
    char token[HF_S3_TOKEN_MAX];
    unsigned empty = 0;
    HF_TRY(fetch_page(walk, NULL, err));
    for (;;) {
        HF_TRY(check_order(walk, err));
        HF_TRY(hand_out(walk, fn, ctx, err));
        if (!walk->page.truncated)
            return HF_OK;
        /* Some servers send empty pages where many objects were deleted, but not without end. */
        empty = walk->page.count == 0 ? empty + 1 : 0;
        if (empty > 1000)
            return hf_error_set(err, HF_DAMAGED, "%s: the server's listing does not end",
                                hf_store_name(&walk->s3->store));
        memcpy(token, walk->page.token, sizeof token);
        HF_TRY(fetch_page(walk, token, err));
    }
}

enum hf_status hf_s3_list(struct hf_store *store, const char *prefix, hf_store_list_fn *fn,
                          void *ctx, struct hf_error *err)
{
    struct walk walk = {.s3 = hf_s3_of(store), .page = HF_S3_PAGE_INIT};
    HF_TRY(hf_text_format(&walk.prefix, err, "%s%s", walk.s3->endpoint.prefix, prefix));
    enum hf_status status = walk_pages(&walk, fn, ctx, err);
    hf_s3_page_done(&walk.page);
    free(walk.prefix);
    free(walk.last);
    return status;
}
