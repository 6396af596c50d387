// SPDX-License-Identifier: Apache-2.0
#include "runtime/multipliers/byte_planes.h"

#include <algorithm>

namespace convwright {

BytePlanes::BytePlanes(const Table8 &table) : columns(Table8::kEntries) {
    uint32_t span = 0;
    for (int w = 0; w < 256; w++) {
        int32_t *column = &columns[static_cast<size_t>(w) * 256];
        for (int a = 0; a < 256; a++) column[a] = table.at(a, w);
        const auto [low, high] = std::minmax_element(column, column + 256);
        least[static_cast<size_t>(w)] = *low;
        span = std::max(span, static_cast<uint32_t>(*high) - static_cast<uint32_t>(*low));
    }
    planes = span < 1u << 8 ? 1 : span < 1u << 16 ? 2 : 4;
    rows.resize(static_cast<size_t>(256 * planes));
    for (size_t w = 0; w < 256; w++) {
        for (size_t a = 0; a < 256; a++) {
            const uint32_t entry =
                static_cast<uint32_t>(columns[w * 256 + a]) - static_cast<uint32_t>(least[w]);
            for (int p = 0; p < planes; p++) {
                rows[w * static_cast<size_t>(planes) + static_cast<size_t>(p)].bytes[a] =
                    static_cast<uint8_t>(entry >> (8 * p));
            }
        }
    }
}

}  // namespace convwright
