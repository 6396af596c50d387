// SPDX-License-Identifier: Apache-2.0
#include <optional>

#include "codegen/cuda_backend.h"
#include "generators/kernel_sizes.h"
#include "schedules/cuda/conv2d_direct.h"

namespace convwright {

using Halide::Expr;
using Halide::GeneratorParam;

/// What kernels of OutputTasks have in common: arguments that say where the outputs lie.
template<typename Kernel>
class TaskKernel : public Halide::Generator<Kernel> {
public:
    template<typename T>
    using Input = Halide::GeneratorInput<T>;

    GeneratorParam<Format> format_{"format", Format::kNhwc, kFormatNames};  // what is dense
    GeneratorParam<DType> dtype_{"dtype", DType::kF32, kDTypeNames};        // of the tensors
    GeneratorParam<std::string> schedule_{"schedule", ""};  // there are no other schedules
    GeneratorParam<std::string> cuda_{"cuda", ""};          // path of the text

    Input<int> co_{"co"}, groups_{"groups"}, columns_{"columns"}, rows_{"rows"};  // of the output
    Input<int> images_{"images"}, pixels_{"pixels"};
    FastDivisionInput by_columns_{"by_columns"}, by_rows_{"by_rows"}, by_channels_{"by_channels"};
    FastDivisionInput by_group_{"by_group"}, by_strips_{"by_strips"};
    Input<Halide::Buffer<void, 1>> bias_{"bias"};  // (all co), or of extent 0
    Input<float> floor_{"floor"};                  // 0 for a ReLU, else -infinity

protected:
    OutputTasks tasks() {
        OutputTasks tasks;
        tasks.channels_first = format_ == Format::kNhwc;
        tasks.groups = groups_, tasks.images = images_, tasks.pixels = pixels_;
        tasks.columns = by_columns_(columns_), tasks.rows = by_rows_(rows_);
        tasks.group = by_group_(co_), tasks.channels = by_channels_(co_ * groups_);
        constexpr int kStrip = OutputTasks::kPixels * OutputTasks::kLanes;
        tasks.strips = by_strips_((pixels_ + kStrip - 1) / kStrip);
        return tasks;
    }
};

/// The convolution engine without packed operands, for whatever the others refuse.
class Conv2dDirectKernel : public TaskKernel<Conv2dDirectKernel> {
public:
    Input<Halide::Buffer<void, 5>> input_{"input"};    // (ci, g, iw, ih, n)
    Input<Halide::Buffer<void, 5>> weight_{"weight"};  // (co, ci, kx, ky, g)
    Input<int> stride_x_{"stride_x"}, stride_y_{"stride_y"};
    Input<int> pad_x_{"pad_x"}, pad_y_{"pad_y"};
    Input<int> dilation_x_{"dilation_x"}, dilation_y_{"dilation_y"};
    Halide::GeneratorOutput<Halide::Buffer<void, 5>> output_{"output"};  // (co, g, ow, oh, n)

    void configure() {
        for (auto *operand : {&input_, &weight_}) operand->set_type(stored_type(dtype_));
        bias_.set_type(stored_type(dtype_));
        output_.set_type(stored_type(dtype_));
    }

    void generate() {
        ConvGeometry geo;
        geo.ci = input_.dim(0).extent();
        geo.iw = input_.dim(2).extent(), geo.ih = input_.dim(3).extent();
        geo.kw = weight_.dim(2).extent(), geo.kh = weight_.dim(3).extent();
        geo.stride_x = stride_x_, geo.stride_y = stride_y_;
        geo.pad_x = pad_x_, geo.pad_y = pad_y_;
        geo.dilation_x = dilation_x_, geo.dilation_y = dilation_y_;
        alg_.emplace(input_, weight_, bias_, bias_.dim(0).extent(), floor_, geo, tasks(), dtype_);
        output_ = alg_->out;
    }

    void schedule() {
        promise_dense(input_, -1);
        promise_dense(weight_, -1);
        promise_dense(bias_, 0);
        promise_dense(output_, -1);
        schedule_task_sum(*alg_, {alg_->r_ci, alg_->r_kx, alg_->r_ky});
        offload_to_cuda(get_pipeline(), cuda_options(cuda_));
    }

private:
    std::optional<Conv2dDirect> alg_;
};

/// The second pass behind kernels with knob split.
class Conv2dPartsKernel : public TaskKernel<Conv2dPartsKernel> {
public:
    Input<Halide::Buffer<float, 4>> partial_{"partial"};  // (co, g, pixel, part), whole tiles
    Halide::GeneratorOutput<Halide::Buffer<void, 5>> output_{"output"};  // (co, g, ow, oh, n)

    void configure() {
        bias_.set_type(stored_type(dtype_));
        output_.set_type(stored_type(dtype_));
    }

    void generate() {
        alg_.emplace(partial_, partial_.dim(3).extent(), bias_, bias_.dim(0).extent(), floor_,
                     tasks(), dtype_);
        output_ = alg_->out;
    }

    void schedule() {
        promise_dense(partial_, format_ == Format::kNhwc ? 0 : 2);
        promise_dense(bias_, 0);
        promise_dense(output_, -1);
        schedule_task_sum(*alg_, {alg_->r_part});
        offload_to_cuda(get_pipeline(), cuda_options(cuda_));
    }

private:
    std::optional<Conv2dParts> alg_;
};

}  // namespace convwright

HALIDE_REGISTER_GENERATOR(convwright::Conv2dDirectKernel, conv2d_direct)
HALIDE_REGISTER_GENERATOR(convwright::Conv2dPartsKernel, conv2d_parts)
