// SPDX-License-Identifier: Apache-2.0
// Intrinsics, as in dot_kernels_avx512.cpp. A lane is a channel; vpdpbusd adds four taps of it.
#include <immintrin.h>

#include <cstddef>
#include <utility>

#include "runtime/multipliers/depthwise_kernel.h"

// GCC 12 warns of the undefined operand that its own intrinsics pass on (GCC PR 105593).
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"

#define CONVWRIGHT_VNNI_FUNCTION __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni")))
#define CONVWRIGHT_VNNI CONVWRIGHT_VNNI_FUNCTION __attribute__((always_inline)) inline

namespace convwright {
namespace {

/// Adds a row of taps for the pixels from `staged` on.
template<size_t... kPixel>
CONVWRIGHT_VNNI void add_row(const uint8_t *staged, const int8_t *weights, int64_t quads,
                             __m512i *sums, std::index_sequence<kPixel...>) {
    for (int64_t q = 0; q < quads; q++) {
        const __m512i weight = _mm512_loadu_si512(weights + 64 * q);
        ((sums[kPixel] = _mm512_dpbusd_epi32(
              sums[kPixel],
              _mm512_loadu_si512(staged + 64 * (static_cast<int64_t>(kPixel) * quads + q)),
              weight)),
         ...);
    }
}

template<size_t... kPixel>
CONVWRIGHT_VNNI_FUNCTION void run_pixels(const DepthwiseJob &job, int64_t x,
                                         std::index_sequence<kPixel...> pixels) {
    __m512i sums[sizeof...(kPixel)];
    ((sums[kPixel] = _mm512_setzero_si512()), ...);
    const uint8_t *staged = job.staged + 64 * x * job.quads;
    const int8_t *weights = job.weights;
    for (int64_t t = 0; t < job.term_count; t++) {
        for (int64_t r = 0; r < job.rows; r++, weights += 64 * job.quads) {
            add_row(staged + job.terms[t].offset + r * job.row, weights, job.quads, sums, pixels);
        }
        const __m128i shift = _mm_cvtsi32_si128(job.terms[t].shift_after);
        ((sums[kPixel] = _mm512_sll_epi32(sums[kPixel], shift)), ...);
    }
    for (int64_t s = 0; s < job.sum_count; s++) {
        __m512i bytes[sizeof...(kPixel)];
        ((bytes[kPixel] = _mm512_setzero_si512()), ...);
        for (int64_t r = 0; r < job.rows; r++) {
            add_row(staged + job.sums[s].offset + r * job.row, job.ones, job.quads, bytes, pixels);
        }
        const __m512i multiplier = _mm512_set1_epi32(job.sums[s].multiplier);
        ((sums[kPixel] =
              _mm512_add_epi32(sums[kPixel], _mm512_mullo_epi32(bytes[kPixel], multiplier))),
         ...);
    }
    const __m512i constants = _mm512_loadu_si512(job.constants);
    const auto some =
        static_cast<__mmask16>(job.channels >= kDepthwiseLanes ? 0xffff : (1 << job.channels) - 1);
    (_mm512_mask_storeu_epi32(job.out + (x + static_cast<int64_t>(kPixel)) * job.step, some,
                              _mm512_add_epi32(sums[kPixel], constants)),
     ...);
}

/// Tiles of kPixels pixels; the last one is moved back, and computes some pixels again.
template<size_t kPixels>
void run(const DepthwiseJob &job) {
    constexpr int64_t pixels = kPixels;
    for (int64_t x = 0; x < job.columns; x += pixels) {
        run_pixels(job, x + pixels <= job.columns ? x : job.columns - pixels,
                   std::make_index_sequence<kPixels>{});
    }
}

}  // namespace

void run_depthwise_avx512(const DepthwiseJob &job) {
    // A latency of five and two dot products a cycle: ten sums, or as many as there are pixels.
    if (job.columns >= 10) {
        run<10>(job);
    } else if (job.columns >= 4) {
        run<4>(job);
    } else {
        run<1>(job);
    }
}

}  // namespace convwright
