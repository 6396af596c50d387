// SPDX-License-Identifier: Apache-2.0
#include <optional>

#include "codegen/cuda_backend.h"
#include "generators/kernel_sizes.h"
#include "schedules/cuda/conv2d_wgrad.h"

namespace convwright {

using Halide::Expr;
using Halide::GeneratorParam;

/// wgrad as a matrix product, first pass: partial sums over parts of the output pixels, written into
/// workspace, or with one part into the gradient itself.
class Conv2dWgradGemm : public Halide::Generator<Conv2dWgradGemm> {
public:
    GeneratorParam<Format> format_{"format", Format::kNhwc, kFormatNames};  // what is dense
    GeneratorParam<DType> dtype_{"dtype", DType::kF32, kDTypeNames};        // of the operands
    GeneratorParam<std::string> schedule_{"schedule", ""};  // knobs as text; empty = defaults
    GeneratorParam<std::string> cuda_{"cuda", ""};          // file that takes the CUDA C++

    // Memory, said to be of one vector: what there is of it is between host and kernel. Steps are in
    // vectors.
    Input<Buffer<void, 1>> grad_output_{"grad_output"};
    Input<int> grad_c_{"grad_c"}, grad_g_{"grad_g"};
    Input<int> grad_x_{"grad_x"}, grad_y_{"grad_y"}, grad_n_{"grad_n"};
    Input<Buffer<void, 1>> input_{"input"};
    Input<int> input_c_{"input_c"}, input_g_{"input_g"};
    Input<int> input_x_{"input_x"}, input_y_{"input_y"}, input_n_{"input_n"};
    Input<int> input_kx_{"input_kx"}, input_ky_{"input_ky"};
    // Output channels and vectors of input channels of a group (co is a Var), groups, sizes.
    Input<int> co_{"co_count"}, ci_{"ci_count"}, groups_{"groups"}, n_{"n"};
    Input<int> ow_{"ow"}, oh_{"oh"}, iw_{"iw"}, ih_{"ih"}, kw_{"kw"};
    Input<int> stride_x_{"stride_x"}, stride_y_{"stride_y"};
    Input<int> pad_x_{"pad_x"}, pad_y_{"pad_y"};
    Input<int> dilation_x_{"dilation_x"}, dilation_y_{"dilation_y"};
    Input<int> chunks_{"chunks"};  // in a part
    FastDivisionInput by_ow_{"ow"}, by_oh_{"oh"}, by_ci_{"ci"}, by_kw_{"kw"}, by_groups_{"groups"};
    // (e, co) of a tile, then e tile, co tile and slice: g + groups * part.
    Output<Buffer<float, 5>> partial_{"partial"};

    void configure() {
        grad_output_.set_type(stored_type(dtype_));
        input_.set_type(stored_type(dtype_));
    }

    void generate() {
        const auto params = parse_params<Conv2dWgradCudaParams>(schedule_);
        _halide_user_assert((dtype_ != DType::kF32) == (params.mma != 0))
            << "schedule " << format_params(params)
            << " is not for this dtype; mma:2 is for bf16 and f16, others are for f32\n";
        WgradPixels px;
        px.geo.co = co_;
        px.geo.iw = iw_, px.geo.ih = ih_;
        px.geo.stride_x = stride_x_, px.geo.stride_y = stride_y_;
        px.geo.pad_x = pad_x_, px.geo.pad_y = pad_y_;
        px.geo.dilation_x = dilation_x_, px.geo.dilation_y = dilation_y_;
        px.ow = by_ow_(ow_), px.oh = by_oh_(oh_), px.channels = by_ci_(ci_), px.kw = by_kw_(kw_);
        px.batch = n_;
        px.vec = params.vec;
        const WgradSteps grad{grad_c_, grad_g_, grad_x_, grad_y_, grad_n_, Expr(), Expr()};
        const WgradSteps input{input_c_, input_g_,  input_x_, input_y_,
                               input_n_, input_kx_, input_ky_};
        alg_.emplace(grad_output_, grad, input_, input, px,
                     grad_output_.dim(0).extent() / params.vec - 1, by_groups_(groups_),
                     WgradTile{params.e, params.co}, chunks_, params.chunk, dtype_);
        partial_ = alg_->partial;
    }

    void schedule() {
        const auto params = parse_params<Conv2dWgradCudaParams>(schedule_);
        for (auto *memory : {&grad_output_, &input_}) {
            promise_dense(*memory, 0);
            memory->dim(0).set_extent(grad_output_.dim(0).extent());
            memory->set_host_alignment(params.vec * stored_type(dtype_).bytes());
        }
        promise_dense(partial_, 0);
        partial_.set_host_alignment(16);
        partial_.dim(0).set_extent(params.e);
        partial_.dim(1).set_extent(params.co);
        for (int d = 1; d < 5; d++) partial_.dim(d).set_stride(partial_.dim(d).stride() / 4 * 4);
        const auto schedule = params.mma ? schedule_wgrad_mma_cuda : schedule_wgrad_gemm_cuda;
        schedule(*alg_, params, format_ == Format::kNhwc);
        CudaOptions options = cuda_options(cuda_);
        options.async_copies = params.async != 0;
        options.stages = params.stages;
        offload_to_cuda(get_pipeline(), options);
    }

private:
    std::optional<WgradGemm> alg_;
};

}  // namespace convwright

HALIDE_REGISTER_GENERATOR(convwright::Conv2dWgradGemm, conv2d_wgrad_gemm)
