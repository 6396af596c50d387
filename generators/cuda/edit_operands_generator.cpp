// SPDX-License-Identifier: Apache-2.0
#include <optional>

#include "codegen/cuda_backend.h"
#include "generators/cuda/single_elements.h"
#include "generators/kernel_sizes.h"

namespace convwright {

using Halide::Expr;
using Halide::GeneratorParam;
using Halide::Var;

/// to = from as a multiplier sees its operands: OperandEdit of runtime/multipliers/operand_edit.h. Axes
/// by the strides of `to`, the smallest first, so that neighbouring threads write side by side.
class EditOperandsCuda : public Halide::Generator<EditOperandsCuda> {
public:
    GeneratorParam<std::string> cuda_{"cuda", ""};  // path of the text
    Input<Buffer<float, 4>> from_{"from"};          // (a, b, c, d)
    FastDivisionInput by_a_{"by_a"}, by_b_{"by_b"}, by_c_{"by_c"};
    Input<uint32_t> keep_{"keep"}, set_{"set"};  // of normal numbers
    Input<uint32_t> everywhere_{"everywhere"};   // kept of all others
    Output<Buffer<float, 4>> to_{"to"};          // (a, b, c, d)

    void generate() {
        elements_.emplace(
            to_, std::vector<FastDivision>{by_a_(to_.dim(0).extent()), by_b_(to_.dim(1).extent()),
                                           by_c_(to_.dim(2).extent())});
        to_(a_, b_, c_, d_) = Halide::undef<float>();
        to_(elements_->at) =
            Halide::reinterpret<float>(edited(Halide::reinterpret<uint32_t>(from_(elements_->at))));
    }

    void schedule() {
        promise_dense(from_, -1);
        promise_dense(to_, -1);
        elements_->schedule(to_);
        offload_to_cuda(get_pipeline(), cuda_options(cuda_));
    }

private:
    Expr edited(const Expr &bits) {
        const auto word = [](uint32_t value) { return Expr(value); };
        const Expr magnitude = bits & word(0x7fffffffu), infinity = word(0x7f800000u);
        const Expr normal = magnitude >= word(0x00800000u) && magnitude < infinity;
        // A NaN of which bits are cut stays one.
        const Expr quiet =
            select(magnitude > infinity && everywhere_ != word(~0u), word(0x00400000u), word(0));
        return select(normal, (bits & keep_) | set_, (bits & everywhere_) | quiet);
    }

    Var a_{"a"}, b_{"b"}, c_{"c"}, d_{"d"};
    std::optional<SingleElements> elements_;
};

}  // namespace convwright

HALIDE_REGISTER_GENERATOR(convwright::EditOperandsCuda, edit_operands_cuda)
