// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/conv_problem.h"
#include "runtime/multipliers/byte_product.h"

namespace convwright {

/// Operators that have problems of their own.
enum class Operator : int {
    kConv2d = 0,
    kWeightedSum = 1,         ///< Pointwise, then depthwise.
    kDepthwiseSeparable = 2,  ///< Depthwise, then pointwise.
};

/// A problem of any operator. Of two convolutions in a row `sizes` is fprop with groups 1: sizes of the
/// input and of the output, and the geometry of the depthwise one. Of a weighted sum it may be dgrad: the gradients of the
/// input and of z, the pointwise step's result.
struct OperatorProblem {
    ConvProblem sizes;
    Operator op = Operator::kConv2d;
    bool step = false;  ///< Of two convolutions in a row: forward and the backward that follows.
    /// Of an approximate convolution of float32 tensors: one of product_names(). Of 8-bit operands: a
    /// format_byte_product(); the sizes are fprop, float32 as the tensors that are quantised. Empty: products are exact.
    std::string product = {};

    OperatorProblem() = default;
    OperatorProblem(const ConvProblem &problem, Operator of = Operator::kConv2d,
                    bool with_backward = false)
        : sizes(problem), op(of), step(with_backward) {}
    /// Forward, and of a step its backward, of two convolutions in a row.
    bool is_row_of_two() const { return op != Operator::kConv2d && !is_fused_gradients(); }
    /// The gradients of a weighted sum that one kernel may compute.
    bool is_fused_gradients() const {
        return op == Operator::kWeightedSum && sizes.direction == Direction::kDgrad;
    }
    /// Of a convolution of 8-bit operands, else nothing.
    std::optional<ByteProduct> bytes() const { return find_byte_product(product); }
    bool operator==(const OperatorProblem &other) const {
        return sizes == other.sizes && op == other.op && step == other.step &&
               product == other.product;
    }
};

/// The operator in front unless it is conv2d, "wsum2d:fprop_n8ci64ih56iw56co64kh3kw3s1p1_f32_nhwc"; "step" in the
/// place of "fprop" where backward is part of it, "dgrad" for the gradients of a weighted sum; a product stands at the
/// end, "fprop_n8ci64..._f32_nhwc_mbm".
std::string format_problem(const OperatorProblem &problem);

/// Inverse of format_problem. Takes the name of a multiplier, "lmul(3)", in the place of its usual_product(), and with its
/// format behind it, "mbm_int8", in that of its usual_byte_product(); sums of 8-bit products are without the bias of their
/// layer. Throws std::invalid_argument as parse_problem() does.
OperatorProblem parse_operator_problem(const std::string &text);

/// The problem that stands for this one in records: wgrad, and approximate products in every direction, visit dense
/// rows as one long row, so that problems that differ in rows alone share their choice.
OperatorProblem tuned_subject(const OperatorProblem &problem);

/// The phase of choices for all passes of a problem together.
inline constexpr int kWholeProblem = -1;

/// Of two convolutions in a row: one by one, or in one kernel.
inline constexpr char kUnfusedKind[] = "unfused", kFusedKind[] = "fused";

/// Candidates of the tuner without a kernel of their own: "pytorch", PyTorch's library convolutions, everywhere; "passes"
/// for all passes of a problem, each by its own choice; for two convolutions in a row "unfused", "composed"
/// and, for a step of a weighted sum, "fused"; for a weighted sum's gradients "unfused" alone.
std::vector<std::string> plain_kinds(const OperatorProblem &problem, int phase);

}  // namespace convwright
