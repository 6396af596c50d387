// SPDX-License-Identifier: Apache-2.0
#include "codegen/cuda_backend.h"
#include "generators/kernel_sizes.h"

namespace convwright {

using Halide::Expr;
using Halide::GeneratorParam;
using Halide::RDom;
using Halide::RVar;
using Halide::TailStrategy;
using Halide::Var;

/// wgrad, second pass: adds the parts in their order and writes through the strides of the weight,
///   grad_weight(a,b,c,d,f) = sum of partial(a,b,c,d,f,part) over the parts.
/// The dimensions are those of the weight by their strides in it, the smallest first: neighbouring
/// threads then write side by side whatever the order of the weight, and what they read lies in a
/// few lines that the threads around them read too.
class WgradReduceCuda : public Halide::Generator<WgradReduceCuda> {
public:
    GeneratorParam<std::string> cuda_{"cuda", ""};        // file that takes the CUDA C++
    Input<Buffer<float, 6>> partial_{"partial"};          // (a, b, c, d, f, part)
    Output<Buffer<float, 5>> grad_weight_{"grad_weight"};  // (a, b, c, d, f)

    void generate() {
        const Expr parts = partial_.dim(5).extent();
        const RDom r(0, kTogether, 0, (parts + kTogether - 1) / kTogether, "r");
        const Expr part = r[0] + r[1] * kTogether;
        sum_(a_, b_, c_, d_, f_) = 0.0f;
        sum_(a_, b_, c_, d_, f_) +=
            select(part < parts,
                   partial_(a_, b_, c_, d_, f_, unsafe_promise_clamped(part, 0, parts - 1)), 0.0f);
        grad_weight_(a_, b_, c_, d_, f_) = sum_(a_, b_, c_, d_, f_);
        r_together_ = r[0];
    }

    void schedule() {
        promise_dense(partial_, -1);
        promise_dense(grad_weight_, -1);
        Var i_o("i_o"), i_t("i_t"), block("block");
        Halide::Func out(grad_weight_);
        out.fuse(a_, b_, a_)
            .split(a_, i_o, i_t, kThreads, TailStrategy::GuardWithIf)
            .fuse(i_o, c_, block)
            .fuse(block, d_, block)
            .fuse(block, f_, block)
            .gpu_threads(i_t)
            .gpu_blocks(block)
            .never_partition_all();
        sum_.compute_at(out, i_t).store_in(Halide::MemoryType::Register);
        sum_.update().unroll(r_together_);
        offload_to_cuda(get_pipeline(), cuda_options(cuda_));
    }

private:
    static constexpr int kThreads = 256;
    static constexpr int kTogether = 4;  ///< Parts whose loads are under way together.
    Var a_{"a"}, b_{"b"}, c_{"c"}, d_{"d"}, f_{"f"};
    RVar r_together_;
    Halide::Func sum_{"sum"};
};

}  // namespace convwright

HALIDE_REGISTER_GENERATOR(convwright::WgradReduceCuda, wgrad_reduce_cuda)
