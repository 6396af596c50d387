// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace convwright::cuda {

/// From now on this thread runs only the CUDA kernel of this name; "" returns to the cost model.
void force_kernel(const std::string &name);

/// That name, or "".
const std::string &forced_kernel();

/// Why no kernel was found, as a sentence.
std::string why_no_kernel();

}  // namespace convwright::cuda
