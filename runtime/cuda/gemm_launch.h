// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/cuda/conv_plan.h"
#include "runtime/cuda/device_view.h"
#include "runtime/cuda/kernel_arguments.h"
#include "runtime/pass_view.h"

namespace convwright::cuda {

/// All output channels of a bias on the device, or none. A null pointer would turn the call into Halide's
/// question for the bounds of its buffers, which runs nothing: `any` stands in its place.
DeviceView<1> bias_view(const void *bias, const ConvPass &pass, const void *any,
                        DType dtype = DType::kF32);

/// Packs a weight for the kernel of a step, which has the engine gemm. False if the launch failed.
bool pack_weight(CallContext &context, const ConvStep &step, const WeightView &weight,
                 float *packed);

/// What kernels of generators/cuda/gemm_kernel.h are called with, but for the arguments behind those.
struct GemmArguments {
    DeviceView<5> input;
    DeviceView<4> weight;
    DeviceView<1> bias;
    KernelArguments arguments;

    /// `bias` as of bias_view(); `packed` by pack_weight().
    GemmArguments(CallContext &context, const ConvStep &step, const PassView &from,
                  const float *packed, const void *bias_data, float floor);
};

}  // namespace convwright::cuda
