// SPDX-License-Identifier: Apache-2.0
#include "torch_ops/csrc/operands.h"

#include <algorithm>
#include <cstdint>
#include <stdexcept>

namespace convwright {
namespace {

/// Whether the strides visit each element of a dense block of memory once.
bool non_overlapping_and_dense(const Quad &sizes, const Quad &strides) {
    std::array<int, 4> order{0, 1, 2, 3};
    std::sort(order.begin(), order.end(), [&](int a, int b) {
        return std::pair(sizes[a] > 1, strides[a]) < std::pair(sizes[b] > 1, strides[b]);
    });
    int64_t expected = 1;
    for (const int d : order) {
        if (sizes[d] == 1) continue;
        if (strides[d] != expected) return false;
        expected *= sizes[d];
    }
    return true;
}

}  // namespace

std::optional<DType> dtype_of(const Tensor &t) {
    if (t.scalar_type() == ScalarType::Float) return DType::kF32;
    if (t.scalar_type() == ScalarType::BFloat16) return DType::kBf16;
    if (t.scalar_type() == ScalarType::Half) return DType::kF16;
    return std::nullopt;
}

Format output_format(const Tensor &input, const Tensor &weight) {
    const bool nhwc =
        suggested_format(input) == Format::kNhwc || suggested_format(weight) == Format::kNhwc;
    return nhwc ? Format::kNhwc : Format::kNchw;
}

bool stands_for_sizes(const Tensor &t) {
    const Quad sizes = sizes_of(t), strides = strides_of(t);
    bool several = false;
    for (int d = 0; d < 4; d++) {
        if (sizes[d] > 1 && strides[d] != 0) return false;
        several |= sizes[d] > 1;
    }
    return several;
}

void complete(ConvProblem &p, Direction direction, const Tensor &input, const Tensor &weight) {
    p.direction = direction;
    p.format = output_format(input, weight);
    p.dtype = dtype_of(input).value_or(DType::kF32);
}

void require_success(bool success, const CallContext &context, const std::string &problem,
                     const std::string &kernel) {
    if (success) return;
    throw std::runtime_error("convwright: kernel " + kernel + " failed on " + problem + ": " +
                             context.error());
}

Weight weight_view(const Tensor &w) {
    const Quad s = strides_of(w);
    return {w.const_data_ptr(), s[0], s[1], s[2], s[3]};
}

WeightOperand weight_operand(const Tensor &w) {
    const Quad sizes = sizes_of(w), strides = strides_of(w);
    WeightOperand result;
    for (int d = 0; d < 4; d++) {
        if (sizes[d] * strides[d] > INT32_MAX) result.copy = new_copy(w);
    }
    result.view = weight_view(result.copy ? *result.copy : w);
    return result;
}

BiasOperand bias_operand(const std::optional<Tensor> &bias) {
    BiasOperand result;
    if (!bias) return result;
    if (bias->stride(0) != 1) result.copy = new_copy(*bias);
    result.data = (result.copy ? *result.copy : *bias).const_data_ptr();
    return result;
}

Tensor empty_like_weight(const Tensor &weight, DType dtype) {
    const Quad sizes = sizes_of(weight);
    Quad strides = strides_of(weight);
    // aten orders the dimensions of the others, as it does for the fake kernel.
    if (!non_overlapping_and_dense(sizes, strides)) strides = strides_of(new_like(weight));
    return empty_strided(sizes, strides, dtype, Place::of(weight));
}

}  // namespace convwright
