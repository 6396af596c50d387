// SPDX-License-Identifier: Apache-2.0
// Intrinsics, as Halide has no byte permutation.
#include "runtime/multipliers/byte_map.h"

#include <immintrin.h>

// GCC 12 warns of the undefined operand that its own intrinsics pass on (GCC PR 105593).
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"

namespace convwright {
namespace {

void map_scalar(uint8_t *to, const uint8_t *from, int64_t count, const uint8_t *table) {
    for (int64_t i = 0; i < count; i++) to[i] = table[from[i]];
}

__attribute__((target("avx512f,avx512bw,avx512vbmi"))) void map_avx512(uint8_t *to,
                                                                       const uint8_t *from,
                                                                       int64_t count,
                                                                       const uint8_t *table) {
    const __m512i low0 = _mm512_loadu_si512(table), low1 = _mm512_loadu_si512(table + 64);
    const __m512i high0 = _mm512_loadu_si512(table + 128), high1 = _mm512_loadu_si512(table + 192);
    for (int64_t i = 0; i < count; i += 64) {
        const __mmask64 some = count - i >= 64 ? ~__mmask64{0} : (__mmask64{1} << (count - i)) - 1;
        const __m512i index = _mm512_maskz_loadu_epi8(some, from + i);
        const __m512i low = _mm512_permutex2var_epi8(low0, index, low1);
        const __m512i high = _mm512_permutex2var_epi8(high0, index, high1);
        _mm512_mask_storeu_epi8(to + i, some,
                                _mm512_mask_blend_epi8(_mm512_movepi8_mask(index), low, high));
    }
}

/// The sum of the bytes, each with `flipped` bits inverted.
uint32_t sum(const uint8_t *bytes, int64_t count, uint8_t flipped) {
    const __m128i flip = _mm_set1_epi8(static_cast<char>(flipped));
    __m128i sums = _mm_setzero_si128();
    int64_t i = 0;
    for (; i + 16 <= count; i += 16) {
        const __m128i v = _mm_loadu_si128(reinterpret_cast<const __m128i *>(bytes + i));
        sums = _mm_add_epi64(sums, _mm_sad_epu8(_mm_xor_si128(v, flip), _mm_setzero_si128()));
    }
    uint32_t sum = static_cast<uint32_t>(_mm_cvtsi128_si32(sums)) +
                   static_cast<uint32_t>(_mm_cvtsi128_si32(_mm_srli_si128(sums, 8)));
    for (; i < count; i++) sum += static_cast<uint8_t>(bytes[i] ^ flipped);
    return sum;
}

}  // namespace

ByteMap byte_map(const Int8Cpu &cpu) { return cpu.vbmi ? map_avx512 : map_scalar; }

uint32_t sum_bytes(const uint8_t *bytes, int64_t count) { return sum(bytes, count, 0); }

uint32_t sum_signed_bytes(const uint8_t *bytes, int64_t count) {
    return sum(bytes, count, 0x80) - 128u * static_cast<uint32_t>(count);
}

}  // namespace convwright
