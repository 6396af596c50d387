// SPDX-License-Identifier: Apache-2.0
#include <optional>

#include "generators/kernel_sizes.h"
#include "schedules/cpu/conv2d.h"
#include "schedules/cpu/conv2d_summed.h"
#include "schedules/cpu/conv2d_winograd.h"
#include "schedules/cpu/depthwise.h"

namespace convwright {

using Halide::Expr;
using Halide::GeneratorParam;

/// The convolution engine over packed operands: fprop in one pass, dgrad in one pass per phase
/// (runtime/conv_pass.h). Generic by default: sizes are run-time values, so one object serves every
/// pass that its schedule accepts. With `problem` set the sizes of its pass `phase` are compiled in, but for the number of images.
class Conv2d : public Halide::Generator<Conv2d> {
public:
    GeneratorParam<Format> format_{"format", Format::kNhwc, kFormatNames};  // what is dense
    GeneratorParam<DType> dtype_{"dtype", DType::kF32, kDTypeNames};        // of the activations
    GeneratorParam<std::string> schedule_{"schedule", ""};  // knobs as text; empty = defaults
    GeneratorParam<std::string> problem_{"problem", ""};    // empty = generic
    GeneratorParam<int> phase_{"phase", 0};                 // which pass of the problem

    Input<Buffer<void, 5>> input_{"input"};  // (ci, g, iw, ih, n)
    // (co % panel, ci, kx, ky, co / panel, g); lane 3: (tap % lanes, co, tap / lanes, ky, tap, 0), where the
    // extent along the fifth says how many taps a row has;
    // stage 5: the elements of a Winograd tile in the place of taps
    Input<Buffer<float, 6>> weight_{"weight"};
    Input<Buffer<float, 3>> bias_{"bias"};  // (co % panel, co / panel, g)
    Input<float> floor_{"floor"};           // 0 for a ReLU, else -infinity
    Input<int> stride_x_{"stride_x"}, stride_y_{"stride_y"};
    Input<int> pad_x_{"pad_x"}, pad_y_{"pad_y"};
    Input<int> dilation_x_{"dilation_x"}, dilation_y_{"dilation_y"};
    Input<int> channel_tiles_{"channel_tiles"}, column_tiles_{"column_tiles"}, rows_{"rows"};
    Input<int> tiled_ow_{"tiled_ow"};           // output columns in whole register tiles
    Output<Buffer<void, 5>> output_{"output"};  // (co, g, ow, oh, n)

    void configure() {
        input_.set_type(stored_type(dtype_));
        output_.set_type(stored_type(dtype_));
    }

    void generate() {
        params_ = parse_params<Conv2dCpuParams>(schedule_);
        _halide_user_assert(params_.why_not_dense(format_) == nullptr)
            << "conv2d: the lanes of schedule " << format_params(params_)
            << " are not dense in the format; lane 1 is for nchw, lanes 0, 2 and 3 are for nhwc, "
               "and "
               "lane 0 with stage 1 for both\n";
        _halide_user_assert(params_.why_not_stored(dtype_) == nullptr)
            << "conv2d: schedule " << format_params(params_)
            << " does not convert bfloat16; stages 1 to 4 do\n";
        panel_ = params_.panel(natural_vector_size<float>());
        if (summed()) {
            summed_.emplace(input_, weight_, bias_, floor_, geometry(), weight_.dim(2).extent(),
                            weight_.dim(4).extent(), panel_, natural_vector_size<float>(),
                            stored_type(dtype_));
            output_ = summed_->out;
        } else if (params_.winograd()) {
            winograd_.emplace(input_, weight_, bias_, floor_, geometry(), panel_);
            output_ = winograd_->out;
        } else {
            alg_.emplace(input_, weight_, bias_, floor_, geometry(), panel_, stored_type(dtype_));
            output_ = alg_->out;
        }
    }

    void schedule() {
        const bool grouped = params_.lane == Conv2dCpuParams::kGroups && params_.group == 1;
        const int dense = format_ == Format::kNchw ? 2 : grouped ? 1 : 0;
        promise_dense(input_, params_.stage == Conv2dCpuParams::kFolded ? 2 : dense);
        const bool scattered = params_.strided_out || (dense == 2 && !columns());
        promise_dense(output_, scattered ? -1 : dense);
        promise_dense(weight_, grouped ? 5 : 0);
        promise_dense(bias_, grouped ? 2 : 0);
        weight_.dim(0).set_extent(summed() ? natural_vector_size<float>() : panel_);
        bias_.dim(0).set_extent(panel_);
        if (params_.group != 1 && params_.lane == Conv2dCpuParams::kGroups) {
            // One vector holds the channels of several groups: they follow each other everywhere.
            input_.dim(1).set_stride(params_.group);
            output_.dim(1).set_stride(params_.group);
            weight_.dim(5).set_stride(params_.group);
            bias_.dim(2).set_stride(params_.group);
        } else if (!grouped) {
            if (!summed()) weight_.dim(1).set_stride(panel_);
            bias_.dim(1).set_stride(panel_);
        }
        if (!problem_.value().empty()) {
            const ConvPass pass = sized_pass();
            fix_extents(input_, {pass.ci, pass.groups, pass.x.in, pass.y.in});
            fix_extents(output_, {pass.co, pass.groups, pass.x.out, pass.y.out});
        }
        const ConvTask task{channel_tiles_, column_tiles_, rows_};
        const int lanes = natural_vector_size<float>();
        if (summed()) {
            schedule_conv2d_summed_cpu(*summed_, params_, task, lanes);
        } else if (params_.winograd()) {
            schedule_conv2d_winograd_cpu(*winograd_, params_, task, lanes);
        } else if (params_.stage == Conv2dCpuParams::kMasked) {
            schedule_depthwise_cpu(*alg_, params_, task, lanes);
        } else {
            schedule_conv2d_cpu(*alg_, params_, task, lanes);
        }
    }

private:
    bool summed() const { return params_.lane == Conv2dCpuParams::kSummed; }
    bool columns() const { return params_.lane == Conv2dCpuParams::kColumns; }

    /// The pass whose sizes are compiled in, as the kernel is called for it.
    ConvPass sized_pass() const {
        const ConvPass pass = pass_of(problem_, phase_);
        return params_.stage == Conv2dCpuParams::kFolded ? folded(pass) : pass;
    }

    Padding padding() const {
        switch (params_.stage) {
            case Conv2dCpuParams::kDirect:
                return Padding::kNone;
            case Conv2dCpuParams::kMasked:
                return Padding::kMasked;
            case Conv2dCpuParams::kGather:
                return Padding::kGathered;
            default:
                return Padding::kFrame;
        }
    }

    ConvGeometry geometry() {
        ConvGeometry geo;
        if (!problem_.value().empty()) {
            geo = geometry_of(sized_pass());
        } else {
            geo.ci = input_.dim(0).extent(), geo.co = output_.dim(0).extent();
            geo.groups = input_.dim(1).extent();
            geo.iw = input_.dim(2).extent(), geo.ih = input_.dim(3).extent();
            geo.kw = weight_.dim(2).extent(), geo.kh = weight_.dim(3).extent();
            geo.stride_x = stride_x_, geo.stride_y = stride_y_;
            geo.pad_x = pad_x_, geo.pad_y = pad_y_;
            geo.dilation_x = dilation_x_, geo.dilation_y = dilation_y_;
        }
        if (params_.lane == Conv2dCpuParams::kGroups) geo.ci = geo.co = params_.group;
        if (params_.lane == Conv2dCpuParams::kChannels && params_.group != 1)
            geo.ci = params_.group, geo.dilation_x = 1;
        if (columns() && params_.taps_x != 0) geo.ci = geo.co = 1;
        if (params_.stage == Conv2dCpuParams::kFolded) {
            geo.ci = geo.groups = geo.dilation_x = 1;
            geo.iw = input_.dim(2).extent();
        }
        if (params_.taps_x != 0) geo.kw = params_.taps_x, geo.dilation_x = 1;
        if (params_.taps_y != 0) geo.kh = params_.taps_y, geo.dilation_y = 1;
        if (params_.stride != 0) geo.stride_x = geo.stride_y = params_.stride;
        // Vectors of columns need the stride at compile time; why_illegal() has promised 1.
        if (columns() && params_.stage != Conv2dCpuParams::kGather && params_.stride == 0) {
            geo.stride_x = 1;
        }
        geo.tiled_ow = tiled_ow_;
        geo.padding = padding();
        return geo;
    }

    Conv2dCpuParams params_;
    int panel_ = 0;
    std::optional<Conv2dFprop> alg_;
    std::optional<Conv2dSummed> summed_;      ///< In its place for lane 3,
    std::optional<Conv2dWinograd> winograd_;  ///< and for stage 5.
};

}  // namespace convwright

HALIDE_REGISTER_GENERATOR(convwright::Conv2d, conv2d)
