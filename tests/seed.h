// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstdlib>

namespace convwright {

/// Seed of all random test data: CONVWRIGHT_SEED, else fixed, so that a run can be repeated.
inline uint32_t test_seed() {
    const char *text = std::getenv("CONVWRIGHT_SEED");
    return text == nullptr ? 20240607 : static_cast<uint32_t>(std::strtoul(text, nullptr, 10));
}

}  // namespace convwright
