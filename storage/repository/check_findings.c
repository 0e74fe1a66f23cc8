#include "storage/repository/check_internal.h"

#include "base/json.h"

#include <string.h>

enum {
    SHORT_ID = 8,   /* of a snapshot's id before the name of a stream */
    NAMED_MAX = 12, /* streams that a note names; the report has all */
};

enum hf_status hf_findings_init(struct hf_findings *findings, const struct hf_observer *observer,
                                struct hf_error *err)
{
    findings->observer = observer;
    findings->list = json_array();
    if (!findings->list)
        return hf_error_memory(err);
    pthread_mutex_init(&findings->lock, NULL);
    return HF_OK;
}

void hf_findings_done(struct hf_findings *findings)
{
    if (!findings->list)
        return;
    json_decref(findings->list);
    findings->list = NULL;
    pthread_mutex_destroy(&findings->lock);
}

enum hf_status hf_findings_add(struct hf_findings *findings, const char *object,
                               const char *problem, json_t **out, struct hf_error *err)
{
    json_t *finding = NULL;
    HF_TRY(hf_json_pack(&finding, err, "{s:s, s:s, s:[], s:[]}", "object", object, "problem",
                        problem, "snapshots", "streams"));
    pthread_mutex_lock(&findings->lock);
    int failed = json_array_append_new(findings->list, finding);
    pthread_mutex_unlock(&findings->lock);
    if (failed)
        return hf_error_memory(err);
    hf_observe(findings->observer, HF_NOTE_WARNING, "%s: %s", object, problem);
    if (out)
        *out = finding;
    return HF_OK;
}

static bool holds(const json_t *array, const char *text)
{
    size_t count = json_array_size(array);
    /* Costs come in the order of snapshots and streams: a repetition is the last one. */
    return count > 0 && strcmp(json_string_value(json_array_get(array, count - 1)), text) == 0;
}

static enum hf_status append_once(json_t *array, const char *text, struct hf_error *err)
{
    if (holds(array, text))
        return HF_OK;
    return json_array_append_new(array, json_string(text)) == 0 ? HF_OK : hf_error_memory(err);
}

enum hf_status hf_findings_cost(struct hf_findings *findings, json_t *finding, const char *snapshot,
                                const char *stream, struct hf_error *err)
{
    HF_AUTO_FREE char *text = NULL;
    HF_TRY(hf_text_format(&text, err, "%.8s:%s", snapshot, stream ? stream : "*"));
    pthread_mutex_lock(&findings->lock);
    enum hf_status status = append_once(json_object_get(finding, "snapshots"), snapshot, err);
    if (status == HF_OK)
        status = append_once(json_object_get(finding, "streams"), text, err);
    pthread_mutex_unlock(&findings->lock);
    return status;
}

/* "data/a, data/b and 3 more", of those of one snapshot. */
static enum hf_status name_streams(const json_t *streams, const char *snapshot, struct hf_buf *out,
                                   struct hf_error *err)
{
    size_t i, count = 0;
    json_t *stream;
    json_array_foreach (streams, i, stream) {
        const char *text = json_string_value(stream);
        if (strncmp(text, snapshot, SHORT_ID) != 0)
            continue;
        if (count++ < NAMED_MAX)
            HF_TRY(hf_buf_printf(out, err, "%s%s", count > 1 ? ", " : "", text + SHORT_ID + 1));
    }
    if (count > NAMED_MAX)
        HF_TRY(hf_buf_printf(out, err, " and %zu more", count - NAMED_MAX));
    return HF_OK;
}

static enum hf_status tell_cost(struct hf_findings *findings, const json_t *finding,
                                struct hf_error *err)
{
    size_t i;
    json_t *snapshot;
    json_array_foreach (json_object_get(finding, "snapshots"), i, snapshot) {
        HF_AUTO(hf_buf) text = HF_BUF_INIT;
        const char *streams, *id = json_string_value(snapshot);
        HF_TRY(name_streams(json_object_get(finding, "streams"), id, &text, err));
        HF_TRY(hf_buf_cstr(&text, &streams, err));
        hf_observe(findings->observer, HF_NOTE_WARNING, "%s: costs snapshot %.8s: %s",
                   json_string_value(json_object_get(finding, "object")), id,
                   strcmp(streams, "*") == 0 ? "all streams" : streams);
    }
    return HF_OK;
}

enum hf_status hf_findings_tell_costs(struct hf_findings *findings, struct hf_error *err)
{
    size_t i;
    json_t *finding;
    json_array_foreach (findings->list, i, finding) {
        HF_TRY(tell_cost(findings, finding, err));
    }
    return HF_OK;
}

enum hf_status hf_check_result(const struct hf_check_report *report, struct hf_error *err)
{
    if (report->problems == report->healed)
        return HF_OK;
    if (report->damaged_snapshots == 0)
        return hf_error_set(err, HF_DAMAGED, "%llu problem%s found",
                            (unsigned long long)report->problems, report->problems == 1 ? "" : "s");
    return hf_error_set(
        err, HF_DAMAGED, "%llu problem%s found; %llu of %llu snapshots cannot be restored whole",
        (unsigned long long)report->problems, report->problems == 1 ? "" : "s",
        (unsigned long long)report->damaged_snapshots, (unsigned long long)report->snapshots);
}

void hf_check_report_free(struct hf_check_report *report)
{
    json_decref(report->findings);
    *report = (struct hf_check_report){.objects = 0};
}
