// SPDX-License-Identifier: Apache-2.0
#include "runtime/multipliers/strided_copy.h"

#include <emmintrin.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace convwright {
namespace {

/// Elements of a 16-byte vector on either side of a block that transpose() takes.
template<typename Element>
constexpr int64_t kBlock = 16 / sizeof(Element);

/// One round of a perfect shuffle of 16 rows of bytes; four of them transpose the block.
void shuffle_rows(const __m128i *from, __m128i *to) {
    for (int i = 0; i < 8; i++) {
        to[2 * i] = _mm_unpacklo_epi8(from[i], from[i + 8]);
        to[2 * i + 1] = _mm_unpackhi_epi8(from[i], from[i + 8]);
    }
}

/// to[j * to_j + i] = from[i * from_i + j] for a block, all of which is read; j < rows are stored.
void transpose(uint8_t *to, int64_t to_j, const uint8_t *from, int64_t from_i, int64_t rows) {
    __m128i a[16], b[16];
    for (int i = 0; i < 16; i++)
        a[i] = _mm_loadu_si128(reinterpret_cast<const __m128i *>(from + i * from_i));
    shuffle_rows(a, b), shuffle_rows(b, a), shuffle_rows(a, b), shuffle_rows(b, a);
    for (int64_t j = 0; j < rows; j++) {
        _mm_storeu_si128(reinterpret_cast<__m128i *>(to + j * to_j), a[j]);
    }
}

void transpose(int32_t *to, int64_t to_j, const int32_t *from, int64_t from_i, int64_t rows) {
    const auto row = [&](int i) {
        return _mm_loadu_si128(reinterpret_cast<const __m128i *>(from + i * from_i));
    };
    const auto store = [&](int j, __m128i v) {
        if (j < rows) _mm_storeu_si128(reinterpret_cast<__m128i *>(to + j * to_j), v);
    };
    const __m128i r0 = row(0), r1 = row(1), r2 = row(2), r3 = row(3);
    const __m128i a = _mm_unpacklo_epi32(r0, r1), b = _mm_unpacklo_epi32(r2, r3);
    const __m128i c = _mm_unpackhi_epi32(r0, r1), d = _mm_unpackhi_epi32(r2, r3);
    store(0, _mm_unpacklo_epi64(a, b)), store(1, _mm_unpackhi_epi64(a, b));
    store(2, _mm_unpacklo_epi64(c, d)), store(3, _mm_unpackhi_epi64(c, d));
}

template<typename Element>
void copy_each(Element *to, int64_t to_i, int64_t to_j, const Element *from, int64_t from_i,
               int64_t from_j, int64_t count_i, int64_t count_j) {
    for (int64_t i = 0; i < count_i; i++) {
        Element *t = to + i * to_i;
        const Element *f = from + i * from_i;
        for (int64_t j = 0; j < count_j; j++) t[j * to_j] = f[j * from_j];
    }
}

template<typename Element>
void copy(Element *to, int64_t to_i, int64_t to_j, const Element *from, int64_t from_i,
          int64_t from_j, int64_t count_i, int64_t count_j) {
    if (to_i == 1 && (from_i == 1 || from_j != 1)) {
        std::swap(to_i, to_j), std::swap(from_i, from_j), std::swap(count_i, count_j);
    }
    if (to_j == 1 && from_j == 1) {
        if (to_i == count_j && from_i == count_j) count_j *= count_i, count_i = 1;
        for (int64_t i = 0; i < count_i; i++) {
            std::memcpy(to + i * to_i, from + i * from_i,
                        static_cast<size_t>(count_j) * sizeof(Element));
        }
        return;
    }
    if (to_j == 1 && from_i == 1) {
        std::swap(to_i, to_j), std::swap(from_i, from_j), std::swap(count_i, count_j);
    }
    if (to_i != 1 || from_j != 1) {
        copy_each(to, to_i, to_j, from, from_i, from_j, count_i, count_j);
        return;
    }
    constexpr int64_t block = kBlock<Element>;
    const int64_t blocks = count_i / block * block;
    const Element *const end = from + (count_i - 1) * from_i + count_j;  // behind the last element
    Element copies[block][block] = {};
    for (int64_t i = 0; i < blocks; i += block) {
        for (int64_t j = 0; j < count_j; j += block) {
            const int64_t columns = std::min(block, count_j - j);
            const Element *rows = from + i * from_i + j;
            int64_t row = from_i;
            // What follows short rows lies between elements, but for the last ones.
            if (columns < block && end - rows < (block - 1) * from_i + block) {
                for (int64_t r = 0; r < block; r++) {
                    std::memcpy(copies[r], rows + r * row,
                                static_cast<size_t>(columns) * sizeof(Element));
                }
                rows = copies[0], row = block;
            }
            transpose(to + i + j * to_j, to_j, rows, row, columns);
        }
    }
    copy_each(to + blocks, to_i, to_j, from + blocks * from_i, from_i, from_j, count_i - blocks,
              count_j);
}

}  // namespace

void copy_2d(uint8_t *to, int64_t to_i, int64_t to_j, const uint8_t *from, int64_t from_i,
             int64_t from_j, int64_t count_i, int64_t count_j) {
    copy(to, to_i, to_j, from, from_i, from_j, count_i, count_j);
}

void copy_2d(int32_t *to, int64_t to_i, int64_t to_j, const int32_t *from, int64_t from_i,
             int64_t from_j, int64_t count_i, int64_t count_j) {
    copy(to, to_i, to_j, from, from_i, from_j, count_i, count_j);
}

}  // namespace convwright
