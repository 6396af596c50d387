// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace convwright {

/// Division of p in [0, 2^31) by a divisor d in [1, 2^31) that is known only at run time, as a kernel
/// does it for each pixel it loads: three instructions in place of the two dozen of a division.
///   p / d = floor(2p * multiplier / 2^32) >> shift.
/// After Granlund and Montgomery, "Division by invariant integers using multiplication" (1994): with
/// shift = ceil(log2 d) and multiplier = floor(2^(31 + shift) / d) + 1, which is below 2^32, the product
/// is 2^(32 + shift) * p / d and an error of at most 2p, which is less than 2^(32 + shift) / d: too little
/// to reach the next quotient.
struct FastDivisor {
    int32_t divisor = 1;
    uint32_t multiplier = 0x80000001u, shift = 0;

    FastDivisor() = default;
    explicit FastDivisor(int32_t d) : divisor(d) {
        while ((int64_t{1} << shift) < d) shift++;
        multiplier =
            static_cast<uint32_t>((uint64_t{1} << (31 + shift)) / static_cast<uint64_t>(d)) + 1;
    }

    /// p / divisor. generators/fast_division.h has the same for kernels.
    int32_t quotient(int32_t p) const {
        return static_cast<int32_t>((uint64_t{2} * static_cast<uint32_t>(p) * multiplier >> 32) >>
                                    shift);
    }
};

}  // namespace convwright
