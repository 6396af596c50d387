// SPDX-License-Identifier: Apache-2.0
#include <optional>

#include "codegen/cuda_backend.h"
#include "generators/cuda/in_fours.h"
#include "generators/kernel_sizes.h"
#include "schedules/cuda/wgrad_depthwise.h"

namespace convwright {

using Halide::GeneratorParam;

/// wgrad of groups of one channel, first pass: partial sums over parts of the output pixels, written into
/// workspace, or with one part into the gradient itself. For nchw the host exchanges columns and rows:
/// x is rows here.
class Conv2dWgradDepthwise : public Halide::Generator<Conv2dWgradDepthwise> {
public:
    GeneratorParam<Format> format_{"format", Format::kNhwc, kFormatNames};  // what is dense
    GeneratorParam<std::string> schedule_{"schedule", ""};  // knobs as text; empty = defaults
    GeneratorParam<std::string> cuda_{"cuda", ""};          // file that takes the CUDA C++

    Input<Buffer<float, 4>> grad_output_{"grad_output"};  // (g, ox, oy, n)
    Input<Buffer<float, 4>> input_{"input"};              // (g, ix, iy, n)
    Input<int> stride_y_{"stride_y"}, pad_x_{"pad_x"}, pad_y_{"pad_y"};
    Input<int> dilation_y_{"dilation_y"};
    Input<int> steps_{"steps"};  // strips of a thread in a part
    FastDivisionInput by_strips_{"by_strips"}, by_rows_{"by_rows"};
    Output<Buffer<float, 5>> partial_{"partial"};  // (channel of a tile, kx, ky, tile, part)

    void generate() {
        params_ = parse_params<Conv2dWgradCudaParams>(schedule_);
        tile_ = {params_.co,   params_.vec,    params_.px_t,
                 params_.taps, params_.stride, format_ == Format::kNhwc};
        ConvGeometry geo;
        geo.iw = input_.dim(1).extent(), geo.ih = input_.dim(2).extent();
        geo.stride_y = stride_y_, geo.dilation_y = dilation_y_;
        geo.pad_x = pad_x_, geo.pad_y = pad_y_;
        DepthwiseStrips strips;
        strips.strips_first = tile_.strips_first;
        strips.columns = grad_output_.dim(1).extent();
        strips.strips = by_strips_((strips.columns + tile_.pixels - 1) / tile_.pixels);
        strips.rows = by_rows_(grad_output_.dim(2).extent());
        strips.images = input_.dim(3).extent();
        strips.channels = input_.dim(0).extent() / tile_.vec;
        alg_.emplace(grad_output_, input_, geo, strips, tile_, steps_, params_.shares);
        partial_ = alg_->partial;
    }

    void schedule() {
        const bool vectors = tile_.vec > 1;
        promise_dense(grad_output_, vectors ? 0 : -1);
        promise_dense(input_, vectors ? 0 : -1);
        if (vectors) in_fours(grad_output_, 0), in_fours(input_, 0);
        promise_dense(partial_, -1);
        partial_.dim(0).set_extent(tile_.channels);
        for (const int d : {1, 2}) partial_.dim(d).set_extent(tile_.taps);
        schedule_wgrad_depthwise_cuda(*alg_, tile_, params_);
        offload_to_cuda(get_pipeline(), cuda_options(cuda_));
    }

private:
    Conv2dWgradCudaParams params_;
    DepthwiseTile tile_;
    std::optional<WgradDepthwise> alg_;
};

}  // namespace convwright

HALIDE_REGISTER_GENERATOR(convwright::Conv2dWgradDepthwise, conv2d_wgrad_depthwise)
