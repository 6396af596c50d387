// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/csrc/stable/tensor.h>

#include <optional>
#include <string>

#include "torch_ops/csrc/layout.h"

namespace convwright {

using torch::headeronly::ScalarType;

/// Why PyTorch computes a problem for which tuning chose it; known to convwright._choices.
inline constexpr char kFasterWhenTuned[] = "it was faster when the problem was tuned";

/// What kernels hold in memory, or nothing where they have no such type.
std::optional<DType> dtype_of(const Tensor &t);

/// The format of a result: channels_last where the input or the weight is.
Format output_format(const Tensor &input, const Tensor &weight);

/// Whether `t` is one element, expanded: it stands for sizes and has no format.
bool stands_for_sizes(const Tensor &t);

/// What the tensors add to sizes that have been checked.
void complete(ConvProblem &p, Direction direction, const Tensor &input, const Tensor &weight);

/// Throws std::runtime_error with the kernel's text unless `success`.
void require_success(bool success, const CallContext &context, const std::string &problem,
                     const std::string &kernel);

/// A weight that Halide can address through its strides, valid while the tensor it was made of is.
struct WeightOperand {
    std::optional<Tensor> copy;  ///< Set where `w` itself could not be read.
    Weight view{};
};
WeightOperand weight_operand(const Tensor &w);
Weight weight_view(const Tensor &w);

/// A gradient of the weight, where the weight is, not initialised; its strides are those of new_like().
Tensor empty_like_weight(const Tensor &weight, DType dtype);

/// A bias without gaps; null where there is none.
struct BiasOperand {
    std::optional<Tensor> copy;
    const void *data = nullptr;
};
BiasOperand bias_operand(const std::optional<Tensor> &bias);

/// Floats for packed operands and partial sums. Small ones live on the stack: for tiny problems an
/// allocation costs more than the convolution.
class Workspace {
public:
    explicit Workspace(int64_t floats) {
        if (floats > kSmall) owner_ = empty_strided({1, 1, 1, floats}, {floats, floats, floats, 1});
    }
    float *data() { return owner_ ? static_cast<float *>(owner_->mutable_data_ptr()) : small_; }

private:
    static constexpr int64_t kSmall = 2048;
    std::optional<Tensor> owner_;  // not a Tensor: an empty one is an allocation too
    alignas(64) float small_[kSmall];
};

}  // namespace convwright
