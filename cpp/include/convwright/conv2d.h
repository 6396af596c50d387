// SPDX-License-Identifier: Apache-2.0
// 2-D convolution of float32 tensors on the CPU by plain pointers and strides: no PyTorch, no Halide.
// The target Convwright::convwright links what it needs.
#pragma once

#include <array>
#include <cstdint>
#include <stdexcept>

namespace convwright {

/// A tensor in the caller's memory; sizes and strides in elements, in the order [N, C, H, W] of an
/// activation or [Co, Ci / groups, Kh, Kw] of a weight.
template<typename T>
struct Tensor4 {
    T *data = nullptr;
    std::array<int64_t, 4> sizes{}, strides{};

    operator Tensor4<const T>() const { return {data, sizes, strides}; }
};

/// Strides of an activation without gaps: channels are dense (channels_last), or columns.
inline std::array<int64_t, 4> nhwc_strides(const std::array<int64_t, 4> &sizes) {
    return {sizes[2] * sizes[3] * sizes[1], 1, sizes[3] * sizes[1], sizes[1]};
}
inline std::array<int64_t, 4> nchw_strides(const std::array<int64_t, 4> &sizes) {
    return {sizes[1] * sizes[2] * sizes[3], sizes[2] * sizes[3], sizes[3], 1};
}

/// Pairs are {rows, columns} in elements; padding is zeros on each side, dilation 1 is dense.
struct Conv2dArguments {
    std::array<int64_t, 2> stride{1, 1}, padding{0, 0}, dilation{1, 1};
    int64_t groups = 1;
};

/// What a call could not do, in one sentence: sizes, strides or a CPU that no kernel takes. Nothing has
/// been written then.
class Conv2dError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// Sizes of the result of conv2d_fprop. Throws Conv2dError for sizes that no convolution has.
std::array<int64_t, 4> conv2d_output_sizes(const std::array<int64_t, 4> &input,
                                           const std::array<int64_t, 4> &weight,
                                           const Conv2dArguments &arguments);

/// output = input * weight + bias, cross-correlation as everywhere; bias [Co] without gaps, or null.
///
/// In input and output alike the channels (nhwc) or the columns (nchw) must have stride 1; weights may
/// have any strides. Tensors must not overlap what is written. Runs Convwright's tuned and generic
/// kernels, thread-safe. Throws Conv2dError, as the two below do.
void conv2d_fprop(const Tensor4<const float> &input, const Tensor4<const float> &weight,
                  const float *bias, const Tensor4<float> &output,
                  const Conv2dArguments &arguments);

/// Gradient of the input. Activations as of conv2d_fprop.
void conv2d_dgrad(const Tensor4<const float> &grad_output, const Tensor4<const float> &weight,
                  const Tensor4<float> &grad_input, const Conv2dArguments &arguments);

/// Gradient of the weight, written through its strides. Activations as of conv2d_fprop.
void conv2d_wgrad(const Tensor4<const float> &grad_output, const Tensor4<const float> &input,
                  const Tensor4<float> &grad_weight, const Conv2dArguments &arguments);

/// Lets kernels run on a thread pool, for the whole process; one thread until then. run(workers, body,
/// closure) calls body(closure) once in each of at most `workers` threads, returns when all have ended
/// and does not throw; max_workers() says how many there are. Null returns to one thread.
void use_threads(void (*run)(int64_t workers, void (*body)(void *closure), void *closure),
                 int64_t (*max_workers)());

}  // namespace convwright
