// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace convwright {

/// One number for each operand byte.
using Row256 = std::array<int64_t, 256>;

/// 256 rows: [activation byte][weight byte], or the other way round where said.
using Matrix256 = std::vector<Row256>;

}  // namespace convwright
