// SPDX-License-Identifier: Apache-2.0
#include <optional>

#include "codegen/cuda_backend.h"
#include "generators/cuda/single_elements.h"
#include "generators/kernel_sizes.h"
#include "generators/short_floats.h"

namespace convwright {

using Halide::Expr;
using Halide::GeneratorParam;
using Halide::RDom;
using Halide::RVar;
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
        const std::vector<FastDivision> by{
            by_a_(grad_weight_.dim(0).extent()), by_b_(grad_weight_.dim(1).extent()),
            by_c_(grad_weight_.dim(2).extent()), by_d_(grad_weight_.dim(3).extent())};
        std::vector<Expr> from = element_place(i_, by, grad_weight_.dim(4).extent());
        from.push_back(promised(part, parts));
        sum_(i_) = 0.0f;
        sum_(i_) += select(part < parts, partial_(from), 0.0f);
        r_together_ = r[0];
        elements_.emplace(grad_weight_, by);
        grad_weight_(a_, b_, c_, d_, f_) = Halide::undef(stored_type(dtype_));
        grad_weight_(elements_->at) = rounded(sum_(elements_->number), dtype_);
    }

    void schedule() {
        promise_dense(partial_, -1);
        promise_dense(grad_weight_, -1);
        Halide::Func out(grad_weight_);
        elements_->schedule(out);
        sum_.compute_at(out, SingleElements::thread()).store_in(Halide::MemoryType::Register);
        sum_.update().unroll(r_together_);
        offload_to_cuda(get_pipeline(), cuda_options(cuda_));
    }

private:
    static constexpr int kTogether = 4;  // parts whose loads are under way together

    Var a_{"a"}, b_{"b"}, c_{"c"}, d_{"d"}, f_{"f"}, i_{"i"};
    RVar r_together_;
    std::optional<SingleElements> elements_;
    Halide::Func sum_{"sum"};
};

}  // namespace convwright

HALIDE_REGISTER_GENERATOR(convwright::WgradReduceCuda, wgrad_reduce_cuda)
