// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "schedules/conv2d_params.h"
#include "schedules/conv2d_wgrad_params.h"

namespace convwright {

/// What a parallel task of the convolution engine computes (schedules/cpu/conv2d.h).
struct ConvTaskSize {
    int channel_tiles = 1, column_tiles = 1, rows = 1;
};

/// How wgrad cuts the output pixels (generators/conv2d_wgrad.h).
struct WgradCut {
    int rows = 1, images = 1, bands = 1, blocks = 1;
    int parts_y = 1, parts_n = 1;
};

/// Cycles of one core, predicted: register tiles times the cycles of one, which waits for FMA
/// ports, load ports or the latency of its chains, whichever is slowest. Only the order of two
/// predictions is used.
double predicted_cycles(const Conv2dCpuParams &params, const ConvPass &pass, Format format,
                        Isa isa);
double predicted_cycles(const Conv2dWgradCpuParams &params, const ConvProblem &problem, Isa isa);

/// The same of a kernel of an approximate product, up to a factor that all kernels of the product share.
double predicted_product_cycles(const Conv2dCpuParams &params, const ConvPass &pass, Isa isa);

/// Task sizes: scratch that fits L2, and enough tasks for many cores. They depend on the pass and
/// the problem alone, so that results never depend on the number of threads.
ConvTaskSize task_size(const Conv2dCpuParams &params, const ConvPass &pass, Isa isa);

/// Output columns rounded up to whole register tiles.
int tiled_columns(const Conv2dCpuParams &params, const ConvPass &pass, Isa isa);

/// A 1x1 wgrad problem with stride 1 over activations without gaps, several rows as one, but no more
/// than a chunk read in place should have; any other problem as it is. The results are the same.
ConvProblem with_long_rows(ConvProblem problem);
WgradCut wgrad_cut(const Conv2dWgradCpuParams &params, const ConvProblem &problem, Isa isa);

}  // namespace convwright
