// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "runtime/multipliers/digit_products.h"

namespace convwright {

/// The table (u[a] * v[b]) << shift.
struct Factor {
    Row256 u{}, v{};
    int shift = 0;
};

/// Factors of the same sum that need few int8 products; no more of them, and none is zero.
///
/// Heuristic: multiples of one factor's v are added to another's while u makes up for it
/// (v_j += x v_i, u_i -= x u_j), x an integer times a power of two, for as long as that lowers the
/// products, and then the bits, of the two; x are those of Seysen (Combinatorica 13, 1993), who
/// reduces a basis and its dual at once, and small ones. `restarts` times the best so far is
/// disturbed and reduced again, unless it has reached `goal` products, a lower bound that the caller
/// knows. Deterministic. Factors with entries of 2^30 and more are left as they are.
std::vector<Factor> reduce_factors(std::vector<Factor> factors, int restarts, int goal);

/// Int8 products of all factors.
int products_needed(const std::vector<Factor> &factors);

/// One factor for each int8 product.
std::vector<Factor> split_digits(const std::vector<Factor> &factors);

}  // namespace convwright
