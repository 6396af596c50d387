// SPDX-License-Identifier: Apache-2.0
#include <optional>

#include "codegen/cuda_backend.h"
#include "generators/kernel_sizes.h"
#include "schedules/cuda/conv2d_wgrad.h"

namespace convwright {

using Halide::Expr;
using Halide::GeneratorParam;

/// wgrad, first pass: partial sums over parts of the output pixels, written through any strides: into
/// workspace, or with one part into the gradient itself.
class Conv2dWgradCuda : public Halide::Generator<Conv2dWgradCuda> {
public:
    GeneratorParam<Format> format_{"format", Format::kNhwc, kFormatNames};  // what is dense
    GeneratorParam<std::string> schedule_{"schedule", ""};  // knobs as text; empty = defaults
    GeneratorParam<std::string> cuda_{"cuda", ""};          // file that takes the CUDA C++

    Input<Buffer<float, 5>> grad_output_{"grad_output"};  // (co, g, ow, oh, n)
    Input<Buffer<float, 5>> input_{"input"};              // (ci, g, iw, ih, n)
    Input<int> stride_x_{"stride_x"}, stride_y_{"stride_y"};
    Input<int> pad_x_{"pad_x"}, pad_y_{"pad_y"};
    Input<int> dilation_x_{"dilation_x"}, dilation_y_{"dilation_y"};
    Input<int> kw_{"kw"};
    Input<int> steps_{"steps"};  // chunks of pixels (direct: pixels of a thread) in a part
    FastDivisionInput by_ow_{"ow"}, by_oh_{"oh"}, by_channels_{"channels"}, by_kw_{"kw"};
    FastDivisionInput by_groups_{"groups"};  // gemm
    FastDivisionInput by_group_{"group"};    // direct: output channels of a group
    // (e, co) of a tile, then e tile, co tile and slice: g + groups * part, direct: part.
    Output<Buffer<float, 5>> partial_{"partial"};

    void generate() {
        params_ = parse_params<Conv2dWgradCudaParams>(schedule_);
        const bool nhwc = format_ == Format::kNhwc;
        WgradPixels px;
        px.geo = geometry();
        px.ow = by_ow_(grad_output_.dim(2).extent());
        px.oh = by_oh_(grad_output_.dim(3).extent());
        px.batch = grad_output_.dim(4).extent();
        px.vec = params_.vec;
        px.channels = by_channels_(px.geo.ci / params_.vec);
        px.kw = by_kw_(kw_);
        // A vector is loaded before the select that may drop it, unless the load is a copy.
        px.clamped = params_.vec > 1 && params_.async == 0;
        const WgradTile tile{params_.e, params_.co};
        if (params_.engine == Conv2dWgradCudaParams::kGemm) {
            gemm_.emplace(grad_output_, input_, px, by_groups_(px.geo.groups), tile, steps_,
                          params_.chunk);
            partial_ = gemm_->partial;
            schedule_wgrad_gemm_cuda(*gemm_, params_, nhwc);
        } else {
            direct_.emplace(grad_output_, input_, px, by_group_(px.geo.co), tile, steps_,
                            params_.shares);
            partial_ = direct_->partial;
            schedule_wgrad_direct_cuda(*direct_, params_, nhwc);
        }
    }

    void schedule() {
        const bool gemm = params_.engine == Conv2dWgradCudaParams::kGemm;
        const bool channels = gemm && format_ == Format::kNhwc;
        for (auto *buffer : {&grad_output_, &input_}) {
            promise_dense(*buffer, channels ? 0 : -1);
            if (params_.vec > 1) promise_vectors(*buffer, params_.vec);
        }
        promise_dense(partial_, gemm ? 0 : -1);
        partial_.dim(0).set_extent(params_.e);
        partial_.dim(1).set_extent(params_.co);
        if (gemm) {
            partial_.set_host_alignment(16);
            for (int d = 1; d < 5; d++)
                partial_.dim(d).set_stride(partial_.dim(d).stride() / 4 * 4);
        }
        CudaOptions options = cuda_options(cuda_);
        options.async_copies = params_.async != 0;
        offload_to_cuda(get_pipeline(), options);
    }

private:
    ConvGeometry geometry() {
        ConvGeometry geo;
        geo.ci = input_.dim(0).extent(), geo.co = grad_output_.dim(0).extent();
        geo.groups = input_.dim(1).extent();
        geo.iw = input_.dim(2).extent(), geo.ih = input_.dim(3).extent();
        geo.kw = kw_;
        geo.stride_x = stride_x_, geo.stride_y = stride_y_;
        geo.pad_x = pad_x_, geo.pad_y = pad_y_;
        geo.dilation_x = dilation_x_, geo.dilation_y = dilation_y_;
        return geo;
    }
    /// Vectors of dimension 0 lie at multiples of their size, and there is no part of one.
    template<typename Activation>
    static void promise_vectors(Activation &buffer, int vec) {
        buffer.set_host_alignment(vec * 4);
        buffer.dim(0).set_extent(buffer.dim(0).extent() / vec * vec);
        for (int d = 1; d < buffer.dimensions(); d++)
            buffer.dim(d).set_stride(buffer.dim(d).stride() / vec * vec);
    }

    Conv2dWgradCudaParams params_;
    std::optional<WgradGemm> gemm_;
    std::optional<WgradDirect> direct_;
};

}  // namespace convwright

HALIDE_REGISTER_GENERATOR(convwright::Conv2dWgradCuda, conv2d_wgrad_cuda)
