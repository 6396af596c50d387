// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "runtime/multipliers/table8.h"

namespace convwright {

/// The 256 bytes of a row, one for each activation byte.
struct alignas(64) PlaneRow {
    uint8_t bytes[256];
};

/// A table as the look-up engines take it: a row for each weight byte, of its entries less its least
/// one, cut into bytes.
///   T[a][w] = least[w] + sum over p < planes of row(w, p)[a] << 8*p, in 32 bits
struct BytePlanes {
    explicit BytePlanes(const Table8 &table);

    int planes;  ///< 1, 2 or 4: entries of a row differ by less than 2^8, 2^16 or 2^32.
    std::array<int32_t, 256> least;
    std::vector<PlaneRow> rows;    ///< [weight byte * planes + plane].
    std::vector<int32_t> columns;  ///< [weight byte * 256 + activation byte]: T itself.
};

}  // namespace convwright
