#include "storage/repository/columns.h"

#include "base/buffer.h"

#include <stdlib.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum {
    BLOCK = 64, /* bytes looked at at a time */
    COPY = 16,  /* bytes copied at a time */
    /* Bytes of rows that are transposed before the next: they and their places stay in the nearest
     * cache while one column after the other is picked out of them. */
    TILE = 12 << 10,
};

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

/* One bit a byte of a block: what ends a value (a newline, or also other). *newlines grows by the
 * newlines among them. */
static uint64_t block_ends(const uint8_t *at, uint8_t other, size_t *newlines)
{
    uint64_t bits = 0;
#ifdef __SSE2__
    __m128i count = _mm_setzero_si128();
    for (unsigned i = 0; i < BLOCK / 16; i++) {
        __m128i part = _mm_loadu_si128((const __m128i *)(const void *)(at + (size_t)16 * i));
        __m128i newline = _mm_cmpeq_epi8(part, _mm_set1_epi8('\n'));
        __m128i hit = _mm_or_si128(newline, _mm_cmpeq_epi8(part, _mm_set1_epi8((char)other)));
        bits |= (uint64_t)(unsigned)_mm_movemask_epi8(hit) << (16 * i);
        count = _mm_sub_epi8(count, newline);
    }
    count = _mm_sad_epu8(count, _mm_setzero_si128());
    *newlines += (size_t)(_mm_cvtsi128_si32(count) + _mm_extract_epi16(count, 4));
#else
    for (unsigned i = 0; i < BLOCK; i++) {
        bits |= (uint64_t)(at[i] == '\n' || at[i] == other) << i;
        *newlines += at[i] == '\n';
    }
#endif
    return bits;
}

static size_t count_bits(uint64_t bits)
{
    bits -= bits >> 1 & UINT64_C(0x5555555555555555);
    bits = (bits & UINT64_C(0x3333333333333333)) + (bits >> 2 & UINT64_C(0x3333333333333333));
    bits = (bits + (bits >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    return (size_t)(bits * UINT64_C(0x0101010101010101) >> 56);
}

/* Writes the places of the bits, and up to STEP - 1 of rubbish behind them: how many bits there are
 * is hard to foretell, so it goes by fixed steps. */
static size_t put_ends(uint32_t *ends, uint64_t bits, uint32_t base)
{
    enum { STEP = 4 };
    size_t count = count_bits(bits);
    for (size_t i = 0; i < count; i += STEP) {
        for (size_t k = 0; k < STEP; k++) {
            ends[i + k] = base + (uint32_t)__builtin_ctzll(bits | UINT64_C(1) << (BLOCK - 1));
            bits &= bits - 1;
        }
    }
    return count;
}

/*
 * Finds where every value ends (other: the delimiter that counts beside the newline). False when
 * there are more than the density allows.
 */
static bool find_ends(struct hf_columns *columns, const uint8_t *in, size_t len, uint8_t other,
                      size_t *out_count, size_t *out_newlines)
{
    size_t most = len / HF_COLUMNS_DENSITY;
    size_t count = 0;
    size_t newlines = 0;
    size_t i = 0;
    for (; i + BLOCK <= len && count <= most; i += BLOCK)
        count += put_ends(columns->ends + count, block_ends(in + i, other, &newlines), (uint32_t)i);
    for (; i < len && count <= most; i++) {
        if (in[i] == '\n' || in[i] == other)
            columns->ends[count++] = (uint32_t)i;
        newlines += in[i] == '\n';
    }
    *out_count = count;
    *out_newlines = newlines;
    return count <= most;
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
static bool rows_match(const uint8_t *in, const uint32_t *ends, size_t count, size_t newlines,
                       size_t width)
{
    if (count % width != 0 || newlines != count / width)
        return false;
    for (size_t i = width - 1; i < count; i += width)
        if (in[ends[i]] != '\n')
            return false;
    return true;
}

static size_t begin_of(const uint32_t *ends, size_t i)
{
    return i ? (size_t)ends[i - 1] + 1 : 0;
}

/* Copies value i, with its delimiter, to out. Up to safe, in and out have COPY bytes to copy, and
 * what is too much is overwritten by the next value. Returns its length. */
static size_t copy_value(const uint32_t *ends, size_t i, const uint8_t *in, const uint8_t *in_safe,
                         uint8_t *out, const uint8_t *out_safe)
{
    size_t begin = begin_of(ends, i);
    size_t size = (size_t)ends[i] + 1 - begin;
    const uint8_t *from = in + begin;
    if (__builtin_expect(size <= COPY && from < in_safe && out < out_safe, 1))
        memcpy(out, from, COPY);
    else
        memcpy(out, from, size);
    return size;
}

/* Behind the last place from which COPY bytes can be copied, or the beginning when there is none.
 */
static const uint8_t *safe_end(const uint8_t *data, size_t len)
{
    return len >= COPY ? data + (len - COPY) + 1 : data;
}

/*
 * Where each column begins in the transposed form: at[0] … at[width], the last being the end of
 * all. The sum of a column's ends less that of the column before is the column's length; sums may
 * wrap around, differences come out right.
 */
static void place_columns(const uint32_t *ends, size_t count, size_t width, uint32_t *at)
{
    memset(at, 0, (width + 1) * sizeof *at);
    for (size_t row = 0; row < count; row += width)
        for (size_t j = 0; j < width; j++)
            at[j + 1] += ends[row + j];
    /* The first column's values begin behind the last ones of the row before; the very first as if
     * a value had ended at -1. */
    uint32_t before = at[width] - ends[count - 1] - 1;
    for (size_t j = 0; j < width; j++) {
        uint32_t sum = at[j + 1];
        at[j + 1] = at[j] + (sum - before);
        before = sum;
    }
}

/* Transposes count values in rows of width; out has as many bytes as in. */
static void split_rows(const uint32_t *ends, size_t count, size_t width, const uint8_t *in,
                       size_t len, uint8_t *out)
{
    uint32_t begins[HF_COLUMNS_MAX + 1];
    uint32_t at[HF_COLUMNS_MAX + 1];
    const uint8_t *in_safe = safe_end(in, len);
    size_t tile = (TILE / (len / (count / width)) + 1) * width;
    place_columns(ends, count, width, begins);
    memcpy(at, begins, width * sizeof *at);
    for (size_t first = 0; first < count; first += tile) {
        size_t last = count - first < tile ? count : first + tile;
        for (size_t j = 0; j < width; j++) {
            uint8_t *to = out + at[j];
            /* Nothing may spill over its column's end: the next column is there already. */
            const uint8_t *to_safe = safe_end(out + begins[j], begins[j + 1] - begins[j]);
            for (size_t i = first + j; i < last; i += width) {
                to += copy_value(ends, i, in, in_safe, to, to_safe);
                to[-1] = '\n';
            }
            at[j] = (uint32_t)(to - out);
        }
    }
}

/* The reverse: values stand column by column, count / width of each. */
static void join_rows(const uint32_t *ends, size_t count, size_t width, const uint8_t *in,
                      size_t len, uint8_t *out)
{
    const uint8_t *in_safe = safe_end(in, len);
    const uint8_t *out_safe = safe_end(out, len);
    size_t rows = count / width;
    for (size_t row = 0; row < rows; row++) {
        for (size_t i = row; i < count; i += rows) {
            out += copy_value(ends, i, in, in_safe, out, out_safe);
            out[-1] = '\t';
        }
        out[-1] = '\n';
    }
}

enum hf_status hf_columns_split(struct hf_columns *columns, const uint8_t *in, size_t len,
                                uint8_t *out, bool *out_fits, struct hf_error *err)
{
    size_t count;
    size_t newlines;
    *out_fits = false;
    if (len == 0 || len > UINT32_MAX || in[len - 1] != '\n')
        return HF_OK;
    HF_TRY(make_room(columns, len, err));
    if (!find_ends(columns, in, len, '\t', &count, &newlines))
        return HF_OK;
    size_t width = first_row(in, columns->ends, count);
    if (width == 0 || !rows_match(in, columns->ends, count, newlines, width))
        return HF_OK;
    hf_store_u16(out, (uint16_t)width);
    split_rows(columns->ends, count, width, in, len, out + HF_COLUMNS_HEAD);
    *out_fits = true;
    return HF_OK;
}

enum hf_status hf_columns_join(struct hf_columns *columns, const uint8_t *in, size_t len,
                               uint8_t *out, struct hf_error *err)
{
    size_t count;
    size_t newlines;
    if (len <= HF_COLUMNS_HEAD || len > UINT32_MAX || in[len - 1] != '\n')
        return hf_error_set(err, HF_DAMAGED, "columns: %zu bytes without an end", len);
    size_t width = hf_load_u16(in);
    in += HF_COLUMNS_HEAD;
    len -= HF_COLUMNS_HEAD;
    HF_TRY(make_room(columns, len, err));
    if (width < HF_COLUMNS_MIN || width > HF_COLUMNS_MAX ||
        !find_ends(columns, in, len, '\n', &count, &newlines) || count % width != 0)
        return hf_error_set(err, HF_DAMAGED, "columns: values do not make rows of %zu", width);
    join_rows(columns->ends, count, width, in, len, out);
    return HF_OK;
}
