#include "formats/postgres/sql_split.h"

#include "formats/postgres/global_statement.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void expect(const char *text, const char *const *statements, size_t count)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_sql_script script;
    const char *at;
    size_t len;

    hf_sql_script_init(&script, text);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(hf_sql_script_next(&script, &at, &len, &err), HF_OK);
        assert_int_equal(len, strlen(statements[i]));
        assert_memory_equal(at, statements[i], len);
    }
    assert_int_equal(hf_sql_script_next(&script, &at, &len, &err), HF_OK);
    assert_int_equal(len, 0);
}

static void next_quotes_and_comments_do_not_split(void **state)
{
    static const char *const statements[] = {
        "SELECT 'a;b', 'it''s;', E'x\\';y', \"n;\"\"m\"",
        "SELECT /* ; /* ; */ ; */ 1 -- ;\n + 1",
        "DO $$ begin; end $$",
        "DO $a$ $$ ; $b$ ; $a$",
        "SELECT $1, a$b",
        "SELECT 'C:\\', 1",
    };

    (void)state;
    expect("SELECT 'a;b', 'it''s;', E'x\\';y', \"n;\"\"m\";\n"
           "SELECT /* ; /* ; */ ; */ 1 -- ;\n + 1;;\n"
           "DO $$ begin; end $$;DO $a$ $$ ; $b$ ; $a$; SELECT $1, a$b;SELECT 'C:\\', 1",
           statements, 6);
}

static void next_psql_lines_are_left_out(void **state)
{
    static const char *const statements[] = {"SET x = 1", "CREATE ROLE a"};

    (void)state;
    expect("--\n-- dump\n--\n\\restrict ab;c\n\nSET x = 1;\n\\connect postgres\nCREATE ROLE a;\n"
           "\\unrestrict ab;c\n",
           statements, 2);
}

static void next_endless_quote_is_damaged_with_line(void **state)
{
    static const char *const endless[] = {"a;\n\nSELECT 'x", "a;\n\n/* x /* */", "a;\n\n$$ x",
                                          "a;\n\n\"x"};
    struct hf_error err = HF_ERROR_INIT;
    const char *at;
    size_t len;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct hf_sql_script script;

        hf_sql_script_init(&script, endless[i]);
        assert_int_equal(hf_sql_script_next(&script, &at, &len, &err), HF_OK);
        assert_int_equal(hf_sql_script_next(&script, &at, &len, &err), HF_DAMAGED);
        assert_non_null(strstr(err.text, "line "));
    }
}

static void token_name_folds_and_unquotes(void **state)
{
    struct hf_error err = HF_ERROR_INIT;
    const char *text = "GRANT To \"My \"\"Role\"\"\" , App_1;";
    const char *at = text;
    const char *end = text + strlen(text);
    HF_AUTO(hf_buf) a = HF_BUF_INIT;
    HF_AUTO(hf_buf) b = HF_BUF_INIT;
    struct hf_sql_token t = hf_sql_token_next(&at, end);

    (void)state;
    assert_true(hf_sql_token_is(&t, "GRANT"));
    t = hf_sql_token_next(&at, end);
    assert_true(hf_sql_token_is(&t, "TO"));
    t = hf_sql_token_next(&at, end);
    assert_int_equal(t.kind, HF_SQL_NAME);
    assert_int_equal(hf_sql_token_name(&t, &a, &err), HF_OK);
    assert_string_equal((const char *)a.data, "My \"Role\"");
    t = hf_sql_token_next(&at, end);
    assert_int_equal(t.kind, HF_SQL_SYMBOL);
    t = hf_sql_token_next(&at, end);
    assert_int_equal(hf_sql_token_name(&t, &b, &err), HF_OK);
    assert_string_equal((const char *)b.data, "app_1");
    t = hf_sql_token_next(&at, end);
    t = hf_sql_token_next(&at, end);
    assert_int_equal(t.kind, HF_SQL_END);
}

static void global_read_tells_kinds_apart(void **state)
{
    static const struct {
        const char *text;
        enum hf_pg_global_kind kind;
    } cases[] = {
        {"CREATE ROLE tablespace", HF_PG_GLOBAL_ROLE},
        {"ALTER ROLE \"with\" WITH NOSUPERUSER PASSWORD 'x'", HF_PG_GLOBAL_ROLE_ATTRIBUTES},
        {"ALTER ROLE app SET default_tablespace TO 'a'", HF_PG_GLOBAL_OTHER},
        {"COMMENT ON ROLE app IS 'TABLESPACE'", HF_PG_GLOBAL_OTHER},
        {"GRANT a TO b WITH ADMIN OPTION GRANTED BY c", HF_PG_GLOBAL_OTHER},
        {"CREATE TABLESPACE t OWNER a LOCATION '/x'", HF_PG_GLOBAL_TABLESPACE},
        {"ALTER TABLESPACE t SET (random_page_cost=1)", HF_PG_GLOBAL_TABLESPACE},
        {"GRANT CREATE ON TABLESPACE t TO a", HF_PG_GLOBAL_TABLESPACE},
        {"COMMENT ON TABLESPACE t IS 'c'", HF_PG_GLOBAL_TABLESPACE},
        {"SET", HF_PG_GLOBAL_OTHER},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(hf_pg_global_read(cases[i].text, strlen(cases[i].text)).kind,
                         cases[i].kind);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(next_quotes_and_comments_do_not_split),
        cmocka_unit_test(next_psql_lines_are_left_out),
        cmocka_unit_test(next_endless_quote_is_damaged_with_line),
        cmocka_unit_test(global_read_tells_kinds_apart),
        cmocka_unit_test(token_name_folds_and_unquotes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
