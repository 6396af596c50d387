// SPDX-License-Identifier: Apache-2.0
#include "generators/cuda/gemm_kernel.h"

namespace convwright {

/// The convolution engine as implicit GEMM over a packed weight, any sizes: fprop in one pass, dgrad
/// in one pass per phase (runtime/conv_pass.h).
class Conv2dGemmKernel : public GemmKernel<Conv2dGemmKernel> {
public:
    // (co, g, ow, oh, n); parts of a sum are float32
    Halide::GeneratorOutput<Halide::Buffer<void, 5>> output_{"output"};

    void configure() {
        GemmKernel::configure();
        const bool split = parse_params<Conv2dCudaParams>(schedule_).split != 0;
        output_.set_type(stored_type(split ? DType::kF32 : static_cast<DType>(dtype_)));
    }

    void generate() {
        define(nullptr, 0);
        output_ = alg_->out;
    }

    void schedule() { offload_to_cuda(get_pipeline(), schedule_tiles(output_)); }
};

}  // namespace convwright

HALIDE_REGISTER_GENERATOR(convwright::Conv2dGemmKernel, conv2d_gemm)
