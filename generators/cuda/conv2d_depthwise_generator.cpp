// SPDX-License-Identifier: Apache-2.0
#include <optional>

#include "codegen/cuda_backend.h"
#include "generators/cuda/in_fours.h"
#include "generators/kernel_sizes.h"
#include "schedules/cuda/conv2d_depthwise.h"

namespace convwright {

using Halide::GeneratorParam;

/// The convolution engine for groups of one channel: fprop in one pass, dgrad in one pass per phase
/// (runtime/conv_pass.h). For nchw the host exchanges columns and rows: x is rows here.
class Conv2dDepthwiseKernel : public Halide::Generator<Conv2dDepthwiseKernel> {
public:
    GeneratorParam<Format> format_{"format", Format::kNhwc, kFormatNames};  // what is dense
    GeneratorParam<std::string> schedule_{"schedule", ""};  // knobs as text; empty = defaults
    GeneratorParam<std::string> cuda_{"cuda", ""};          // path of the text

    Input<Buffer<float, 4>> input_{"input"};    // (g, ix, iy, n)
    Input<Buffer<float, 3>> weight_{"weight"};  // (g, kx, ky)
    Input<Buffer<float, 1>> bias_{"bias"};      // (g), or of extent 0
    Input<float> floor_{"floor"};               // 0 for a ReLU, else -infinity
    Input<int> stride_y_{"stride_y"}, pad_x_{"pad_x"}, pad_y_{"pad_y"};
    Input<int> dilation_y_{"dilation_y"};
    Input<int> columns_{"columns"}, rows_{"rows"};  // of the output
    FastDivisionInput by_strips_{"by_strips"}, by_rows_{"by_rows"}, by_tiles_{"by_tiles"};
    Output<Buffer<float, 4>> output_{"output"};  // (g, ox, oy, n)

    void generate() {
        params_ = parse_params<Conv2dCudaParams>(schedule_);
        tile_ = {params_.co,   params_.vec,    params_.px_t,
                 params_.taps, params_.stride, format_ == Format::kNhwc};
        ConvGeometry geo;
        geo.iw = input_.dim(1).extent(), geo.ih = input_.dim(2).extent();
        geo.kh = weight_.dim(2).extent();
        geo.stride_y = stride_y_, geo.dilation_y = dilation_y_;
        geo.pad_x = pad_x_, geo.pad_y = pad_y_;
        DepthwiseStrips strips;
        strips.strips_first = tile_.strips_first;
        strips.strips = by_strips_((columns_ + tile_.pixels - 1) / tile_.pixels);
        strips.rows = by_rows_(rows_);
        strips.columns = columns_, strips.images = input_.dim(3).extent();
        strips.channels = input_.dim(0).extent() / tile_.vec;
        const Halide::Expr tiles = (strips.channels + tile_.lanes() - 1) / tile_.lanes();
        alg_.emplace(input_, weight_, bias_, bias_.dim(0).extent(), floor_, geo, strips,
                     by_tiles_(tiles), tile_, params_.threads() / tile_.lanes(),
                     params_.most_taps_across());
        output_ = alg_->out;
    }

    void schedule() {
        const bool vectors = tile_.vec > 1;
        promise_dense(input_, vectors ? 0 : -1);
        promise_dense(output_, vectors ? 0 : -1);
        promise_dense(weight_, -1);
        promise_dense(bias_, 0);
        weight_.dim(1).set_extent(tile_.taps);
        if (vectors) in_fours(input_, 0), in_fours(output_, 0);
        schedule_conv2d_depthwise(*alg_, tile_, params_);
        offload_to_cuda(get_pipeline(), cuda_options(cuda_));
    }

private:
    Conv2dCudaParams params_;
    DepthwiseTile tile_;
    std::optional<Conv2dDepthwise> alg_;
};

}  // namespace convwright

HALIDE_REGISTER_GENERATOR(convwright::Conv2dDepthwiseKernel, conv2d_depthwise)
