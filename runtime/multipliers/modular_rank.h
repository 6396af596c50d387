// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

#include "runtime/multipliers/matrix256.h"

namespace convwright {

/// The rows of a matrix that are independent of those above them modulo the prime 2^61 - 1: there
/// are as many as the rank modulo that prime. Nullopt if there are more than `limit`; the search
/// ends there, after about limit rows.
///
/// The rank over the rationals is never less. It is greater only if 2^61 - 1 divides every minor of
/// that order, which no table has that was not made for it; so whoever builds on equality checks.
std::optional<std::vector<int>> independent_rows(const Matrix256 &matrix, int limit);

}  // namespace convwright
