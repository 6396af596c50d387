// SPDX-License-Identifier: Apache-2.0
#include <bit>
#include <cstdint>
#include <cstdlib>

/// activation * weight, both from -128 to 127, with the two leading ones of the weight's magnitude alone: a
/// multiplier of two shifts and one addition.
extern "C" std::int32_t product(std::int32_t activation, std::int32_t weight) {
    const auto magnitude = static_cast<std::uint32_t>(std::abs(weight));
    const std::uint32_t first = std::bit_floor(magnitude);
    const auto kept = static_cast<std::int32_t>(first | std::bit_floor(magnitude - first));
    return activation * (weight < 0 ? -kept : kept);
}
