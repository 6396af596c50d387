// SPDX-License-Identifier: Apache-2.0
#include "runtime/multipliers/operand_range.h"

#include <algorithm>
#include <cstring>

#include "runtime/multipliers/vector_loops.h"

namespace convwright {
namespace {

constexpr uint32_t kMagnitude = 0x7fffffff, kLeastNormal = 0x00800000, kInfinity = 0x7f800000;

/// Bits without sign: the smallest that counts, the largest, and whether any does not count.
struct Bits {
    uint32_t least = kMagnitude, greatest = 0, smallest = kMagnitude;
};

CONVWRIGHT_VECTOR_LOOPS
void add_run(const float *run, int64_t count, Bits &all) {
    uint32_t least = all.least, greatest = all.greatest, smallest = all.smallest;
    for (int64_t i = 0; i < count; i++) {
        uint32_t bits;
        std::memcpy(&bits, run + i, sizeof bits);
        const uint32_t m = bits & kMagnitude;
        smallest = m < smallest ? m : smallest;
        greatest = m > greatest ? m : greatest;
        const uint32_t counted = m < kLeastNormal ? kMagnitude : m;
        least = counted < least ? counted : least;
    }
    all = {least, greatest, smallest};
}

}  // namespace

OperandRange operand_range(const float *data, const Extent (&axes)[4]) {
    // Innermost first, and axes without a gap between them as one.
    Extent sorted[4];
    std::copy(std::begin(axes), std::end(axes), sorted);
    std::sort(std::begin(sorted), std::end(sorted),
              [](const Extent &a, const Extent &b) { return a.stride < b.stride; });
    Extent outer[4] = {{1, 0}, {1, 0}, {1, 0}, {1, 0}};
    int used = 0;
    for (const Extent &axis : sorted) {
        if (axis.extent == 0) return {};
        if (axis.extent == 1) continue;
        if (used > 0 && axis.stride == outer[used - 1].stride * outer[used - 1].extent) {
            outer[used - 1].extent *= axis.extent;
        } else {
            outer[used++] = axis;
        }
    }
    Bits bits;
    for (int64_t k = 0; k < outer[3].extent; k++) {
        for (int64_t j = 0; j < outer[2].extent; j++) {
            for (int64_t i = 0; i < outer[1].extent; i++) {
                const float *run =
                    data + k * outer[3].stride + j * outer[2].stride + i * outer[1].stride;
                if (outer[0].stride == 1) {
                    add_run(run, outer[0].extent, bits);
                    continue;
                }
                for (int64_t l = 0; l < outer[0].extent; l++) {
                    add_run(run + l * outer[0].stride, 1, bits);
                }
            }
        }
    }
    OperandRange range;
    range.has_zero = bits.smallest < kLeastNormal;
    range.has_special = bits.greatest >= kInfinity;
    if (bits.least < kMagnitude) {
        range.least = static_cast<int>(bits.least >> 23);
        range.greatest = static_cast<int>(bits.greatest >> 23);
    }
    return range;
}

bool products_stay_normal(const OperandRange &a, const OperandRange &b) {
    constexpr int kBias = 127, kMargin = 4;
    if (a.has_special || b.has_special) return false;
    if (a.least > a.greatest || b.least > b.greatest) return true;
    const int least = a.least + b.least - kBias, greatest = a.greatest + b.greatest - kBias;
    const auto alone = [](const OperandRange &o) {
        return o.least > 2 * kMargin && o.greatest < 255 - kMargin;
    };
    return least > kMargin && greatest < 255 - kMargin && alone(a) && alone(b);
}

}  // namespace convwright
