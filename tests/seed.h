// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string>

namespace convwright {

/// Seed of all random test data: CONVWRIGHT_SEED, else fixed, so that a run can be repeated. Throws
/// std::runtime_error for a value that is none.
inline uint32_t test_seed() {
    const char *set = std::getenv("CONVWRIGHT_SEED");
    const std::string text = set == nullptr ? "" : set;
    if (text.empty()) return 20240607;
    uint32_t seed = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seed);
    if (error != std::errc() || end != text.data() + text.size())
        throw std::runtime_error("CONVWRIGHT_SEED is '" + text +
                                 "'; accepted are numbers from 0 to 4294967295.");
    return seed;
}

}  // namespace convwright
