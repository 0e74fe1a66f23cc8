/*
 * A drill's report as one page that needs nothing else: no scripts, no fonts, no pictures from
 * anywhere. First whether backups restore; then, of each source, what was done when.
 */
#include "agent/config/duration.h"
#include "agent/drill/markup.h"
#include "agent/drill/report.h"
#include "base/clock.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char head[] =
    "<!DOCTYPE html>\n"
    "<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<title>holdfast drill</title>\n<style>\n"
    ":root{color-scheme:light dark;--ground:#f6f7f9;--card:#fff;--text:#1d2530;--soft:#5d6b7c;"
    "--line:#dde2e9;--good:#1a7f4b;--warn:#a96500;--bad:#c2252e;--bar:#3d6fd1}\n"
    "@media (prefers-color-scheme:dark){:root{--ground:#12161c;--card:#1b212a;--text:#e4e9f0;"
    "--soft:#93a1b3;--line:#303a47;--good:#4cc38a;--warn:#e0a458;--bad:#ff6b72;--bar:#7ba4f5}}\n"
    "*{box-sizing:border-box}body{margin:0;background:var(--ground);color:var(--text);"
    "font:16px/1.5 system-ui,sans-serif}\n"
    "main{max-width:60rem;margin:0 auto;padding:2rem 1rem 4rem}\n"
    "h1{font-size:1.7rem;line-height:1.25;margin:0}h2{font-size:1.2rem;margin:0}"
    "h3{font-size:.95rem;color:var(--soft);margin:1.5rem 0 .4rem}\n"
    ".soft{color:var(--soft)}header p{margin:.3rem 0 0}\n"
    "section{background:var(--card);border:1px solid var(--line);border-left:6px solid var(--is);"
    "border-radius:8px;padding:1.1rem 1.3rem;margin-top:1.4rem}\n"
    ".top{display:flex;justify-content:space-between;gap:1rem;align-items:baseline;flex-wrap:wrap}"
    "\n"
    ".verdict{color:var(--is);font-weight:700}.good{--is:var(--good)}.warn{--is:var(--warn)}"
    ".bad{--is:var(--bad)}\n"
    "header.good h1,header.warn h1,header.bad h1{color:var(--is)}\n"
    "dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1rem;margin:.8rem 0 0}"
    "dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}\n"
    "table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.3rem .8rem .3rem 0;"
    "border-top:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}"
    "th{font-weight:500;color:var(--soft);border-top:0}\n"
    "td.is{color:var(--is);font-weight:600;white-space:nowrap}code,pre{font:.88em "
    "ui-monospace,monospace}pre{white-space:pre-wrap;overflow-wrap:anywhere;margin:.6rem 0}\n"
    ".steps{display:grid;grid-template-columns:5rem 1fr 6rem;gap:.3rem .8rem;align-items:center}"
    ".track{background:var(--ground);border-radius:4px;height:1rem;position:relative}"
    ".track i{position:absolute;top:0;bottom:0;min-width:3px;border-radius:4px;"
    "background:var(--bar)}.track i.bad{background:var(--bad)}.right{text-align:right}\n"
    "</style>\n</head>\n<body>\n<main>\n";

static const char *class_of(enum hf_drill_verdict verdict)
{
    if (verdict == HF_DRILL_PROVEN)
        return "good";
    return verdict == HF_DRILL_BAD_BACKUP || verdict == HF_DRILL_ASSERTION_FAILED ? "bad" : "warn";
}

static const char *sentence(const struct hf_drill_report *report)
{
    switch (hf_drill_report_verdict(report)) {
    case HF_DRILL_PROVEN:
        return report->count ? "These backups restore." : "Nothing was drilled.";
    case HF_DRILL_LIMIT_MISSED:
        return "These backups restore, but not within the limits.";
    case HF_DRILL_INTERRUPTED:
        return "The drill was interrupted: it says nothing about the backups.";
    case HF_DRILL_BAD_ENVIRONMENT:
        return "The drill could not be held: it says nothing about the backups.";
    case HF_DRILL_ASSERTION_FAILED:
        return "A backup restores, but not to what is expected of it.";
    case HF_DRILL_BAD_BACKUP:
        break;
    }
    return "A backup does not restore.";
}

static enum hf_status put_header(const struct hf_drill_report *report, struct hf_buf *out,
                                 struct hf_error *err)
{
    char start[HF_TIME_TEXT], took[HF_DURATION_TEXT];
    size_t proven = 0;

    for (size_t i = 0; i < report->count; i++)
        proven += report->sources[i].verdict == HF_DRILL_PROVEN;
    hf_time_format(start, report->start);
    hf_duration_format(took, report->end > report->start ? report->end - report->start : 0);
    return hf_buf_printf(out, err,
                         "<header class=\"%s\"><h1>%s</h1>\n<p class=\"soft\">%zu of %zu proven, "
                         "%s, in %s</p></header>\n",
                         class_of(hf_drill_report_verdict(report)), sentence(report), proven,
                         report->count, start, took);
}

static enum hf_status put_fact(struct hf_buf *out, const char *name, const char *value,
                               struct hf_error *err)
{
    if (!value)
        return HF_OK;
    HF_TRY(hf_markup_put(out, "<dt>", name, "</dt>", err));
    return hf_markup_put(out, "<dd>", value, "</dd>\n", err);
}

static enum hf_status put_facts(const struct hf_drill_source *s, struct hf_buf *out,
                                struct hf_error *err)
{
    char captured[HF_TIME_TEXT], age[HF_DURATION_TEXT], size[HF_SIZE_TEXT], restored[160];
    HF_AUTO_FREE char *snapshot = NULL;

    HF_TRY(hf_buf_append_str(out, "<dl>\n", err));
    if (s->snapshot) {
        hf_time_format(captured, s->captured);
        hf_age_format(age, s->start - s->captured);
        HF_TRY(hf_text_format(&snapshot, err, "%s of %s (age %s)", s->snapshot, captured, age));
    }
    HF_TRY(put_fact(out, "snapshot", snapshot, err));
    HF_TRY(put_fact(out, "repository", s->repository, err));
    HF_TRY(put_fact(out, "restored into", s->scratch, err));
    if (s->compared) {
        hf_text_format_size(size, s->bytes);
        (void)snprintf(restored, sizeof restored, "%" PRIu64 " %s, %s; %s", s->records,
                       s->records_noun ? s->records_noun : "records", size,
                       s->equal ? "compared and equal" : "NOT equal to the snapshot");
        HF_TRY(put_fact(out, "content", restored, err));
    }
    HF_TRY(put_fact(out, "proof", s->recorded ? "recorded in the repository" : NULL, err));
    return hf_buf_append_str(out, "</dl>\n", err);
}

static enum hf_status put_error(const struct hf_drill_source *s, struct hf_buf *out,
                                struct hf_error *err)
{
    if (s->error.status != HF_OK)
        HF_TRY(hf_markup_put(out, "<pre>", s->error.text, "</pre>\n", err));
    if (hf_drill_advice(s->verdict))
        HF_TRY(hf_markup_put(out, "<p>", hf_drill_advice(s->verdict), "</p>\n", err));
    return HF_OK;
}

/* Where a moment lies within the drill, in thousandths. */
static unsigned place(const struct hf_drill_source *s, int64_t time)
{
    int64_t all = s->end - s->start, at = time - s->start;

    if (all <= 0 || at <= 0)
        return 0;
    return at >= all ? 1000 : (unsigned)((double)at / (double)all * 1000);
}

static enum hf_status put_step(const struct hf_drill_source *s, enum hf_drill_step_id id,
                               struct hf_buf *out, struct hf_error *err)
{
    const struct hf_drill_step *step = &s->steps[id];
    int64_t end = step->end > step->start ? step->end : step->start;
    unsigned from = place(s, step->start), to = place(s, end);
    char took[HF_DURATION_TEXT];

    if (step->outcome == HF_DRILL_NOT_RUN || !step->start)
        return hf_buf_printf(out, err,
                             "<span>%s</span><div class=\"track\"></div><span class=\"right "
                             "soft\">not run</span>\n",
                             hf_drill_step_name(id));
    hf_duration_format(took, end - step->start);
    HF_TRY(hf_buf_printf(out, err, "<span>%s</span><div class=\"track\"><i%s ",
                         hf_drill_step_name(id),
                         step->outcome == HF_DRILL_DONE ? "" : " class=\"bad\""));
    HF_TRY(hf_markup_put(out, "title=\"", step->text, "\"", err));
    return hf_buf_printf(out, err,
                         " style=\"left:%u.%u%%;width:%u.%u%%\"></i></div>"
                         "<span class=\"right\">%s%s</span>\n",
                         from / 10, from % 10, (to - from) / 10, (to - from) % 10, took,
                         step->outcome == HF_DRILL_FAILED ? ", failed" : "");
}

static enum hf_status put_timeline(const struct hf_drill_source *s, struct hf_buf *out,
                                   struct hf_error *err)
{
    HF_TRY(hf_buf_append_str(out, "<h3>Timeline</h3>\n<div class=\"steps\">\n", err));
    for (enum hf_drill_step_id id = 0; id < HF_DRILL_STEPS; id++)
        HF_TRY(put_step(s, id, out, err));
    return hf_buf_append_str(out, "</div>\n", err);
}

static enum hf_status put_row(struct hf_buf *out, const char *class, const char *first,
                              const char *const cells[3], struct hf_error *err)
{
    HF_TRY(hf_markup_put(out, "<tr class=\"", class, "\">", err));
    HF_TRY(hf_markup_put(out, "<td class=\"is\">", first, "</td>", err));
    for (int i = 0; i < 3; i++)
        HF_TRY(hf_markup_put(out, "<td>", cells[i], "</td>", err));
    return hf_buf_append_str(out, "</tr>\n", err);
}

static enum hf_status put_differences(const json_t *differences, struct hf_buf *out,
                                      struct hf_error *err)
{
    const json_t *one;
    size_t i;

    json_array_foreach (differences, i, one) {
        const char *what = json_string_value(json_object_get(one, "what"));
        const char *name = json_string_value(json_object_get(one, "name"));
        HF_AUTO_FREE char *thing = NULL;

        HF_TRY(hf_text_format(&thing, err, "%s %s", what ? what : "", name ? name : ""));
        HF_TRY(put_row(out, "bad", "differs",
                       (const char *[]){thing, json_string_value(json_object_get(one, "expected")),
                                        json_string_value(json_object_get(one, "found"))},
                       err));
    }
    return HF_OK;
}

static enum hf_status put_comparison(const struct hf_drill_source *s, struct hf_buf *out,
                                     struct hf_error *err)
{
    const json_t *databases = json_object_get(s->restored, "databases");
    const json_t *one;
    size_t i;

    if (!s->compared || s->equal)
        return HF_OK;
    HF_TRY(hf_buf_append_str(out,
                             "<h3>What differs</h3>\n<table><tr><th></th><th>what</th>"
                             "<th>in the snapshot</th><th>restored</th></tr>\n",
                             err));
    HF_TRY(put_differences(json_object_get(s->restored, "differences"), out, err));
    json_array_foreach (databases, i, one)
        HF_TRY(put_differences(json_object_get(one, "differences"), out, err));
    return hf_buf_append_str(out, "</table>\n", err);
}

static enum hf_status put_limit(struct hf_buf *out, const char *name,
                                const struct hf_drill_limit *limit, struct hf_error *err)
{
    char measured[HF_DURATION_TEXT] = "not measured", allowed[HF_DURATION_TEXT] = "no limit";
    bool missed = hf_drill_limit_missed(limit);

    if (!limit->known && !limit->limit)
        return HF_OK;
    if (limit->known)
        hf_duration_format(measured, limit->measured);
    if (limit->limit)
        hf_duration_format(allowed, limit->limit);
    return put_row(out, missed ? "warn" : "good",
                   !limit->known ? ""
                   : missed      ? "missed"
                                 : "met",
                   (const char *[]){name, allowed, measured}, err);
}

static enum hf_status put_assertions(const struct hf_drill_source *s, struct hf_buf *out,
                                     struct hf_error *err)
{
    static const char *const words[] = {[HF_DRILL_NOT_ASKED] = "not asked",
                                        [HF_DRILL_HOLDS] = "holds",
                                        [HF_DRILL_HOLDS_NOT] = "holds not"};
    static const char *const classes[] = {
        [HF_DRILL_NOT_ASKED] = "warn", [HF_DRILL_HOLDS] = "good", [HF_DRILL_HOLDS_NOT] = "bad"};

    if (s->assertion_count == 0 && !s->rto.known && !s->rpo.known)
        return HF_OK;
    HF_TRY(hf_buf_append_str(out,
                             "<h3>Expectations</h3>\n<table><tr><th></th><th>of</th>"
                             "<th>expected</th><th>found</th></tr>\n",
                             err));
    for (size_t i = 0; i < s->assertion_count; i++) {
        const struct hf_drill_assertion *a = &s->assertions[i];

        HF_TRY(put_row(out, classes[a->held], words[a->held],
                       (const char *[]){a->what, a->expected, a->found}, err));
    }
    HF_TRY(put_limit(out, "recovery time", &s->rto, err));
    HF_TRY(put_limit(out, "recovery point", &s->rpo, err));
    return hf_buf_append_str(out, "</table>\n", err);
}

static enum hf_status put_source(const struct hf_drill_source *s, struct hf_buf *out,
                                 struct hf_error *err)
{
    HF_TRY(hf_markup_put(out, "<section class=\"", class_of(s->verdict), "\">", err));
    HF_TRY(hf_markup_put(out, "<div class=\"top\"><h2>", s->source, "", err));
    HF_TRY(hf_markup_put(out, " <span class=\"soft\">", s->kind, "", err));
    HF_TRY(hf_markup_put(out, s->job ? ", job " : "", s->job, "</span></h2>", err));
    HF_TRY(hf_markup_put(out, "<span class=\"verdict\">", hf_drill_verdict_name(s->verdict),
                         "</span></div>\n", err));
    HF_TRY(put_error(s, out, err));
    HF_TRY(put_facts(s, out, err));
    HF_TRY(put_timeline(s, out, err));
    HF_TRY(put_comparison(s, out, err));
    HF_TRY(put_assertions(s, out, err));
    return hf_buf_append_str(out, "</section>\n", err);
}

enum hf_status hf_drill_report_html(const struct hf_drill_report *report, struct hf_buf *out,
                                    struct hf_error *err)
{
    HF_TRY(hf_buf_append_str(out, head, err));
    HF_TRY(put_header(report, out, err));
    for (size_t i = 0; i < report->count; i++)
        HF_TRY(put_source(&report->sources[i], out, err));
    return hf_buf_append_str(out, "</main>\n</body>\n</html>\n", err);
}
