#include "storage/repository/backup_plan.h"

#include "base/pool.h"
#include "base/text.h"
#include "storage/repository/frame.h"
#include "storage/repository/pack.h"

/*
 * The arithmetic, at the defaults (256 MiB, chunks of at most 4 MiB, level 1):
 *
 *   program      48 MiB   code, libraries, connections, stacks; 16 of it for the index
 *   packs      4 × 16     a third of the rest: one being filled, one waiting, two being uploaded
 *   workers  w × 14       at most 6 tenths of what then remains; each: a chunk compressed (4), a
 *                         chunk transposed (2), its values' places (4), zstd (4 at fast levels)
 *   buffers  b ×  4       the rest, at most 6 a worker and 8: more only grow cold in the cache
 *
 * which with 2 workers is 48 + 64 + 28 + 80 = 220 MiB were every page touched. Mostly they are not:
 * chunks are 1 MiB on average and blocks are mapped, not cleared.
 */
enum {
    PROGRAM = 48 << 20,
    ZSTD_FAST = 4 << 20,
    ZSTD_SLOW = 96 << 20,
    LEVEL_FAST = 3, /* up to here zstd's tables are small */
    STEP = 4 << 20, /* of memory that is tried */
    PACKS_LEAST = 2,
    PACKS_MOST = 8,
    BUFFERS_LEAST = 4,
};

static uint64_t worker_bytes(int level, uint32_t chunk_max)
{
    uint64_t turned = chunk_max < HF_FRAME_COLUMNS_MOST ? chunk_max : HF_FRAME_COLUMNS_MOST;
    return chunk_max + turned * 3 + (level <= LEVEL_FAST ? ZSTD_FAST : ZSTD_SLOW);
}

static size_t clamp(uint64_t value, size_t least, size_t most)
{
    return value < least ? least : value > most ? most : (size_t)value;
}

uint64_t hf_backup_plan_bytes(const struct hf_backup_plan *plan, int level, uint32_t chunk_max)
{
    return PROGRAM + (uint64_t)plan->packs * plan->pack_size +
           plan->workers * worker_bytes(level, chunk_max) + (uint64_t)plan->buffers * chunk_max;
}

enum hf_status hf_backup_plan(uint64_t memory, unsigned threads, int level, uint32_t chunk_max,
                              struct hf_backup_plan *out, struct hf_error *err)
{
    uint64_t budget = memory ? memory : HF_BACKUP_MEMORY;
    size_t wanted = threads ? threads : hf_pool_cpus();
    struct hf_backup_plan plan;
    /* A chunk that does not shrink has to fit a pack, with what else is in one. */
    plan.pack_size = (size_t)chunk_max + (64 << 10);
    if (plan.pack_size < HF_PACK_TARGET)
        plan.pack_size = HF_PACK_TARGET;
    uint64_t rest = budget > PROGRAM ? budget - PROGRAM : 0;
    plan.packs = clamp(rest / 3 / plan.pack_size, PACKS_LEAST, PACKS_MOST);
    plan.uploaders = plan.packs > 3 ? plan.packs - 2 : 1;
    uint64_t packs = (uint64_t)plan.packs * plan.pack_size;
    rest = rest > packs ? rest - packs : 0;
    plan.workers = clamp(rest * 6 / 10 / worker_bytes(level, chunk_max), 1,
                         clamp(wanted, 1, HF_BACKUP_THREADS_MAX));
    uint64_t workers = plan.workers * worker_bytes(level, chunk_max);
    rest = rest > workers ? rest - workers : 0;
    plan.buffers = clamp(rest / chunk_max, BUFFERS_LEAST, 6 * plan.workers + 8);
    uint64_t need = hf_backup_plan_bytes(&plan, level, chunk_max);
    if (need > budget) {
        char has[HF_SIZE_TEXT];
        char needs[HF_SIZE_TEXT];
        hf_text_format_size(has, budget);
        hf_text_format_size(needs, need);
        return hf_error_set(err, HF_USAGE,
                            "memory: %s is too little for a backup at level %d: allow %s or more",
                            has, level ? level : HF_FRAME_LEVEL, needs);
    }
    *out = plan;
    return HF_OK;
}

uint64_t hf_backup_plan_spare(uint64_t memory, int level, uint32_t chunk_max)
{
    uint64_t budget = memory ? memory : HF_BACKUP_MEMORY;
    uint64_t least = STEP;
    struct hf_error too_little = HF_ERROR_INIT;
    struct hf_backup_plan plan;
    while (least < budget &&
           hf_backup_plan(least, 1, level, chunk_max, &plan, &too_little) != HF_OK)
        least += STEP;
    return least < budget ? budget - least : 0;
}

enum hf_status hf_backup_plan_beside(uint64_t index, uint64_t memory, unsigned threads, int level,
                                     uint32_t chunk_max, struct hf_backup_plan *out,
                                     uint64_t *out_beyond, struct hf_error *err)
{
    uint64_t budget = memory ? memory : HF_BACKUP_MEMORY;
    uint64_t taken = index > HF_BACKUP_INDEX ? index - HF_BACKUP_INDEX : 0;
    uint64_t left = budget > taken ? budget - taken : STEP;
    struct hf_error too_little = HF_ERROR_INIT;
    while (left < budget &&
           hf_backup_plan(left, threads, level, chunk_max, out, &too_little) != HF_OK)
        left += STEP;
    if (left >= budget)
        HF_TRY(hf_backup_plan(budget, threads, level, chunk_max, out, err));
    uint64_t need = hf_backup_plan_bytes(out, level, chunk_max) + taken;
    *out_beyond = need > budget ? need - budget : 0;
    return HF_OK;
}
