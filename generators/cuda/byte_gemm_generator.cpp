// SPDX-License-Identifier: Apache-2.0
#include <map>
#include <optional>

#include "codegen/cuda_backend.h"
#include "generators/cuda/in_fours.h"
#include "generators/kernel_sizes.h"
#include "schedules/cuda/byte_gemm.h"

namespace convwright {

using Halide::Expr;
using Halide::Func;
using Halide::GeneratorParam;

/// Convolution of packed bytes with one of the products of ByteGemmCudaParams, any sizes.
class ByteGemmKernel : public Halide::Generator<ByteGemmKernel> {
public:
    GeneratorParam<Format> format_{"format", Format::kNhwc, kFormatNames};  // of what is stored
    GeneratorParam<std::string> product_{"product", "dot_s8"};
    GeneratorParam<std::string> schedule_{"schedule", ""};  // knobs as text; empty = defaults
    GeneratorParam<std::string> cuda_{"cuda", ""};          // path of the text

    Input<Buffer<uint32_t, 3>> words_{"words"};    // (word, g, pixel), the last one outside
    Input<Buffer<uint32_t, 4>> weight_{"weight"};  // (co % tile, k, co / tile, g)
    Input<Buffer<int32_t, 1>> steps_{"steps"};     // (term)
    Input<Buffer<void, 1>> entries_{"entries"};    // (byte of the weight * 256 + byte of the pixel)
    Input<int> constant_{"constant"}, last_shift_{"last_shift"};
    Input<int> iw_{"iw"}, ih_{"ih"}, outside_{"outside"};
    Input<int> stride_x_{"stride_x"}, stride_y_{"stride_y"};
    Input<int> pad_x_{"pad_x"}, pad_y_{"pad_y"};
    Input<int> dilation_x_{"dilation_x"}, dilation_y_{"dilation_y"};
    Input<int> taps_x_{"taps_x"}, taps_{"taps"};
    Input<int> fours_{"fours"};  // of a tap of a term
    Input<int> co_{"co"}, columns_{"columns"}, rows_{"rows"}, count_{"count"};  // of the output
    Input<int> images_{"images"}, term_turns_{"term_turns"};
    FastDivisionInput by_columns_{"by_columns"}, by_rows_{"by_rows"}, by_taps_x_{"by_taps_x"};
    FastDivisionInput by_fours_{"by_fours"}, by_term_turns_{"by_term_turns"};
    FastDivisionInput by_co_tiles_{"by_co_tiles"};
    Output<Buffer<int32_t, 5>> output_{"output"};  // (co, g, ow, oh, n)

    void configure() { entries_.set_type(wide() ? Halide::Int(32) : Halide::UInt(16)); }

    void generate() {
        params_ = parse_params<ByteGemmCudaParams>(schedule_);
        // A row of a table is shared by what looks up in it at a time: a warp has one weight.
        const bool channels_first = format_ == Format::kNhwc && !looks_up();
        _halide_user_assert(channels_first || params_.vec == 1)
            << "byte_gemm: vectors are of channels, which only dot products to nhwc have side by "
               "side\n";
        shape_.tile = {params_.co,     params_.px, params_.co_t, params_.px_t,
                       channels_first, false,      false};
        shape_.chunk = params_.chunk, shape_.vec = kVector;
        shape_.pixel_row = params_.pixel_row();
        shape_.store_vectors = params_.vec == kVector;
        shape_.unroll = looks_up() ? 1 : 0;  // a word is 64 look-ups or more of a thread
        const Expr terms = steps_.dim(0).extent();
        shape_.turns = term_turns_ * terms, shape_.parts = 1;
        shape_.images = images_, shape_.pixels = count_;
        shape_.columns = by_columns_(columns_), shape_.rows = by_rows_(rows_);
        shape_.taps_x = by_taps_x_(taps_x_);
        shape_.co_tiles = by_co_tiles_((co_ + params_.co - 1) / params_.co);
        shape_.px_tiles = (count_ + params_.px - 1) / params_.px;
        ConvGeometry geo;
        geo.co = co_, geo.iw = iw_, geo.ih = ih_;
        geo.stride_x = stride_x_, geo.stride_y = stride_y_;
        geo.pad_x = pad_x_, geo.pad_y = pad_y_;
        geo.dilation_x = dilation_x_, geo.dilation_y = dilation_y_;
        const ByteSum sum{product(),
                          by_fours_(fours_),
                          by_term_turns_(term_turns_),
                          steps(),
                          last_shift_,
                          constant_,
                          taps_,
                          terms,
                          outside_};
        alg_.emplace(words_, weight_, sum, geo, shape_);
        output_ = alg_->out;
    }

    void schedule() {
        promise_dense(words_, 0);
        promise_dense(weight_, 0);
        promise_dense(steps_, 0);
        promise_dense(entries_, 0);
        promise_dense(output_, shape_.store_vectors ? 0 : -1);
        weight_.dim(0).set_extent(params_.co);
        entries_.set_host_alignment(16);
        in_fours(words_, 0);
        in_fours(weight_, 0);
        if (shape_.store_vectors) in_fours(output_, 0);
        schedule_byte_gemm(*alg_, shape_, params_, staged_);
        CudaOptions options = cuda_options(cuda_);
        options.async_copies = true;
        options.stages = params_.stages;
        offload_to_cuda(get_pipeline(), options);
    }

private:
    static constexpr int kVector = GemmTile::kVector;

    bool wide() const { return product_.value() == "table32"; }
    bool looks_up() const { return wide() || product_.value() == "table16"; }
    /// Tables have one term.
    Func steps() { return looks_up() ? Func() : Func(steps_); }

    std::function<Expr(const Expr &, const Expr &, const Expr &)> product() {
        const std::string name = product_;
        if (name == "dot_s8" || name == "dot_u8") {
            return [name](const Expr &sum, const Expr &pixel, const Expr &weight) {
                using Halide::Internal::Call;
                return Call::make(Halide::UInt(32), name, {sum, pixel, weight}, Call::PureExtern);
            };
        }
        _halide_user_assert(looks_up()) << "byte_gemm: there is no product " << name << "\n";
        Func entries = entries_;
        if (params_.staged) {
            staged_(Var("e")) = entries_(Var("e"));
            entries = staged_;
        }
        return [entries](const Expr &sum, const Expr &pixel, const Expr &weight) {
            Expr total = sum;
            // Of a type that bounds inference knows the values of.
            const auto byte_of = [](const Expr &word, int i) {
                return Halide::cast<int32_t>(
                    Halide::cast<uint8_t>(word >> Expr(static_cast<uint32_t>(8 * i))));
            };
            for (int i = 0; i < 4; i++) {
                const Expr index = byte_of(weight, i) * 256 + byte_of(pixel, i);
                total += Halide::cast<uint32_t>(entries(index));
            }
            return total;
        };
    }

    ByteGemmCudaParams params_;
    GemmShape shape_;
    Func staged_{"staged"};
    std::optional<ByteGemm> alg_;
};

}  // namespace convwright

HALIDE_REGISTER_GENERATOR(convwright::ByteGemmKernel, byte_gemm)
