// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "runtime/multipliers/product_words.h"

namespace convwright {

/// The forms of a multiplier that has this product, from that one to the one that takes any operands: what a device
/// may compute it by. Its constants come with each call, so that one multiplier stands for all.
std::vector<ProductForm> forms_from(const std::string &product);

}  // namespace convwright
