#include "tests/support/copy_fixture.h"

#include "base/cancel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/support/check.h"

enum hf_status fixture_copy_some(struct hf_repo *from, struct hf_repo *to,
                                 const struct hf_strings *snapshots,
                                 const struct hf_strings *sources, struct hf_copy_report *report,
                                 struct hf_error *err)
{
    HF_AUTO_PTR(hf_cancel) cancel = NULL;
    assert_ok(hf_cancel_new(&cancel, err), err);
    const struct hf_copy_options options = {
        .snapshots = snapshots, .sources = sources, .threads = 2, .cancel = cancel};
    return hf_copy(from, to, &options, report, err);
}

enum hf_status fixture_copy_all(struct hf_repo *from, struct hf_repo *to,
                                struct hf_copy_report *report, struct hf_error *err)
{
    return fixture_copy_some(from, to, NULL, NULL, report, err);
}

void fixture_copy_ok(struct hf_repo *from, struct hf_repo *to, struct hf_copy_report *report)
{
    struct hf_error err = HF_ERROR_INIT;
    assert_ok(fixture_copy_all(from, to, report, &err), &err);
    assert_int_equal(json_array_size(report->failed), 0);
}
