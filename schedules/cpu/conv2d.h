// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "generators/conv2d_fprop.h"
#include "schedules/conv2d_params.h"

namespace convwright {

/// What one parallel task computes, chosen by the dispatcher at each call: register tiles along the
/// channels (groups for lane 2) and along the columns, and rows.
struct ConvTask {
    Halide::Expr channel_tiles, column_tiles, rows;
};

/// Schedules the engine for `lanes` floats per vector. The promises of `p.why_illegal` hold.
void schedule_conv2d_cpu(Conv2dFprop &a, const Conv2dCpuParams &p, const ConvTask &task, int lanes);

/// Loops of a stored sum: over the channels and columns of a register tile, and over the tiles of a row.
struct OutputTiles {
    Halide::Var c_i{"c_i"}, x_i{"x_i"}, x_o{"x_o"};
};

/// Cuts `out` into register tiles of c_size channels times x_size columns, and these into tasks; `task`
/// becomes the loop over tasks. The sum is computed a tile at a time; how, and the loops over a tile, are
/// the caller's.
OutputTiles split_into_tasks(ConvSum &a, const Conv2dCpuParams &p, const ConvTask &size, int c_size,
                             int x_size, const Halide::Var &task);

/// The register tiles and tasks of any convolution sum, without what it stages; `task` becomes the
/// loop over tasks.
void schedule_conv_tiles(ConvSum &a, const Conv2dCpuParams &p, const ConvTask &size, int lanes,
                         const Halide::Var &task);

/// Vectors for a stage that copies `channels` channels of a pixel. A tail would be copied one by one, in a loop
/// that takes longer than all whole vectors: 24 channels 20 cycles a pixel, and 16 of them as a loop of
/// one turn as long as two.
void vectorize_channels(Halide::Stage copy, const Halide::Var &channel,
                        const Halide::Expr &channels, int lanes);

/// Fills a frame for each task, lanes innermost.
void schedule_frame(Halide::Func &frame, const FrameLoops &loops, const ConvSum &a,
                    const Conv2dCpuParams &p, int lanes, const Halide::Var &task);

}  // namespace convwright
