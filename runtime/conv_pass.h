// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/conv_problem.h"

namespace convwright {

/// A run of taps along one axis of the weight: first, first + step, ... (`count` of them).
struct TapRange {
    int first = 0, step = 1, count = 1;
};

/// One axis of a pass: out(q) = sum_j in(q * stride - pad + j * dilation) * tap(j). Position i of
/// `in` lies at i * in_step of the source tensor, position q of `out` at out_first + q * out_step of
/// the result.
struct PassAxis {
    int in = 1, out = 1;  ///< Extents.
    int stride = 1, pad = 0, dilation = 1;
    int in_step = 1;
    int out_first = 0, out_step = 1;
    TapRange taps;
};

/// One run of the convolution engine. fprop is one pass. dgrad of stride s is one pass for each of
/// the s * s phases of the input grid: with x = s*q + phase only the taps kx with
/// (phase + pad - kx*dilation) divisible by s meet a gradient, so that
///   grad_input(ci, s*q + phase) = sum_{co, those kx} grad(co, q + (phase + pad - kx*dilation)/s)
///                                                    * weight(co, ci, kx)
/// is again a stride-1 convolution of the gradient, over every s-th tap in reverse order.
struct ConvPass {
    int n = 1, groups = 1;
    int ci = 1, co = 1;  ///< Channels of one group that the sum reads and writes.
    PassAxis x, y;
    bool transposed = false;  ///< The weight is read with its two channel axes swapped (dgrad).

    int taps() const { return x.taps.count * y.taps.count; }
};

/// The passes of an fprop or dgrad problem, in order. Every output element is written by one pass.
/// Also the pass of wgrad: it visits the pixels that fprop visits.
std::vector<ConvPass> conv_passes(const ConvProblem &problem);

/// Whether the input's columns and channels of a row of taps follow each other, so that the sum over
/// both is one loop. Needs rows without gaps between the columns.
bool can_fold(const ConvPass &pass);

/// The same sums over rows taken for a single channel: column x, channel ci become column
/// x * ci_count + ci, and so do the taps. Weights are packed in this order anyway.
ConvPass folded(ConvPass pass);

}  // namespace convwright
