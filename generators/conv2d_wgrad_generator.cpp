// SPDX-License-Identifier: Apache-2.0
#include <optional>

#include "generators/kernel_sizes.h"
#include "schedules/cpu/conv2d_wgrad.h"
#include "schedules/cpu/depthwise_wgrad.h"

namespace convwright {

using Halide::Expr;
using Halide::GeneratorParam;

/// wgrad, first pass: partial sums over parts of the output pixels, in panels. The output's input
/// channels are whole register tiles. With `problem` set its sizes are compiled in, but for the number of images.
class Conv2dWgradGenerator : public Halide::Generator<Conv2dWgradGenerator> {
public:
    GeneratorParam<Format> format_{"format", Format::kNhwc, kFormatNames};  // what is dense
    GeneratorParam<DType> dtype_{"dtype", DType::kF32, kDTypeNames};        // of the activations
    GeneratorParam<std::string> schedule_{"schedule", ""};  // knobs as text; empty = defaults
    GeneratorParam<std::string> problem_{"problem", ""};    // empty = generic

    Input<Buffer<void, 5>> grad_output_{"grad_output"};  // (co, g, ow, oh, n)
    Input<Buffer<void, 5>> input_{"input"};              // (ci, g, iw, ih, n)
    Input<int> stride_x_{"stride_x"}, stride_y_{"stride_y"};
    Input<int> pad_x_{"pad_x"}, pad_y_{"pad_y"};
    Input<int> dilation_x_{"dilation_x"}, dilation_y_{"dilation_y"};
    Input<int> rows_{"rows"}, images_{"images"}, bands_{"bands"}, blocks_{"blocks"};
    Input<int> task_tiles_{"task_tiles"};
    Input<int> frame_columns_{
        "frame_columns"};  // of the padded input to make zeros first; 0: none stays
    Output<Buffer<float, 8>> partial_{"partial"};  // (lane, ci, kx, ky, panel, other, py, pn)

    void configure() {
        grad_output_.set_type(stored_type(dtype_));
        input_.set_type(stored_type(dtype_));
        const auto params = parse_params<Conv2dWgradCpuParams>(schedule_);
        if (params.stage == Conv2dWgradCpuParams::kFoldedCopied)
            pixel_channels_ = add_input<int>("pixel_channels");  // output channels of a pixel
    }

    void generate() {
        params_ = parse_params<Conv2dWgradCpuParams>(schedule_);
        Expr columns = grad_output_.dim(2).extent(), pixel_channels;
        if (pixel_channels_ != nullptr) {
            pixel_channels = *pixel_channels_;
            columns = columns / max(pixel_channels, 1);
        }
        alg_.emplace(grad_output_, input_, geometry(), columns, grad_output_.dim(3).extent(),
                     grad_output_.dim(4).extent(), WgradPartition{rows_, images_, bands_, blocks_},
                     frame_columns_, params_.vec * natural_vector_size<float>(),
                     params_.lane == Conv2dWgradCpuParams::kGroups ? params_.group : 0,
                     params_.spreads(natural_vector_size<float>()), params_.copies_gradient(),
                     pixel_channels);
        partial_ = alg_->partial;
    }

    void schedule() {
        const bool nhwc = format_ == Format::kNhwc;
        const bool grouped = params_.lane == Conv2dWgradCpuParams::kGroups && params_.group == 1;
        const int dense = !nhwc ? 2 : grouped ? 1 : 0;
        promise_dense(grad_output_, pixel_channels_ != nullptr ? 2 : dense);
        promise_dense(input_, params_.folds() ? 2 : dense);
        promise_dense(partial_, 0);
        if (params_.group != 1) {
            // One vector holds the channels of several groups: they follow each other.
            grad_output_.dim(1).set_stride(params_.group);
            input_.dim(1).set_stride(params_.group);
        }
        const int lanes = natural_vector_size<float>();
        partial_.dim(0).set_extent(params_.vec * lanes);
        const int tiles[] = {params_.tile, params_.taps_x, params_.taps_y};
        for (int d = 0; d < 3; d++) {
            partial_.dim(d + 1).set_extent(partial_.dim(d + 1).extent() / tiles[d] * tiles[d]);
        }
        if (!problem_.value().empty()) {
            const ConvPass pass = sized_pass();
            if (pixel_channels_ == nullptr)
                fix_extents(grad_output_, {pass.co, pass.groups, pass.x.out, pass.y.out});
            fix_extents(input_, {pass.ci, pass.groups, pass.x.in, pass.y.in});
        }
        if (params_.stage == Conv2dWgradCpuParams::kMasked) {
            schedule_depthwise_wgrad_cpu(*alg_, params_, task_tiles_, lanes);
        } else {
            schedule_conv2d_wgrad_cpu(*alg_, params_, task_tiles_, lanes);
        }
    }

private:
    ConvGeometry geometry() {
        ConvGeometry geo = sizes();
        if (params_.stage == Conv2dWgradCpuParams::kDirect) geo.padding = Padding::kNone;
        if (params_.folds()) geo.ci = geo.groups = geo.dilation_x = 1;
        if (params_.stage != Conv2dWgradCpuParams::kMasked) return geo;
        geo.padding = Padding::kMasked;
        geo.ci = geo.co = params_.group;
        if (params_.stride != 0) {
            geo.stride_x = geo.stride_y = params_.stride;
            geo.dilation_x = geo.dilation_y = 1;
        }
        return geo;
    }
    /// The pass whose sizes are compiled in, as the kernel is called for it.
    ConvPass sized_pass() const {
        const ConvPass pass = pass_of(problem_, 0);
        return params_.folds() ? folded(pass) : pass;
    }
    ConvGeometry sizes() {
        if (!problem_.value().empty()) return geometry_of(sized_pass());
        ConvGeometry geo;
        geo.ci = input_.dim(0).extent(), geo.co = grad_output_.dim(0).extent();
        geo.groups = input_.dim(1).extent();
        geo.iw = input_.dim(2).extent(), geo.ih = input_.dim(3).extent();
        geo.kw = partial_.dim(2).extent(), geo.kh = partial_.dim(3).extent();
        geo.stride_x = stride_x_, geo.stride_y = stride_y_;
        geo.pad_x = pad_x_, geo.pad_y = pad_y_;
        geo.dilation_x = dilation_x_, geo.dilation_y = dilation_y_;
        return geo;
    }

    Conv2dWgradCpuParams params_;
    Input<int> *pixel_channels_ = nullptr;  ///< Where rows of the gradient are folded.
    std::optional<Conv2dWgrad> alg_;
};

}  // namespace convwright

HALIDE_REGISTER_GENERATOR(convwright::Conv2dWgradGenerator, conv2d_wgrad)
