#include "agent/commands/list_files.h"

#include "agent/kinds/kind.h"
#include "agent/repositories/choose.h"
#include "agent/repositories/snapshots.h"
#include "base/clock.h"
#include "formats/volume/choice.h"
#include "formats/volume/list.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool hf_list_is_snapshot(const char *operand)
{
    return strchr(operand, '@') != NULL;
}

/* Names as they are, but for what is no text: as \xNN, and a backslash as two. */
static enum hf_status put_name(struct hf_buf *out, const char *name, struct hf_error *err)
{
    while (*name) {
        size_t n = hf_text_utf8(name, NULL);

        if (n == 0 || (n == 1 && ((unsigned char)*name < 0x20 || *name == 0x7f))) {
            HF_TRY(hf_buf_printf(out, err, "\\x%02x", (unsigned char)*name));
            n = 1;
        } else if (*name == '\\') {
            HF_TRY(hf_buf_append_str(out, "\\\\", err));
        } else {
            HF_TRY(hf_buf_append(out, name, n, err));
        }
        name += n;
    }
    return HF_OK;
}

/* "drwxr-sr-t", as ls writes it. */
static void mode_text(const struct hf_vol_entry *entry, char text[11])
{
    static const char types[] = "?d-l-cbp";
    static const char letters[] = "rwxrwxrwx";

    text[0] = entry->type < sizeof types - 1 ? types[entry->type] : '?';
    for (unsigned i = 0; i < 9; i++)
        text[i + 1] = letters[i];
    for (unsigned i = 0; i < 9; i++)
        if (!(entry->mode & (0400u >> i)))
            text[i + 1] = '-';
    if (entry->mode & 04000)
        text[3] = text[3] == 'x' ? 's' : 'S';
    if (entry->mode & 02000)
        text[6] = text[6] == 'x' ? 's' : 'S';
    if (entry->mode & 01000)
        text[9] = text[9] == 'x' ? 't' : 'T';
    text[10] = 0;
}

static int64_t time_of(const struct hf_vol_entry *entry)
{
    int64_t most = INT64_MAX / HF_NS_PER_S - 1, s = entry->mtime.s;

    s = s > most ? most : s < -most ? -most : s;
    return s * HF_NS_PER_S + entry->mtime.ns;
}

static enum hf_status write_entry(struct hf_output *output, const struct hf_vol_entry *entry,
                                  struct hf_error *err)
{
    static const char *const types[] = {[HF_VOL_DIRECTORY] = "directory",
                                        [HF_VOL_FILE] = "file",
                                        [HF_VOL_SYMLINK] = "symlink",
                                        [HF_VOL_HARD_LINK] = "hard_link",
                                        [HF_VOL_CHARACTER] = "character",
                                        [HF_VOL_BLOCK] = "block",
                                        [HF_VOL_FIFO] = "fifo"};
    HF_AUTO(hf_buf) name = HF_BUF_INIT;
    HF_AUTO(hf_buf) target = HF_BUF_INIT;
    const char *path, *link;
    char mode[11], time[HF_TIME_TEXT];

    HF_TRY(put_name(&name, *entry->path ? entry->path : ".", err));
    HF_TRY(put_name(&target, entry->target ? entry->target : "", err));
    HF_TRY(hf_buf_cstr(&name, &path, err));
    HF_TRY(hf_buf_cstr(&target, &link, err));
    mode_text(entry, mode);
    hf_time_format(time, time_of(entry));
    hf_output_text(output, "%s %6" PRIu32 " %6" PRIu32 " %12" PRIu64 " %s %s%s%s\n", mode,
                   entry->uid, entry->gid, entry->size, time, path,
                   entry->type == HF_VOL_SYMLINK ? " -> "
                   : *link                       ? " is "
                                                 : "",
                   link);
    hf_output_event(output, "file",
                    json_pack("{s:s, s:s, s:i, s:I, s:I, s:I, s:s, s:s?}", "path", path, "type",
                              types[entry->type], "mode", (int)entry->mode, "uid",
                              (json_int_t)entry->uid, "gid", (json_int_t)entry->gid, "size",
                              (json_int_t)entry->size, "modified", time, "target",
                              *link ? link : NULL));
    return HF_OK;
}

static enum hf_status write_all(struct hf_session *session, const struct hf_feed *feed,
                                struct hf_error *err)
{
    HF_AUTO_PTR(hf_vol_patterns) patterns = NULL;
    HF_AUTO_PTR(hf_vol_list) list = NULL;
    const struct hf_vol_entry *entry;

    HF_TRY(hf_vol_patterns_new(&session->args->values[HF_OPT_PATH], &patterns, err));
    HF_TRY(hf_vol_list_open(feed, &list, err));
    for (;;) {
        HF_TRY(hf_cancel_check(session->cancel, err));
        HF_TRY(hf_vol_list_next(list, &entry, err));
        if (!entry)
            return HF_OK;
        if (!patterns ||
            hf_vol_patterns_cover(patterns, entry->path, entry->type == HF_VOL_DIRECTORY))
            HF_TRY(write_entry(session->output, entry, err));
    }
}

enum hf_status hf_list_files(struct hf_session *session, struct hf_error *err)
{
    HF_AUTO(hf_snapshots) list = {.count = 0};
    HF_AUTO_PTR(hf_snapshot) snapshot = NULL;
    const struct hf_read_options options = {.cancel = session->cancel};
    const struct hf_snapshot_info *info;

    HF_TRY(hf_choose_and_open(session, err));
    HF_TRY(hf_snapshots_choose(session, session->args->operands.items[0], &list, &info, err));
    if (strcmp(info->kind, hf_kind_volume.source->name) != 0)
        return hf_error_set(err, HF_USAGE,
                            "%s is no snapshot of a volume; \"holdfast show\" tells what it has",
                            session->args->operands.items[0]);
    if (hf_snapshot_open(session->at_hand->repo, info->id, &options, &snapshot, err) != HF_OK ||
        write_all(session, hf_snapshot_feed(snapshot), err) != HF_OK)
        return hf_error_prefix(err, "%s: snapshot %.*s", session->at_hand->title, HF_SHORT_ID,
                               info->id);
    return HF_OK;
}
