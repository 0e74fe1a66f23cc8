#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/config/config.h"
#include "tests/support/check.h"

static const char *lookup(void *ctx, const char *name)
{
    (void)ctx;
    if (strcmp(name, "PGPASS") == 0)
        return "se'cret";
    return strcmp(name, "PORT") == 0 ? "5433" : NULL;
}

static enum hf_status parse(const char *text, struct hf_config **out, struct hf_error *err)
{
    return hf_config_parse("c.yaml", "/etc/hf", text, strlen(text), lookup, NULL, out, err);
}

static struct hf_config *parsed(const char *text)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_config *config = NULL;

    assert_ok(parse(text, &config, &err), &err);
    return config;
}

static int setup(void **state)
{
    struct hf_error err = HF_ERROR_INIT;

    (void)state;
    return hf_crypto_init(&err) == HF_OK ? 0 : -1;
}

static void parse_cache_is_for_buckets_unless_it_is_said(void **state)
{
    HF_AUTO_PTR(hf_config)
    config = parsed("cache: {path: copies, size: 64MiB}\n"
                    "repositories:\n"
                    "  directory: {path: /v}\n"
                    "  slow: {path: /net, cache: true}\n"
                    "  bucket: {s3: {bucket: b}}\n"
                    "  plain: {s3: {bucket: c}, cache: false}\n");

    (void)state;
    assert_string_equal(config->cache.path, "/etc/hf/copies");
    assert_int_equal(config->cache.size, 64 << 20);
    assert_false(hf_config_repository(config, "directory")->cache);
    assert_true(hf_config_repository(config, "slow")->cache);
    assert_true(hf_config_repository(config, "bucket")->cache);
    assert_false(hf_config_repository(config, "plain")->cache);
}

static void parse_agent_gives_its_settings(void **state)
{
    HF_AUTO_PTR(hf_config)
    config = parsed("agent: {state: state, runs: 3, stop_timeout: 30s, prune_every: 12h}\n");

    (void)state;
    assert_string_equal(config->agent.state, "/etc/hf/state");
    assert_int_equal(config->agent.runs, 3);
    assert_int_equal(config->agent.stop_timeout, INT64_C(30000000000));
    assert_int_equal(config->agent.prune_every, INT64_C(43200000000000));
}

static void parse_full_file_gives_everything(void **state)
{
    HF_AUTO_PTR(hf_config)
    config = parsed("memory: 512MiB\nthreads: 3\nlevel: 2\n"
                    "repositories:\n"
                    "  local: {path: backups, passphrase_file: pass, fingerprint: abc}\n"
                    "  vault: {path: /v, identity_file: /run/id}\n"
                    "  other: {path: /o, passphrase_command: [pass, show, holdfast]}\n"
                    "sources:\n"
                    "  app:\n    postgres:\n"
                    "      host: db\n      port: ${PORT}\n      database: app\n      user: backup\n"
                    "      password: ${PGPASS}\n      sslmode: verify-full\n"
                    "      sslrootcert: system\n      sslcert: client.crt\n"
                    "      exclude_data: [audit.*, log]\n      exclude_tables: tmp_*\n"
                    "      large_objects: false\n"
                    "      split: 1GiB\n      jobs: 4\n      lock_timeout: 60\n      bin_dir: bin\n"
                    "  all: {postgres: {host: db, all_databases: true}}\n"
                    "jobs:\n  nightly: {sources: [app, all], repositories: [local]}\n");
    const struct hf_config_source *app = hf_config_source(config, "app");
    const struct hf_config_job *job = hf_config_job(config, "nightly");

    (void)state;
    assert_int_equal(config->memory, UINT64_C(512) << 20);
    assert_int_equal(config->threads, 3);
    assert_int_equal(config->level, 2);
    assert_string_equal(hf_config_repository(config, "local")->path, "/etc/hf/backups");
    assert_string_equal(hf_config_repository(config, "local")->passphrase.file, "/etc/hf/pass");
    assert_string_equal(hf_config_repository(config, "local")->fingerprint, "abc");
    assert_string_equal(hf_config_repository(config, "vault")->identity_file, "/run/id");
    assert_int_equal(hf_config_repository(config, "other")->passphrase.command.count, 3);
    assert_non_null(app);
    assert_string_equal(app->as.postgres.config.conninfo,
                        "host='db' user='backup' dbname='app' sslmode='verify-full' "
                        "sslcert='/etc/hf/client.crt' sslrootcert='system' port='5433'");
    assert_string_equal(app->as.postgres.dbname, "app");
    assert_int_equal(app->as.postgres.password.from, HF_SECRET_TEXT);
    assert_string_equal(hf_secret_text(app->as.postgres.password.text), "se'cret");
    assert_int_equal(app->as.postgres.config.exclude_data.count, 2);
    assert_int_equal(app->as.postgres.config.large_objects, HF_LARGE_OBJECTS_NO);
    assert_string_equal(app->as.postgres.config.exclude_tables.items[0], "tmp_*");
    assert_int_equal(app->as.postgres.config.split, 1 << 30);
    assert_int_equal(app->as.postgres.config.jobs, 4);
    assert_int_equal(app->as.postgres.config.lock_timeout, 60);
    assert_string_equal(app->as.postgres.config.bin_dir, "/etc/hf/bin");
    assert_false(app->as.postgres.config.globals);
    assert_true(hf_config_source(config, "all")->as.postgres.config.globals);
    assert_int_equal(job->sources.count, 2);
    assert_string_equal(job->repositories.items[0], "local");
}

static void parse_dsn_takes_the_password_out(void **state)
{
    HF_AUTO_PTR(hf_config)
    config = parsed("sources: {app: {postgres: {dsn: "
                    "'postgresql://me:p%40ss@db:5433/app?sslmode=require'}}}");
    const struct hf_config_source *app = hf_config_source(config, "app");

    (void)state;
    assert_string_equal(app->as.postgres.dbname, "app");
    assert_string_equal(hf_secret_text(app->as.postgres.password.text), "p@ss");
    assert_null(strstr(app->as.postgres.config.conninfo, "p@ss"));
    assert_contains(app->as.postgres.config.conninfo, "host='db'");
    assert_contains(app->as.postgres.config.conninfo, "dbname='app'");
    assert_contains(app->as.postgres.config.conninfo, "sslmode='require'");
}

static void parse_databases_by_pattern_are_kept(void **state)
{
    HF_AUTO_PTR(hf_config)
    config = parsed("sources: {all: {postgres: {dsn: 'host=db dbname=postgres', databases: [a, "
                    "'b*'], globals: true}}}");
    const struct hf_config_source *all = hf_config_source(config, "all");

    (void)state;
    assert_null(all->as.postgres.dbname);
    assert_int_equal(all->as.postgres.config.databases.count, 2);
    assert_true(all->as.postgres.config.globals);
    assert_false(all->as.postgres.config.all_databases);
}

static void parse_aliases_are_read_like_what_they_stand_for(void **state)
{
    HF_AUTO_PTR(hf_config)
    config =
        parsed("sources:\n  a: {postgres: &pg {host: db, database: x, password: '${PGPASS}'}}\n"
               "  b: {postgres: *pg}\n");

    (void)state;
    assert_string_equal(hf_config_source(config, "b")->as.postgres.dbname, "x");
    assert_string_equal(hf_secret_text(hf_config_source(config, "b")->as.postgres.password.text),
                        "se'cret");
}

#define SOURCE "sources: {app: {postgres: {host: db, database: app}}}\n"
#define REPOSITORY "repositories: {local: {path: /r}}\n"

static void parse_bad_files_says_what_and_where(void **state)
{
    static const char *const cases[][2] = {
        {"", "c.yaml: the file is empty"},
        {"~", "c.yaml: the file is empty"},
        {"- a\n", "c.yaml:1:1: there must be a group of keys at the top level, not a list"},
        {"sauces: {}\n",
         "c.yaml:1:1: unknown key \"sauces\" at the top level; did you mean \"sources\"?"},
        {"xyzzy: 1\n", "c.yaml:1:1: unknown key \"xyzzy\" at the top level"},
        {"memory: lots\n", "c.yaml:1:9: \"memory\" at the top level must be a size from 64.0 MiB "
                           "to 1.0 TiB, such as 512MiB, not \"lots\""},
        {"memory: 1MiB\n", "c.yaml:1:9: \"memory\" at the top level must be a size from 64.0 MiB "
                           "to 1.0 TiB, such as 512MiB, not \"1MiB\""},
        {"threads: 0\n",
         "c.yaml:1:10: \"threads\" at the top level must be a number from 1 to 128, not \"0\""},
        {"level: [3]\n",
         "c.yaml:1:8: \"level\" at the top level must be a number from 1 to 19, not a list"},
        {"level:\n",
         "c.yaml:1:7: \"level\" at the top level must be a number from 1 to 19, not nothing"},
        {"repositories: []\n",
         "c.yaml:1:15: \"repositories\" must be a group of names, not a list"},
        {"repositories: {}\n",
         "c.yaml:1:15: \"repositories\" must be a group of names, not an empty one"},
        {"repositories: {\"a b\": {path: /r}}\n",
         "c.yaml:1:16: \"a b\" cannot be the name of a repository: use letters, digits, \".\", "
         "\"_\" and \"-\""},
        {"repositories: {local: {}}\n",
         "c.yaml:1:23: \"path\" or \"s3\" is missing in repository \"local\""},
        {"repositories: {local: /r}\n", "c.yaml:1:23: there must be a group of keys in repository "
                                        "\"local\", not text"},
        {"repositories: {local: {path: /r, passphrse: x}}\n",
         "c.yaml:1:34: unknown key \"passphrse\" in repository \"local\"; did you mean "
         "\"passphrase\"?"},
        {"repositories: {local: {path: /r, passphrase_fil: x}}\n",
         "c.yaml:1:34: unknown key \"passphrase_fil\" in repository \"local\"; did you mean "
         "\"passphrase_file\"?"},
        {"repositories: {local: {path: /r, passphrase: x, passphrase_file: y}}\n",
         "c.yaml:1:66: \"passphrase_file\" in repository \"local\": passphrase is given already "
         "in another way"},
        {"repositories: {local: {path: /r, passphrase: x, identity_file: y}}\n",
         "c.yaml:1:23: \"identity_file\" and \"passphrase\" in repository \"local\" cannot be "
         "given together"},
        {"repositories: {local: {path: /r, passphrase: }}\n",
         "c.yaml:1:46: \"passphrase\" in repository \"local\" must be text, not nothing"},
        {"repositories: {local: {path: [a]}}\n",
         "c.yaml:1:30: \"path\" in repository \"local\" must be text, not a list"},
        {"repositories: {local: {path: ''}}\n",
         "c.yaml:1:30: \"path\" in repository \"local\" is empty"},
        {"repositories: {local: {path: '${NOWHERE}'}}\n",
         "c.yaml:1:30: \"path\" in repository \"local\": the environment has no NOWHERE; set it, "
         "or write ${NOWHERE:-default}"},
        {"sources: {app: {}}\n",
         "c.yaml:1:16: one of \"postgres\", \"redis\" and \"volume\" is missing in source \"app\""},
        {"sources: {app: {postgresql: {}}}\n",
         "c.yaml:1:17: unknown key \"postgresql\" in source \"app\"; did you mean \"postgres\"?"},
        {"sources: {app: {postgres: {host: db}}}\n",
         "c.yaml:1:27: one of \"database\", \"databases\" and \"all_databases\" is missing in "
         "source \"app\""},
        {"sources: {app: {postgres: {database: a, port: 70000}}}\n",
         "c.yaml:1:47: \"port\" in source \"app\" must be a number from 1 to 65535, not \"70000\""},
        {"sources: {app: {postgres: {database: a, globals: yes}}}\n",
         "c.yaml:1:50: \"globals\" in source \"app\" must be true or false, not \"yes\""},
        {"sources: {app: {postgres: {database: a, databases: [b]}}}\n",
         "c.yaml:1:41: \"database\" and \"databases\" in source \"app\" cannot be given together"},
        {"sources: {app: {postgres: {dsn: 'postgresql://db/a', host: db}}}\n",
         "c.yaml:1:54: \"dsn\" and \"host\" in source \"app\" cannot be given together"},
        {"sources: {app: {postgres: {dsn: 'postgresql://u:p@db/a', password_file: f}}}\n",
         "c.yaml:1:28: \"password\" in source \"app\" is given already in \"dsn\""},
        {"sources: {app: {postgres: {database: a, sslmode: maybe}}}\n",
         "c.yaml:1:41: \"sslmode\" in source \"app\" must be one of disable, allow, prefer, "
         "require, verify-ca, verify-full"},
        {"sources: {app: {postgres: {database: a, exclude_data: []}}}\n",
         "c.yaml:1:55: \"exclude_data\" in source \"app\" is an empty list"},
        {"sources: {app: {postgres: {database: a, exclude_data: [{x: 1}]}}}\n",
         "c.yaml:1:56: \"exclude_data\" in source \"app\" must be text, not a group of keys"},
        {"sources: {app: {postgres: {<<: {a: b}}}}\n",
         "c.yaml:1:28: merge keys (<<) are not supported"},
        {SOURCE REPOSITORY
         "jobs:\n  nightly: {sources: [app], repositories: [local], shedule: x}\n",
         "c.yaml:4:52: unknown key \"shedule\" in job \"nightly\"; did you mean \"schedule\"?"},
        {SOURCE REPOSITORY "jobs:\n  nightly: {source: [app], repositories: [local]}\n",
         "c.yaml:4:13: unknown key \"source\" in job \"nightly\"; did you mean \"sources\"?"},
        {SOURCE REPOSITORY "jobs: {nightly: {sources: [app]}}\n",
         "c.yaml:3:17: \"repositories\" is missing in job \"nightly\""},
        {SOURCE REPOSITORY "jobs: {nightly: {sources: [ap], repositories: [local]}}\n",
         "c.yaml:3:28: unknown source \"ap\" in job \"nightly\"; did you mean \"app\"?"},
        {SOURCE REPOSITORY "jobs: {nightly: {sources: app, repositories: offsite}}\n",
         "c.yaml:3:46: unknown repository \"offsite\" in job \"nightly\""},
        {SOURCE REPOSITORY "jobs: {nightly: {sources: [app, app], repositories: [local]}}\n",
         "c.yaml:3:33: source \"app\" is named twice in job \"nightly\""},
        {SOURCE REPOSITORY "jobs: {nightly: {sources: [app], repositories: [local, x]}}\n",
         "c.yaml:3:56: unknown repository \"x\" in job \"nightly\""},
        {SOURCE REPOSITORY "jobs: {app: {sources: [app], repositories: [local]}}\n",
         "c.yaml:3:13: job \"app\" has the name of a source; give it another one"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct hf_error err = HF_ERROR_INIT;
        struct hf_config *config = NULL;

        assert_int_equal(parse(cases[i][0], &config, &err), HF_CONFIG);
        assert_string_equal(err.text, cases[i][1]);
        assert_null(config);
    }
}

static void parse_bad_dsn_does_not_show_it(void **state)
{
    static const char *const texts[] = {
        "sources: {a: {postgres: {dsn: 'postgresql://u:se%zzcret@db/x'}}}",
        "sources: {a: {postgres: {dsn: 'host=db password=secret word'}}}",
        "sources: {a: {postgres: {dsn: 'secret'}}}",
        "sources: {a: {postgres: {dsn: 'postgresql://u@db/x?sslpassword=secret'}}}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct hf_error err = HF_ERROR_INIT;
        struct hf_config *config = NULL;

        assert_int_equal(parse(texts[i], &config, &err), HF_CONFIG);
        assert_contains(err.text, "c.yaml:1:26: \"dsn\" in source \"a\": ");
        assert_null(strstr(err.text, "cret"));
    }
}

static void load_missing_file_names_it(void **state)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_config *config = NULL;

    (void)state;
    assert_fails(hf_config_load("/nowhere/h.yaml", &config, &err), HF_CONFIG, &err);
    assert_contains(err.text, "/nowhere/h.yaml");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse_agent_gives_its_settings),
        cmocka_unit_test(parse_cache_is_for_buckets_unless_it_is_said),
        cmocka_unit_test(parse_full_file_gives_everything),
        cmocka_unit_test(parse_dsn_takes_the_password_out),
        cmocka_unit_test(parse_databases_by_pattern_are_kept),
        cmocka_unit_test(parse_aliases_are_read_like_what_they_stand_for),
        cmocka_unit_test(parse_bad_files_says_what_and_where),
        cmocka_unit_test(parse_bad_dsn_does_not_show_it),
        cmocka_unit_test(load_missing_file_names_it),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
