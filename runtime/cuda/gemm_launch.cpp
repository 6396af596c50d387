// SPDX-License-Identifier: Apache-2.0
#include "runtime/cuda/gemm_launch.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "runtime/packing.h"

namespace convwright::cuda {
namespace {

int to_int(int64_t value) { return static_cast<int>(value); }

/// Steps of an output channel of a panel and of a product of the sum in a packed weight.
struct PackedSteps {
    int64_t co, k;

    PackedSteps(const ConvStep &step, const StepLayout &layout) : co(1), k(layout.panel) {
        // Tensor cores take neighbours along the sum from one register.
        if (step.kernel->dtype != DType::kF32) co = layout.k, k = 1;
    }
};

std::array<Extent, 4> packed_extents(const ConvStep &step) {
    const StepLayout layout(step);
    const PackedSteps steps(step, layout);
    const int64_t all = layout.panel * layout.k;
    return {{{layout.panel, steps.co},
             {layout.k, steps.k},
             {layout.panels, all},
             {step.pass.groups, all * layout.panels}}};
}

constexpr int64_t kManyRows = 8;

/// A launch of cuda_pack_weight.
struct Packing {
    WeightView weight;
    const void *to;
    std::array<Extent, 6> extents;

    bool run(CallContext &context, const ConvStep &step) const {
        const DType dtype = step.kernel->dtype;
        DeviceView<5> from(weight.data, weight.extents, dtype);
        DeviceView<6> packed(to, extents, dtype);
        packed.get()->dim[1].stride = static_cast<int32_t>(extents[1].stride);  // kernels ask for 1
        const auto &[co, ci, kx, ky, g] = weight.extents;
        KernelArguments arguments(&context);
        arguments.add(from.get(), to_int(extents[0].extent), to_int(extents[1].extent),
                      std::abs(co.stride) < std::abs(ci.stride), packed.get());
        return arguments.call(support_kernels(step.kernel->format, dtype).pack_weight);
    }
};

}  // namespace

DeviceView<1> bias_view(const void *bias, const ConvPass &pass, const void *any, DType dtype) {
    if (bias == nullptr) return {any, {{{0, 1}}}, dtype};
    return {bias, {{{int64_t{pass.co} * pass.groups, 1}}}, dtype};
}

bool pack_weight(CallContext &context, const ConvStep &step, const WeightView &weight, float *to) {
    const ConvPass &pass = step.pass;
    const StepLayout layout(step);
    const PackedSteps steps(step, layout);
    const int64_t row = steps.k * layout.ci, taps = row * pass.x.taps.count;
    const int64_t all = layout.panel * layout.k, rows = pass.y.taps.count;
    Packing packing{weight,
                    to,
                    {{{layout.panel, steps.co},
                      {layout.ci, steps.k},
                      {pass.x.taps.count, row},
                      {layout.rows, taps},
                      {layout.panels, all},
                      {pass.groups, all * layout.panels}}}};
    if (pass.groups > 1 || rows < kManyRows) return packing.run(context, step);
    // Taps are loops of a block and groups are blocks: many rows of taps take the place of groups.
    Packing zeros = packing;
    zeros.weight.extents[3].extent = 0, zeros.to = advanced(to, rows * taps, step.kernel->dtype);
    zeros.extents[3].extent = layout.rows - rows;
    std::swap(packing.weight.extents[3], packing.weight.extents[4]);
    packing.extents[3] = {1, 0}, packing.extents[5] = {rows, taps};
    return packing.run(context, step) &&
           (layout.rows == rows || zeros.run(context, step));  // behind the last row
}

GemmArguments::GemmArguments(CallContext &context, const ConvStep &step, const PassView &from,
                             const float *packed, const void *bias_data, float floor)
    : input(from.data, from.extents(), from.dtype),
      weight(packed, packed_extents(step), from.dtype),
      bias(bias_view(bias_data, step.pass, from.data, from.dtype)),
      arguments(&context) {
    const ConvPass &pass = step.pass;
    const Conv2dCudaParams &params = step.kernel->params;
    const StepLayout layout(step);
    const int columns = pass.x.out, rows = pass.y.out;
    const int64_t chunks = params.linear ? pass.ci : (pass.ci + params.chunk - 1) / params.chunk;
    arguments.add(input.get(), weight.get(), bias.get(), floor, pass.x.stride, pass.y.stride,
                  pass.x.pad, pass.y.pad, pass.x.dilation, pass.y.dilation, pass.x.taps.count,
                  pass.y.taps.count, pass.co, columns, rows, pass.n * rows * columns,
                  to_int(layout.turns), to_int(step.parts));
    // Where it divides by nothing sensible it is not used.
    const FastDivisor image_vectors(std::max(1, columns * rows / 4));
    arguments.add(FastDivisor(columns), FastDivisor(rows), FastDivisor(pass.x.taps.count),
                  image_vectors, FastDivisor(to_int(chunks)), FastDivisor(to_int(layout.panels)));
}

}  // namespace convwright::cuda
