#include "formats/volume/notes.h"

#include "base/text.h"
#include "formats/volume/path.h"

#include <pthread.h>
#include <stdlib.h>

struct hf_vol_noted {
    pthread_mutex_t lock;
    uint64_t counts[HF_VOL_NOTES];
    struct hf_strings names[HF_VOL_NOTES];
};

enum hf_status hf_vol_notes_new(struct hf_vol_noted **out, struct hf_error *err)
{
    struct hf_vol_noted *notes = calloc(1, sizeof *notes);
    if (!notes)
        return hf_error_memory(err);
    (void)pthread_mutex_init(&notes->lock, NULL); /* cannot fail with default attributes */
    *out = notes;
    return HF_OK;
}

void hf_vol_notes_free(struct hf_vol_noted *notes)
{
    if (!notes)
        return;
    for (size_t i = 0; i < HF_VOL_NOTES; i++)
        hf_strings_free(&notes->names[i]);
    pthread_mutex_destroy(&notes->lock);
    free(notes);
}

static enum hf_status keep_name(struct hf_strings *names, const char *path, const char *why,
                                struct hf_error *err)
{
    char text[HF_VOL_PATH_TEXT];
    HF_AUTO_FREE char *line = NULL;
    (void)hf_vol_path_text(text, path);
    if (!why)
        return hf_strings_add(names, text, err);
    HF_TRY(hf_text_format(&line, err, "%s: %s", text, why));
    return hf_strings_add(names, line, err);
}

enum hf_status hf_vol_note(struct hf_vol_noted *notes, enum hf_vol_note kind, const char *path,
                           const char *why, struct hf_error *err)
{
    enum hf_status status = HF_OK;
    pthread_mutex_lock(&notes->lock);
    if (notes->counts[kind]++ < HF_VOL_NOTED_MAX)
        status = keep_name(&notes->names[kind], path, why, err);
    pthread_mutex_unlock(&notes->lock);
    return status;
}

uint64_t hf_vol_notes_count(struct hf_vol_noted *notes, enum hf_vol_note kind)
{
    pthread_mutex_lock(&notes->lock);
    uint64_t count = notes->counts[kind];
    pthread_mutex_unlock(&notes->lock);
    return count;
}

json_t *hf_vol_notes_json(struct hf_vol_noted *notes, enum hf_vol_note kind)
{
    json_t *paths = json_array();
    pthread_mutex_lock(&notes->lock);
    uint64_t count = notes->counts[kind];
    for (size_t i = 0; paths && i < notes->names[kind].count; i++) {
        if (json_array_append_new(paths, json_string(notes->names[kind].items[i])) != 0) {
            json_decref(paths);
            paths = NULL;
        }
    }
    pthread_mutex_unlock(&notes->lock);
    return json_pack("{s:I, s:o}", "count", (json_int_t)count, "paths", paths);
}

const char *hf_vol_notes_first(struct hf_vol_noted *notes, enum hf_vol_note kind)
{
    pthread_mutex_lock(&notes->lock);
    const char *first = notes->names[kind].count ? notes->names[kind].items[0] : NULL;
    pthread_mutex_unlock(&notes->lock);
    return first;
}
