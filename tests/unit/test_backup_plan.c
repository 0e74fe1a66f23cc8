#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/backup_plan.h"
#include "agent/conninfo.h"
#include "tests/support/check.h"

#define SERVER "{postgres: {host: db, database: x}}"
static const char with_jobs[] = "repositories: {local: {path: /r}, offsite: {path: /o}}\n"
                                "sources: {app: " SERVER ", shop: " SERVER ", wiki: " SERVER "}\n"
                                "jobs:\n"
                                "  nightly: {sources: [app, shop], repositories: [local]}\n"
                                "  weekly: {sources: [app], repositories: [offsite]}\n";
static const char without_jobs[] = "repositories: {local: {path: /r}}\n"
                                   "sources: {app: " SERVER ", shop: " SERVER "}\n";

struct fixture {
    struct hf_session session;
    struct hf_args args;
    struct hf_output *output;
    struct hf_backup_plan plan;
    FILE *null;
};

static int setup(void **state)
{
    struct hf_error err = HF_ERROR_INIT;

    (void)state;
    return hf_crypto_init(&err) == HF_OK ? 0 : -1;
}

/* A session of "backup WORDS" with a configuration ("" for none), and its plan. */
static enum hf_status plan(struct fixture *f, const char *config, const char *line,
                           struct hf_error *err)
{
    HF_AUTO(hf_strings) words = HF_STRINGS_INIT;
    char copy[256], *save = NULL;

    *f = (struct fixture){.null = fopen("/dev/null", "w")};
    assert_non_null(f->null);
    assert_ok(
        hf_output_new(
            &(struct hf_output_options){.results = f->null, .messages = f->null, .events = f->null},
            &f->output, err),
        err);
    if (*config)
        assert_ok(hf_config_parse("c.yaml", ".", config, strlen(config), NULL, NULL,
                                  &f->session.config, err),
                  err);
    else
        f->session.config = calloc(1, sizeof *f->session.config);
    (void)snprintf(copy, sizeof copy, "backup %s", line);
    for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save))
        assert_ok(hf_strings_add(&words, word, err), err);
    assert_ok(hf_args_parse(&words, &f->args, err), err);
    f->session.args = &f->args;
    f->session.output = f->output;
    return hf_backup_plan_make(&f->session, &f->plan, err);
}

static void end(struct fixture *f)
{
    hf_backup_plan_auto(&f->plan);
    hf_args_done(&f->args);
    hf_config_free(f->session.config);
    hf_output_free(f->output);
    assert_int_equal(fclose(f->null), 0);
}

/* "app>local shop>local": sources and where they go. */
static void assert_plan(const char *config, const char *line, const char *expected)
{
    struct hf_error err = HF_ERROR_INIT;
    struct fixture f;
    char text[512] = "";

    assert_ok(plan(&f, config, line, &err), &err);
    for (size_t i = 0; i < f.plan.count; i++) {
        const struct hf_backup_task *task = &f.plan.tasks[i];

        (void)snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s>%s", i ? " " : "",
                       task->source->name,
                       task->chosen.name ? task->chosen.name : task->chosen.path);
    }
    assert_string_equal(text, expected);
    end(&f);
}

static void make_names_gives_tasks(void **state)
{
    (void)state;
    assert_plan(with_jobs, "", "app>local shop>local app>offsite");
    assert_plan(with_jobs, "nightly", "app>local shop>local");
    assert_plan(with_jobs, "weekly nightly nightly", "app>offsite app>local shop>local");
    assert_plan(with_jobs, "shop", "shop>local");
    assert_plan(with_jobs, "app -r local", "app>local");
    assert_plan(with_jobs, "wiki -r ./other", "wiki>./other");
    assert_plan(without_jobs, "", "app>local shop>local");
    assert_plan("", "postgresql://db/app -r /srv", "app>/srv");
    assert_plan("", "postgresql://db -r /srv", "db>/srv");
    assert_plan("", "postgresql:///?host=/tmp -r /srv", "postgres>/srv");
    assert_plan("", "postgresql://db/app --name shop -r /srv", "shop>/srv");
}

static void make_bad_names_says_why(void **state)
{
    static const struct {
        const char *config, *line, *error;
    } cases[] = {
        {"", "",
         "nothing to back up: name a postgresql:// URL, or write a configuration file with "
         "sources"},
        {with_jobs, "nightli", "there is no job or source \"nightli\"; did you mean \"nightly\"?"},
        {"", "app",
         "there is no job or source \"app\" in a configuration file; a database is "
         "given as postgresql://USER@HOST/DATABASE"},
        {with_jobs, "wiki",
         "which repository? The configuration has several, such as \"local\" and \"offsite\": "
         "give --repository NAME"},
        {with_jobs, "app -r ofsite",
         "the configuration has no repository \"ofsite\"; did you mean \"offsite\"? (a directory "
         "is written ./ofsite)"},
        {"", "postgresql://db/app",
         "which repository? Give --repository DIRECTORY, or a "
         "configuration file that has one"},
        {with_jobs, "app --table x -r local",
         "--table is for a source given as a URL; \"app\" has its settings in the configuration"},
        {"", "postgresql://a/x postgresql://b/x -r /r",
         "two sources would have the name \"x\"; back them up one by one, with --name"},
        {"", "postgresql://a/x --name a@b -r /r",
         "\"a@b\" cannot be the name of a source: at most 100 bytes, no \"@\", no control "
         "characters; give another with --name"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct hf_error err = HF_ERROR_INIT;
        struct fixture f;

        assert_fails(plan(&f, cases[i].config, cases[i].line, &err), HF_USAGE, &err);
        assert_string_equal(err.text, cases[i].error);
        end(&f);
    }
}

static void make_url_with_options_fills_the_source(void **state)
{
    struct hf_error err = HF_ERROR_INIT;
    const struct hf_config_source *source;
    struct fixture f;

    (void)state;
    assert_ok(plan(&f, "",
                   "postgresql://me:pw@db:5433/app -r /r --exclude-data a --exclude-data b "
                   "--table t --split 1MiB --lock-timeout 9",
                   &err),
              &err);
    source = f.plan.tasks[0].source;
    assert_null(strstr(source->postgres.conninfo, "pw"));
    assert_string_equal(hf_secret_text(source->postgres.password), "pw");
    assert_int_equal(source->postgres.exclude_data.count, 2);
    assert_int_equal(source->postgres.include_tables.count, 1);
    assert_int_equal(source->postgres.split, 1 << 20);
    assert_int_equal(source->postgres.lock_timeout, 9);
    assert_false(source->postgres.all_databases);
    end(&f);
    assert_ok(plan(&f, "", "postgresql://db -r /r", &err), &err);
    assert_true(f.plan.tasks[0].source->postgres.all_databases);
    assert_true(f.plan.tasks[0].source->postgres.globals);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(make_names_gives_tasks),
        cmocka_unit_test(make_bad_names_says_why),
        cmocka_unit_test(make_url_with_options_fills_the_source),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
