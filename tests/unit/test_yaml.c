#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/config/yaml.h"
#include "tests/support/check.h"

static enum hf_status read_text(const char *text, struct hf_yaml_doc **out, struct hf_error *err)
{
    return hf_yaml_read("f.yaml", text, strlen(text), out, err);
}

static void read_nested_document_gives_tree_with_positions(void **state)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_yaml_doc) doc = NULL;
    const struct hf_yaml *root, *list;

    (void)state;
    assert_ok(read_text("a:\n  b: [x, 'y z']\n", &doc, &err), &err);
    root = hf_yaml_root(doc);
    assert_int_equal(root->type, HF_YAML_MAP);
    assert_int_equal(root->count, 2);
    assert_string_equal(root->items[0]->text, "a");
    list = root->items[1]->items[1];
    assert_int_equal(list->type, HF_YAML_LIST);
    assert_int_equal(list->line, 2);
    assert_int_equal(list->column, 6);
    assert_string_equal(list->items[1]->text, "y z");
    assert_int_equal(list->items[1]->column, 10);
}

static void read_alias_shares_the_node(void **state)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_yaml_doc) doc = NULL;
    const struct hf_yaml *root;

    (void)state;
    assert_ok(read_text("a: &x {k: v}\nb: *x\n", &doc, &err), &err);
    root = hf_yaml_root(doc);
    assert_ptr_equal(root->items[1], root->items[3]);
}

static void read_bad_documents_says_where(void **state)
{
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"", "f.yaml: the file is empty"},
        {"# nothing\n", "f.yaml: the file is empty"},
        {"a: 1\nb: 2\na: 3\n", "f.yaml:3:1: key \"a\" is given twice, first in line 1"},
        {"a: 1\n---\nb: 2\n", "f.yaml:2:1: a second document; there must be one"},
        {"? [a]\n: b\n", "f.yaml:1:3: a key must be text"},
        {"a: !secret x\n", "f.yaml:1:4: tags (!...) are not supported"},
        {"a: !!map {}\n", "f.yaml:1:4: tags (!...) are not supported"},
        {"a: &x [1, *x]\n", "f.yaml:1:11: an alias inside of what it stands for"},
        {"a: *x\n", "f.yaml:1:4: there is no anchor \"x\" before this"},
        {"a: \"b\\0c\"\n", "f.yaml:1:4: text with a NUL character"},
        {"a: [1, 2\n", "f.yaml:2:1: did not find expected ',' or ']'"},
        {"a: \"x\n", "f.yaml:2:1: found unexpected end of stream"},
        {"\ta: 1\n", "f.yaml:1:1: found character that cannot start any token"},
        {"a: \xff\xfe\n",
         "f.yaml: byte 4: invalid leading UTF-8 octet; the file must be UTF-8 text"},
        {"[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]", "f.yaml:1:17: nested too deeply"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct hf_error err = HF_ERROR_INIT;
        struct hf_yaml_doc *doc = NULL;

        assert_int_equal(read_text(cases[i].text, &doc, &err), HF_CONFIG);
        assert_string_equal(err.text, cases[i].error);
        assert_null(doc);
    }
}

static void read_billion_laughs_is_refused(void **state)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_yaml_doc *doc = NULL;
    char text[2048] = "l0: &l0 [x, x, x, x, x, x, x, x, x, x]\n";

    (void)state;
    for (int i = 1; i < 10; i++) {
        size_t used = strlen(text);

        (void)snprintf(text + used, sizeof text - used,
                       "l%d: &l%d [*l%d, *l%d, *l%d, *l%d, *l%d, *l%d, *l%d, *l%d]\n", i, i, i - 1,
                       i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    }
    assert_int_equal(read_text(text, &doc, &err), HF_CONFIG);
    assert_contains(err.text, "aliases expand to too much");
}

static void read_too_large_a_file_is_refused(void **state)
{
    struct hf_error err = HF_ERROR_INIT;
    struct hf_yaml_doc *doc = NULL;
    char *text = calloc(1, HF_YAML_BYTES_MAX + 1);

    (void)state;
    assert_non_null(text);
    memset(text, 'a', HF_YAML_BYTES_MAX + 1);
    assert_int_equal(hf_yaml_read("f.yaml", text, HF_YAML_BYTES_MAX + 1, &doc, &err), HF_CONFIG);
    assert_string_equal(err.text, "f.yaml: the file is larger than 1024 KiB");
    free(text);
}

static void is_null_of_nothing_written_is_true(void **state)
{
    struct hf_error err = HF_ERROR_INIT;
    HF_AUTO_PTR(hf_yaml_doc) doc = NULL;
    const struct hf_yaml *root;

    (void)state;
    assert_ok(read_text("a:\nb: ~\nc: null\nd: ''\ne: 'null'\n", &doc, &err), &err);
    root = hf_yaml_root(doc);
    assert_true(hf_yaml_is_null(root->items[1]));
    assert_true(hf_yaml_is_null(root->items[3]));
    assert_true(hf_yaml_is_null(root->items[5]));
    assert_false(hf_yaml_is_null(root->items[7]));
    assert_false(hf_yaml_is_null(root->items[9]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read_nested_document_gives_tree_with_positions),
        cmocka_unit_test(read_alias_shares_the_node),
        cmocka_unit_test(read_bad_documents_says_where),
        cmocka_unit_test(read_billion_laughs_is_refused),
        cmocka_unit_test(read_too_large_a_file_is_refused),
        cmocka_unit_test(is_null_of_nothing_written_is_true),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
