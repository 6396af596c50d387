// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace convwright {

/// Whether this build and the kernels it makes have the checks of a sanitizer, which take memory, time and registers.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kInstrumented = true;
#else
constexpr bool kInstrumented = false;
#endif

}  // namespace convwright
