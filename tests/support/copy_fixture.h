/* Copies from one repository of a test into another, by two threads. Reports are the caller's to
 * free, also after a failure. */
#ifndef HF_TESTS_COPY_FIXTURE_H
#define HF_TESTS_COPY_FIXTURE_H

#include "base/error.h"
#include "storage/repository/copy.h"

/* snapshots and sources as in struct hf_copy_options. */
enum hf_status fixture_copy_some(struct hf_repo *from, struct hf_repo *to,
                                 const struct hf_strings *snapshots,
                                 const struct hf_strings *sources, struct hf_copy_report *report,
                                 struct hf_error *err);

enum hf_status fixture_copy_all(struct hf_repo *from, struct hf_repo *to,
                                struct hf_copy_report *report, struct hf_error *err);

/* All of them, and no snapshot of them failed. */
void fixture_copy_ok(struct hf_repo *from, struct hf_repo *to, struct hf_copy_report *report);

#endif
