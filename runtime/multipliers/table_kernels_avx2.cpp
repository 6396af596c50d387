// SPDX-License-Identifier: Apache-2.0
// Without vpermi2b a row is 16 slices of 16 entries, each one pshufb; the lanes whose index is not in
// the slice give 0, so that the slices are ORed.
#include <immintrin.h>

#include "runtime/multipliers/table_kernels.h"

#define CONVWRIGHT_AVX2 __attribute__((target("avx2"), always_inline)) inline

namespace convwright {
namespace {

/// Sums of 32 lanes of one plane in 16 bits.
struct Sums {
    __m256i even, odd;
};

CONVWRIGHT_AVX2 __m256i slice_of(const PlaneRow &row, int slice) {
    const auto *from = reinterpret_cast<const __m128i *>(row.bytes + 16 * slice);
    return _mm256_broadcastsi128_si256(_mm_load_si128(from));
}

CONVWRIGHT_AVX2 void add(Sums &sums, __m256i bytes) {
    sums.even = _mm256_add_epi16(sums.even, _mm256_and_si256(bytes, _mm256_set1_epi16(0xff)));
    sums.odd = _mm256_add_epi16(sums.odd, _mm256_srli_epi16(bytes, 8));
}

/// to[i] += sum of lane i << shift.
CONVWRIGHT_AVX2 void flush(const Sums &sums, int shift, int32_t *to) {
    const __m256i low = _mm256_unpacklo_epi16(sums.even, sums.odd);
    const __m256i high = _mm256_unpackhi_epi16(sums.even, sums.odd);
    const __m128i quarters[4] = {_mm256_castsi256_si128(low), _mm256_castsi256_si128(high),
                                 _mm256_extracti128_si256(low, 1),
                                 _mm256_extracti128_si256(high, 1)};
    for (int i = 0; i < 4; i++) {
        auto *quarter = reinterpret_cast<__m256i *>(to + 8 * i);
        const __m256i lanes =
            _mm256_sll_epi32(_mm256_cvtepu16_epi32(quarters[i]), _mm_cvtsi32_si128(shift));
        _mm256_store_si256(quarter, _mm256_add_epi32(_mm256_load_si256(quarter), lanes));
    }
}

/// The planes first, first + kPlanes - 1 of all products, for 32 pixels from `pixel` on.
template<int kPlanes>
__attribute__((target("avx2"), noinline)) void look_up_block(const TableJob &job, int64_t channel,
                                                             int first, int64_t pixel) {
    const __m256i zero = _mm256_setzero_si256();
    Sums low_sums{zero, zero}, high_sums{zero, zero};
    for (int64_t k = 0; k < job.count; k++) {
        const PlaneRow *row = job.planes->rows.data() +
                              job.weights[channel * job.weight_pitch + k] * job.planes->planes +
                              first;
        const __m256i index = _mm256_load_si256(
            reinterpret_cast<const __m256i *>(job.activations + k * job.pitch + pixel));
        __m256i low = zero, high = zero;
#pragma GCC unroll 16
        for (int slice = 0; slice < 16; slice++) {
            // Below 16 for the lanes of this slice; others get bit 7, which makes pshufb give 0.
            const __m256i local = _mm256_adds_epu8(
                _mm256_xor_si256(index, _mm256_set1_epi8(static_cast<char>(16 * slice))),
                _mm256_set1_epi8(0x70));
            low = _mm256_or_si256(low, _mm256_shuffle_epi8(slice_of(row[0], slice), local));
            if (kPlanes == 2) {
                high = _mm256_or_si256(
                    high, _mm256_shuffle_epi8(slice_of(row[kPlanes - 1], slice), local));
            }
        }
        add(low_sums, low);
        if (kPlanes == 2) add(high_sums, high);
    }
    int32_t *to = job.sums + channel * job.pitch + pixel;
    flush(low_sums, 8 * first, to);
    if (kPlanes == 2) flush(high_sums, 8 * first + 8, to);
}

}  // namespace

void run_table_avx2(const TableJob &job) {
    for (int64_t channel = 0; channel < job.channels; channel++) {
        for (int64_t pixel = 0; pixel < job.pixels; pixel += 32) {
            if (job.planes->planes == 1) {
                look_up_block<1>(job, channel, 0, pixel);
                continue;
            }
            for (int first = 0; first < job.planes->planes; first += 2) {
                look_up_block<2>(job, channel, first, pixel);
            }
        }
    }
}

}  // namespace convwright
