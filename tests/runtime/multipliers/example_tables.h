// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <random>

#include "runtime/multipliers/table8.h"

namespace convwright {

/// The table of product(a, b); operands are -128..127 or 0..255.
template<typename Product>
Table8 table_of(bool is_signed, Product product) {
    Table8 table{is_signed, std::vector<int32_t>(Table8::kEntries)};
    for (int a = 0; a < 256; a++) {
        for (int b = 0; b < 256; b++) {
            table.values[static_cast<size_t>(a * 256 + b)] =
                static_cast<int32_t>(product(table.operand(a), table.operand(b)));
        }
    }
    return table;
}

/// The table of a product of magnitudes (0..255; of signed operands 0..128), with the sign of a*b.
template<typename Product>
Table8 magnitude_table(bool is_signed, Product product) {
    return table_of(is_signed, [&](int a, int b) {
        const int p = static_cast<int>(product(std::abs(a), std::abs(b)));
        return (a < 0) != (b < 0) ? -p : p;
    });
}

inline int ilog2(int x) { return 31 - __builtin_clz(static_cast<unsigned>(x)); }

/// Nearest power of two, ties up; 0 of 0.
inline int nearest_power(int x) {
    if (x == 0) return 0;
    const int below = 1 << ilog2(x);
    return x - below >= 2 * below - x ? 2 * below : below;
}

inline int roba(int a, int b) {
    const int ar = nearest_power(a), br = nearest_power(b);
    return ar * b + a * br - ar * br;
}

inline int ama5(int a, int b) { return (a & 0x11) * b + 16 * (a & 0xEE) * ((b >> 3) & 0x11); }

/// Keeps the upper 8 - dropped bits of both operands.
inline auto truncated(int dropped) {
    return [=](int a, int b) { return (a >> dropped << dropped) * (b >> dropped << dropped); };
}

/// The k bits from the leading one, the lowest of them set.
inline int drum_operand(int x, int k) {
    if (x < (1 << k)) return x;
    const int shift = ilog2(x) - k + 1;
    return ((x >> shift) | 1) << shift;
}
inline auto drum(int k) {
    return [=](int a, int b) { return drum_operand(a, k) * drum_operand(b, k); };
}

/// The static segment of m bits: at the top if a bit above the lower m is set.
inline auto ssm(int m) {
    const auto segment = [=](int x) { return x >> m == 0 ? x : x >> (8 - m) << (8 - m); };
    return [=](int a, int b) { return segment(a) * segment(b); };
}

/// Mitchell's product, with MBM's correction 10/128 or another number of 1/128.
inline auto mitchell(int correction) {
    return [=](int a, int b) {
        if (a == 0 || b == 0) return 0;
        const int ka = ilog2(a), kb = ilog2(b), mask = 127;
        const int sum = ((a << (7 - ka)) & mask) + ((b << (7 - kb)) & mask);
        const int carry = sum >> 7, fraction = sum & mask;
        const int corrected = fraction + (correction >> carry);
        const int m = 128 + (carry == 1 && corrected >> 7 != 0 ? fraction : corrected);
        const int shift = ka + kb + carry - 7;
        return shift >= 0 ? m << shift : m >> -shift;
    };
}
inline auto mbm() { return mitchell(10); }

/// Drops the partial products of bits i and j with i + j < k.
inline auto broken_array(int k) {
    return [=](int a, int b) {
        int sum = 0;
        for (int i = 0; i < 9; i++) {
            for (int j = 0; j < 9; j++) {
                if (i + j >= k) sum += ((a >> i) & (b >> j) & 1) << (i + j);
            }
        }
        return sum;
    };
}

/// Approximate 2x2 blocks (3*3 = 7), as of Kulkarni, Gupta and Ercegovac (VLSI Design 2011), built
/// up to 8x8 with exact additions.
inline int kulkarni(int a, int b) {
    int sum = 0;
    for (int i = 0; i < 10; i += 2) {
        for (int j = 0; j < 10; j += 2) {
            const int x = (a >> i) & 3, y = (b >> j) & 3;
            sum += (x == 3 && y == 3 ? 7 : x * y) << (i + j);
        }
    }
    return sum;
}

/// sum_r u[r][a] * v[r][b] of random factors -most..most.
inline Table8 random_low_rank(bool is_signed, int rank, int most, std::mt19937 &random) {
    std::uniform_int_distribution<int> entry(-most, most);
    std::vector<int> u(static_cast<size_t>(rank) * 256), v(u.size());
    std::generate(u.begin(), u.end(), [&] { return entry(random); });
    std::generate(v.begin(), v.end(), [&] { return entry(random); });
    return table_of(is_signed, [&](int a, int b) {
        int sum = 0;
        for (int r = 0; r < rank; r++) {
            sum += u[static_cast<size_t>(r * 256 + (a & 255))] *
                   v[static_cast<size_t>(r * 256 + (b & 255))];
        }
        return sum;
    });
}

}  // namespace convwright
