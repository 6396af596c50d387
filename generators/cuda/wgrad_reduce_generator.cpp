// SPDX-License-Identifier: Apache-2.0
#include "codegen/cuda_backend.h"
#include "generators/fast_division.h"
#include "generators/kernel_sizes.h"
#include "generators/short_floats.h"

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
    GeneratorParam<DType> dtype_{"dtype", DType::kF32, kDTypeNames};  // of the gradient
    GeneratorParam<std::string> cuda_{"cuda", ""};  // file that takes the CUDA C++
    Input<Buffer<float, 6>> partial_{"partial"};    // (a, b, c, d, f, part)
    FastDivisionInput by_a_{"a"}, by_b_{"b"}, by_c_{"c"}, by_d_{"d"};
    Output<Buffer<void, 5>> grad_weight_{"grad_weight"};  // (a, b, c, d, f)

    void configure() { grad_weight_.set_type(stored_type(dtype_)); }

    void generate() {
        const Expr parts = partial_.dim(5).extent();
        const RDom r(0, kTogether, 0, (parts + kTogether - 1) / kTogether, "r");
        const Expr part = r[0] + r[1] * kTogether;
        const std::vector<Expr> of_sum = place(i_);
        std::vector<Expr> from = of_sum;
        from.push_back(unsafe_promise_clamped(part, 0, parts - 1));
        sum_(i_) = 0.0f;
        sum_(i_) += select(part < parts, partial_(from), 0.0f);
        r_together_ = r[0];
        // One linear loop over all elements: fused loops over the dimensions would be divisions, and
        // bounds inference does not see that a sum is of one element.
        Expr count = 1;
        for (int d = 0; d < 5; d++) count *= grad_weight_.dim(d).extent();
        const RDom all(0, count, "all");
        r_element_ = all;
        grad_weight_(a_, b_, c_, d_, f_) = Halide::undef(stored_type(dtype_));
        grad_weight_(place(all)) = rounded(sum_(all), dtype_);
    }

    void schedule() {
        promise_dense(partial_, -1);
        promise_dense(grad_weight_, -1);
        RVar block("block"), thread("thread");
        Halide::Func out(grad_weight_);
        out.gpu_single_thread();  // nothing, but not on the host
        out.update()
            .allow_race_conditions()  // each turn writes another element
            .split(r_element_, block, thread, kThreads, TailStrategy::GuardWithIf)
            .gpu_threads(thread)
            .gpu_blocks(block)
            .never_partition_all();
        sum_.compute_at(out, thread).store_in(Halide::MemoryType::Register);
        sum_.update().unroll(r_together_);
        offload_to_cuda(get_pipeline(), cuda_options(cuda_));
    }

private:
    static constexpr int kThreads = 256;
    static constexpr int kTogether = 4;  // parts whose loads are under way together

    /// Element i of the weight by its dimensions.
    std::vector<Expr> place(const Expr &i) {
        std::vector<Expr> at;
        Expr rest = i;
        const auto add = [&](const Expr &e) {
            const int d = static_cast<int>(at.size());
            at.push_back(unsafe_promise_clamped(e, 0, grad_weight_.dim(d).extent() - 1));
        };
        FastDivisionInput *const dividers[] = {&by_a_, &by_b_, &by_c_, &by_d_};
        for (int d = 0; d < 4; d++) {
            const FastDivision by = (*dividers[d])(grad_weight_.dim(d).extent());
            const Expr quotient = by.quotient(rest);
            add(by.remainder(rest, quotient));
            rest = quotient;
        }
        add(rest);
        return at;
    }

    Var a_{"a"}, b_{"b"}, c_{"c"}, d_{"d"}, f_{"f"}, i_{"i"};
    RVar r_together_, r_element_;
    Halide::Func sum_{"sum"};
};

}  // namespace convwright

HALIDE_REGISTER_GENERATOR(convwright::WgradReduceCuda, wgrad_reduce_cuda)
