// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace convwright {

/// CUDA C++ in front of every kernel text: the files of codegen/device/ that device.h includes, so
/// that NVRTC and nvcc need no file; a C++ compiler includes device.h and so has the emulator under
/// the same definitions. Texts use their names without a namespace.
extern const char *const kCudaPrelude;

}  // namespace convwright
