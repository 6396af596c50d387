// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <variant>

#include "runtime/cuda/driver.h"

namespace convwright::cuda {

/// Loads the module of a kernel's text into the current context: the cubin for this compute capability,
/// else the PTX, else the text itself through NVRTC. `symbol` is the kernel's name in the registry. One
/// sentence if none of them can be loaded.
std::variant<Module, std::string> load_module(const Driver &driver, const std::string &symbol,
                                              int compute_capability);

}  // namespace convwright::cuda
