/*
 * Uses what asks for memory or writes files in base/, for test_base.py to make it fail at every
 * call: base_calls FOLDER. Ends with the error's exit code, and its status and text on standard
 * output. Built plain, as failpoint.so needs it.
 */
#include "base/cancel.h"
#include "base/file.h"
#include "base/json.h"
#include "base/pool.h"
#include "base/process.h"
#include "base/queue.h"
#include "base/secret.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

static enum hf_status do_nothing(void *arg, size_t index, struct hf_error *err)
{
    (void)arg;
    (void)index;
    (void)err;
    return HF_OK;
}

static enum hf_status use_threads(struct hf_error *err)
{
    HF_AUTO_PTR(hf_cancel) cancel = NULL;
    HF_AUTO_PTR(hf_queue) queue = NULL;
    struct hf_pool *pool;

    HF_TRY(hf_cancel_new(&cancel, err));
    HF_TRY(hf_queue_new(4, &queue, err));
    HF_TRY(hf_pool_start(2, do_nothing, NULL, NULL, cancel, &pool, err));
    return hf_pool_join(pool, err);
}

static enum hf_status use_json(struct hf_error *err)
{
    static const char text[] = "{\"a\":[1,2,{\"b\":\"c\"}],\"z\":1.5}";
    HF_AUTO_JSON json = NULL;
    HF_AUTO_JSON outer = NULL;
    HF_AUTO(hf_buf) out = HF_BUF_INIT;

    HF_TRY(hf_json_parse_object(text, strlen(text), 100, "text", &json, err));
    HF_TRY(hf_json_dump(json, &out, err));
    if (out.len != strlen(text) || memcmp(out.data, text, out.len) != 0)
        return hf_error_set(err, HF_MISMATCH, "%.*s", (int)out.len, (const char *)out.data);
    return hf_json_pack(&outer, err, "{s:s, s:O}", "name", "value", "inner", json);
}

static enum hf_status use_texts(struct hf_error *err)
{
    HF_AUTO(hf_strings) list = HF_STRINGS_INIT;
    HF_AUTO(hf_buf) buf = HF_BUF_INIT;
    HF_AUTO_FREE char *text = NULL;

    for (int i = 0; i < 20; i++)
        HF_TRY(hf_strings_add(&list, "item", err));
    HF_TRY(hf_text_format(&text, err, "%0100d", 1));
    return hf_buf_printf(&buf, err, "%0100d", 1);
}

/* The file holds "old" or "new" whatever happens. */
static enum hf_status use_files(const char *folder, struct hf_error *err)
{
    HF_AUTO_PTR(hf_secret) secret = NULL;
    HF_AUTO_FREE char *path = NULL;

    HF_TRY(hf_text_format(&path, err, "%s/file", folder));
    HF_TRY(hf_file_replace(path, "new", 3, 0600, err));
    HF_TRY(hf_secret_read_file(path, &secret, err));
    if (strcmp(hf_secret_text(secret), "new") != 0)
        return hf_error_set(err, HF_MISMATCH, "%s", path);
    return HF_OK;
}

static enum hf_status use_process(struct hf_error *err)
{
    static const char *const argv[] = {"sh", "-c", "echo words >&2; echo output", NULL};
    static const char *const env[] = {"HF_ADDED=1", NULL};
    const struct hf_process_options options = {.argv = argv, .env = env, .in_fd = -1, .out_fd = -1};
    struct hf_process *process;
    char output[64];
    size_t len;

    HF_TRY(hf_process_start(&options, &process, err));
    if (hf_process_read(process, output, sizeof output, &len, err) != HF_OK) {
        hf_process_kill(process);
        return err->status;
    }
    return hf_process_finish(process, err);
}

static enum hf_status use_all(const char *folder, struct hf_error *err)
{
    HF_TRY(hf_crypto_init(err));
    HF_TRY(use_threads(err));
    HF_TRY(use_json(err));
    HF_TRY(use_texts(err));
    HF_TRY(use_files(folder, err));
    return use_process(err);
}

int main(int argc, char **argv)
{
    struct hf_error err = HF_ERROR_INIT;

    if (argc != 2)
        return hf_status_exit_code(HF_USAGE);
    if (use_all(argv[1], &err) != HF_OK)
        (void)printf("%s|%s", hf_status_words(err.status), err.text);
    return hf_status_exit_code(err.status);
}
