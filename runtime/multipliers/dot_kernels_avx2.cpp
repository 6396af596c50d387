// SPDX-License-Identifier: Apache-2.0
// For CPUs without VNNI: bytes are widened to 16 bits, as vpmaddubsw would saturate. A lane has half
// of the four products of a channel, so that weights are widened in the order they are packed in; the
// halves are added at the end.
#include <immintrin.h>

#include <algorithm>
#include <cstring>

#include "runtime/multipliers/dot_kernels.h"

#define CONVWRIGHT_AVX2 __attribute__((target("avx2"), always_inline)) inline

namespace convwright {
namespace {

constexpr int kPixels = 2;  // 8 sums, 4 weights and 2 activations in 16 registers

/// Sums of 4 channels each, both halves.
struct Sums {
    __m256i s0, s1, s2, s3;
};

CONVWRIGHT_AVX2 __m256i widened(const int8_t *weights) {
    return _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i *>(weights)));
}

CONVWRIGHT_AVX2 __m256i widened(const uint8_t *activations) {
    int32_t four;
    std::memcpy(&four, activations, sizeof four);
    return _mm256_cvtepu8_epi16(_mm_set1_epi32(four));
}

CONVWRIGHT_AVX2 void shift(Sums &s, int bits) {
    const __m128i count = _mm_cvtsi32_si128(bits);
    s.s0 = _mm256_sll_epi32(s.s0, count), s.s1 = _mm256_sll_epi32(s.s1, count);
    s.s2 = _mm256_sll_epi32(s.s2, count), s.s3 = _mm256_sll_epi32(s.s3, count);
}

CONVWRIGHT_AVX2 void store(const Sums &s, int32_t pixel_sum, const int32_t *constants, int32_t *out,
                           int64_t channels) {
    alignas(32) int32_t lanes[16];
    const __m256i halves[2] = {_mm256_hadd_epi32(s.s0, s.s1), _mm256_hadd_epi32(s.s2, s.s3)};
    for (int i = 0; i < 2; i++) {
        const auto *more = reinterpret_cast<const __m256i *>(constants + 8 * i);
        const __m256i sums =
            _mm256_add_epi32(_mm256_permute4x64_epi64(halves[i], 0xd8), _mm256_loadu_si256(more));
        _mm256_store_si256(reinterpret_cast<__m256i *>(lanes + 8 * i),
                           _mm256_add_epi32(sums, _mm256_set1_epi32(pixel_sum)));
    }
    std::memcpy(out, lanes, static_cast<size_t>(std::min<int64_t>(channels, 16)) * sizeof(int32_t));
}

/// The 16 channels from 16 * vector on.
__attribute__((target("avx2"))) void run_vector(const DotJob &job, int vectors, int vector) {
    const __m256i zero = _mm256_setzero_si256();
    Sums a{zero, zero, zero, zero}, b = a;
    const int8_t *from = job.weights + 64 * vector;
    for (int64_t t = 0; t < job.term_count; t++) {
        for (int64_t r = 0; r < job.run_count; r++) {
            const int64_t offset = job.terms[t].offset + job.run_offsets[r];
            const uint8_t *first = job.pixels[0] + offset, *second = job.pixels[1] + offset;
            for (int64_t i = 0; i < job.length; i += 4, from += 64 * vectors) {
                const __m256i x = widened(first + i), y = widened(second + i);
                const __m256i w0 = widened(from), w1 = widened(from + 16);
                const __m256i w2 = widened(from + 32), w3 = widened(from + 48);
                a.s0 = _mm256_add_epi32(a.s0, _mm256_madd_epi16(x, w0));
                a.s1 = _mm256_add_epi32(a.s1, _mm256_madd_epi16(x, w1));
                a.s2 = _mm256_add_epi32(a.s2, _mm256_madd_epi16(x, w2));
                a.s3 = _mm256_add_epi32(a.s3, _mm256_madd_epi16(x, w3));
                b.s0 = _mm256_add_epi32(b.s0, _mm256_madd_epi16(y, w0));
                b.s1 = _mm256_add_epi32(b.s1, _mm256_madd_epi16(y, w1));
                b.s2 = _mm256_add_epi32(b.s2, _mm256_madd_epi16(y, w2));
                b.s3 = _mm256_add_epi32(b.s3, _mm256_madd_epi16(y, w3));
            }
        }
        shift(a, job.terms[t].shift_after), shift(b, job.terms[t].shift_after);
    }
    const int64_t channels = job.channels - 16 * vector;
    store(a, job.pixel_sums[0], job.constants + 16 * vector, job.out[0] + 16 * vector, channels);
    store(b, job.pixel_sums[1], job.constants + 16 * vector, job.out[1] + 16 * vector, channels);
}

template<int kVectors>
void run(const DotJob &job) {
    for (int v = 0; v < kVectors && 16 * v < job.channels; v++) run_vector(job, kVectors, v);
}

}  // namespace

DotKernel dot_kernel_avx2(int vectors) {
    switch (vectors) {
        case 1:
            return {run<1>, kPixels};
        case 2:
            return {run<2>, kPixels};
        case 3:
            return {run<3>, kPixels};
        default:
            return {run<4>, kPixels};
    }
}

DotKernel dot_kernel(const Int8Cpu &cpu, int vectors) {
    return cpu.vnni ? dot_kernel_avx512(vectors) : dot_kernel_avx2(vectors);
}

}  // namespace convwright
