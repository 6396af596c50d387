// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace convwright {

/// What PyTorch has set for CUDA that the stable ABI does not hand out. The library links with
/// libtorch_cpu alone, so that it loads where PyTorch has no CUDA; these look the functions up at
/// first use. Thread-safe.

/// The current stream of the calling thread on a device, a cudaStream_t. Throws std::runtime_error
/// if PyTorch was built without CUDA.
void *current_cuda_stream(int32_t device);

/// While one lives, tf32_allowed() is false in this thread: for results that are exact by contract.
class WithoutTf32 {
public:
    WithoutTf32();
    ~WithoutTf32();
    WithoutTf32(const WithoutTf32 &) = delete;
    WithoutTf32 &operator=(const WithoutTf32 &) = delete;
};

/// Whether convolutions may round float32 operands to TF32: torch.backends.cudnn.allow_tf32, or
/// torch.backends.cudnn.conv.fp32_precision. False where this PyTorch has no such function.
bool tf32_allowed();

}  // namespace convwright
