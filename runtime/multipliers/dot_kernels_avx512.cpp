// SPDX-License-Identifier: Apache-2.0
// Intrinsics, as Halide has no kernel with a run-time list of terms that would keep its sums in
// registers. vpdpbusd adds four products of an unsigned byte (activation, broadcast) and a signed one
// (weight, a channel in each lane) to 32 bits, without saturation.
#include <immintrin.h>

#include <cstddef>
#include <cstring>
#include <utility>

#include "runtime/multipliers/dot_kernels.h"

// GCC 12 warns of the undefined operand that its own intrinsics pass on (GCC PR 105593).
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"

#define CONVWRIGHT_VNNI_FUNCTION __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni")))
#define CONVWRIGHT_VNNI CONVWRIGHT_VNNI_FUNCTION __attribute__((always_inline)) inline

namespace convwright {
namespace {

template<size_t... kVector>
CONVWRIGHT_VNNI void dot(const uint8_t *activations, const __m512i *weights, __m512i *sums,
                         std::index_sequence<kVector...>) {
    int32_t four;
    std::memcpy(&four, activations, sizeof four);
    const __m512i broadcast = _mm512_set1_epi32(four);
    ((sums[kVector] = _mm512_dpbusd_epi32(sums[kVector], broadcast, weights[kVector])), ...);
}

template<size_t... kVector>
CONVWRIGHT_VNNI void load(const int8_t *from, __m512i *weights, std::index_sequence<kVector...>) {
    ((weights[kVector] = _mm512_loadu_si512(from + 64 * kVector)), ...);
}

template<size_t... kVector>
CONVWRIGHT_VNNI void store(const DotJob &job, size_t pixel, const __m512i *sums,
                           std::index_sequence<kVector...>) {
    const __m512i pixel_sum = _mm512_set1_epi32(job.pixel_sums[pixel]);
    const uint64_t some = job.channels >= 64 ? ~uint64_t{0} : (uint64_t{1} << job.channels) - 1;
    (_mm512_mask_storeu_epi32(job.out[pixel] + 16 * kVector,
                              static_cast<__mmask16>(some >> (16 * kVector)),
                              _mm512_add_epi32(_mm512_add_epi32(sums[kVector], pixel_sum),
                                               _mm512_loadu_si512(job.constants + 16 * kVector))),
     ...);
}

template<size_t... kSum>
CONVWRIGHT_VNNI void clear(__m512i *sums, std::index_sequence<kSum...>) {
    ((sums[kSum] = _mm512_setzero_si512()), ...);
}

template<size_t... kSum>
CONVWRIGHT_VNNI void shift(__m512i *sums, int bits, std::index_sequence<kSum...>) {
    const __m128i count = _mm_cvtsi32_si128(bits);
    ((sums[kSum] = _mm512_sll_epi32(sums[kSum], count)), ...);
}

/// Packs instead of loops: only indices that are constants from the start keep the sums in registers
/// at -O2.
template<size_t kVectors, size_t... kPixel>
CONVWRIGHT_VNNI void tile(const DotJob &job, std::index_sequence<kPixel...>) {
    constexpr std::make_index_sequence<kVectors> vectors{};
    constexpr std::make_index_sequence<kVectors * sizeof...(kPixel)> all{};
    __m512i sums[kVectors * sizeof...(kPixel)];
    clear(sums, all);
    const int8_t *from = job.weights;
    for (int64_t t = 0; t < job.term_count; t++) {
        for (int64_t r = 0; r < job.run_count; r++) {
            const int64_t offset = job.terms[t].offset + job.run_offsets[r];
            const uint8_t *activations[] = {job.pixels[kPixel] + offset...};
            for (int64_t i = 0; i < job.length; i += 4) {
                __m512i weights[kVectors];
                load(from, weights, vectors);
                (dot(activations[kPixel] + i, weights, sums + kPixel * kVectors, vectors), ...);
                from += 64 * kVectors;
            }
        }
        if (job.terms[t].shift_after != 0) shift(sums, job.terms[t].shift_after, all);
    }
    (store(job, kPixel, sums + kPixel * kVectors, vectors), ...);
}

template<size_t kVectors, size_t kPixels>
CONVWRIGHT_VNNI_FUNCTION void run(const DotJob &job) {
    tile<kVectors>(job, std::make_index_sequence<kPixels>{});
}

}  // namespace

DotKernel dot_kernel_avx512(int vectors) {
    // Two dot products a cycle with a latency of five: ten sums at least, and 32 registers.
    switch (vectors) {
        case 1:
            return {run<1, 10>, 10};
        case 2:
            return {run<2, 10>, 10};
        case 3:
            return {run<3, 8>, 8};
        default:
            return {run<4, 6>, 6};
    }
}

}  // namespace convwright
