// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/conv2d.h"
#include "schedules/conv2d_cuda_params.h"

namespace convwright::cuda {

/// Elements of a tensor that 32-bit indices reach, with room for what the last block has behind the last
/// one.
constexpr int64_t kMostElements = INT32_MAX - (int64_t{1} << 20);

/// What kernels must know of the activations beside the problem.
struct Placed {
    bool vectors = true;  ///< Pixels of both begin at multiples of 16 bytes.
    /// Vectors of 16 bytes can be stored into one of them along what its format says is dense: pixels
    /// of channels (nhwc), or images without gaps (nchw), begin at multiples of 16 bytes.
    bool output_vectors = true, input_vectors = true;
    int index_bits =
        32;  ///< That reach every element: 32 or 64; 0 if a stride of theirs has more than 32.

    /// All of it in 10 bits: plans of equal problems differ by nothing else of the tensors.
    int key() const { return index_bits << 3 | vectors << 2 | output_vectors << 1 | input_vectors; }
};

/// Of the tensor of the output's sizes and that of the input's, whatever the direction.
Placed placed(const ConvProblem &problem, const Activation &output, const Activation &input);

/// Whether vectors of fprop's or dgrad's tensors begin where kernels with these knobs access them.
bool has_its_vectors(const Conv2dCudaParams &params, const ConvProblem &problem,
                     const Placed &placed);

}  // namespace convwright::cuda
