#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "storage/s3/credential_chain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "tests/support/check.h"
#include "tests/support/http_peer.h"

/* What an endpoint answers to requests that begin so; the first that fits. */
struct route {
    const char *begin;
    int status;
    const char *body;
};

/* One search: endpoints that are scripted, a folder for files, and an environment of its own. */
struct world {
    const struct route *routes;
    struct hf_peer *peer;
    char folder[CHECK_PATH];
    char answer[8192];
    unsigned failures_first; /* that many requests are answered with 503 */
};

static const char *const variables[] = {
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_ENDPOINT_URL_STS",
    "AWS_CA_BUNDLE",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
    "http_proxy",
    "HTTPS_PROXY",
};

static void answer_by_route(void *ctx, size_t index, const char *request, size_t len,
                            struct hf_peer_answer *answer)
{
    struct world *w = ctx;
    const struct route *route = w->routes;

    (void)len;
    while (route->begin && strncmp(request, route->begin, strlen(route->begin)) != 0)
        route++;
    int status = index < w->failures_first ? 503 : route->begin ? route->status : 404;
    const char *body = status == 503 ? "" : route->begin ? route->body : "no such thing";
    (void)snprintf(w->answer, sizeof w->answer, "HTTP/1.1 %d Said\r\nContent-Length: %zu\r\n\r\n%s",
                   status, strlen(body), body);
    answer->bytes = w->answer;
}

static void path_in(const struct world *w, const char *name, char path[CHECK_PATH + 32])
{
    (void)snprintf(path, CHECK_PATH + 32, "%s/%s", w->folder, name);
}

static void set_path(const struct world *w, const char *variable, const char *name)
{
    char path[CHECK_PATH + 32];

    path_in(w, name, path);
    assert_int_equal(setenv(variable, path, 1), 0);
}

static void write_file(const struct world *w, const char *name, const char *text)
{
    struct hf_error err = HF_ERROR_INIT;
    char path[CHECK_PATH + 32];

    path_in(w, name, path);
    assert_ok(hf_file_replace(path, text, strlen(text), 0600, &err), &err);
}

static int set_up(void **state)
{
    struct hf_error err = HF_ERROR_INIT;
    struct world *w = calloc(1, sizeof *w);
    static const struct route none[] = {{.begin = NULL}};

    assert_non_null(w);
    assert_ok(hf_crypto_init(&err), &err);
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        (void)unsetenv(variables[i]);
    w->routes = none;
    check_folder(w->folder);
    w->peer = hf_peer_start(answer_by_route, w, NULL);
    assert_non_null(w->peer);
    set_path(w, "AWS_SHARED_CREDENTIALS_FILE", "credentials");
    set_path(w, "AWS_CONFIG_FILE", "config");
    assert_int_equal(setenv("AWS_EC2_METADATA_DISABLED", "true", 1), 0);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    static const char *const names[] = {"credentials", "config", "token", "count"};
    struct world *w = *state;
    char path[CHECK_PATH + 32];

    hf_peer_stop(w->peer);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        path_in(w, names[i], path);
        (void)unlink(path);
    }
    assert_int_equal(rmdir(w->folder), 0);
    free(w);
    return 0;
}

/* Looks for credentials as a store would. */
static enum hf_status look(const struct hf_s3_chain_options *options, struct hf_s3_credentials *out,
                           char way[512], struct hf_error *err)
{
    static const struct hf_s3_chain_options nothing = {.profile = NULL};
    struct hf_s3_chain *chain = NULL;

    assert_ok(hf_s3_chain_new(options ? options : &nothing, &chain, err), err);
    struct hf_s3_source source = hf_s3_chain_source(chain);
    enum hf_status status = source.fetch(source.ctx, out, err);
    (void)snprintf(way, 512, "%s", hf_s3_chain_way(chain));
    source.free(source.ctx);
    return status;
}

static void finds(const struct hf_s3_chain_options *options, const char *id, const char *token,
                  const char *expected_way)
{
    HF_AUTO(hf_s3_credentials) found = HF_S3_CREDENTIALS_INIT;
    struct hf_error err = HF_ERROR_INIT;
    char way[512];

    assert_ok(look(options, &found, way, &err), &err);
    assert_int_equal(err.status, HF_OK);
    assert_string_equal(hf_secret_text(found.access_key), id);
    assert_contains(hf_secret_text(found.secret_key), "hidden");
    if (token)
        assert_string_equal(hf_secret_text(found.session_token), token);
    else
        assert_null(found.session_token);
    assert_contains(way, expected_way);
    assert_null(strstr(way, "hidden"));
}

/* And no secret is in the error. */
static void fails(const struct hf_s3_chain_options *options, enum hf_status expected,
                  const char *text)
{
    HF_AUTO(hf_s3_credentials) found = HF_S3_CREDENTIALS_INIT;
    struct hf_error err = HF_ERROR_INIT;
    char way[512];

    assert_fails(look(options, &found, way, &err), expected, &err);
    assert_contains(err.text, text);
    assert_null(strstr(err.text, "hidden"));
    assert_null(found.access_key);
    assert_null(found.secret_key);
}

static void set_keys_in_environment(void)
{
    assert_int_equal(setenv("AWS_ACCESS_KEY_ID", "AKENV", 1), 0);
    assert_int_equal(setenv("AWS_SECRET_ACCESS_KEY", "hidden+env", 1), 0);
}

static enum hf_status configured(void *ctx, struct hf_cancel *cancel, struct hf_s3_credentials *out,
                                 struct hf_error *err)
{
    const char *id = ctx;

    (void)cancel;
    if (!id)
        return hf_error_set(err, HF_CONFIG, "the file with secret_key is not there");
    HF_TRY(hf_secret_new(id, strlen(id), &out->access_key, err));
    return hf_secret_new("hidden", 6, &out->secret_key, err);
}

static void fetch_nothing_anywhere_says_where_it_looked(void **state)
{
    (void)state;
    fails(NULL, HF_CONFIG,
          "the configuration: it has no access_key; the environment: "
          "AWS_ACCESS_KEY_ID is not set; the shared files: neither ");
    fails(NULL, HF_CONFIG, "the EC2 metadata service: AWS_EC2_METADATA_DISABLED is set)");
}

static void fetch_configuration_goes_first(void **state)
{
    struct hf_s3_chain_options options = {.configured = configured, .configured_ctx = "AKCONF"};

    (void)state;
    set_keys_in_environment();
    finds(&options, "AKCONF", NULL, "the configuration");
    options.configured_ctx = NULL;
    fails(&options, HF_CONFIG, "S3 credentials: the file with secret_key is not there");
}

static void fetch_profile_of_the_configuration_outdoes_the_environment(void **state)
{
    struct hf_s3_chain_options options = {.profile = "prod"};

    set_keys_in_environment();
    fails(&options, HF_CONFIG, "has a profile \"prod\"");
    write_file(*state, "credentials",
               "[prod]\naws_access_key_id = AKPROD\naws_secret_access_key = hidden\n");
    finds(&options, "AKPROD", NULL, "profile prod: keys in ");
}

static void fetch_environment_wants_both_keys(void **state)
{
    (void)state;
    set_keys_in_environment();
    finds(NULL, "AKENV", NULL, "the environment (AWS_ACCESS_KEY_ID)");
    assert_int_equal(setenv("AWS_SESSION_TOKEN", "tok/en==", 1), 0);
    finds(NULL, "AKENV", "tok/en==", "the environment");
    assert_int_equal(setenv("AWS_SECRET_ACCESS_KEY", "hidden\n", 1), 0);
    fails(NULL, HF_CONFIG, "the secret key is not one");
    assert_int_equal(unsetenv("AWS_ACCESS_KEY_ID"), 0);
    fails(NULL, HF_CONFIG, "AWS_SECRET_ACCESS_KEY is set, and AWS_ACCESS_KEY_ID is not");
}

static void fetch_profile_by_variable_has_to_be_there(void **state)
{
    write_file(*state, "credentials",
               "[default]\naws_access_key_id = AKDEF\naws_secret_access_key = hidden\n"
               "[half]\naws_access_key_id = AKHALF\n");
    write_file(*state, "config",
               "[profile two]\naws_access_key_id = AKTWO\naws_secret_access_key = hidden\n"
               "aws_session_token = tok\n[profile half]\n[profile empty]\nregion = x\n"
               "[profile sso]\nsso_session = corp\n");
    finds(NULL, "AKDEF", NULL, "profile default");
    assert_int_equal(setenv("AWS_PROFILE", "two", 1), 0);
    finds(NULL, "AKTWO", "tok", "config");
    assert_int_equal(setenv("AWS_PROFILE", "half", 1), 0);
    fails(NULL, HF_CONFIG, "the secret key is missing");
    assert_int_equal(setenv("AWS_PROFILE", "empty", 1), 0);
    fails(NULL, HF_CONFIG, "no role_arn and no credential_process");
    assert_int_equal(setenv("AWS_PROFILE", "sso", 1), 0);
    fails(NULL, HF_UNSUPPORTED, "export-credentials --profile sso");
    assert_int_equal(setenv("AWS_PROFILE", "none", 1), 0);
    fails(NULL, HF_CONFIG, "profile \"none\"");
}

static void fetch_unreadable_file_is_an_error(void **state)
{
    struct world *w = *state;

    assert_int_equal(setenv("AWS_CONFIG_FILE", w->folder, 1), 0);
    fails(NULL, HF_CONFIG, w->folder);
}

static void fetch_process_output_is_read(void **state)
{
    struct world *w = *state;
    char config[1024];

    (void)snprintf(config, sizeof config,
                   "[profile p]\ncredential_process = echo \"{\\\"Version\\\": 1, "
                   "\\\"AccessKeyId\\\": \\\"AKPROC\\\", \\\"SecretAccessKey\\\": \\\"hidden\\\", "
                   "\\\"SessionToken\\\": \\\"tok\\\", "
                   "\\\"Expiration\\\": \\\"2100-01-01T00:00:00+01:00\\\"}\"\n"
                   "[profile broken]\ncredential_process = echo '{\"AccessKeyId\": \"hidden'\n"
                   "[profile fails]\ncredential_process = echo hidden; echo locked >&2; exit 7\n");
    write_file(w, "config", config);
    assert_int_equal(setenv("AWS_PROFILE", "p", 1), 0);
    finds(NULL, "AKPROC", "tok", "profile p: credential_process");
    assert_int_equal(setenv("AWS_PROFILE", "broken", 1), 0);
    fails(NULL, HF_DAMAGED, "the output of credential_process: not valid JSON");
    assert_int_equal(setenv("AWS_PROFILE", "fails", 1), 0);
    fails(NULL, HF_FAILED, "locked");
}

#define DOCUMENT(id)                                                                               \
    "{\"Code\": \"Success\", \"AccessKeyId\": \"" id                                               \
    "\", \"SecretAccessKey\": \"hidden\", \"Token\": \"tok\", "                                    \
    "\"Expiration\": \"2100-01-01T00:00:00Z\"}"

static void set_container(const struct world *w, const char *path)
{
    char url[256];

    (void)snprintf(url, sizeof url, "%s%s", hf_peer_url(w->peer), path);
    assert_int_equal(setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url, 1), 0);
}

static void fetch_container_sends_its_token(void **state)
{
    static const struct route routes[] = {{"GET /v1/credentials?a=b ", 200, DOCUMENT("AKPOD")},
                                          {.begin = NULL}};
    struct world *w = *state;

    w->routes = routes;
    w->failures_first = 1;
    set_container(w, "/v1/credentials?a=b");
    assert_int_equal(setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "not this one", 1), 0);
    set_path(w, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "token");
    fails(NULL, HF_CONFIG, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    write_file(w, "token", "Bearer hidden-token\n");
    finds(NULL, "AKPOD", "tok", "the container's credentials endpoint");
    assert_int_equal(hf_peer_requests(w->peer), 2);
    assert_contains(hf_peer_request(w->peer, 1, NULL), "Authorization: Bearer hidden-token\r\n");
    write_file(w, "token", "hidden\r\nInjected: header");
    fails(NULL, HF_CONFIG, "no token");
}

static void fetch_container_refusal_is_quoted_without_the_token(void **state)
{
    static const struct route routes[] = {{"GET /denied ", 403, "\x1b[2Jno such\nrole"},
                                          {"GET /echo ", 400, "you sent hidden-token"},
                                          {"GET /long ", 200, "{\"AccessKeyId\": 5}"},
                                          {.begin = NULL}};
    struct world *w = *state;

    w->routes = routes;
    assert_int_equal(setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "hidden-token", 1), 0);
    set_container(w, "/denied");
    fails(NULL, HF_DENIED, "HTTP status 403: [2Jno such role;");
    set_container(w, "/echo");
    fails(NULL, HF_DENIED, "HTTP status 400; look at");
    set_container(w, "/long");
    fails(NULL, HF_DAMAGED, "\"AccessKeyId\"");
}

static void fetch_container_elsewhere_is_refused(void **state)
{
    static const char *const urls[] = {
        "http://example.com/",
        "http://127.0.0.1@example.com/",
        "http://127.0.0.1:80@evil/x",
        "http://127.evil.com/",
        "http://169.254.170.20/",
        "http://[::2]/",
        "ftp://127.0.0.1/",
        "http://",
        "http://[::1/",
        "http://169.254.169.254/",
        "file:///etc/passwd",
        "http://localhost.example.com/",
    };

    (void)state;
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        assert_int_equal(setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", urls[i], 1), 0);
        fails(NULL, HF_CONFIG, "no token is sent there");
    }
    assert_int_equal(setenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "@evil/", 1), 0);
    fails(NULL, HF_CONFIG, "does not begin with \"/\"");
}

static void set_instance(const struct world *w)
{
    assert_int_equal(unsetenv("AWS_EC2_METADATA_DISABLED"), 0);
    assert_int_equal(setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", hf_peer_url(w->peer), 1), 0);
}

#define ROLES "/latest/meta-data/iam/security-credentials/"

static void fetch_instance_role_is_asked_for_by_token(void **state)
{
    static const struct route routes[] = {{"PUT /latest/api/token ", 200, "hidden-imds"},
                                          {"GET " ROLES " ", 200, "backup@role\n"},
                                          {"GET " ROLES "backup@role ", 200, DOCUMENT("AKEC2")},
                                          {.begin = NULL}};
    struct world *w = *state;

    w->routes = routes;
    set_instance(w);
    finds(NULL, "AKEC2", "tok", "role backup@role of the EC2 instance");
    assert_contains(hf_peer_request(w->peer, 0, NULL),
                    "X-aws-ec2-metadata-token-ttl-seconds: 21600\r\n");
    assert_contains(hf_peer_request(w->peer, 2, NULL), "X-aws-ec2-metadata-token: hidden-imds\r\n");
}

static void fetch_instance_without_role_is_no_way(void **state)
{
    static const struct route routes[] = {{"PUT ", 200, "hidden-imds"}, {.begin = NULL}};
    struct world *w = *state;

    w->routes = routes;
    set_instance(w);
    fails(NULL, HF_CONFIG, "the EC2 metadata service: the instance has no role");
}

static void fetch_instance_strange_answers_are_refused(void **state)
{
    static const struct route bad_token[] = {{"PUT ", 200, "hid den\n"}, {.begin = NULL}};
    static const struct route bad_role[] = {
        {"PUT ", 200, "hidden"}, {"GET " ROLES " ", 200, "../../user-data"}, {.begin = NULL}};
    static const struct route denied[] = {{"PUT ", 403, ""}, {.begin = NULL}};
    struct world *w = *state;

    set_instance(w);
    w->routes = bad_token;
    fails(NULL, HF_DAMAGED, "gives as a token is none");
    w->routes = bad_role;
    fails(NULL, HF_DAMAGED, "name of a role is none");
    w->routes = denied;
    fails(NULL, HF_DENIED, "version 2 has to be enabled");
}

static void fetch_instance_that_is_none_is_quick(void **state)
{
    struct world *w = *state;
    int64_t start = hf_clock_monotonic();

    set_instance(w);
    assert_int_equal(setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1/", 1), 0);
    fails(NULL, HF_CONFIG, "the EC2 metadata service: it does not answer");
    assert_true(hf_clock_monotonic() - start < 5 * HF_NS_PER_S);
}

#define STS_ANSWER(action, id)                                                                     \
    "<" action "Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><" action "Result>"   \
    "<AssumedRoleUser><Arn>arn</Arn></AssumedRoleUser><Credentials>"                               \
    "<SessionToken>tok&amp;en</SessionToken><SecretAccessKey>hidden</SecretAccessKey>"             \
    "<Expiration>2100-01-01T00:00:00.123Z</Expiration><AccessKeyId>" id                            \
    "</AccessKeyId></Credentials></" action "Result></" action "Response>"

static void set_web_identity(const struct world *w)
{
    write_file(w, "token", "eyJhidden.token&more\n");
    set_path(w, "AWS_WEB_IDENTITY_TOKEN_FILE", "token");
    assert_int_equal(setenv("AWS_ROLE_ARN", "arn:aws:iam::1:role/r", 1), 0);
    assert_int_equal(setenv("AWS_ENDPOINT_URL_STS", hf_peer_url(w->peer), 1), 0);
}

static void fetch_web_identity_token_is_posted(void **state)
{
    static const struct route routes[] = {
        {"POST / ", 200, STS_ANSWER("AssumeRoleWithWebIdentity", "ASIAWEB")}, {.begin = NULL}};
    struct world *w = *state;

    w->routes = routes;
    w->failures_first = 1;
    set_web_identity(w);
    assert_int_equal(setenv("AWS_ROLE_SESSION_NAME", "me", 1), 0);
    finds(NULL, "ASIAWEB", "tok&en", "web identity as arn:aws:iam::1:role/r");
    assert_contains(hf_peer_request(w->peer, 1, NULL),
                    "\r\n\r\nAction=AssumeRoleWithWebIdentity&Version=2011-06-15&"
                    "RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr&RoleSessionName=me&"
                    "WebIdentityToken=eyJhidden.token%26more");
}

static void fetch_web_identity_refusal_says_why(void **state)
{
    static const struct route refuses[] = {
        {"POST ", 403,
         "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code>"
         "<Message>Not authorized</Message></Error></ErrorResponse>"},
        {.begin = NULL}};
    static const struct route echoes[] = {
        {"POST ", 400,
         "<ErrorResponse><Error><Code>InvalidIdentityToken</Code>"
         "<Message>bad token eyJhidden.token</Message></Error></ErrorResponse>"},
        {.begin = NULL}};
    static const struct route garbage[] = {{"POST ", 200, "<html>hidden"}, {.begin = NULL}};
    static const struct route bare[] = {{"POST ", 200, "<a><Credentials/></a>"}, {.begin = NULL}};
    struct world *w = *state;

    set_web_identity(w);
    w->routes = refuses;
    fails(NULL, HF_DENIED, "HTTP status 403, AccessDenied: Not authorized");
    w->routes = echoes;
    fails(NULL, HF_DENIED, "HTTP status 400, InvalidIdentityToken)");
    w->routes = garbage;
    fails(NULL, HF_DAMAGED, "AWS STS: ");
    w->routes = bare;
    fails(NULL, HF_DAMAGED, "does not say when keys expire");
    assert_int_equal(unsetenv("AWS_ROLE_ARN"), 0);
    fails(NULL, HF_CONFIG, "AWS_ROLE_ARN is not");
}

static void fetch_profile_with_role_is_signed(void **state)
{
    static const struct route routes[] = {{"POST / ", 200, STS_ANSWER("AssumeRole", "ASIAROLE")},
                                          {.begin = NULL}};
    struct world *w = *state;

    w->routes = routes;
    assert_int_equal(setenv("AWS_ENDPOINT_URL_STS", hf_peer_url(w->peer), 1), 0);
    write_file(w, "config",
               "[profile r]\nrole_arn = arn:r\nsource_profile = base\nexternal_id = x/y\n"
               "role_session_name = me\nregion = eu-north-1\n"
               "[profile base]\naws_access_key_id = AKBASE\naws_secret_access_key = hidden\n"
               "aws_session_token = basetok\n"
               "[profile circle]\nrole_arn = arn:c\nsource_profile = back\n"
               "[profile back]\nrole_arn = arn:b\nsource_profile = circle\n"
               "[profile bare]\nrole_arn = arn:b\n"
               "[profile mfa]\nrole_arn = arn:b\nsource_profile = base\nmfa_serial = 1\n"
               "[profile env]\nrole_arn = arn:e\ncredential_source = Environment\n");
    assert_int_equal(setenv("AWS_PROFILE", "r", 1), 0);
    finds(NULL, "ASIAROLE", "tok&en", "profile r: role arn:r");
    const char *request = hf_peer_request(w->peer, 0, NULL);
    assert_contains(request, "Authorization: AWS4-HMAC-SHA256 Credential=AKBASE/");
    assert_contains(request, "/eu-north-1/sts/aws4_request");
    assert_contains(request, "x-amz-security-token: basetok\r\n");
    assert_contains(request, "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Ar&"
                             "RoleSessionName=me&ExternalId=x%2Fy");
    assert_int_equal(setenv("AWS_PROFILE", "circle", 1), 0);
    fails(NULL, HF_CONFIG, "source_profile leads in a circle");
    assert_int_equal(setenv("AWS_PROFILE", "bare", 1), 0);
    fails(NULL, HF_CONFIG, "neither source_profile, credential_source nor");
    assert_int_equal(setenv("AWS_PROFILE", "mfa", 1), 0);
    fails(NULL, HF_UNSUPPORTED, "mfa_serial");
    assert_int_equal(setenv("AWS_PROFILE", "env", 1), 0);
    fails(NULL, HF_CONFIG, "credential_source Environment: AWS_ACCESS_KEY_ID is not set");
    set_keys_in_environment();
    assert_int_equal(unsetenv("AWS_PROFILE"), 0);
    const struct hf_s3_chain_options options = {.profile = "env"};
    finds(&options, "ASIAROLE", "tok&en", "profile env: role arn:e");
}

static void fetch_order_is_that_of_the_table(void **state)
{
    static const struct route routes[] = {
        {"GET /pod ", 200, DOCUMENT("AKPOD")},
        {"POST / ", 200, STS_ANSWER("AssumeRoleWithWebIdentity", "ASIAWEB")},
        {"PUT ", 200, "hidden-imds"},
        {"GET " ROLES " ", 200, "r"},
        {"GET " ROLES "r ", 200, DOCUMENT("AKEC2")},
        {.begin = NULL}};
    struct world *w = *state;

    w->routes = routes;
    set_instance(w);
    finds(NULL, "AKEC2", "tok", "EC2");
    set_web_identity(w);
    finds(NULL, "ASIAWEB", "tok&en", "web identity");
    set_container(w, "/pod");
    finds(NULL, "AKPOD", "tok", "container");
    write_file(w, "credentials",
               "[default]\naws_access_key_id = AKDEF\naws_secret_access_key = hidden\n");
    finds(NULL, "AKDEF", NULL, "profile default");
    set_keys_in_environment();
    finds(NULL, "AKENV", NULL, "the environment");
}

static void fetch_way_that_does_not_work_is_not_passed_over(void **state)
{
    static const struct route routes[] = {{"PUT ", 200, "hidden-imds"},
                                          {"GET " ROLES " ", 200, "r"},
                                          {"GET " ROLES "r ", 200, DOCUMENT("AKEC2")},
                                          {.begin = NULL}};
    struct world *w = *state;

    w->routes = routes;
    set_instance(w);
    set_container(w, "/absent");
    fails(NULL, HF_DENIED, "the container's credentials endpoint answers with HTTP status 404");
}

static void provider_over_chain_refreshes_what_expires(void **state)
{
    struct world *w = *state;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_s3_chain_options options = {.profile = "p"};
    struct hf_s3_chain *chain;
    struct hf_s3_provider *provider;
    const struct hf_s3_credentials *one, *two;
    char config[1024];

    (void)snprintf(
        config, sizeof config,
        "[profile p]\ncredential_process = echo x >> %s/count; printf '{\"AccessKeyId\": "
        "\"AK%%d\", \"SecretAccessKey\": \"hidden\", \"Expiration\": "
        "\"2100-01-01T00:00:00Z\"}' $(wc -l < %s/count)\n",
        w->folder, w->folder);
    write_file(w, "config", config);
    assert_ok(hf_s3_chain_new(&options, &chain, &err), &err);
    struct hf_s3_source source = hf_s3_chain_source(chain);
    assert_ok(hf_s3_provider_new(&source, &provider, &err), &err);
    assert_ok(hf_s3_provider_acquire(provider, &one, &err), &err);
    assert_string_equal(hf_secret_text(one->access_key), "AK1");
    hf_s3_provider_expire(provider, one);
    assert_ok(hf_s3_provider_acquire(provider, &two, &err), &err);
    assert_string_equal(hf_secret_text(two->access_key), "AK2");
    hf_s3_provider_release(provider, one);
    hf_s3_provider_release(provider, two);
    hf_s3_provider_free(provider);
}

static void default_region_is_of_environment_then_profile(void **state)
{
    struct hf_error err = HF_ERROR_INIT;
    char *region = NULL;

    assert_fails(hf_s3_default_region(NULL, &region, &err), HF_NOT_FOUND, &err);
    write_file(*state, "config", "[default]\nregion = one\n[profile p]\nregion = two\n");
    assert_ok(hf_s3_default_region(NULL, &region, &err), &err);
    assert_string_equal(region, "one");
    free(region);
    assert_ok(hf_s3_default_region("p", &region, &err), &err);
    assert_string_equal(region, "two");
    free(region);
    assert_int_equal(setenv("AWS_DEFAULT_REGION", "three", 1), 0);
    assert_ok(hf_s3_default_region("p", &region, &err), &err);
    assert_string_equal(region, "three");
    free(region);
}

#define in_a_world(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_a_world(fetch_nothing_anywhere_says_where_it_looked),
        in_a_world(fetch_configuration_goes_first),
        in_a_world(fetch_profile_of_the_configuration_outdoes_the_environment),
        in_a_world(fetch_environment_wants_both_keys),
        in_a_world(fetch_profile_by_variable_has_to_be_there),
        in_a_world(fetch_unreadable_file_is_an_error),
        in_a_world(fetch_process_output_is_read),
        in_a_world(fetch_container_sends_its_token),
        in_a_world(fetch_container_refusal_is_quoted_without_the_token),
        in_a_world(fetch_container_elsewhere_is_refused),
        in_a_world(fetch_instance_role_is_asked_for_by_token),
        in_a_world(fetch_instance_without_role_is_no_way),
        in_a_world(fetch_instance_strange_answers_are_refused),
        in_a_world(fetch_instance_that_is_none_is_quick),
        in_a_world(fetch_web_identity_token_is_posted),
        in_a_world(fetch_web_identity_refusal_says_why),
        in_a_world(fetch_profile_with_role_is_signed),
        in_a_world(fetch_order_is_that_of_the_table),
        in_a_world(fetch_way_that_does_not_work_is_not_passed_over),
        in_a_world(provider_over_chain_refreshes_what_expires),
        in_a_world(default_region_is_of_environment_then_profile),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
