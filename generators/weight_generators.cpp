// SPDX-License-Identifier: Apache-2.0
#include "generators/kernel_sizes.h"
#include "schedules/winograd_tile.h"

namespace convwright {

using Halide::Expr;
using Halide::RDom;
using Halide::TailStrategy;
using Halide::Var;

/// Rows of a weight that are read or written side by side, and floats of a cache line.
constexpr int kRows = 8, kLine = 16;

/// Packs a weight, read through any strides, into panels of output channels with zeros behind the
/// last one:
///   packed(c, ci, kx, ky, p, g) = weight(p * panel + c, ci, kx, ky, g), panel = extent of c.
/// The transposed and reversed weight of dgrad is a matter of the strides given.
class PackWeight : public Halide::Generator<PackWeight> {
public:
    GeneratorParam<DType> dtype_{"dtype", DType::kF32, kDTypeNames};  // of the weight
    Input<Buffer<void, 5>> weight_{"weight"};                         // (co, ci, kx, ky, g)
    Output<Buffer<float, 6>> packed_{"packed"};  // (co % panel, ci, kx, ky, co / panel, g)

    void configure() { weight_.set_type(stored_type(dtype_)); }

    void generate() {
        const Expr co = p_ * packed_.dim(0).extent() + c_, last = weight_.dim(0).extent() - 1;
        packed_(c_, ci_, kx_, ky_, p_, g_) =
            select(co <= last, to_float(weight_(min(co, last), ci_, kx_, ky_, g_)), 0.0f);
    }

    void schedule() {
        promise_dense(weight_, -1);
        promise_dense(packed_, 0);
        // A block of 8 output by 16 input channels at a time. Rows of a torch weight often lie a
        // multiple of 4 KB apart, so that all of them fall into one set of a 12-way L1: 8 rows at
        // once stay there until all 16 floats of a line are used, 16 rows throw each other out.
        Var c_o("c_o"), c_i("c_i"), ci_o("ci_o"), ci_i("ci_i"), task("task");
        Halide::Func packed(packed_);
        packed.split(ci_, ci_o, ci_i, kLine, TailStrategy::GuardWithIf)
            .reorder(c_, kx_, ky_, ci_i, ci_o, p_, g_)
            .fuse(p_, g_, task)
            .parallel(task);
        packed.specialize(packed_.dim(0).extent() % kRows == 0)
            .split(c_, c_o, c_i, kRows, TailStrategy::RoundUp)
            .reorder(c_i, kx_, ky_, ci_i, c_o, ci_o, task)
            .vectorize(c_i);
    }

private:
    Var c_{"c"}, ci_{"ci"}, kx_{"kx"}, ky_{"ky"}, p_{"p"}, g_{"g"};
};

/// The weight of Winograd tiles: G w G^T for each pair of channels, in panels as PackWeight's, with the elements
/// of a tile in the place of taps. The rows of G are (1 0 0), (1 1 1) / 2, (1 -1 1) / 2 and (0 0 1).
class WinogradWeight : public Halide::Generator<WinogradWeight> {
public:
    Input<Buffer<float, 5>> weight_{"weight"};  // (co, ci, kx, ky, g), 3 x 3 taps
    // (co % panel, ci, a, b, co / panel, g); whole vectors of kRows in a panel
    Output<Buffer<float, 6>> packed_{"packed"};

    void generate() {
        const Expr co = p_ * packed_.dim(0).extent() + c_, last = weight_.dim(0).extent() - 1;
        taps_(c_, ci_, kx_, ky_, p_, g_) = weight_(min(co, last), ci_, kx_, ky_, g_);
        const Expr element = transformed(b_, [&](int ky) {
            return transformed(a_, [&](int kx) -> Expr { return taps_(c_, ci_, kx, ky, p_, g_); });
        });
        tile_(c_, ci_, a_, b_, p_, g_) = select(co <= last, element, 0.0f);
        packed_(c_, ci_, a_, b_, p_, g_) = tile_(c_, ci_, a_, b_, p_, g_);
    }

    void schedule() {
        promise_dense(weight_, -1);
        promise_dense(packed_, 0);
        packed_.dim(2).set_extent(kRead);
        packed_.dim(3).set_extent(kRead);
        // A line of input channels at a time, read tap by tap and turned over in L1. The elements of a tile lie
        // a multiple of 4 KB apart, in one set of an L1: each stores all channels of a panel before the next.
        Var c_o("c_o"), c_i("c_i"), ci_o("ci_o"), ci_i("ci_i"), task("task");
        Halide::Func packed(packed_);
        packed.split(ci_, ci_o, ci_i, kLine, TailStrategy::GuardWithIf)
            .reorder(c_, a_, b_, ci_i, ci_o, p_, g_)
            .fuse(p_, g_, task)
            .parallel(task)
            .vectorize(c_, kRows, TailStrategy::RoundUp);
        taps_.compute_at(packed_, ci_o)
            .bound_storage(ci_, kLine)
            .reorder(kx_, ky_, ci_, c_)
            .unroll(kx_)
            .unroll(ky_);
        // dgrad's output channels lie closer than its input channels.
        taps_.specialize(weight_.dim(0).stride() < weight_.dim(1).stride())
            .reorder(kx_, ky_, c_, ci_);
        tile_.compute_at(packed_, ci_i)
            .reorder(a_, b_, c_, ci_, p_, g_)
            .bound(a_, 0, kRead)
            .bound(b_, 0, kRead)
            .unroll(a_)
            .unroll(b_)
            .vectorize(c_, kRows, TailStrategy::RoundUp);
    }

private:
    static constexpr int kRead = WinogradTile::kRead;

    template<typename Tap>
    static Expr transformed(const Expr &i, Tap w) {
        return select(i == 0, w(0), i == 1, (w(0) + w(2) + w(1)) * 0.5f, i == 2,
                      (w(0) + w(2) - w(1)) * 0.5f, w(2));
    }

    Var c_{"c"}, ci_{"ci"}, kx_{"kx"}, ky_{"ky"}, a_{"a"}, b_{"b"}, p_{"p"}, g_{"g"};
    Halide::Func taps_{"taps"}, tile_{"tile"};
};

/// wgrad, second pass: adds the parts in their order and writes through the strides of the weight,
/// of which `row` is the dense axis where there is one (all of ci, ky, kx for a contiguous weight):
///   grad_weight(l,row,a,b,q,other) = sum_pn sum_py partial(l,row,a,b,q,other,py,pn).
/// One call for the whole panels and one for the lanes of the last.
class WgradReduce : public Halide::Generator<WgradReduce> {
public:
    GeneratorParam<DType> dtype_{"dtype", DType::kF32, kDTypeNames};  // of the weight
    Input<Buffer<float, 8>> partial_{"partial"};          // (lane, row, a, b, panel, other, py, pn)
    Output<Buffer<void, 6>> grad_weight_{"grad_weight"};  // (lane, row, a, b, panel, other)

    void configure() { grad_weight_.set_type(stored_type(dtype_)); }

    void generate() {
        RDom r(0, partial_.dim(6).extent(), 0, partial_.dim(7).extent(), "r");
        sum_(l_, row_, a_, b_, q_, other_) = 0.0f;
        sum_(l_, row_, a_, b_, q_, other_) += partial_(l_, row_, a_, b_, q_, other_, r[0], r[1]);
        grad_weight_(l_, row_, a_, b_, q_, other_) =
            to_stored(sum_(l_, row_, a_, b_, q_, other_), stored_type(dtype_));
    }

    void schedule() {
        promise_dense(partial_, 0);
        promise_dense(grad_weight_, -1);
        // Blocks of 8 lanes by 16 of a row are turned over in L1 and stored as whole cache lines:
        // stored lane by lane, 16 stores wait for each line that misses, and the store queue (not
        // the memory) set the pace: a wgrad of 512 x 512 x 3 x 3 at 7 x 7 took 22 ms, not 12.5.
        Var l_o("l_o"), l_i("l_i"), row_o("row_o"), row_i("row_i"), task("task");
        Halide::Func grad_weight(grad_weight_);
        grad_weight.split(l_, l_o, l_i, kRows, TailStrategy::GuardWithIf)
            .split(row_, row_o, row_i, kLine, TailStrategy::GuardWithIf)
            .reorder(row_i, l_i, l_o, row_o, a_, b_, q_, other_)
            .fuse(q_, other_, task)
            .parallel(task);
        grad_weight.specialize(grad_weight_.dim(1).stride() == 1).vectorize(row_i);
        sum_.bound_extent(l_, kRows).bound_storage(row_, kLine).compute_at(grad_weight_, l_o);
        sum_.vectorize(l_).update().reorder(l_, row_).vectorize(l_);
    }

private:
    Var l_{"l"}, row_{"row"}, a_{"a"}, b_{"b"}, q_{"q"}, other_{"other"};
    Halide::Func sum_{"sum"};
};

}  // namespace convwright

HALIDE_REGISTER_GENERATOR(convwright::PackWeight, pack_weight)
HALIDE_REGISTER_GENERATOR(convwright::WinogradWeight, winograd_weight)
HALIDE_REGISTER_GENERATOR(convwright::WgradReduce, wgrad_reduce)
