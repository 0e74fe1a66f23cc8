/* Packs: are they there, do they say what the index says, and what of them can be read. */
#include "storage/repository/check_internal.h"

#include "base/random.h"
#include "storage/repository/index_recall.h"
#include "storage/repository/pack_list.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

struct pack_work {
    struct hf_check *check;
    struct hf_pack_list present;
    bool *was_dropped; /* by number, before this check */
    bool *read;        /* by number: read it whole */
};

struct fault_ctx {
    struct hf_check *check;
    struct hf_error *err;
    enum hf_status status;
    bool seen;
};

static void take_fault(void *ctx, const char *object, const struct hf_error *why)
{
    struct fault_ctx *fault = ctx;
    fault->seen = true;
    if (fault->status == HF_OK)
        fault->status =
            hf_findings_add(&fault->check->findings, object, why->text, NULL, fault->err);
}

/* Load, note what is dropped already, then let the survey adopt packs that no index knows. */
static enum hf_status load_index(struct pack_work *work, struct hf_error *err)
{
    struct hf_check *check = work->check;
    struct fault_ctx fault = {.check = check, .err = err};
    const struct hf_index_faults faults = {.ctx = &fault, .fn = take_fault};
    struct hf_index_survey survey;
    HF_TRY(hf_index_load(check->index, check->repo, &faults, err));
    HF_TRY(fault.status);
    HF_TRY(hf_index_recall(check->index, check->repo, err));
    check->index_faulty = fault.seen;
    size_t known = 0;
    while (hf_index_pack(check->index, known))
        known++;
    HF_AUTO_FREE bool *dropped = calloc(known + 1, sizeof *dropped);
    if (!dropped)
        return hf_error_memory(err);
    for (size_t i = 0; i < known; i++)
        dropped[i] = hf_index_is_dropped(check->index, &hf_index_pack(check->index, i)->id);
    HF_TRY(hf_index_survey(check->index, check->repo, "", &faults, &survey, err));
    HF_TRY(fault.status);
    check->pack_count = known;
    while (hf_index_pack(check->index, check->pack_count))
        check->pack_count++;
    check->packs = calloc(check->pack_count + 1, sizeof *check->packs);
    work->was_dropped = calloc(check->pack_count + 1, sizeof *work->was_dropped);
    work->read = calloc(check->pack_count + 1, sizeof *work->read);
    if (!check->packs || !work->was_dropped || !work->read)
        return hf_error_memory(err);
    memcpy(work->was_dropped, dropped, known * sizeof *dropped);
    return HF_OK;
}

/* A share of the packs, at random, but at least one. */
static void choose(struct pack_work *work, double percent)
{
    size_t want = (size_t)((double)work->check->pack_count * percent / 100.0 + 0.999999);
    size_t left = work->check->pack_count;
    for (size_t i = 0; i < work->check->pack_count && want > 0; i++, left--) {
        work->read[i] = want >= left || hf_random_below((uint32_t)left) < want;
        want -= work->read[i];
    }
}

enum hf_status hf_check_tell_pack(struct hf_check *check, const struct hf_index_pack *pack,
                                  struct hf_error *err)
{
    struct hf_pack_state *state = &check->packs[pack->number];
    char name[HF_PACK_NAME];
    if (state->finding)
        return HF_OK;
    hf_pack_name(&pack->id, name);
    return hf_findings_add(&check->findings, name, state->problem, &state->finding, err);
}

/* A pack that an earlier repair took out of the index is no news, and matters only to a snapshot
 * that still needs it: everything may have been stored again since. */
static enum hf_status report_pack(struct pack_work *work, const struct hf_index_pack *pack,
                                  enum hf_pack_verdict verdict, const char *problem,
                                  struct hf_error *err)
{
    struct hf_check *check = work->check;
    struct hf_pack_state *state = &check->packs[pack->number];
    HF_TRY(hf_text_copy(problem, &state->problem, err));
    state->verdict = verdict;
    if (work->was_dropped[pack->number])
        return HF_OK;
    HF_TRY(hf_check_tell_pack(check, pack, err));
    return hf_index_drop(check->index, &pack->id, err);
}

static enum hf_status open_frames(struct pack_work *work, const struct hf_index_pack *pack,
                                  const struct hf_buf *object, struct hf_opener *opener,
                                  uint8_t *bad, size_t *out_bad, struct hf_error *err)
{
    HF_AUTO(hf_buf) plain = HF_BUF_INIT;
    for (size_t i = 0; i < pack->frame_count; i++) {
        const struct hf_frame *frame = &pack->frames[i];
        const struct hf_location at = {.pack = pack, .frame = frame};
        plain.len = 0;
        HF_TRY(hf_buf_reserve(&plain, frame->plain_len, err));
        struct hf_error why = {.status = HF_DAMAGED};
        if ((uint64_t)frame->offset + frame->stored_len <= object->len)
            why.status = hf_chunk_open(work->check->reader, opener, &at,
                                       object->data + frame->offset, plain.data, &why);
        if (why.status == HF_DAMAGED) {
            bad[i / 8] |= (uint8_t)(1u << i % 8);
            (*out_bad)++;
        } else if (why.status != HF_OK) {
            *err = why;
            return why.status;
        }
    }
    return HF_OK;
}

static bool hash_fits(const struct hf_index_pack *pack, const struct hf_buf *object)
{
    uint8_t digest[HF_CHUNK_ID];
    return EVP_Digest(object->data, object->len, digest, NULL, EVP_sha256(), NULL) == 1 &&
           memcmp(digest, pack->id.bytes, sizeof digest) == 0;
}

/* The whole object: its hash, and every chunk in it. */
static enum hf_status read_pack(struct pack_work *work, const struct hf_index_pack *pack,
                                const struct hf_buf *object, struct hf_error *err)
{
    struct hf_check *check = work->check;
    struct hf_opener *opener;
    size_t bad_count = 0;
    HF_AUTO_FREE char *problem = NULL;
    HF_AUTO_FREE uint8_t *bad = calloc(pack->frame_count / 8 + 1, 1);
    if (!bad)
        return hf_error_memory(err);
    HF_TRY(hf_opener_borrow(check->reader, &opener, err));
    enum hf_status status = open_frames(work, pack, object, opener, bad, &bad_count, err);
    hf_opener_return(check->reader, opener);
    HF_TRY(status);
    if (hash_fits(pack, object) && bad_count == 0)
        return HF_OK;
    HF_TRY(hf_text_format(&problem, err, "damaged: %zu of its %zu chunks cannot be read", bad_count,
                          pack->frame_count));
    check->packs[pack->number].bad = bad;
    bad = NULL;
    return report_pack(work, pack, HF_PACK_DAMAGED, problem, err);
}

/* A fault of this pack alone becomes a finding; any other ends the check. */
static enum hf_status report_fault(struct pack_work *work, const struct hf_index_pack *pack,
                                   const struct hf_error *why, struct hf_error *err)
{
    if (why->status == HF_NOT_FOUND)
        return report_pack(work, pack, HF_PACK_MISSING, "missing", err);
    if (why->status == HF_DAMAGED || why->status == HF_IO)
        return report_pack(work, pack, HF_PACK_DAMAGED, why->text, err);
    *err = *why;
    return why->status;
}

static enum hf_status read_whole(struct pack_work *work, const struct hf_index_pack *pack,
                                 struct hf_error *err)
{
    struct hf_check *check = work->check;
    HF_AUTO(hf_buf) object = HF_BUF_INIT;
    struct hf_error why = HF_ERROR_INIT;
    char name[HF_PACK_NAME];
    hf_pack_name(&pack->id, name);
    enum hf_status status = hf_store_get_all(check->repo->store, name, HF_PACK_MAX, &object, &why);
    atomic_fetch_add(&check->bytes_read, object.len);
    hf_observe_advance(check->options->observer, object.len, 1);
    return status == HF_OK ? read_pack(work, pack, &object, err)
                           : report_fault(work, pack, &why, err);
}

static enum hf_status look_at_directory(struct pack_work *work, const struct hf_index_pack *pack,
                                        struct hf_error *err)
{
    HF_AUTO(hf_pack_directory) directory = HF_PACK_DIRECTORY_INIT;
    struct hf_error why = HF_ERROR_INIT;
    if (hf_pack_directory_load(work->check->repo, &pack->id, pack->size, &directory, &why) != HF_OK)
        return report_fault(work, pack, &why, err);
    if (directory.frame_count != pack->frame_count)
        return report_pack(work, pack, HF_PACK_DAMAGED, "its directory is not what the index says",
                           err);
    return HF_OK;
}

static enum hf_status examine(void *arg, size_t number, struct hf_error *err)
{
    struct pack_work *work = arg;
    struct hf_check *check = work->check;
    const struct hf_index_pack *pack = hf_index_pack(check->index, number);
    const struct hf_listed_pack *present = hf_pack_list_find(&work->present, &pack->id);
    atomic_fetch_add(&check->objects, 1);
    /* A survey that came later than the list may know a pack that is too new for it. */
    if (!present && !hf_index_is_dropped(check->index, &pack->id))
        return HF_OK;
    if (!present)
        return report_pack(work, pack, HF_PACK_MISSING, "missing", err);
    if (present->size != pack->size) {
        HF_AUTO_FREE char *problem = NULL;
        HF_TRY(hf_text_format(&problem, err, "damaged: %llu bytes long instead of %llu",
                              (unsigned long long)present->size, (unsigned long long)pack->size));
        if (!work->read[number])
            return report_pack(work, pack, HF_PACK_DAMAGED, problem, err);
    }
    if (work->read[number])
        return read_whole(work, pack, err);
    if (work->was_dropped[number])
        return report_pack(work, pack, HF_PACK_DOUBTFUL,
                           "an earlier repair found it damaged; \"check --read-data\" tells what "
                           "of it can still be read",
                           err);
    return look_at_directory(work, pack, err);
}

static uint64_t bytes_to_read(const struct pack_work *work)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < work->check->pack_count; i++) {
        if (work->read[i])
            bytes += hf_index_pack(work->check->index, i)->size;
    }
    return bytes;
}

static enum hf_status run(struct pack_work *work, struct hf_error *err)
{
    struct hf_check *check = work->check;
    HF_TRY(load_index(work, err));
    HF_TRY(hf_pack_list_load(&work->present, check->repo->store, err));
    if (check->options->read_percent > 0)
        choose(work, check->options->read_percent);
    hf_observe_expect(check->options->observer, bytes_to_read(work), check->pack_count);
    check->report->packs = check->pack_count;
    return hf_pool_each(hf_pool_cpus(), check->pack_count, examine, work, check->options->cancel,
                        err);
}

enum hf_status hf_check_packs(struct hf_check *check, struct hf_error *err)
{
    struct pack_work work = {.check = check};
    enum hf_status status = run(&work, err);
    hf_pack_list_done(&work.present);
    free(work.was_dropped);
    free(work.read);
    return status;
}
