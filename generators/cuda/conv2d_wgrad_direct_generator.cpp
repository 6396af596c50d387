// SPDX-License-Identifier: Apache-2.0
#include <optional>

#include "codegen/cuda_backend.h"
#include "generators/kernel_sizes.h"
#include "schedules/cuda/conv2d_wgrad.h"

namespace convwright {

using Halide::GeneratorParam;

/// wgrad of any problem, first pass: partial sums over parts of the output pixels, through any
/// strides.
class Conv2dWgradDirect : public Halide::Generator<Conv2dWgradDirect> {
public:
    GeneratorParam<Format> format_{"format", Format::kNhwc, kFormatNames};  // what is dense
    GeneratorParam<std::string> schedule_{"schedule", ""};  // knobs as text; empty = defaults
    GeneratorParam<std::string> cuda_{"cuda", ""};          // file that takes the CUDA C++

    Input<Buffer<float, 5>> grad_output_{"grad_output"};  // (co, g, ow, oh, n)
    // (ci, g, ow, oh, n, kx, ky) from the padding on; columns, rows and taps have the extent 1.
    Input<Buffer<float, 7>> input_{"input"};
    Input<int> iw_{"iw"}, ih_{"ih"}, kw_{"kw"};
    Input<int> stride_x_{"stride_x"}, stride_y_{"stride_y"};
    Input<int> pad_x_{"pad_x"}, pad_y_{"pad_y"};
    Input<int> dilation_x_{"dilation_x"}, dilation_y_{"dilation_y"};
    Input<int> steps_{"steps"};  // pixels of a thread in a part
    FastDivisionInput by_ow_{"ow"}, by_oh_{"oh"}, by_ci_{"ci"}, by_kw_{"kw"}, by_co_{"co"};
    Output<Buffer<float, 5>> partial_{"partial"};  // (e, co) of a tile, e tile, co tile, part

    void generate() {
        const auto params = parse_params<Conv2dWgradCudaParams>(schedule_);
        WgradPixels px;
        px.geo.ci = input_.dim(0).extent(), px.geo.co = grad_output_.dim(0).extent();
        px.geo.groups = input_.dim(1).extent();
        px.geo.iw = iw_, px.geo.ih = ih_;
        px.geo.stride_x = stride_x_, px.geo.stride_y = stride_y_;
        px.geo.pad_x = pad_x_, px.geo.pad_y = pad_y_;
        px.geo.dilation_x = dilation_x_, px.geo.dilation_y = dilation_y_;
        px.ow = by_ow_(grad_output_.dim(2).extent());
        px.oh = by_oh_(grad_output_.dim(3).extent());
        px.batch = grad_output_.dim(4).extent();
        px.channels = by_ci_(px.geo.ci), px.kw = by_kw_(kw_);
        alg_.emplace(grad_output_, input_, px, input_.dim(2).extent() - 1, by_co_(px.geo.co),
                     WgradTile{params.e, params.co}, steps_, params.shares);
        partial_ = alg_->partial;
    }

    void schedule() {
        const auto params = parse_params<Conv2dWgradCudaParams>(schedule_);
        promise_dense(grad_output_, -1);
        promise_dense(input_, -1);
        for (const int d : {3, 5, 6}) input_.dim(d).set_extent(input_.dim(2).extent());
        promise_dense(partial_, -1);
        partial_.dim(0).set_extent(params.e);
        partial_.dim(1).set_extent(params.co);
        schedule_wgrad_direct_cuda(*alg_, params, format_ == Format::kNhwc);
        offload_to_cuda(get_pipeline(), cuda_options(cuda_));
    }

private:
    std::optional<WgradDirect> alg_;
};

}  // namespace convwright

HALIDE_REGISTER_GENERATOR(convwright::Conv2dWgradDirect, conv2d_wgrad_direct)
