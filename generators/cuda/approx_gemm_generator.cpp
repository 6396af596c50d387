// SPDX-License-Identifier: Apache-2.0
#include "generators/cuda/gemm_kernel.h"
#include "generators/cuda/weight_words.h"
#include "runtime/multipliers/product_choice.h"

namespace convwright {

/// One pass of a convolution whose multiply is an approximate model, in the order of sums of ApproxFprop,
/// as implicit GEMM over a packed weight. Operands stay as they are in shared memory; words are made of
/// them in registers.
class ApproxGemmKernel : public GemmKernel<ApproxGemmKernel> {
public:
    GeneratorParam<std::string> product_{"product", "log_bits"};  // of products()

    Input<Halide::Buffer<int32_t, 1>> table_{"table"};  // entries of mantissa_table
    Input<int> keep_{"keep"}, set_{"set"}, correction_{"correction"}, carried_{"carried"};
    Input<Halide::Buffer<int32_t, 1>> chosen_{"chosen"};  // what product_choice_cuda found
    Halide::GeneratorOutput<Halide::Buffer<float, 5>> output_{"output"};  // (co, g, ow, oh, n)

    void generate() {
        const std::string name = product_;
        const auto found = products().find(name);
        _halide_user_assert(found != products().end())
            << "approx_gemm: there is no product " << name << "\n";
        const Product &product = found->second;
        const ProductScalars scalars{keep_, set_, correction_, carried_, table_};
        const GemmProduct sum{
            [&](const Halide::Expr &total, const Halide::Expr &pixel, const Halide::Expr &weight) {
                return product.add(total, product.words(pixel, scalars),
                                   weight_words(name, weight, scalars), scalars);
            }};
        // Forms from bits take dozens of instructions each.
        const bool bits = product.weight_words == 1 && name != "mitchell";
        define(&sum, bits ? 1 : 4);
        output_ = alg_->out;
    }

    void schedule() {
        promise_dense(table_, 0);
        promise_dense(chosen_, 0);
        CudaOptions options = schedule_tiles(output_);
        const int choice = product_choice(product_);
        if (choice >= 0) options.runs_where = {"chosen", choice};
        offload_to_cuda(get_pipeline(), options);
    }
};

}  // namespace convwright

HALIDE_REGISTER_GENERATOR(convwright::ApproxGemmKernel, approx_gemm)
