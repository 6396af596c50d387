// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace convwright {

/// xoshiro256** (Blackman and Vigna), its state filled by SplitMix64. The standard library's
/// distributions differ between platforms; this gives the same draws everywhere.
class Random {
public:
    explicit Random(uint64_t seed) {
        for (uint64_t &word : state_) {
            seed += 0x9e3779b97f4a7c15;
            uint64_t z = seed;
            z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
            z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
            word = z ^ (z >> 31);
        }
    }

    uint64_t next() {
        const uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
        const uint64_t shifted = state_[1] << 17;
        state_[2] ^= state_[0], state_[3] ^= state_[1];
        state_[1] ^= state_[2], state_[0] ^= state_[3];
        state_[2] ^= shifted;
        state_[3] = std::rotl(state_[3], 45);
        return result;
    }

    /// Uniform in [0, bound), without the bias of a plain remainder. `bound` is at least 1.
    uint64_t below(uint64_t bound) {
        const uint64_t uneven = (0 - bound) % bound;  // 2^64 mod bound
        uint64_t draw = next();
        while (draw < uneven) draw = next();
        return draw % bound;
    }

    /// Uniform in [0, 1), in steps of 2^-53.
    double uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }

    template<typename T>
    void shuffle(std::vector<T> &values) {
        for (size_t i = values.size(); i > 1; i--) std::swap(values[i - 1], values[below(i)]);
    }

private:
    uint64_t state_[4];
};

}  // namespace convwright
