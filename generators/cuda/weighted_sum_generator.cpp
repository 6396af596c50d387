// SPDX-License-Identifier: Apache-2.0
#include <optional>

#include "codegen/cuda_backend.h"
#include "generators/cuda/in_fours.h"
#include "generators/kernel_sizes.h"
#include "schedules/cuda/weighted_sum.h"

namespace convwright {

using Halide::GeneratorParam;

/// The fused weighted sum, channels_last; sizes are run-time values but for taps and stride.
class WeightedSumCuda : public Halide::Generator<WeightedSumCuda> {
public:
    GeneratorParam<Format> format_{"format", Format::kNhwc, kFormatNames};  // nhwc alone
    GeneratorParam<std::string> schedule_{"schedule", ""};  // knobs as text; empty = defaults
    GeneratorParam<std::string> cuda_{"cuda", ""};          // path of the text

    Input<Buffer<float, 4>> input_{"input"};          // (ci, iw, ih, n)
    Input<Buffer<float, 2>> pointwise_{"pointwise"};  // (co, ci)
    Input<Buffer<float, 3>> depthwise_{"depthwise"};  // (co, kx, ky)
    Input<Buffer<float, 1>> bias_{"bias"};            // (co), or of extent 0
    Input<float> floor_{"floor"};                     // 0 for a ReLU, else -infinity
    Input<int> pad_x_{"pad_x"}, pad_y_{"pad_y"};
    Input<int> columns_{"columns"}, rows_{"rows"};  // of the output
    FastDivisionInput by_channels_{"by_channels"}, by_columns_{"by_columns"};
    FastDivisionInput by_rows_{"by_rows"};       // tiles of each
    Output<Buffer<float, 4>> output_{"output"};  // (co, ow, oh, n)

    void generate() {
        _halide_user_assert(format_ == Format::kNhwc)
            << "weighted_sum_cuda: format nchw has no fused schedule; nhwc has one\n";
        params_ = parse_params<WeightedSumCudaParams>(schedule_);
        ConvGeometry geo;
        geo.ci = input_.dim(0).extent(), geo.co = pointwise_.dim(0).extent();
        geo.iw = input_.dim(1).extent(), geo.ih = input_.dim(2).extent();
        geo.pad_x = pad_x_, geo.pad_y = pad_y_;
        const TileGrid grid{by_channels_(tiles_of(geo.co, params_.kChannels)),
                            by_columns_(tiles_of(columns_, params_.columns)),
                            by_rows_(tiles_of(rows_, params_.rows)), input_.dim(3).extent()};
        alg_.emplace(input_, pointwise_, depthwise_, bias_, bias_.dim(0).extent(), floor_, geo,
                     columns_, rows_, grid, params_);
        output_ = alg_->out;
    }

    void schedule() {
        const bool vectors = params_.vec > 1;
        promise_dense(input_, vectors ? 0 : -1);
        promise_dense(output_, vectors ? 0 : -1);
        promise_dense(pointwise_, -1);
        promise_dense(depthwise_, -1);
        promise_dense(bias_, 0);
        depthwise_.dim(1).set_extent(params_.taps);
        depthwise_.dim(2).set_extent(params_.taps);
        if (vectors) in_fours(input_, 0), in_fours(output_, 0);
        schedule_weighted_sum_cuda(*alg_, params_);
        CudaOptions options = cuda_options(cuda_);
        options.async_copies = true;
        offload_to_cuda(get_pipeline(), options);
    }

private:
    WeightedSumCudaParams params_;
    std::optional<WeightedSumTiles> alg_;
};

}  // namespace convwright

HALIDE_REGISTER_GENERATOR(convwright::WeightedSumCuda, weighted_sum_cuda)
