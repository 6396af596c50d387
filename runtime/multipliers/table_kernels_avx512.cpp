// SPDX-License-Identifier: Apache-2.0
// Intrinsics, as Halide has no byte permutation. The row of a weight byte is the operand of the
// look-ups, activations of 64 pixels are their indices. Not vpermi2b: it took two cycles of port 5 for
// 128 entries where measured (1.5 G/s at 3 GHz), as two vpermb do, and port 0 besides. Per plane and 64
// products: four vpermb on port 5, two adds and a shift; both planes and two channels share masks. Two
// planes keep ports 0 and 5 busy for 8 cycles, which is 24 G products/s at 3 GHz.
#include <immintrin.h>

// GCC 12 warns of the undefined operand that its own intrinsics pass on (GCC PR 105593).
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"

#include <cstddef>
#include <utility>

#include "runtime/multipliers/table_kernels.h"

#define CONVWRIGHT_VBMI_FUNCTION                                                             \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi"), optimize("peel-" \
                                                                                     "loops")))
#define CONVWRIGHT_VBMI CONVWRIGHT_VBMI_FUNCTION __attribute__((always_inline)) inline

namespace convwright {
namespace {

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
CONVWRIGHT_VBMI __m512i look_up(const PlaneRow &row, __m512i index, const Masks &masks) {
    __m512i bytes = _mm512_permutexvar_epi8(index, _mm512_load_si512(row.bytes));
    bytes =
        _mm512_mask_permutexvar_epi8(bytes, masks.bit6, index, _mm512_load_si512(row.bytes + 64));
    bytes =
        _mm512_mask_permutexvar_epi8(bytes, masks.bit7, index, _mm512_load_si512(row.bytes + 128));
    return _mm512_mask_permutexvar_epi8(bytes, masks.both, index,
                                        _mm512_load_si512(row.bytes + 192));
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

/// to[i] += sum of lane i << shift.
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

/// 16-bit sums of a vector of pixels and a channel, for each plane; widen() says of what.
template<int kPlanes>
struct Sums {
    __m512i all[kPlanes], odd[kPlanes];
};

/// Adds the entries of one plane.
CONVWRIGHT_VBMI void add_plane(__m512i bytes, __m512i &all, __m512i &odd) {
    all = _mm512_add_epi16(all, bytes);
    odd = _mm512_add_epi16(odd, _mm512_srli_epi16(bytes, 8));
}

template<int kPlanes>
CONVWRIGHT_VBMI void add_row(const PlaneRow *row, __m512i index, const Masks &masks,
                             Sums<kPlanes> &sums) {
    // A row stays in L1, as operand of its look-ups: held in registers, it would leave none for sums.
    asm volatile("" : "+r"(row));
    constexpr int last = kPlanes - 1;
    add_plane(look_up(row[0], index, masks), sums.all[0], sums.odd[0]);
    if (kPlanes == 1) return;
    add_plane(look_up(row[last], index, masks), sums.all[last], sums.odd[last]);
}

template<int kPlanes, size_t... kSum>
CONVWRIGHT_VBMI void clear(Sums<kPlanes> *sums, std::index_sequence<kSum...>) {
    ((sums[kSum].all[0] = sums[kSum].odd[0] = _mm512_setzero_si512()), ...);
    ((sums[kSum].all[kPlanes - 1] = sums[kSum].odd[kPlanes - 1] = _mm512_setzero_si512()), ...);
}

/// One product of all channels with one vector of pixels.
template<int kPlanes, size_t... kChannel>
CONVWRIGHT_VBMI void add_rows(const PlaneRow *const *rows, const uint8_t *activations,
                              Sums<kPlanes> *sums, std::index_sequence<kChannel...>) {
    const __m512i index = _mm512_load_si512(activations);
    const Masks masks = masks_of(index);
    (add_row(rows[kChannel], index, masks, sums[kChannel]), ...);
}

template<int kPlanes, size_t... kChannel>
CONVWRIGHT_VBMI void store(const Sums<kPlanes> *sums, int shift, int32_t *to, int64_t pitch,
                           std::index_sequence<kChannel...>) {
    (flush<kPlanes>(sums[kChannel].all, sums[kChannel].odd, shift, to + int64_t{kChannel} * pitch),
     ...);
}

/// The planes first, first + kPlanes - 1 of all products, for the vectors from `pixel` and the
/// channels from `channel` on. Packs instead of loops: only indices that are constants from the start
/// keep the sums in registers at -O2.
template<int kPlanes, size_t... kVector, size_t... kChannel>
CONVWRIGHT_VBMI_FUNCTION void look_up_block(const TableJob &job, int first, int64_t pixel,
                                            int64_t channel, std::index_sequence<kVector...>,
                                            std::index_sequence<kChannel...> channels) {
    constexpr size_t count = sizeof...(kChannel);
    Sums<kPlanes> sums[count * sizeof...(kVector)];
    clear(sums, std::make_index_sequence<count * sizeof...(kVector)>{});
    const uint8_t *activations = job.activations + pixel;
    const PlaneRow *table = job.planes->rows.data() + first;
    const int64_t planes = job.planes->planes;
    const uint8_t *weights[] = {job.weights + (channel + int64_t{kChannel}) * job.weight_pitch...};
    int64_t k = 0;
    do {
        const PlaneRow *rows[] = {table + weights[kChannel][k] * planes...};
        (add_rows(rows, activations + 64 * kVector, sums + count * kVector, channels), ...);
        activations += job.pitch;
    } while (++k != job.count);
    (store<kPlanes>(sums + count * kVector, 8 * first,
                    job.sums + channel * job.pitch + pixel + 64 * int64_t{kVector}, job.pitch,
                    channels),
     ...);
}

/// Two vectors by two channels, which share the masks. More sums would be spilled by GCC 12, which
/// keeps two copies of them in the loop.
template<int kPlanes, size_t kChannels>
void look_up_channels(const TableJob &job, int first, int64_t channel) {
    constexpr std::make_index_sequence<kChannels> channels{};
    int64_t pixel = 0;
    for (; pixel + 2 * kTableLanes <= job.pixels; pixel += 2 * kTableLanes) {
        look_up_block<kPlanes>(job, first, pixel, channel, std::index_sequence<0, 1>{}, channels);
    }
    if (pixel == job.pixels) return;
    look_up_block<kPlanes>(job, first, pixel, channel, std::index_sequence<0>{}, channels);
}

template<int kPlanes>
void look_up_planes(const TableJob &job, int first) {
    int64_t channel = 0;
    for (; channel + 2 <= job.channels; channel += 2) {
        look_up_channels<kPlanes, 2>(job, first, channel);
    }
    if (channel < job.channels) look_up_channels<kPlanes, 1>(job, first, channel);
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
