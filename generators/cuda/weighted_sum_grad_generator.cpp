// SPDX-License-Identifier: Apache-2.0
#include <optional>

#include "codegen/cuda_backend.h"
#include "generators/cuda/in_fours.h"
#include "generators/kernel_sizes.h"
#include "schedules/cuda/weighted_sum_grad.h"

namespace convwright {

using Halide::GeneratorParam;

/// The gradient of a weighted sum's input, channels_last, and that of z where a buffer with its channels is
/// given; sizes are run-time values but for taps, stride and the most channels of z.
class WeightedSumGradCuda : public Halide::Generator<WeightedSumGradCuda> {
public:
    GeneratorParam<Format> format_{"format", Format::kNhwc, kFormatNames};  // nhwc alone
    GeneratorParam<std::string> schedule_{"schedule", ""};  // knobs as text; empty = defaults
    GeneratorParam<std::string> cuda_{"cuda", ""};          // path of the text

    Input<Buffer<float, 4>> grad_{"grad"};            // (co, ow, oh, n)
    Input<Buffer<float, 2>> pointwise_{"pointwise"};  // (co, ci)
    Input<Buffer<float, 3>> depthwise_{"depthwise"};  // (co, kx, ky)
    Input<int> pad_x_{"pad_x"}, pad_y_{"pad_y"};
    Input<int> channels_{"channels"}, columns_{"columns"}, rows_{"rows"};  // of the input
    Input<int> kept_{"kept"};  // channels of middle, those of grad or 0
    FastDivisionInput by_channels_{"by_channels"}, by_columns_{"by_columns"};
    FastDivisionInput by_rows_{"by_rows"};       // tiles of each
    Output<Buffer<float, 4>> middle_{"middle"};  // (co or none, iw, ih, n)
    Output<Buffer<float, 4>> output_{"output"};  // (ci, iw, ih, n)

    void generate() {
        _halide_user_assert(format_ == Format::kNhwc)
            << "weighted_sum_grad_cuda: format nchw has no fused schedule; nhwc has one\n";
        params_ = parse_params<WeightedSumGradCudaParams>(schedule_);
        WeightedSumGradTiles::Sizes sizes;
        sizes.ci = channels_, sizes.co = pointwise_.dim(0).extent(), sizes.middle = kept_;
        sizes.iw = columns_, sizes.ih = rows_;
        sizes.ow = grad_.dim(1).extent(), sizes.oh = grad_.dim(2).extent();
        sizes.pad_x = pad_x_, sizes.pad_y = pad_y_;
        const TileGrid grid{by_channels_(tiles_of(sizes.ci, params_.channels)),
                            by_columns_(tiles_of(sizes.iw, params_.columns)),
                            by_rows_(tiles_of(sizes.ih, params_.rows)), grad_.dim(3).extent()};
        alg_.emplace(grad_, pointwise_, depthwise_, sizes, grid, params_);
        middle_ = alg_->middle;
        output_ = alg_->out;
    }

    void schedule() {
        const bool vectors = params_.vec > 1;
        for (auto *buffer : {&middle_, &output_}) promise_dense(*buffer, vectors ? 0 : -1);
        promise_dense(grad_, vectors ? 0 : -1);
        promise_dense(pointwise_, -1);
        promise_dense(depthwise_, -1);
        depthwise_.dim(1).set_extent(params_.taps);
        depthwise_.dim(2).set_extent(params_.taps);
        if (vectors) in_fours(grad_, 0), in_fours(middle_, 0), in_fours(output_, 0);
        schedule_weighted_sum_grad_cuda(*alg_, params_);
        CudaOptions options = cuda_options(cuda_);
        options.async_copies = true;
        offload_to_cuda(get_pipeline(), options);
    }

private:
    WeightedSumGradCudaParams params_;
    std::optional<WeightedSumGradTiles> alg_;
};

}  // namespace convwright

HALIDE_REGISTER_GENERATOR(convwright::WeightedSumGradCuda, weighted_sum_grad_cuda)
