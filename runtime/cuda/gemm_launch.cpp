// SPDX-License-Identifier: Apache-2.0
#include "runtime/cuda/gemm_launch.h"

#include <algorithm>
#include <cstdlib>

namespace convwright::cuda {
namespace {

int to_int(int64_t value) { return static_cast<int>(value); }

std::array<Extent, 4> packed_extents(const ConvStep &step) {
    const StepLayout layout(step);
    const int64_t k = layout.ci * step.pass.x.taps.count * layout.rows, panel = layout.panel;
    return {{{panel, 1},
             {k, panel},
             {layout.panels, panel * k},
             {step.pass.groups, panel * k * layout.panels}}};
}

}  // namespace

DeviceView<1> bias_view(const void *bias, const ConvPass &pass, const void *any) {
    if (bias == nullptr) return {any, {{{0, 1}}}};
    return {bias, {{{int64_t{pass.co} * pass.groups, 1}}}};
}

bool pack_weight(CallContext &context, const ConvStep &step, const WeightView &w, float *to) {
    const ConvPass &pass = step.pass;
    const StepLayout layout(step);
    DeviceView<5> weight(w.data, w.extents);
    const int64_t row = layout.panel * layout.ci, all = row * pass.x.taps.count * layout.rows;
    DeviceView<6> packed(to, {{{layout.panel, 1},
                               {layout.ci, layout.panel},
                               {pass.x.taps.count, row},
                               {layout.rows, row * pass.x.taps.count},
                               {layout.panels, all},
                               {pass.groups, all * layout.panels}}});
    KernelArguments arguments(&context);
    arguments.add(weight.get(), to_int(layout.panel), to_int(layout.ci),
                  std::abs(w.extents[0].stride) < std::abs(w.extents[1].stride), packed.get());
    return arguments.call(support_kernels(step.kernel->format).pack_weight);
}

GemmArguments::GemmArguments(CallContext &context, const ConvStep &step, const PassView &from,
                             const float *packed, const void *bias_data, float floor)
    : input(from.data, from.extents()),
      weight(packed, packed_extents(step)),
      bias(bias_view(bias_data, step.pass, from.data)),
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
