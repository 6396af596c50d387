// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "generators/conv_geometry.h"
#include "generators/output_tasks.h"

namespace convwright {

/// A sum for each output of a convolution, stored through any strides by OutputTasks. `dtype`: of all
/// tensors; sums are float32.
struct TaskSum {
    Halide::Var task{"task"}, i{"i"}, x{"x"}, y{"y"}, n{"n"}, co{"co"}, g{"g"};
    Halide::RVar out_i, out_task, out_block;  ///< Of the update of out, innermost first.
    Halide::Func sum{"sum"}, out{"out"};

protected:
    /// out = the epilogue of sum(i, task), which is defined by now.
    void store(const Halide::Func &bias, const Halide::Expr &bias_extent, const Halide::Expr &floor,
               const OutputTasks &tasks, DType dtype) {
        Halide::RDom to(0, tasks.kPixels, 0, tasks.kBlock, 0, tasks.blocks(), "to");
        out_i = to[0], out_task = to[1], out_block = to[2];
        const Halide::Expr number = out_block * tasks.kBlock + out_task;
        const OutputTasks::Place at = tasks.place(number, out_i);
        to.where(at.inside);
        out(co, g, x, y, n) = Halide::undef(stored_type(dtype));
        out(at.co, at.g, at.x, at.y, at.n) =
            conv_epilogue(sum(out_i, number), bias, bias_extent, at.channel, floor, dtype);
    }
};

/// Direct 2-D convolution, forward, from operands of any strides in place, the weight not packed:
/// each output is summed over (ci, kx, ky), ci fastest. Without taps the result is zeros.
struct Conv2dDirect : TaskSum {
    Halide::RVar r_ci, r_kx, r_ky;

    Conv2dDirect(Halide::Func input, Halide::Func weight, const Halide::Func &bias,
                 const Halide::Expr &bias_extent, const Halide::Expr &floor,
                 const ConvGeometry &geo, const OutputTasks &tasks, DType dtype) {
        const OutputTasks::Place at = tasks.place(task, i);
        const Halide::RDom r(0, geo.ci, 0, geo.kw, 0, geo.kh, "r");
        r_ci = r[0], r_kx = r[1], r_ky = r[2];
        const Halide::Expr sx = at.x * geo.stride_x - geo.pad_x + r_kx * geo.dilation_x;
        const Halide::Expr sy = at.y * geo.stride_y - geo.pad_y + r_ky * geo.dilation_y;
        const Halide::Expr inside = sx >= 0 && sx < geo.iw && sy >= 0 && sy < geo.ih && at.inside;
        const Halide::Expr stored =
            input(r_ci, at.g, promised(sx, geo.iw), promised(sy, geo.ih), at.n);
        const Halide::Expr pixel = select(inside, widened(stored, dtype), 0.0f);
        sum(i, task) = 0.0f;
        sum(i, task) += pixel * widened(weight(at.co, r_ci, r_kx, r_ky, at.g), dtype);
        store(bias, bias_extent, floor, tasks, dtype);
    }
};

/// Second pass of a split sum: adds its parts in their order.
///   sum = sum_part partial(co, g, p, part), p the pixels of all images.
struct Conv2dParts : TaskSum {
    Halide::RVar r_part;

    Conv2dParts(Halide::Func partial, const Halide::Expr &parts, const Halide::Func &bias,
                const Halide::Expr &bias_extent, const Halide::Expr &floor,
                const OutputTasks &tasks, DType dtype) {
        const OutputTasks::Place at = tasks.place(task, i);
        const Halide::RDom r(0, parts, "r");
        r_part = r;
        sum(i, task) = 0.0f;
        sum(i, task) +=
            partial(at.co, at.g, promised(min(at.pixel, tasks.pixels - 1), tasks.pixels), r);
        store(bias, bias_extent, floor, tasks, dtype);
    }
};

}  // namespace convwright
