// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace convwright {

enum class Direction : int {
    kFprop = 0,  ///< Output from input and weight.
    kDgrad = 1,  ///< Gradient of the input.
    kWgrad = 2,  ///< Gradient of the weight.
};

/// Memory format of the activations, which says what dimension is dense.
enum class Format : int {
    kNchw = 0,  ///< torch.contiguous_format: columns are dense.
    kNhwc = 1,  ///< torch.channels_last: channels are dense.
};

/// Type of the tensors in memory. Sums are float32 whatever it is.
enum class DType : int {
    kF32 = 0,
    kBf16 = 1,  ///< bfloat16: the upper half of a float32, stored rounded to nearest, ties to even.
    kF16 = 2,   ///< IEEE 754 binary16, rounded likewise; kernels exist for CUDA alone.
};

constexpr int64_t bytes_of(DType dtype) { return dtype == DType::kF32 ? 4 : 2; }
const char *dtype_name(DType dtype) noexcept;  ///< "f32", "bf16", "f16", as in problem strings.

/// Everything that the mathematics of one 2-D convolution needs; sizes in elements.
/// Two problems with equal fields run the same kernel.
struct ConvProblem {
    Direction direction = Direction::kFprop;
    Format format = Format::kNhwc;
    DType dtype = DType::kF32;
    int64_t n = 1;                   ///< Images.
    int64_t ci = 1, ih = 1, iw = 1;  ///< Input channels of all groups, rows, columns.
    int64_t co = 1, kh = 1, kw = 1;  ///< Output channels of all groups, taps.
    int64_t stride_h = 1, stride_w = 1;
    int64_t pad_h = 0, pad_w = 0;            ///< Zeros on each side.
    int64_t dilation_h = 1, dilation_w = 1;  ///< 1 is dense.
    int64_t groups = 1;
    bool bias = false;
    bool relu = false;  ///< fprop: max(0, result) is stored, NaN as it is.

    int64_t oh() const { return (ih + 2 * pad_h - dilation_h * (kh - 1) - 1) / stride_h + 1; }
    int64_t ow() const { return (iw + 2 * pad_w - dilation_w * (kw - 1) - 1) / stride_w + 1; }
    bool operator==(const ConvProblem &) const;
};

/// "fprop_n8ci64ih56iw56co64kh3kw3s1p1_f32_nhwc_bias_relu": pairs as `s2x1` (rows x columns), dilation
/// and groups left out when 1.
std::string format_problem(const ConvProblem &problem);

/// Inverse of format_problem. Throws std::invalid_argument with one sentence that quotes `text` and
/// says what is accepted, also for sizes that no convolution can have.
ConvProblem parse_problem(const std::string &text);

/// Null if a convolution with these sizes exists, else the rule that is broken.
const char *why_impossible(const ConvProblem &problem);

/// Null if kernels, which count in 32 bits, can compute a possible problem, else why not.
const char *why_too_large(const ConvProblem &problem);

/// Multiply-adds of the problem, padding included.
double macs(const ConvProblem &problem);

}  // namespace convwright
