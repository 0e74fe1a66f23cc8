#include "storage/repository/columns.h"

#include "base/buffer.h"

#include <stdlib.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { BLOCK = 16 }; /* bytes looked at or copied at a time */

void hf_columns_free(struct hf_columns *columns)
{
    free(columns->ends);
    *columns = (struct hf_columns){.ends = NULL};
}

/* Room for the ends of len bytes, and a block's more that scanning may write ahead. */
static enum hf_status make_room(struct hf_columns *columns, size_t len, struct hf_error *err)
{
    size_t need = len / HF_COLUMNS_DENSITY + (size_t)2 * BLOCK;
    if (columns->cap >= need)
        return HF_OK;
    free(columns->ends);
    /* Not touched before it is written, and what is never written costs nothing. */
    columns->ends = malloc(need * sizeof *columns->ends);
    columns->cap = columns->ends ? need : 0;
    return columns->ends ? HF_OK : hf_error_memory(err);
}

/* One bit a byte that ends a value: a newline, or also a tab. */
static unsigned block_ends(const uint8_t *at, uint8_t other)
{
#ifdef __SSE2__
    __m128i block = _mm_loadu_si128((const __m128i *)(const void *)at);
    __m128i hit = _mm_or_si128(_mm_cmpeq_epi8(block, _mm_set1_epi8('\n')),
                               _mm_cmpeq_epi8(block, _mm_set1_epi8((char)other)));
    return (unsigned)_mm_movemask_epi8(hit);
#else
    unsigned bits = 0;
    for (unsigned i = 0; i < BLOCK; i++)
        bits |= (unsigned)(at[i] == '\n' || at[i] == other) << i;
    return bits;
#endif
}

/*
 * Writes where every value ends (other: the delimiter that counts beside the newline). False when
 * there are more than the density allows.
 */
static bool find_ends(struct hf_columns *columns, const uint8_t *in, size_t len, uint8_t other,
                      size_t *out_count)
{
    size_t most = len / HF_COLUMNS_DENSITY + BLOCK;
    size_t count = 0;
    size_t i = 0;
    for (; i + BLOCK <= len; i += BLOCK) {
        unsigned bits = block_ends(in + i, other);
        if (count > most)
            return false;
        while (bits) {
            columns->ends[count++] = (uint32_t)i + (uint32_t)__builtin_ctz(bits);
            bits &= bits - 1;
        }
    }
    if (count > most)
        return false;
    for (; i < len; i++)
        if (in[i] == '\n' || in[i] == other)
            columns->ends[count++] = (uint32_t)i;
    *out_count = count;
    return count <= len / HF_COLUMNS_DENSITY;
}

/* Values of one row, or 0 when the first row has too few or too many. */
static size_t first_row(const uint8_t *in, const uint32_t *ends, size_t count)
{
    size_t width = 1;
    while (width <= count && width <= HF_COLUMNS_MAX && in[ends[width - 1]] != '\n')
        width++;
    return width <= count && width >= HF_COLUMNS_MIN && width <= HF_COLUMNS_MAX ? width : 0;
}

/* Every width-th value, and no other, ends with a newline. */
static bool rows_match(const uint8_t *in, const uint32_t *ends, size_t count, size_t width)
{
    if (count % width != 0)
        return false;
    unsigned wrong = 0;
    for (size_t row = 0; row < count; row += width) {
        for (size_t i = 0; i + 1 < width; i++)
            wrong |= in[ends[row + i]] == '\n';
        wrong |= in[ends[row + width - 1]] != '\n';
        if (wrong)
            return false;
    }
    return true;
}

/* A walk over a matrix of values: outer × inner of them, at these distances in ends. */
struct walk {
    size_t outer;
    size_t outer_step;
    size_t inner;
    size_t inner_step;
    uint8_t mid;  /* delimiter written after a value */
    uint8_t last; /* the same after the last of an inner round */
};

/*
 * Copies the values in the walk's order, delimiters replaced. Blocks are copied whole and what is
 * too much is overwritten by the next value, so both sides keep a block's distance from their ends
 * and the rest goes byte by byte. The values' lengths sum to len, so out never overflows.
 */
static void copy_values(const uint32_t *ends, const struct walk *walk, const uint8_t *in,
                        size_t len, uint8_t *out)
{
    const uint8_t *in_safe = len >= BLOCK ? in + (len - BLOCK) : NULL;
    const uint8_t *out_safe = len >= BLOCK ? out + (len - BLOCK) : NULL;
    for (size_t o = 0; o < walk->outer; o++) {
        size_t at = o * walk->outer_step;
        for (size_t i = 0; i < walk->inner; i++, at += walk->inner_step) {
            size_t begin = at ? (size_t)ends[at - 1] + 1 : 0;
            size_t size = (size_t)ends[at] + 1 - begin;
            const uint8_t *from = in + begin;
            if (__builtin_expect(size <= BLOCK && in_safe && from <= in_safe && out <= out_safe, 1))
                memcpy(out, from, BLOCK);
            else
                memcpy(out, from, size);
            out += size;
            out[-1] = walk->mid;
        }
        out[-1] = walk->last;
    }
}

enum hf_status hf_columns_split(struct hf_columns *columns, const uint8_t *in, size_t len,
                                uint8_t *out, bool *out_fits, struct hf_error *err)
{
    *out_fits = false;
    if (len == 0 || len > UINT32_MAX || in[len - 1] != '\n')
        return HF_OK;
    HF_TRY(make_room(columns, len, err));
    size_t count;
    if (!find_ends(columns, in, len, '\t', &count))
        return HF_OK;
    size_t width = first_row(in, columns->ends, count);
    if (width == 0 || !rows_match(in, columns->ends, count, width))
        return HF_OK;
    hf_store_u16(out, (uint16_t)width);
    struct walk walk = {
        .outer = width,
        .outer_step = 1,
        .inner = count / width,
        .inner_step = width,
        .mid = '\n',
        .last = '\n',
    };
    copy_values(columns->ends, &walk, in, len, out + HF_COLUMNS_HEAD);
    *out_fits = true;
    return HF_OK;
}

enum hf_status hf_columns_join(struct hf_columns *columns, const uint8_t *in, size_t len,
                               uint8_t *out, struct hf_error *err)
{
    if (len <= HF_COLUMNS_HEAD || len > UINT32_MAX || in[len - 1] != '\n')
        return hf_error_set(err, HF_DAMAGED, "columns: %zu bytes without an end", len);
    size_t width = hf_load_u16(in);
    in += HF_COLUMNS_HEAD;
    len -= HF_COLUMNS_HEAD;
    HF_TRY(make_room(columns, len, err));
    size_t count;
    if (width < HF_COLUMNS_MIN || width > HF_COLUMNS_MAX ||
        !find_ends(columns, in, len, '\n', &count) || count % width != 0)
        return hf_error_set(err, HF_DAMAGED, "columns: values do not make rows of %zu", width);
    struct walk walk = {
        .outer = count / width,
        .outer_step = 1,
        .inner = width,
        .inner_step = count / width,
        .mid = '\t',
        .last = '\n',
    };
    copy_values(columns->ends, &walk, in, len, out);
    return HF_OK;
}
