#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/kinds/restore_report.h"
#include "agent/terminal/output.h"
#include "agent/terminal/table.h"
#include "tests/support/check.h"

/* An output whose streams are memory. */
struct fixture {
    struct hf_output *output;
    FILE *results, *messages;
    char *result_text, *message_text;
    size_t result_len, message_len;
};

static void begin(struct fixture *f, bool json, bool quiet, bool verbose, bool terminal)
{
    struct hf_output_options options = {.json = json,
                                        .quiet = quiet,
                                        .verbose = verbose,
                                        .terminal = terminal,
                                        .level = verbose ? HF_LOG_DEBUG
                                                 : quiet ? HF_LOG_WARNING
                                                         : HF_LOG_INFO};
    struct hf_error err = HF_ERROR_INIT;

    *f = (struct fixture){.output = NULL};
    f->results = open_memstream(&f->result_text, &f->result_len);
    f->messages = open_memstream(&f->message_text, &f->message_len);
    assert_non_null(f->results);
    assert_non_null(f->messages);
    options.results = options.events = f->results;
    options.messages = f->messages;
    assert_ok(hf_output_new(&options, &f->output, &err), &err);
}

/* Texts are complete after this; end frees them. */
static void finish(struct fixture *f)
{
    hf_output_free(f->output);
    assert_int_equal(fclose(f->results), 0);
    assert_int_equal(fclose(f->messages), 0);
}

static void end(struct fixture *f)
{
    free(f->result_text);
    free(f->message_text);
}

static void say_everything(struct hf_output *output)
{
    const struct hf_observer *observer = hf_output_observer(output);
    struct hf_error error = HF_ERROR_INIT;

    hf_output_begin(output, "app");
    hf_observe(observer, HF_NOTE_DETAIL, "a detail");
    hf_observe(observer, HF_NOTE_STEP, "a step");
    hf_observe(observer, HF_NOTE_WARNING, "a warning");
    hf_output_end(output);
    hf_output_news(output, "some news\n");
    hf_output_text(output, "some text\n");
    (void)hf_error_set(&error, HF_DAMAGED, "broken");
    hf_output_error(output, &error);
}

static void text_to_a_file_has_a_line_a_step(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f, false, false, false, false);
    say_everything(f.output);
    finish(&f);
    assert_string_equal(f.result_text, "some news\nsome text\n");
    assert_string_equal(f.message_text, "app: a step\nholdfast: warning: a warning\n"
                                        "holdfast: error: broken\n");
    end(&f);
}

static void text_when_verbose_has_details(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f, false, false, true, false);
    say_everything(f.output);
    finish(&f);
    assert_contains(f.message_text, "app: a detail\napp: a step\n");
    end(&f);
}

static void text_when_quiet_has_warnings_and_errors_only(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f, false, true, false, false);
    say_everything(f.output);
    finish(&f);
    assert_string_equal(f.result_text, "some text\n");
    assert_string_equal(f.message_text, "holdfast: warning: a warning\nholdfast: error: broken\n");
    end(&f);
}

static void terminal_line_is_cleared_before_other_text(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f, false, false, false, true);
    say_everything(f.output);
    finish(&f);
    assert_contains(f.message_text, "\rapp  a step\033[K");
    assert_contains(f.message_text, "\r\033[Kholdfast: warning: a warning\n");
    assert_null(strstr(f.message_text, "app: a step\n"));
    end(&f);
}

static void json_has_one_object_a_line_and_no_text(void **state)
{
    static const char *const events[] = {"detail", "step", "warning", "result", "error"};
    struct fixture f;
    char *save = NULL;
    size_t i = 0;

    (void)state;
    begin(&f, true, false, true, true);
    hf_output_begin(f.output, "app");
    hf_observe(hf_output_observer(f.output), HF_NOTE_DETAIL, "a detail");
    hf_observe(hf_output_observer(f.output), HF_NOTE_STEP, "a step");
    hf_observe(hf_output_observer(f.output), HF_NOTE_WARNING, "a warning");
    hf_output_end(f.output);
    hf_output_text(f.output, "some text\n");
    hf_output_event(f.output, "result", json_pack("{s:i}", "n", 1));
    hf_output_error(f.output, &(struct hf_error){.status = HF_BUSY, .text = "in use"});
    finish(&f);
    for (char *line = strtok_r(f.result_text, "\n", &save); line;
         line = strtok_r(NULL, "\n", &save)) {
        json_t *object = json_loads(line, 0, NULL);

        assert_non_null(object);
        if (strcmp(json_string_value(json_object_get(object, "event")), "progress") == 0) {
            json_decref(object); /* on a slow machine, by the clock */
            continue;
        }
        assert_true(i < sizeof events / sizeof *events);
        assert_string_equal(json_string_value(json_object_get(object, "event")), events[i]);
        assert_non_null(json_object_get(object, "time"));
        if (i == 4)
            assert_int_equal(json_integer_value(json_object_get(object, "exit_code")), 5);
        json_decref(object);
        i++;
    }
    assert_int_equal(i, sizeof events / sizeof *events);
    assert_string_equal(f.message_text, "holdfast: warning: a warning\nholdfast: error: in use\n");
    end(&f);
}

static void flush_of_a_full_device_is_an_error(void **state)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_output) output = NULL;
    FILE *full = fopen("/dev/full", "w");

    (void)state;
    assert_non_null(full);
    assert_ok(hf_output_new(
                  &(struct hf_output_options){.results = full, .events = full, .messages = stderr},
                  &output, &err),
              &err);
    hf_output_text(output, "text\n");
    assert_fails(hf_output_flush(output, &err), HF_NO_SPACE, &err);
    (void)fclose(full);
}

static void table_aligns_columns(void **state)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_table table;
    struct fixture f;

    (void)state;
    begin(&f, false, false, false, false);
    assert_ok(hf_table_begin(&table, "NAME|>N|LAST", &err), &err);
    assert_ok(hf_table_add(&table, &err, "%s", "ä"), &err);
    assert_ok(hf_table_add(&table, &err, "%d", 1000), &err);
    assert_ok(hf_table_add(&table, &err, "%s", "x\ny"), &err);
    hf_table_write(&table, f.output);
    hf_table_auto(&table);
    finish(&f);
    assert_string_equal(f.result_text, "NAME     N  LAST\nä     1000  x?y\n");
    end(&f);
}

static json_t *report(bool equal, bool partial)
{
    return json_pack("{s:b, s:b, s:[{s:s, s:s, s:s, s:i, s:i, s:i, s:b, s:b, s:b, s:[s], "
                     "s:[{s:s, s:s, s:s, s:n}]}]}",
                     "compared", 1, "equal", (int)equal, "databases", "name", "app", "restored_as",
                     "app2", "kept_aside", "app_old", "tables", 2, "rows", 30, "bytes", 2048,
                     "partial", (int)partial, "compared", 1, "equal", (int)equal, "notes", "a note",
                     "differences", "what", "rows", "name", "public.t", "expected", "3", "found");
}

static void report_is_written_for_a_person(void **state)
{
    json_t *object = report(false, false);
    struct fixture f;

    (void)state;
    assert_non_null(object);
    begin(&f, false, false, false, false);
    hf_restore_report_databases(f.output, object);
    finish(&f);
    assert_string_equal(f.result_text,
                        "app restored as app2: 2 tables, 30 rows, 2.0 KiB; NOT EQUAL to the "
                        "snapshot\n  the database that was app2 is kept as app_old\n  note: a "
                        "note\n  differs: rows public.t\n    expected 3\n");
    end(&f);
    json_decref(object);
}

static void report_proves_only_what_is_whole_and_equal(void **state)
{
    json_t *proof = report(true, false), *part = report(true, true), *bad = report(false, false);
    json_t *empty = json_pack("{s:b, s:b, s:[]}", "compared", 1, "equal", 1, "databases");

    (void)state;
    assert_true(hf_restore_report_proves(proof));
    assert_false(hf_restore_report_proves(part));
    assert_false(hf_restore_report_proves(bad));
    assert_false(hf_restore_report_proves(empty));
    assert_false(hf_restore_report_proves(NULL));
    json_decref(proof);
    json_decref(part);
    json_decref(bad);
    json_decref(empty);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_to_a_file_has_a_line_a_step),
        cmocka_unit_test(text_when_verbose_has_details),
        cmocka_unit_test(text_when_quiet_has_warnings_and_errors_only),
        cmocka_unit_test(terminal_line_is_cleared_before_other_text),
        cmocka_unit_test(json_has_one_object_a_line_and_no_text),
        cmocka_unit_test(flush_of_a_full_device_is_an_error),
        cmocka_unit_test(table_aligns_columns),
        cmocka_unit_test(report_is_written_for_a_person),
        cmocka_unit_test(report_proves_only_what_is_whole_and_equal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
