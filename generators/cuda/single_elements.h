// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "generators/cuda/element_place.h"

namespace convwright {

/// All elements of a tensor as one linear loop, a thread for each. Fused loops over the dimensions would
/// be divisions, and bounds inference does not see that a loop is of one element.
struct SingleElements {
    Halide::RVar number;
    std::vector<Halide::Expr> at;  ///< The element's place in the tensor.

    /// Dimensions of `to` by their strides, the smallest first, so that neighbouring threads write side
    /// by side; `by` divides by the extents of all but the last one.
    template<typename BufferParam>
    SingleElements(BufferParam &to, const std::vector<FastDivision> &by) {
        Halide::Expr count = 1;
        for (int d = 0; d < to.dimensions(); d++) count *= to.dim(d).extent();
        const Halide::RDom all(0, count, "all");
        number = all[0];
        at = element_place(number, by, to.dim(to.dimensions() - 1).extent());
    }

    /// Of `out`, which is undefined but for an update at `at`.
    void schedule(Halide::Func out) const {
        constexpr int kThreads = 256;
        const Halide::RVar block("block"), thread("thread");
        out.gpu_single_thread();  // nothing, but not on the host
        out.update()
            .allow_race_conditions()  // each turn writes another element
            .split(number, block, thread, kThreads, Halide::TailStrategy::GuardWithIf)
            .gpu_threads(thread)
            .gpu_blocks(block)
            .never_partition_all();
    }
    /// Where the element of a thread is computed, for Funcs that are computed there.
    static Halide::RVar thread() { return Halide::RVar("thread"); }
};

}  // namespace convwright
