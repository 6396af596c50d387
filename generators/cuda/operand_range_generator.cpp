// SPDX-License-Identifier: Apache-2.0
#include "codegen/cuda_backend.h"
#include "generators/cuda/element_place.h"
#include "generators/kernel_sizes.h"

namespace convwright {

using Halide::Expr;
using Halide::GeneratorParam;
using Halide::MemoryType;
using Halide::RDom;
using Halide::RVar;
using Halide::Var;

/// Words of a range of operands, all bits without sign: the least that counts, the greatest, and the
/// smallest of all, as of runtime/multipliers/operand_range.cpp.
constexpr int kWords = 3;
constexpr int kMagnitude = 0x7fffffff, kLeastNormal = 0x00800000, kInfinity = 0x7f800000;

/// Range `word` of a value joined with another.
inline Expr joined(const Expr &word, const Expr &a, const Expr &b) {
    return select(word == 1, max(a, b), min(a, b));
}
inline Expr nothing(const Expr &word) { return select(word == 1, 0, kMagnitude); }

/// The range of an operand of any strides, part by part: partial(word, block). Blocks read their share
/// in turns, thread beside thread.
class OperandRangeCuda : public Halide::Generator<OperandRangeCuda> {
public:
    GeneratorParam<std::string> cuda_{"cuda", ""};  // path of the text
    Input<Buffer<float, 4>> operand_{"operand"};    // axes by their strides, the smallest first
    FastDivisionInput by_a_{"by_a"}, by_b_{"by_b"}, by_c_{"by_c"};
    Input<int> turns_{"turns"};
    Output<Buffer<int32_t, 2>> partial_{"partial"};  // (word, block)

    void generate() {
        Expr count = 1;
        for (int d = 0; d < 4; d++) count *= operand_.dim(d).extent();
        const Expr blocks = partial_.dim(1).extent();
        const RDom r(0, turns_, "r");
        r_turn_ = r;
        const Expr number = min((r * blocks + block_) * kThreads + thread_, count - 1);
        const auto extent = [&](int d) { return Expr(operand_.dim(d).extent()); };
        const std::vector<Expr> at = element_place(
            number, {by_a_(extent(0)), by_b_(extent(1)), by_c_(extent(2))}, extent(3));
        const Expr bits = Halide::reinterpret<int32_t>(operand_(at)) & kMagnitude;
        const Expr counted = select(bits < kLeastNormal, kMagnitude, bits);
        own_(word_, thread_, block_) = nothing(word_);
        own_(word_, thread_, block_) =
            joined(word_, own_(word_, thread_, block_), select(word_ == 0, counted, bits));
        shared_(word_, thread_, block_) = own_(word_, thread_, block_);
        const RDom all(0, kThreads, "all");
        r_thread_ = all;
        total_(word_, block_) = nothing(word_);
        total_(word_, block_) = joined(word_, total_(word_, block_), shared_(word_, all, block_));
        partial_(word_, block_) = total_(word_, block_);
    }

    void schedule() {
        promise_dense(operand_, -1);
        promise_dense(partial_, 0);
        partial_.dim(0).set_extent(kWords);
        Halide::Func out(partial_);
        out.bound(word_, 0, kWords).gpu_threads(word_).gpu_blocks(block_).never_partition_all();
        total_.compute_at(out, word_).store_in(MemoryType::Register);
        shared_.compute_at(out, block_)
            .store_in(MemoryType::GPUShared)
            .bound(word_, 0, kWords)
            .bound(thread_, 0, kThreads)
            .bound_extent(block_, 1)
            .unroll(word_)
            .gpu_threads(thread_)
            .never_partition_all();
        own_.compute_at(shared_, thread_).store_in(MemoryType::Register).unroll(word_);
        own_.update().reorder(word_, r_turn_).unroll(word_).never_partition_all();
        offload_to_cuda(get_pipeline(), cuda_options(cuda_));
    }

private:
    static constexpr int kThreads = 256;

    Var word_{"word"}, thread_{"thread"}, block_{"block"};
    RVar r_turn_, r_thread_;
    Halide::Func own_{"own"}, shared_{"shared"}, total_{"total"};
};

/// Which form of a product takes the operands whose ranges were found, as products_stay_normal() has it:
/// 0 the one from bits, 1 the fast one, 2 the fast one for weights without a zero. `most`: the greatest
/// of them that the plan has kernels for.
class ProductChoiceCuda : public Halide::Generator<ProductChoiceCuda> {
public:
    GeneratorParam<std::string> cuda_{"cuda", ""};  // path of the text
    Input<Buffer<int32_t, 3>> ranges_{"ranges"};    // (word, block, operand): pixels, weights
    Input<int> most_{"most"};
    Output<Buffer<int32_t, 1>> chosen_{"chosen"};  // one word

    void generate() {
        const RDom r(0, ranges_.dim(1).extent(), "r");
        r_block_ = r;
        whole_(word_, operand_) = nothing(word_);
        whole_(word_, operand_) =
            joined(word_, whole_(word_, operand_), ranges_(word_, r, operand_));
        const Expr fast = stay_normal();
        const Expr zero = whole_(2, 1) < kLeastNormal;
        chosen_(i_) = min(select(!fast, 0, zero, 1, 2), most_);
    }

    void schedule() {
        promise_dense(ranges_, 0);
        promise_dense(chosen_, 0);
        ranges_.dim(0).set_extent(kWords);
        ranges_.dim(2).set_extent(2);
        chosen_.dim(0).set_extent(1);
        Halide::Func out(chosen_);
        Var block("block");
        out.bound(i_, 0, 1).split(i_, block, i_, 1).gpu_threads(i_).gpu_blocks(block);
        whole_.compute_at(out, block)
            .store_in(MemoryType::GPUShared)
            .bound(word_, 0, kWords)
            .bound(operand_, 0, 2)
            .gpu_threads(word_, operand_);
        whole_.update().reorder(r_block_, word_, operand_).gpu_threads(word_, operand_);
        offload_to_cuda(get_pipeline(), cuda_options(cuda_));
    }

private:
    /// runtime/multipliers/operand_range.cpp.
    Expr stay_normal() {
        constexpr int kBias = 127, kMargin = 4, kExponent = 23;
        Expr least = -kBias, greatest = -kBias, alone = Halide::Internal::const_true();
        Expr special = Halide::Internal::const_false(), none = special;
        for (int operand = 0; operand < 2; operand++) {
            const Expr a = whole_(0, operand), b = whole_(1, operand);
            special = special || b >= kInfinity;
            none = none || a == kMagnitude;
            alone = alone && (a >> kExponent) > 2 * kMargin && (b >> kExponent) < 255 - kMargin;
            least += a >> kExponent, greatest += b >> kExponent;
        }
        return !special && (none || (least > kMargin && greatest < 255 - kMargin && alone));
    }

    Var word_{"word"}, operand_{"operand"}, i_{"i"};
    RVar r_block_;
    Halide::Func whole_{"whole"};
};

}  // namespace convwright

HALIDE_REGISTER_GENERATOR(convwright::OperandRangeCuda, operand_range_cuda)
HALIDE_REGISTER_GENERATOR(convwright::ProductChoiceCuda, product_choice_cuda)
