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

/// The register tiles and tasks of any convolution sum, without what it stages; `task` becomes the
/// loop over tasks.
void schedule_conv_tiles(ConvSum &a, const Conv2dCpuParams &p, const ConvTask &size, int lanes,
                         const Halide::Var &task);

/// Fills a frame for each task, lanes innermost.
void schedule_frame(Halide::Func &frame, const FrameLoops &loops, const ConvSum &a,
                    const Conv2dCpuParams &p, int lanes, const Halide::Var &task);

}  // namespace convwright
