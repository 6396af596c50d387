// SPDX-License-Identifier: Apache-2.0
#include "autotune/work.h"

#include "runtime/conv_pass.h"

namespace convwright {
namespace {

double macs_of(const ConvPass &pass) {
    return double(pass.n) * pass.groups * pass.ci * pass.co * pass.x.out * pass.y.out * pass.taps();
}

/// Of the two convolutions: with the products of one, not those of the composed kernel.
Work of_two(const OperatorProblem &problem) {
    const ConvProblem &p = problem.sizes;
    // Pointwise in front or behind; depthwise keeps its channels.
    const bool sum = problem.op == Operator::kWeightedSum;
    const double in = double(p.n) * p.ih * p.iw, out = double(p.n) * p.oh() * p.ow();
    const double mixing = (sum ? in : out) * p.ci * p.co;
    const double window = out * (sum ? p.co : p.ci) * p.kh * p.kw;
    const double weights = double(p.ci) * p.co + double(sum ? p.co : p.ci) * p.kh * p.kw;
    const double activations = in * p.ci + out * p.co;
    // The gradients of z are written beside those of the input.
    const double of_z = problem.is_fused_gradients() ? in * p.co : 0;
    // Backward reads input, weights and gradient, and writes the gradients of the first two.
    const double passes = problem.step ? 3 : 1;
    const double elements =
        activations + weights + of_z + (problem.step ? 2 * (in * p.ci + weights) + out * p.co : 0);
    return {2 * passes * (mixing + window), elements * double(bytes_of(p.dtype))};
}

}  // namespace

Work work_of(const OperatorProblem &problem, int phase) {
    if (problem.op != Operator::kConv2d) return of_two(problem);
    const ConvProblem &p = problem.sizes;
    const double input = double(p.n) * p.ci * p.ih * p.iw;
    const double output = double(p.n) * p.co * p.oh() * p.ow();
    const double weight = double(p.co) * (p.ci / p.groups) * p.kh * p.kw;
    // Bytes, and their sums.
    if (problem.bytes()) return {2 * macs(p), input + weight + 4 * output};
    if (p.direction == Direction::kWgrad || phase == kWholeProblem)
        return {2 * macs(p), (input + output + weight) * double(bytes_of(p.dtype))};
    // A pass of a strided gradient writes its part of the result, and reads its taps and all of the gradient.
    const ConvPass pass = conv_passes(p)[phase];
    const double written = double(pass.n) * pass.groups * pass.co * pass.x.out * pass.y.out;
    const double read = p.direction == Direction::kFprop ? input : output;
    const double taps = double(pass.groups) * pass.ci * pass.co * pass.taps();
    return {2 * macs_of(pass), (written + read + taps) * double(bytes_of(p.dtype))};
}

}  // namespace convwright
