/* COPY text, quoting, and connection strings: the parts that need no server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "formats/postgres/conninfo.h"
#include "formats/postgres/copy_text.h"
#include "formats/postgres/quote.h"
#include "formats/postgres/role_names.h"
#include "tests/support/check.h"

static void text_row_escapes_what_copy_escapes(void **state)
{
    static const char *const values[] = {"a\tb\nc\\d\re\bf\fg\v", NULL, "", "\\N"};
    HF_AUTO(hf_buf) out = HF_BUF_INIT;
    struct hf_error err = HF_ERROR_INIT;
    const char *text;

    (void)state;
    assert_ok(hf_pg_text_row(&out, values, 4, &err), &err);
    assert_ok(hf_buf_cstr(&out, &text, &err), &err);
    assert_string_equal(text, "a\\tb\\nc\\\\d\\re\\bf\\fg\\v\t\\N\t\t\\\\N\n");
}

static void text_split_gives_back_what_was_written(void **state)
{
    static const char *const values[] = {"a\tb\nc\\d\re\bf\fg\v", NULL, "", "\\N", "\xc3\xa9"};
    HF_AUTO(hf_buf) out = HF_BUF_INIT;
    HF_AUTO(hf_buf) storage = HF_BUF_INIT;
    struct hf_error err = HF_ERROR_INIT;
    struct hf_pg_rows rows;
    const char *fields[5];
    const char *row;
    size_t len;

    (void)state;
    assert_ok(hf_pg_text_row(&out, values, 5, &err), &err);
    hf_pg_rows_init(&rows, out.data, out.len);
    assert_true(hf_pg_rows_next(&rows, &row, &len));
    assert_ok(hf_pg_text_split(row, len, "test", &storage, fields, 5, &err), &err);
    for (size_t i = 0; i < 5; i++) {
        if (values[i])
            assert_string_equal(fields[i], values[i]);
        else
            assert_null(fields[i]);
    }
    assert_false(hf_pg_rows_next(&rows, &row, &len));
    assert_false(rows.torn);
}

static void text_split_of_an_empty_row_is_one_empty_field(void **state)
{
    HF_AUTO(hf_buf) storage = HF_BUF_INIT;
    struct hf_error err = HF_ERROR_INIT;
    const char *field = NULL;

    (void)state;
    assert_ok(hf_pg_text_split("", 0, "test", &storage, &field, 1, &err), &err);
    assert_string_equal(field, "");
}

static void text_split_malformed_is_damaged(void **state)
{
    static const struct {
        const char *row;
        size_t len, count;
    } cases[] = {{"a\tb", 3, 1}, {"a", 1, 2},    {"a\\", 2, 1},
                 {"a\\q", 3, 1}, {"a\0b", 3, 1}, {"\\Nx", 3, 1}};
    HF_AUTO(hf_buf) storage = HF_BUF_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct hf_error err = HF_ERROR_INIT;
        const char *fields[2];

        assert_fails(hf_pg_text_split(cases[i].row, cases[i].len, "the list", &storage, fields,
                                      cases[i].count, &err),
                     HF_DAMAGED, &err);
        assert_contains(err.text, "the list");
    }
}

static void rows_next_without_a_last_newline_is_torn(void **state)
{
    struct hf_pg_rows rows;
    const char *row;
    size_t len;

    (void)state;
    hf_pg_rows_init(&rows, "a\nb", 3);
    assert_true(hf_pg_rows_next(&rows, &row, &len));
    assert_int_equal(len, 1);
    assert_false(hf_pg_rows_next(&rows, &row, &len));
    assert_true(rows.torn);
}

static void quote_doubles_marks(void **state)
{
    HF_AUTO(hf_buf) out = HF_BUF_INIT;
    struct hf_error err = HF_ERROR_INIT;
    const char *text;

    (void)state;
    assert_ok(hf_pg_quote_qualified(&out, "a\"b", "select", &err), &err);
    assert_ok(hf_pg_quote_literal(&out, "it's \\ \"", &err), &err);
    assert_ok(hf_buf_cstr(&out, &text, &err), &err);
    assert_string_equal(text, "\"a\"\"b\".\"select\"'it''s \\ \"'");
}

static void quote_columns_of_none_is_nothing(void **state)
{
    HF_AUTO(hf_buf) out = HF_BUF_INIT;
    HF_AUTO(hf_strings) columns = HF_STRINGS_INIT;
    struct hf_error err = HF_ERROR_INIT;
    const char *text;

    (void)state;
    assert_ok(hf_pg_quote_columns(&out, &columns, &err), &err);
    assert_int_equal(out.len, 0);
    assert_ok(hf_strings_add(&columns, "a", &err), &err);
    assert_ok(hf_strings_add(&columns, "b c", &err), &err);
    assert_ok(hf_pg_quote_columns(&out, &columns, &err), &err);
    assert_ok(hf_buf_cstr(&out, &text, &err), &err);
    assert_string_equal(text, "(\"a\", \"b c\")");
}

static void quote_array_escapes_quotes_and_backslashes(void **state)
{
    static const char *const items[] = {"a", "b\"c\\d", "NULL", ""};
    HF_AUTO(hf_buf) out = HF_BUF_INIT;
    struct hf_error err = HF_ERROR_INIT;
    const char *text;

    (void)state;
    assert_ok(hf_pg_quote_array(&out, items, 4, &err), &err);
    assert_ok(hf_buf_cstr(&out, &text, &err), &err);
    assert_string_equal(text, "{\"a\",\"b\\\"c\\\\d\",\"NULL\",\"\"}");
}

static void strip_takes_the_password_out_of_a_url(void **state)
{
    HF_AUTO_FREE char *stripped = NULL;
    HF_AUTO_PTR(hf_secret) password = NULL;
    struct hf_error err = HF_ERROR_INIT;

    (void)state;
    assert_ok(hf_pg_conninfo_strip("postgresql://me:p%40ss@db:6000/app?sslmode=require", NULL,
                                   &stripped, &password, &err),
              &err);
    assert_string_equal(hf_secret_text(password), "p@ss");
    assert_null(strstr(stripped, "p@ss"));
    assert_contains(stripped, "user='me'");
    assert_contains(stripped, "dbname='app'");
    assert_contains(stripped, "sslmode='require'");
}

static void strip_changes_the_database_and_quotes_it(void **state)
{
    HF_AUTO_FREE char *stripped = NULL;
    HF_AUTO_PTR(hf_secret) password = NULL;
    struct hf_error err = HF_ERROR_INIT;

    (void)state;
    assert_ok(hf_pg_conninfo_strip("host=db dbname=app application_name=x", "it's \\ = new",
                                   &stripped, &password, &err),
              &err);
    assert_string_equal(stripped, "host='db' dbname='it\\'s \\\\ = new'");
    assert_null(password);
}

static void strip_refuses_a_key_password(void **state)
{
    HF_AUTO_FREE char *stripped = NULL;
    struct hf_error err = HF_ERROR_INIT;

    (void)state;
    assert_fails(hf_pg_conninfo_strip("host=db sslpassword=hush", NULL, &stripped, NULL, &err),
                 HF_CONFIG, &err);
    assert_null(strstr(err.text, "hush"));
}

static void strip_malformed_never_shows_the_string(void **state)
{
    static const char *const cases[] = {"postgresql://me:hush@[::1/app", "host=db password=hush x",
                                        "postgresql://me:hush%zz@db/"};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        HF_AUTO_FREE char *stripped = NULL;
        struct hf_error err = HF_ERROR_INIT;

        assert_fails(hf_pg_conninfo_strip(cases[i], NULL, &stripped, NULL, &err), HF_CONFIG, &err);
        assert_null(strstr(err.text, "hush"));
    }
}

static void get_of_an_absent_key_is_null(void **state)
{
    HF_AUTO_FREE char *host = NULL;
    HF_AUTO_FREE char *user = NULL;
    struct hf_error err = HF_ERROR_INIT;

    (void)state;
    assert_ok(hf_pg_conninfo_get("host=db", "host", &host, &err), &err);
    assert_ok(hf_pg_conninfo_get("host=db", "user", &user, &err), &err);
    assert_string_equal(host, "db");
    assert_null(user);
}

static void redact_replaces_every_occurrence(void **state)
{
    struct hf_error err = HF_ERROR_INIT;

    (void)state;
    (void)hf_error_set(&err, HF_FAILED, "a hush b hush");
    hf_pg_redact(&err, "hush");
    assert_string_equal(err.text, "a *** b ***");
    hf_pg_redact(&err, NULL);
    hf_pg_redact(&err, "");
    assert_string_equal(err.text, "a *** b ***");
}

static int group_setup(void **state)
{
    struct hf_error err = HF_ERROR_INIT;

    (void)state;
    return hf_crypto_init(&err) == HF_OK ? 0 : -1;
}

static void expect_roles(const char *acl, const char *const *roles, size_t count)
{
    HF_AUTO(hf_strings) found = HF_STRINGS_INIT;
    struct hf_error err = HF_ERROR_INIT;

    assert_ok(hf_pg_roles_in_acl(acl, &found, &err), &err);
    assert_int_equal(found.count, count);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(found.items[i], roles[i]);
}

static void roles_in_acl_unquotes_twice(void **state)
{
    static const char *const names[] = {"app", "a, \"b\" =c", "owner/of"};

    (void)state;
    expect_roles("{}", NULL, 0);
    expect_roles("{=r/app}", names, 1);
    expect_roles("{app=rw/app,=w*/app}", names, 1);
    expect_roles("{app=r/app,\"\\\"a, \\\"\\\"b\\\"\\\" =c\\\"=r*w/\\\"owner/of\\\"\"}", names, 3);
}

static void roles_in_acl_takes_any_text(void **state)
{
    static const char *const texts[] = {"",   "{",   "{\"",   "{\"\\", "=",
                                        "{a", "{a=", "{a/\"", ",",     "{,}"};
    HF_AUTO(hf_strings) found = HF_STRINGS_INIT;
    struct hf_error err = HF_ERROR_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        (void)!hf_pg_roles_in_acl(texts[i], &found, &err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_row_escapes_what_copy_escapes),
        cmocka_unit_test(text_split_gives_back_what_was_written),
        cmocka_unit_test(text_split_of_an_empty_row_is_one_empty_field),
        cmocka_unit_test(text_split_malformed_is_damaged),
        cmocka_unit_test(rows_next_without_a_last_newline_is_torn),
        cmocka_unit_test(quote_doubles_marks),
        cmocka_unit_test(quote_columns_of_none_is_nothing),
        cmocka_unit_test(quote_array_escapes_quotes_and_backslashes),
        cmocka_unit_test(strip_takes_the_password_out_of_a_url),
        cmocka_unit_test(strip_changes_the_database_and_quotes_it),
        cmocka_unit_test(strip_refuses_a_key_password),
        cmocka_unit_test(strip_malformed_never_shows_the_string),
        cmocka_unit_test(get_of_an_absent_key_is_null),
        cmocka_unit_test(roles_in_acl_unquotes_twice),
        cmocka_unit_test(roles_in_acl_takes_any_text),
        cmocka_unit_test(redact_replaces_every_occurrence),
    };

    return cmocka_run_group_tests(tests, group_setup, NULL);
}
