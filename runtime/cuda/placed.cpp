// SPDX-License-Identifier: Apache-2.0
#include "runtime/cuda/placed.h"

#include <algorithm>
#include <array>

#include "runtime/buffers.h"

namespace convwright::cuda {
namespace {

using Axes = std::array<Extent, 4>;  // c, w, h, n

int index_bits(const Axes &axes) {
    int64_t last = 0;
    for (const Extent &a : axes) {
        if (a.extent == 1) continue;
        if (a.stride > INT32_MAX) return 0;
        last += (a.extent - 1) * a.stride;
    }
    return last > INT32_MAX ? 64 : 32;
}

/// Whether a pass steps by more than 32 bits along an axis: passes of one tap read, and phases of dgrad
/// write, each stride-th position.
bool steps_too_far(const ConvProblem &p, const Activation &input) {
    const auto too_far = [](int64_t stride, int64_t step, int64_t extent) {
        return extent > 1 && 1.0 * stride * step > INT32_MAX;
    };
    if (p.direction == Direction::kDgrad) {
        return too_far(input.h, p.stride_h, (p.ih - 1) / p.stride_h + 1) ||
               too_far(input.w, p.stride_w, (p.iw - 1) / p.stride_w + 1);
    }
    const bool rows = p.kh == 1 && p.pad_h == 0;
    const bool columns = p.kw == 1 && p.pad_w == 0 && p.format == Format::kNhwc;
    return (rows && too_far(input.h, p.stride_h, p.oh())) ||
           (columns && too_far(input.w, p.stride_w, p.ow()));
}

/// Whether the pixels of an image follow each other, and images begin at multiples of 16 bytes.
bool has_image_vectors(const void *data, const Axes &axes, int64_t lanes) {
    const auto &[c, w, h, n] = axes;
    const auto whole = [&](const Extent &a) { return a.extent == 1 || a.stride % lanes == 0; };
    return reinterpret_cast<uintptr_t>(data) % 16 == 0 && (w.extent == 1 || w.stride == 1) &&
           (h.extent == 1 || h.stride == w.extent) && whole(c) && whole(n);
}

/// Whether pixels begin at multiples of 16 bytes.
bool has_vectors(const void *data, const Axes &axes, int64_t lanes) {
    return reinterpret_cast<uintptr_t>(data) % 16 == 0 &&
           std::all_of(axes.begin() + 1, axes.end(),
                       [&](const Extent &a) { return a.extent == 1 || a.stride % lanes == 0; });
}

}  // namespace

Placed placed(const ConvProblem &p, const Activation &output, const Activation &input) {
    const Axes out{{{p.co, output.c}, {p.ow(), output.w}, {p.oh(), output.h}, {p.n, output.n}}};
    const Axes in{{{p.ci, input.c}, {p.iw, input.w}, {p.ih, input.h}, {p.n, input.n}}};
    const int of_out = index_bits(out), of_in = index_bits(in);
    Placed result;
    const int64_t lanes = 16 / bytes_of(p.dtype);
    result.vectors = has_vectors(output.data, out, lanes) && has_vectors(input.data, in, lanes);
    const auto stores = p.format == Format::kNhwc ? has_vectors : has_image_vectors;
    result.output_vectors = stores(output.data, out, lanes);
    result.input_vectors = stores(input.data, in, lanes);
    const bool reaches = of_out != 0 && of_in != 0 && !steps_too_far(p, input);
    result.index_bits = reaches ? std::max(of_out, of_in) : 0;
    return result;
}

bool has_its_vectors(const Conv2dCudaParams &params, const ConvProblem &problem,
                     const Placed &placed) {
    const bool fprop = problem.direction == Direction::kFprop;
    const bool stores = fprop ? placed.output_vectors : placed.input_vectors;
    const bool reads = fprop ? placed.input_vectors : placed.output_vectors;
    return (stores || params.store_vector() == 1) &&
           (reads || params.read_vector(problem.format) == 1);
}

}  // namespace convwright::cuda
