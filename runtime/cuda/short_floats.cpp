// SPDX-License-Identifier: Apache-2.0
#include "runtime/cuda/short_floats.h"

#include <algorithm>

namespace convwright::cuda {

const char *why_no_short_floats(const ConvProblem &p) {
    if (p.format == Format::kNchw) return "CUDA kernels of short floats are channels_last";
    // Tiles of tensor cores would be nearly all zeros.
    constexpr int64_t kFewChannels = 8;
    if (p.groups > 1 && std::min(p.ci, p.co) < kFewChannels * p.groups)
        return "CUDA kernels of short floats take groups of 8 channels or more";
    // There are none with 64-bit indices, which wgrad counts from the padding on.
    constexpr double kMost = 1 << 30;
    const double pixels_in = 1.0 * p.n * (p.ih + 2 * p.pad_h) * (p.iw + 2 * p.pad_w);
    if (std::max(pixels_in * p.ci, 1.0 * p.n * p.oh() * p.ow() * p.co) > kMost)
        return "CUDA kernels of short floats take tensors of up to 2^30 elements";
    return nullptr;
}

const char *why_no_tensor_cores(int compute_capability) {
    return compute_capability < 80
               ? "tensor cores multiply short floats from compute capability 8.0 on"
               : nullptr;
}

}  // namespace convwright::cuda
