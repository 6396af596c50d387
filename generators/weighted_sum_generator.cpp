// SPDX-License-Identifier: Apache-2.0
#include <optional>

#include "generators/kernel_sizes.h"
#include "schedules/cpu/weighted_sum.h"

namespace convwright {

using Halide::GeneratorParam;

/// The fused weighted sum, channels_last; sizes are run-time values.
class WeightedSum : public Halide::Generator<WeightedSum> {
public:
    GeneratorParam<Format> format_{"format", Format::kNhwc, kFormatNames};  // nhwc alone
    GeneratorParam<DType> dtype_{"dtype", DType::kF32, kDTypeNames};        // of the activations
    GeneratorParam<std::string> schedule_{"schedule", ""};  // knobs as text; empty = defaults

    Input<Buffer<void, 5>> input_{"input"};           // (ci, 1, iw, ih, n)
    Input<Buffer<float, 6>> pointwise_{"pointwise"};  // (co % panel, ci, 1, 1, co / panel, 1)
    Input<Buffer<float, 6>> depthwise_{"depthwise"};  // (1, 1, kx, ky, 1, co)
    Input<Buffer<float, 3>> bias_{"bias"};            // (1, 1, co)
    Input<float> floor_{"floor"};                     // 0 for a ReLU, else -infinity
    Input<int> stride_x_{"stride_x"}, stride_y_{"stride_y"};
    Input<int> pad_x_{"pad_x"}, pad_y_{"pad_y"};
    Input<int> dilation_x_{"dilation_x"}, dilation_y_{"dilation_y"};
    Input<int> rows_{"rows"};
    Output<Buffer<void, 5>> output_{"output"};  // (1, co, ow, oh, n)

    void configure() {
        input_.set_type(stored_type(dtype_));
        output_.set_type(stored_type(dtype_));
    }

    void generate() {
        _halide_user_assert(format_ == Format::kNhwc)
            << "weighted_sum: format nchw has no fused schedule; nhwc has one\n";
        params_ = parse_params<WeightedSumCpuParams>(schedule_);
        panel_ = params_.vec * natural_vector_size<float>();
        alg_.emplace(input_, input_.dim(0).extent(), pointwise_, depthwise_, bias_, floor_,
                     geometry(), panel_, stored_type(dtype_));
        output_ = alg_->depthwise.out;
    }

    void schedule() {
        promise_dense(input_, 0);
        promise_dense(output_, 1);
        promise_dense(pointwise_, 0);
        promise_dense(depthwise_, 5);
        promise_dense(bias_, 2);
        pointwise_.dim(0).set_extent(panel_);
        pointwise_.dim(1).set_stride(panel_);
        schedule_weighted_sum_cpu(*alg_, params_, rows_, pointwise_.dim(4).extent(),
                                  natural_vector_size<float>());
    }

private:
    ConvGeometry geometry() {
        ConvGeometry geo;
        geo.ci = geo.co = 1, geo.groups = output_.dim(1).extent();
        geo.iw = input_.dim(2).extent(), geo.ih = input_.dim(3).extent();
        geo.kw = depthwise_.dim(2).extent(), geo.kh = depthwise_.dim(3).extent();
        geo.stride_x = stride_x_, geo.stride_y = stride_y_;
        geo.pad_x = pad_x_, geo.pad_y = pad_y_;
        geo.dilation_x = dilation_x_, geo.dilation_y = dilation_y_;
        if (params_.taps_x != 0) geo.kw = params_.taps_x, geo.dilation_x = 1;
        if (params_.taps_y != 0) geo.kh = params_.taps_y, geo.dilation_y = 1;
        if (params_.stride != 0) geo.stride_x = geo.stride_y = params_.stride;
        geo.padding = Padding::kMasked;
        return geo;
    }

    WeightedSumCpuParams params_;
    int panel_ = 0;
    std::optional<WeightedSumFprop> alg_;
};

}  // namespace convwright

HALIDE_REGISTER_GENERATOR(convwright::WeightedSum, weighted_sum)
