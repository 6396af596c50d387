// SPDX-License-Identifier: Apache-2.0
#include <optional>

#include "generators/approx_fprop.h"
#include "generators/kernel_sizes.h"
#include "schedules/cpu/conv2d.h"

namespace convwright {

using Halide::GeneratorParam;

/// One pass of a convolution whose multiply is an approximate model, for tensors of any strides;
/// sizes are run-time values. Lanes are output channels, and pixels are staged in frames.
class ApproxConv2d : public Halide::Generator<ApproxConv2d> {
public:
    GeneratorParam<Format> format_{"format", Format::kNhwc, kFormatNames};  // fast in nhwc
    GeneratorParam<std::string> product_{"product", "log_bits"};            // of products()
    GeneratorParam<std::string> schedule_{"schedule", ""};                  // lane 0, stage 1

    Input<Buffer<float, 5>> input_{"input"};    // (ci, g, iw, ih, n)
    Input<Buffer<float, 7>> weight_{"weight"};  // (co % panel, word, ci, kx, ky, co / panel, g)
    Input<Buffer<float, 3>> bias_{"bias"};      // (co % panel, co / panel, g)
    Input<Buffer<int32_t, 1>> table_{"table"};  // entries of mantissa_table
    Input<int> keep_{"keep"}, set_{"set"}, correction_{"correction"}, carried_{"carried"};
    Input<int> stride_x_{"stride_x"}, stride_y_{"stride_y"};
    Input<int> pad_x_{"pad_x"}, pad_y_{"pad_y"};
    Input<int> dilation_x_{"dilation_x"}, dilation_y_{"dilation_y"};
    Input<int> channel_tiles_{"channel_tiles"}, column_tiles_{"column_tiles"}, rows_{"rows"};
    Input<int> tiled_ow_{"tiled_ow"};            // output columns in whole register tiles
    Output<Buffer<float, 5>> output_{"output"};  // (co, g, ow, oh, n)

    void generate() {
        params_ = parse_params<Conv2dCpuParams>(schedule_);
        _halide_user_assert(params_.lane == Conv2dCpuParams::kChannels &&
                            params_.stage == Conv2dCpuParams::kFrame)
            << "approx_conv2d: schedule " << format_params(params_)
            << " has no frame with channel lanes; lane:0,stage:1 has\n";
        const auto found = products().find(product_);
        _halide_user_assert(found != products().end())
            << "approx_conv2d: there is no product " << product_.value() << "\n";
        words_ = found->second.weight_words;
        panel_ = params_.panel(natural_vector_size<float>());
        alg_.emplace(input_, weight_, bias_, found->second,
                     ProductScalars{keep_, set_, correction_, carried_, table_}, geometry(),
                     panel_);
        output_ = alg_->out;
    }

    void schedule() {
        promise_dense(input_, -1);
        promise_dense(output_, -1);
        promise_dense(weight_, 0);
        promise_dense(bias_, 0);
        weight_.dim(0).set_extent(panel_);
        weight_.dim(1).set_extent(words_).set_stride(panel_);
        weight_.dim(2).set_stride(panel_ * words_);
        bias_.dim(0).set_extent(panel_);
        bias_.dim(1).set_stride(panel_);
        const Halide::Var task("task");
        const int lanes = natural_vector_size<float>();
        schedule_conv_tiles(*alg_, params_, {channel_tiles_, column_tiles_, rows_}, lanes, task);
        for (size_t word = 0; word < alg_->words.size(); word++) {
            schedule_frame(alg_->words[word], alg_->frames[word], *alg_, params_, lanes, task);
        }
        alg_->out.specialize(input_.dim(0).stride() == 1 && output_.dim(0).stride() == 1);
    }

private:
    ConvGeometry geometry() {
        ConvGeometry geo;
        geo.ci = input_.dim(0).extent(), geo.co = output_.dim(0).extent();
        geo.groups = input_.dim(1).extent();
        geo.iw = input_.dim(2).extent(), geo.ih = input_.dim(3).extent();
        geo.kw = weight_.dim(3).extent(), geo.kh = weight_.dim(4).extent();
        geo.stride_x = stride_x_, geo.stride_y = stride_y_;
        geo.pad_x = pad_x_, geo.pad_y = pad_y_;
        geo.dilation_x = dilation_x_, geo.dilation_y = dilation_y_;
        geo.tiled_ow = tiled_ow_;
        return geo;
    }

    Conv2dCpuParams params_;
    int panel_ = 0, words_ = 0;
    std::optional<ApproxFprop> alg_;
};

}  // namespace convwright

HALIDE_REGISTER_GENERATOR(convwright::ApproxConv2d, approx_conv2d)
