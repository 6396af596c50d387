// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <random>
#include <string>
#include <vector>

namespace convwright {

/// One of `valid`, changed in one to four places: bits and bytes flipped, parts cut out, doubled, repeated, moved or
/// taken from another valid text, numbers made huge, brackets nested; one text in 32 is of random bytes alone. At most
/// 256 KB longer. The same for the same state of `random` everywhere.
std::string mutated(const std::vector<std::string> &valid, std::mt19937 &random);

}  // namespace convwright
