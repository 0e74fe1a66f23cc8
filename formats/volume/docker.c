#include "formats/volume/docker.h"

#include "base/http.h"
#include "base/json.h"

#include <stdlib.h>
#include <string.h>

enum { ANSWER_MAX = 16 << 20, ANSWER_S = 120 };

struct hf_docker {
    struct hf_http *http;
    struct hf_cancel *cancel;
    struct hf_buf answer;
};

void hf_docker_free(struct hf_docker *docker)
{
    hf_http_free(docker->http);
    hf_buf_free(&docker->answer);
    free(docker);
}

enum hf_status hf_docker_new(const char *socket, struct hf_cancel *cancel, struct hf_docker **out,
                             struct hf_error *err)
{
    HF_AUTO_PTR(hf_docker) docker = calloc(1, sizeof *docker);
    if (!docker)
        return hf_error_memory(err);
    docker->cancel = cancel;
    const struct hf_http_options options = {.unix_socket = socket ? socket : HF_DOCKER_SOCKET,
                                            .stall_s = ANSWER_S};
    HF_TRY(hf_http_new(&options, &docker->http, err));
    *out = docker;
    docker = NULL;
    return HF_OK;
}

/* The engine's own words: {"message": "..."}. */
static enum hf_status refused(const struct hf_http_response *response, struct hf_error *err)
{
    HF_AUTO_JSON json = json_loadb(response->error, response->error_len, 0, NULL);
    const char *message = json_string_value(json_object_get(json, "message"));
    enum hf_status status = response->status == 404   ? HF_NOT_FOUND
                            : response->status == 403 ? HF_DENIED
                                                      : HF_FAILED;
    return hf_error_set(err, status, "docker: %.500s", message ? message : "it refuses");
}

struct call {
    const char *method;
    const char *path;
    const char *body; /* JSON, or NULL */
    hf_http_sink_fn *sink;
    void *sink_ctx;
    int also; /* a status that is as good as 2xx; 0: none */
};

/* The body is in docker->answer, unless there is a sink. */
static enum hf_status perform(struct hf_docker *docker, const struct call *call,
                              struct hf_error *err)
{
    static const char *const headers[] = {"Content-Type: application/json", NULL};
    struct hf_http_response response;
    HF_AUTO(hf_buf) url = HF_BUF_INIT;
    HF_TRY(hf_buf_printf(&url, err, "http://docker%s", call->path));
    const char *text;
    HF_TRY(hf_buf_cstr(&url, &text, err));
    docker->answer.len = 0;
    const struct hf_http_request request = {
        .method = call->method,
        .url = text,
        .headers = call->body ? headers : NULL,
        .body = call->body,
        .body_len = call->body ? strlen(call->body) : 0,
        .out = call->sink ? NULL : &docker->answer,
        .out_max = ANSWER_MAX,
        .sink = call->sink,
        .sink_ctx = call->sink_ctx,
        .cancel = docker->cancel,
    };
    if (hf_http_perform(docker->http, &request, &response, err) != HF_OK)
        return hf_error_prefix(err, "docker");
    if ((response.status >= 200 && response.status < 300) || response.status == call->also)
        return HF_OK;
    return refused(&response, err);
}

/* "before" name "after", the name escaped. */
static enum hf_status make_path(struct hf_buf *out, const char *before, const char *name,
                                const char *after, const char **text, struct hf_error *err)
{
    HF_TRY(hf_buf_append_str(out, before, err));
    HF_TRY(hf_http_escape(out, name, false, err));
    HF_TRY(hf_buf_append_str(out, after, err));
    return hf_buf_cstr(out, text, err);
}

enum hf_status hf_docker_volume(struct hf_docker *docker, const char *name,
                                struct hf_docker_volume *out, struct hf_error *err)
{
    HF_AUTO(hf_buf) path = HF_BUF_INIT;
    struct call call = {.method = "GET"};
    HF_TRY(make_path(&path, "/volumes/", name, "", &call.path, err));
    HF_TRY(perform(docker, &call, err));
    if (hf_docker_parse_volume(docker->answer.data, docker->answer.len, out, err) != HF_OK)
        return hf_error_prefix(err, "volume %s", name);
    return HF_OK;
}

enum hf_status hf_docker_volume_create(struct hf_docker *docker, const char *name,
                                       struct hf_error *err)
{
    HF_AUTO_JSON json = json_pack("{s:s}", "Name", name);
    HF_AUTO(hf_buf) body = HF_BUF_INIT;
    struct call call = {.method = "POST", .path = "/volumes/create"};
    if (!json)
        return hf_error_set(err, HF_USAGE, "the name of a volume must be UTF-8");
    HF_TRY(hf_json_dump(json, &body, err));
    HF_TRY(hf_buf_cstr(&body, &call.body, err));
    return perform(docker, &call, err);
}

enum hf_status hf_docker_volume_users(struct hf_docker *docker, const char *name,
                                      struct hf_strings *out, struct hf_error *err)
{
    HF_AUTO_JSON filters =
        json_pack("{s:[s], s:[s,s]}", "volume", name, "status", "running", "paused");
    HF_AUTO(hf_buf) text = HF_BUF_INIT;
    HF_AUTO(hf_buf) path = HF_BUF_INIT;
    struct call call = {.method = "GET"};
    const char *filter;
    if (!filters)
        return hf_error_set(err, HF_USAGE, "the name of a volume must be UTF-8");
    HF_TRY(hf_json_dump(filters, &text, err));
    HF_TRY(hf_buf_cstr(&text, &filter, err));
    HF_TRY(make_path(&path, "/containers/json?filters=", filter, "", &call.path, err));
    HF_TRY(perform(docker, &call, err));
    return hf_docker_parse_containers(docker->answer.data, docker->answer.len, out, err);
}

enum hf_status hf_docker_labelled(struct hf_docker *docker, const char *label,
                                  struct hf_strings *out, struct hf_error *err)
{
    HF_AUTO_JSON filters = NULL;
    HF_AUTO(hf_buf) text = HF_BUF_INIT;
    HF_AUTO(hf_buf) path = HF_BUF_INIT;
    struct call call = {.method = "GET"};
    const char *filter;
    HF_TRY(hf_json_pack(&filters, err, "{s:[s]}", "label", label));
    HF_TRY(hf_json_dump(filters, &text, err));
    HF_TRY(hf_buf_cstr(&text, &filter, err));
    HF_TRY(make_path(&path, "/containers/json?all=1&filters=", filter, "", &call.path, err));
    HF_TRY(perform(docker, &call, err));
    return hf_docker_parse_containers(docker->answer.data, docker->answer.len, out, err);
}

enum hf_status hf_docker_inspect(struct hf_docker *docker, const char *container, json_t **out,
                                 struct hf_error *err)
{
    HF_AUTO(hf_buf) path = HF_BUF_INIT;
    struct call call = {.method = "GET"};
    HF_TRY(make_path(&path, "/containers/", container, "/json", &call.path, err));
    HF_TRY(perform(docker, &call, err));
    return hf_json_parse_object(docker->answer.data, docker->answer.len, ANSWER_MAX, "docker", out,
                                err);
}

enum hf_status hf_docker_container(struct hf_docker *docker, const char *name,
                                   struct hf_docker_container *out, struct hf_error *err)
{
    HF_AUTO(hf_buf) path = HF_BUF_INIT;
    struct call call = {.method = "GET"};
    HF_TRY(make_path(&path, "/containers/", name, "/json", &call.path, err));
    HF_TRY(perform(docker, &call, err));
    return hf_docker_parse_container(docker->answer.data, docker->answer.len, out, err);
}

enum hf_status hf_docker_act(struct hf_docker *docker, const char *container,
                             enum hf_docker_action action, struct hf_error *err)
{
    static const char *const verbs[] = {[HF_DOCKER_PAUSE] = "/pause",
                                        [HF_DOCKER_UNPAUSE] = "/unpause",
                                        [HF_DOCKER_STOP] = "/stop",
                                        [HF_DOCKER_START] = "/start"};
    HF_AUTO(hf_buf) path = HF_BUF_INIT;
    /* 304: started or stopped already. */
    struct call call = {.method = "POST", .also = 304};
    HF_TRY(make_path(&path, "/containers/", container, verbs[action], &call.path, err));
    return perform(docker, &call, err);
}

enum hf_status hf_docker_create(struct hf_docker *docker, const char *name, const json_t *container,
                                struct hf_error *err)
{
    HF_AUTO(hf_buf) path = HF_BUF_INIT;
    HF_AUTO(hf_buf) body = HF_BUF_INIT;
    struct call call = {.method = "POST"};
    HF_TRY(hf_json_dump(container, &body, err));
    HF_TRY(hf_buf_cstr(&body, &call.body, err));
    HF_TRY(make_path(&path, "/containers/create?name=", name, "", &call.path, err));
    return perform(docker, &call, err);
}

enum hf_status hf_docker_remove(struct hf_docker *docker, const char *name, struct hf_error *err)
{
    HF_AUTO(hf_buf) path = HF_BUF_INIT;
    /* 409: it is being removed already. v: with what volumes it has of its own. */
    struct call call = {.method = "DELETE", .also = 409};
    HF_TRY(make_path(&path, "/containers/", name, "?force=1&v=1", &call.path, err));
    struct hf_error why = HF_ERROR_INIT;
    enum hf_status status = perform(docker, &call, &why);
    if (status == HF_OK || status == HF_NOT_FOUND)
        return HF_OK;
    *err = why;
    return status;
}

enum hf_status hf_docker_image(struct hf_docker *docker, const char *container, char **out,
                               struct hf_error *err)
{
    HF_AUTO(hf_buf) path = HF_BUF_INIT;
    struct call call = {.method = "GET"};
    HF_TRY(make_path(&path, "/containers/", container, "/json", &call.path, err));
    HF_TRY(perform(docker, &call, err));
    return hf_docker_parse_image(docker->answer.data, docker->answer.len, out, err);
}

static enum hf_status take_output(void *ctx, const void *data, size_t len, struct hf_error *err)
{
    return hf_docker_frames_feed(ctx, data, len, err);
}

enum hf_status hf_docker_logs(struct hf_docker *docker, const char *container,
                              struct hf_docker_frames *frames, struct hf_error *err)
{
    HF_AUTO(hf_buf) path = HF_BUF_INIT;
    struct call call = {.method = "GET", .sink = take_output, .sink_ctx = frames};
    HF_TRY(make_path(&path, "/containers/", container, "/logs?stdout=1&stderr=1&tail=5", &call.path,
                     err));
    return perform(docker, &call, err);
}

static enum hf_status exec_create(struct hf_docker *docker, const char *container,
                                  const struct hf_strings *argv, char out_id[65],
                                  struct hf_error *err)
{
    HF_AUTO_JSON json = json_pack("{s:b, s:b, s:[]}", "AttachStdout", 1, "AttachStderr", 1, "Cmd");
    HF_AUTO(hf_buf) path = HF_BUF_INIT;
    HF_AUTO(hf_buf) body = HF_BUF_INIT;
    struct call call = {.method = "POST"};
    for (size_t i = 0; i < argv->count; i++)
        if (json_array_append_new(json_object_get(json, "Cmd"), json_string(argv->items[i])) != 0)
            return hf_error_set(err, HF_USAGE, "a command must be UTF-8");
    HF_TRY(hf_json_dump(json, &body, err));
    HF_TRY(hf_buf_cstr(&body, &call.body, err));
    HF_TRY(make_path(&path, "/containers/", container, "/exec", &call.path, err));
    HF_TRY(perform(docker, &call, err));
    HF_AUTO_JSON answer =
        json_loadb((const char *)docker->answer.data, docker->answer.len, 0, NULL);
    const char *id = json_string_value(json_object_get(answer, "Id"));
    if (!id || strlen(id) != 64 || strspn(id, "0123456789abcdef") != 64)
        return hf_error_set(err, HF_DAMAGED, "docker: a command without an id");
    memcpy(out_id, id, 65);
    return HF_OK;
}

static enum hf_status exec_result(struct hf_docker *docker, const char *id,
                                  struct hf_docker_frames *frames, struct hf_error *err)
{
    HF_AUTO(hf_buf) path = HF_BUF_INIT;
    struct call call = {.method = "GET"};
    HF_TRY(make_path(&path, "/exec/", id, "/json", &call.path, err));
    HF_TRY(perform(docker, &call, err));
    HF_AUTO_JSON answer =
        json_loadb((const char *)docker->answer.data, docker->answer.len, 0, NULL);
    const json_t *code = json_object_get(answer, "ExitCode");
    if (!json_is_integer(code))
        return hf_error_set(err, HF_DAMAGED, "docker: a command without an exit code");
    if (json_integer_value(code) == 0)
        return HF_OK;
    return hf_error_set(err, HF_FAILED, "it ended with exit code %d: %s",
                        (int)json_integer_value(code), hf_docker_frames_text(frames));
}

enum hf_status hf_docker_exec(struct hf_docker *docker, const char *container,
                              const struct hf_strings *argv, struct hf_error *err)
{
    char id[65];
    struct hf_docker_frames frames = {.head_len = 0};
    HF_AUTO(hf_buf) path = HF_BUF_INIT;
    struct call call = {.method = "POST",
                        .body = "{\"Detach\":false,\"Tty\":false}",
                        .sink = take_output,
                        .sink_ctx = &frames};
    HF_TRY(exec_create(docker, container, argv, id, err));
    HF_TRY(make_path(&path, "/exec/", id, "/start", &call.path, err));
    HF_TRY(perform(docker, &call, err));
    return exec_result(docker, id, &frames, err);
}
