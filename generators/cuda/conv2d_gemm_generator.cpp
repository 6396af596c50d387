// SPDX-License-Identifier: Apache-2.0
#include "generators/cuda/gemm_kernel.h"

namespace convwright {

/// The convolution engine as implicit GEMM over a packed weight, any sizes: fprop in one pass, dgrad
/// in one pass per phase (runtime/conv_pass.h).
class Conv2dGemmKernel : public GemmKernel<Conv2dGemmKernel> {
public:
    Halide::GeneratorOutput<Halide::Buffer<float, 5>> output_{"output"};  // (co, g, ow, oh, n)

    void generate() {
        define(nullptr, 0);
        output_ = alg_->out;
    }

    void schedule() { offload_to_cuda(get_pipeline(), schedule_tiles(output_)); }
};

}  // namespace convwright

HALIDE_REGISTER_GENERATOR(convwright::Conv2dGemmKernel, conv2d_gemm)
