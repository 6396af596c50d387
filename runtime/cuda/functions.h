// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <variant>

#include "runtime/cuda/driver.h"

namespace convwright::cuda {

/// The function of a kernel, "<symbol>_<number>", in the current context `context`, loaded when first asked for and
/// with room for `dynamic_shared_bytes` of shared memory; or one sentence why there is none. `kernel` is a
/// constant whose address stays valid. Later calls in a thread cost a look-up by address. May be
/// called while a stream is captured. Thread-safe.
std::variant<Function, std::string> function_of(const Driver &driver, const char *kernel,
                                                Context context, int dynamic_shared_bytes);

}  // namespace convwright::cuda
