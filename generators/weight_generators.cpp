// SPDX-License-Identifier: Apache-2.0
#include "generators/kernel_sizes.h"

namespace convwright {

using Halide::Expr;
using Halide::RDom;
using Halide::TailStrategy;
using Halide::Var;

/// Packs a weight, read through any strides, into panels of output channels with zeros behind the
/// last one:
///   packed(c, ci, kx, ky, p, g) = weight(p * panel + c, ci, kx, ky, g), panel = extent of c.
/// The transposed and reversed weight of dgrad is a matter of the strides given.
class PackWeight : public Halide::Generator<PackWeight> {
public:
    Input<Buffer<float, 5>> weight_{"weight"};   // (co, ci, kx, ky, g)
    Output<Buffer<float, 6>> packed_{"packed"};  // (co % panel, ci, kx, ky, co / panel, g)

    void generate() {
        const Expr co = p_ * packed_.dim(0).extent() + c_, last = weight_.dim(0).extent() - 1;
        packed_(c_, ci_, kx_, ky_, p_, g_) =
            select(co <= last, weight_(min(co, last), ci_, kx_, ky_, g_), 0.0f);
    }

    void schedule() {
        promise_dense(weight_, -1);
        promise_dense(packed_, 0);
        Var task("task");
        // Reads are strided in the dense axis of the result whatever is done, so the loop runs
        // along the result: 16 columns of cache lines are open at once and each line is used up.
        Halide::Func(packed_).reorder(c_, kx_, ky_, ci_, p_, g_).fuse(p_, g_, task).parallel(task);
        const int lanes = natural_vector_size<float>();
        for (const int width : {lanes, lanes / 2}) {
            packed_.specialize(packed_.dim(0).extent() % width == 0)
                .vectorize(c_, width, TailStrategy::RoundUp);
        }
    }

private:
    Var c_{"c"}, ci_{"ci"}, kx_{"kx"}, ky_{"ky"}, p_{"p"}, g_{"g"};
};

/// wgrad, second pass: adds the parts in their order, drops the channels that only filled up
/// register tiles, and writes through the strides of the weight:
///   grad_weight(co,ci,kx,ky,g) = sum_pn sum_py partial(co,ci,kx,ky,g,py,pn).
class WgradReduce : public Halide::Generator<WgradReduce> {
public:
    Input<Buffer<float, 7>> partial_{"partial"};         // (co, ci, kx, ky, g, py, pn), co dense
    Output<Buffer<float, 5>> grad_weight_{"grad_weight"};  // (co, ci, kx, ky, g)

    void generate() {
        RDom r(0, partial_.dim(5).extent(), 0, partial_.dim(6).extent(), "r");
        sum_(co_, ci_, kx_, ky_, g_) = 0.0f;
        // Never outside in fact; without the clamp Halide cannot prove it for the last vector.
        const Expr inside = clamp(likely(co_), 0, partial_.dim(0).extent() - 1);
        sum_(co_, ci_, kx_, ky_, g_) += partial_(inside, ci_, kx_, ky_, g_, r[0], r[1]);
        grad_weight_(co_, ci_, kx_, ky_, g_) = sum_(co_, ci_, kx_, ky_, g_);
    }

    void schedule() {
        promise_dense(partial_, 0);
        promise_dense(grad_weight_, -1);
        const int lanes = natural_vector_size<float>();
        Var co_o("co_o"), co_i("co_i"), task("task");
        Halide::Func(grad_weight_)
            .split(co_, co_o, co_i, lanes, TailStrategy::GuardWithIf)
            .reorder(co_i, kx_, ky_, ci_, co_o, g_)
            .fuse(co_o, g_, task)
            .parallel(task)
            .vectorize(co_i);
        sum_.bound_extent(co_, lanes).compute_at(grad_weight_, kx_);
        sum_.vectorize(co_, lanes).update().vectorize(co_, lanes);
    }

private:
    Var co_{"co"}, ci_{"ci"}, kx_{"kx"}, ky_{"ky"}, g_{"g"};
    Halide::Func sum_{"sum"};
};

}  // namespace convwright

HALIDE_REGISTER_GENERATOR(convwright::PackWeight, pack_weight)
HALIDE_REGISTER_GENERATOR(convwright::WgradReduce, wgrad_reduce)
