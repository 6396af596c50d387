// SPDX-License-Identifier: Apache-2.0
// Intrinsics, as Halide has no byte permutation. The row of a weight byte lies in registers, four for
// each plane of bytes; activations of 64 pixels are looked up in lanes. vpermb, not vpermi2b: that one
// is three instructions inside (uops.info), 1.5 G/s against 3.0 measured at 3 GHz. Per plane and 64
// products: four vpermb on port 5, two adds and a shift; the masks of a vector serve both planes.
#include <immintrin.h>

// GCC 12 warns of the undefined operand that its own intrinsics pass on (GCC PR 105593).
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"

#include <cstddef>
#include <utility>

#include "runtime/multipliers/table_kernels.h"

#define CONVWRIGHT_VBMI_FUNCTION \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi")))
#define CONVWRIGHT_VBMI CONVWRIGHT_VBMI_FUNCTION __attribute__((always_inline)) inline

namespace convwright {
namespace {

/// The row of a plane.
struct Row {
    __m512i quarter[4];
};

CONVWRIGHT_VBMI Row load_row(const PlaneRow &row) {
    return {{_mm512_load_si512(row.bytes), _mm512_load_si512(row.bytes + 64),
             _mm512_load_si512(row.bytes + 128), _mm512_load_si512(row.bytes + 192)}};
}

/// Lanes whose index has these bits.
struct Masks {
    __mmask64 bit6, bit7, both;
};

CONVWRIGHT_VBMI Masks masks_of(__m512i index) {
    const __mmask64 bit7 = _mm512_movepi8_mask(index);
    const __mmask64 bit6 = _mm512_movepi8_mask(_mm512_add_epi8(index, index));
    return {bit6, bit7, _kand_mask64(bit6, bit7)};
}

/// Each look-up overwrites lanes of the ones before: no blend.
CONVWRIGHT_VBMI __m512i look_up(const Row &row, __m512i index, const Masks &masks) {
    __m512i bytes = _mm512_permutexvar_epi8(index, row.quarter[0]);
    bytes = _mm512_mask_permutexvar_epi8(bytes, masks.bit6, index, row.quarter[1]);
    bytes = _mm512_mask_permutexvar_epi8(bytes, masks.bit7, index, row.quarter[2]);
    return _mm512_mask_permutexvar_epi8(bytes, masks.both, index, row.quarter[3]);
}

CONVWRIGHT_VBMI void add_quarter(int32_t *to, __m512i lanes) {
    _mm512_store_si512(to, _mm512_add_epi32(_mm512_load_si512(to), lanes));
}

/// Sums of the lanes 4 d + q of a plane in 32 bits. `all` are the 16-bit sums of the bytes of even
/// lanes and 256 times those of the odd ones: one instruction less for each product than masking.
CONVWRIGHT_VBMI void widen(__m512i all, __m512i odd, __m512i quarters[4]) {
    const __m512i mask = _mm512_set1_epi32(0xffff);
    const __m512i even = _mm512_sub_epi16(all, _mm512_slli_epi16(odd, 8));
    quarters[0] = _mm512_and_si512(even, mask), quarters[2] = _mm512_srli_epi32(even, 16);
    quarters[1] = _mm512_and_si512(odd, mask), quarters[3] = _mm512_srli_epi32(odd, 16);
}

template<int kPlanes>
CONVWRIGHT_VBMI void flush(const __m512i *all, const __m512i *odd, int shift, int32_t *to) {
    __m512i q[4];
    widen(all[0], odd[0], q);
    if (kPlanes == 2) {
        __m512i upper[4];
        widen(all[1], odd[1], upper);
        for (int i = 0; i < 4; i++) q[i] = _mm512_add_epi32(q[i], _mm512_slli_epi32(upper[i], 8));
    }
    for (int i = 0; i < 4; i++) q[i] = _mm512_sll_epi32(q[i], _mm_cvtsi32_si128(shift));
    // Transposes 16 rows of 4 lanes: within 128 bits, then those.
    const __m512i a = _mm512_unpacklo_epi32(q[0], q[1]), b = _mm512_unpackhi_epi32(q[0], q[1]);
    const __m512i c = _mm512_unpacklo_epi32(q[2], q[3]), d = _mm512_unpackhi_epi32(q[2], q[3]);
    const __m512i e = _mm512_unpacklo_epi64(a, c), f = _mm512_unpackhi_epi64(a, c);
    const __m512i g = _mm512_unpacklo_epi64(b, d), h = _mm512_unpackhi_epi64(b, d);
    const __m512i ef01 = _mm512_shuffle_i32x4(e, f, 0x44), ef23 = _mm512_shuffle_i32x4(e, f, 0xee);
    const __m512i gh01 = _mm512_shuffle_i32x4(g, h, 0x44), gh23 = _mm512_shuffle_i32x4(g, h, 0xee);
    add_quarter(to, _mm512_shuffle_i32x4(ef01, gh01, 0x88));
    add_quarter(to + 16, _mm512_shuffle_i32x4(ef01, gh01, 0xdd));
    add_quarter(to + 32, _mm512_shuffle_i32x4(ef23, gh23, 0x88));
    add_quarter(to + 48, _mm512_shuffle_i32x4(ef23, gh23, 0xdd));
}

/// GCC 12 copies sums that live on behind the loop, and spills the copies; not so if they change at
/// its end.
CONVWRIGHT_VBMI void keep(__m512i &all, __m512i &odd) { asm("" : "+v"(all), "+v"(odd)); }

/// Looks one vector up in kPlanes planes.
template<int kPlanes>
CONVWRIGHT_VBMI void step(const uint8_t *activations, const Row &low, const Row &high, __m512i *all,
                          __m512i *odd) {
    const __m512i index = _mm512_load_si512(activations);
    const Masks masks = masks_of(index);
    const __m512i bytes = look_up(low, index, masks);
    all[0] = _mm512_add_epi16(all[0], bytes);
    odd[0] = _mm512_add_epi16(odd[0], _mm512_srli_epi16(bytes, 8));
    if (kPlanes == 2) {
        const __m512i more = look_up(high, index, masks);
        all[kPlanes - 1] = _mm512_add_epi16(all[kPlanes - 1], more);
        odd[kPlanes - 1] = _mm512_add_epi16(odd[kPlanes - 1], _mm512_srli_epi16(more, 8));
    }
}

/// The planes first, first + kPlanes - 1 of all products, for vectors from `pixel` on, as many as
/// there are kVector. A pack instead of a loop: only indices that are constants from the start keep
/// the sums in registers at -O2.
template<int kPlanes, size_t... kVector>
CONVWRIGHT_VBMI_FUNCTION void look_up_block(const TableJob &job, int first, int64_t pixel,
                                            std::index_sequence<kVector...>) {
    constexpr size_t planes = kPlanes;
    __m512i all[sizeof...(kVector) * planes], odd[sizeof...(kVector) * planes];
    const __m512i zero = _mm512_setzero_si512();
    ((all[kVector * planes] = odd[kVector * planes] = zero), ...);
    ((all[kVector * planes + planes - 1] = odd[kVector * planes + planes - 1] = zero), ...);
    const uint8_t *activations = job.activations + pixel;
    const PlaneRow *rows = job.planes->rows.data() + first;
    const uint8_t *weight = job.weights, *const end = weight + job.count;
    do {
        const PlaneRow *row = rows + *weight * job.planes->planes;
        const Row low = load_row(row[0]), high = load_row(row[kPlanes - 1]);
        (step<kPlanes>(activations + 64 * kVector, low, high, all + kVector * planes,
                       odd + kVector * planes),
         ...);
        activations += job.pitch;
        (keep(all[kVector * planes], odd[kVector * planes]), ...);
        (keep(all[kVector * planes + planes - 1], odd[kVector * planes + planes - 1]), ...);
    } while (++weight != end);
    (flush<kPlanes>(all + kVector * planes, odd + kVector * planes, 8 * first,
                    job.sums + pixel + 64 * kVector),
     ...);
}

template<int kPlanes>
void look_up_planes(const TableJob &job, int first) {
    int64_t pixel = 0;
    const auto left = [&] { return (job.pixels - pixel) / kTableLanes; };
    for (; left() >= 4; pixel += 4 * kTableLanes) {
        look_up_block<kPlanes>(job, first, pixel, std::make_index_sequence<4>{});
    }
    if (left() == 3) look_up_block<kPlanes>(job, first, pixel, std::make_index_sequence<3>{});
    if (left() == 2) look_up_block<kPlanes>(job, first, pixel, std::make_index_sequence<2>{});
    if (left() == 1) look_up_block<kPlanes>(job, first, pixel, std::make_index_sequence<1>{});
}

}  // namespace

void run_table_avx512(const TableJob &job) {
    if (job.planes->planes == 1) {
        look_up_planes<1>(job, 0);
        return;
    }
    for (int first = 0; first < job.planes->planes; first += 2) look_up_planes<2>(job, first);
}

}  // namespace convwright
