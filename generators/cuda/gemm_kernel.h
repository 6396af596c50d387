// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "codegen/cuda_backend.h"
#include "generators/cuda/in_fours.h"
#include "generators/kernel_sizes.h"
#include "schedules/conv2d_cuda_params.h"
#include "schedules/cuda/conv2d_gemm.h"

namespace convwright {

/// What kernels of Conv2dGemm have in common: all but the product and the output.
template<typename Kernel>
class GemmKernel : public Halide::Generator<Kernel> {
public:
    template<typename T>
    using Input = Halide::GeneratorInput<T>;
    template<typename T>
    using GeneratorParam = Halide::GeneratorParam<T>;

    GeneratorParam<Format> format_{"format", Format::kNhwc, kFormatNames};  // what is dense
    GeneratorParam<DType> dtype_{"dtype", DType::kF32, kDTypeNames};        // of the tensors
    GeneratorParam<std::string> schedule_{"schedule", ""};  // knobs as text; empty = defaults
    GeneratorParam<std::string> cuda_{"cuda", ""};          // path of the text

    Input<Halide::Buffer<void, 5>> input_{"input"};    // (ci, g, iw, ih, n)
    Input<Halide::Buffer<void, 4>> weight_{"weight"};  // (co % tile, k, co / tile, g)
    Input<Halide::Buffer<void, 1>> bias_{"bias"};      // (all co), or of extent 0
    Input<float> floor_{"floor"};                      // 0 for a ReLU, else -infinity
    Input<int> stride_x_{"stride_x"}, stride_y_{"stride_y"};
    Input<int> pad_x_{"pad_x"}, pad_y_{"pad_y"};
    Input<int> dilation_x_{"dilation_x"}, dilation_y_{"dilation_y"};
    Input<int> taps_x_{"taps_x"}, taps_y_{"taps_y"};
    Input<int> co_{"co"}, columns_{"columns"}, rows_{"rows"}, pixels_{"pixels"};  // of the output
    Input<int> turns_{"turns"}, parts_{"parts"};
    FastDivisionInput by_columns_{"by_columns"}, by_rows_{"by_rows"}, by_taps_x_{"by_taps_x"};
    FastDivisionInput by_image_vectors_{"by_image_vectors"}, by_chunks_{"by_chunks"};
    FastDivisionInput by_co_tiles_{"by_co_tiles"};

    void configure() {
        input_.set_type(stored_type(dtype_));
        weight_.set_type(stored_type(dtype_));
        bias_.set_type(stored_type(dtype_));
    }

protected:
    /// `unroll` as of GemmShape.
    void define(const GemmProduct *product, int unroll) {
        params_ = parse_params<Conv2dCudaParams>(schedule_);
        ConvGeometry geo;
        geo.ci = input_.dim(0).extent(), geo.co = co_;
        geo.iw = input_.dim(2).extent(), geo.ih = input_.dim(3).extent();
        geo.kw = taps_x_, geo.kh = taps_y_;
        geo.stride_x = stride_x_, geo.stride_y = stride_y_;
        geo.pad_x = pad_x_, geo.pad_y = pad_y_;
        geo.dilation_x = dilation_x_, geo.dilation_y = dilation_y_;
        const Halide::Expr chunks =
            params_.linear ? geo.ci : (geo.ci + params_.chunk - 1) / params_.chunk;
        shape_.tile = {params_.co,
                       params_.px,
                       params_.co_t,
                       params_.px_t,
                       format_ == Format::kNhwc,
                       params_.pixels_dense(format_),
                       params_.mma != 0};
        shape_.dtype = dtype_;
        _halide_user_assert(shape_.is_short() == (params_.mma == Conv2dCudaParams::kShortFloats))
            << "schedule " << format_params(params_)
            << " is not for this dtype; mma:2 is for bf16 and f16, "
            << "others are for f32\n";
        shape_.chunk = params_.chunk, shape_.vec = params_.read_vector(format_);
        shape_.panel_row = params_.panel_row(), shape_.pixel_row = params_.pixel_row();
        shape_.store_vectors = params_.store_vector() > 1 || params_.split != 0;
        shape_.linear = params_.linear != 0, shape_.split = params_.split != 0;
        shape_.unroll = unroll;
        shape_.turns = turns_, shape_.parts = parts_;
        shape_.images = input_.dim(4).extent(), shape_.pixels = pixels_;
        shape_.columns = by_columns_(columns_), shape_.rows = by_rows_(rows_);
        shape_.image_vectors = by_image_vectors_(columns_ * rows_ / GemmTile::kVector);
        shape_.taps_x = by_taps_x_(taps_x_), shape_.chunks = by_chunks_(chunks);
        shape_.co_tiles = by_co_tiles_((geo.co + params_.co - 1) / params_.co);
        shape_.px_tiles = (pixels_ + params_.px - 1) / params_.px;
        alg_.emplace(input_, weight_, bias_, bias_.dim(0).extent(), floor_, geo, shape_, product);
    }

    template<typename Output>
    CudaOptions schedule_tiles(Output &output) {
        const bool nhwc = format_ == Format::kNhwc;
        promise_dense(input_, shape_.vec > 1 ? 0 : -1);
        promise_dense(output, !shape_.store_vectors ? -1 : nhwc ? 0 : 2);
        // Of short floats the sum is dense, which tensor cores take two by two.
        const int dense = shape_.is_short() ? 1 : 0;
        promise_dense(weight_, dense);
        promise_dense(bias_, 0);
        weight_.dim(0).set_extent(params_.co);
        in_vectors(weight_, dense, 16 / stored_type(dtype_).bytes());
        if (shape_.vec > 1) in_vectors(input_, 0, shape_.vec);
        if (shape_.store_vectors) in_fours(output, nhwc ? 0 : 2);
        schedule_conv2d_gemm(*alg_, shape_);
        CudaOptions options = cuda_options(cuda_);
        options.async_copies = true;
        options.stages = params_.stages;
        return options;
    }

    Conv2dCudaParams params_;
    GemmShape shape_;
    std::optional<Conv2dGemm> alg_;
};

}  // namespace convwright
