// SPDX-License-Identifier: Apache-2.0
#include "runtime/packing.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "runtime/kernel_table.h"
#include "runtime/pass_view.h"
#include "schedules/winograd_tile.h"

namespace convwright {
namespace {

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

float to_float(uint16_t bf16) {
    const uint32_t bits = uint32_t{bf16} << 16;
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

}  // namespace

Panels::Panels(const Conv2dCpuParams &params, Isa isa, const ConvPass &pass)
    : panel(params.panel(vector_lanes(isa))),
      panels(ceil_div(pass.co, panel)),
      groups(pass.groups),
      ci(pass.ci),
      co(pass.co),
      kx(params.winograd() ? WinogradTile::kRead : pass.x.taps.count),
      ky(params.winograd() ? WinogradTile::kRead : pass.y.taps.count),
      grouped(params.lane == Conv2dCpuParams::kGroups),
      summed(params.lane == Conv2dCpuParams::kSummed),
      winograd(params.winograd()),
      row(ceil_div(pass.x.taps.count * pass.ci, vector_lanes(isa)) * vector_lanes(isa)),
      lanes(vector_lanes(isa)) {
    const int64_t whole = params.vec * vector_lanes(isa);
    if (depthwise()) groups = ceil_div(groups, whole) * whole;
}

BufferView<6> Panels::weight(const float *packed) const {
    const int64_t s = grouped ? groups * panel : panel;  // stride of the next input channel
    const int64_t whole = s * ci * kx * ky;
    return {packed,
            {{{panel, 1},
              {ci, s},
              {kx, s * ci},
              {ky, s * ci * kx},
              {panels, whole},
              {groups, grouped ? panel : whole * panels}}}};
}

BufferView<6> Panels::folded_weight(const float *packed) const {
    if (summed)
        return {
            packed,
            {{{lanes, 1}, {co, row}, {row / lanes, lanes}, {ky, row * co}, {kx * ci, 0}, {1, 0}}}};
    Panels row = *this;
    row.kx *= row.ci, row.ci = 1;
    return row.weight(packed);
}

BufferView<6> Panels::rows(const float *packed) const {
    return {packed, {{{ci, 1}, {co, row}, {kx, ci}, {ky, row * co}, {1, 0}, {1, 0}}}};
}

BufferView<3> Panels::bias(const float *packed) const {
    return {packed, {{{panel, 1}, {panels, panel}, {groups, panel * panels}}}};
}

bool pack_weight(CallContext &context, Isa isa, DType dtype, const ConvPass &pass,
                 const Weight &weight, const Panels &to, float *packed) {
    const SupportKernels &kernels = support_kernels(isa, dtype);
    const KernelEntry pack = to.winograd ? kernels.winograd_weight : kernels.pack_weight;
    void *user_context = &context;
    const WeightView view = view_weight(weight, pass, dtype);
    BufferView<5> from(view.data, view.extents, dtype);
    if (to.depthwise()) {
        // The groups take the place of the channels, in one panel of all of them.
        std::swap(from.get()->dim[0], from.get()->dim[4]);
        BufferView<6> out(packed, {{{to.groups, 1},
                                    {1, to.groups},
                                    {to.kx, to.groups},
                                    {to.ky, to.groups * to.kx},
                                    {1, 0},
                                    {1, 0}}});
        void *arguments[] = {&user_context, from.get(), out.get()};
        return pack(arguments) == 0;
    }
    if (to.summed) {
        // Input channels in the place of output channels, in one panel.
        std::fill_n(packed, to.weight_floats(), 0.0f);
        std::swap(from.get()->dim[0], from.get()->dim[1]);
    }
    BufferView<6> out = to.summed ? to.rows(packed) : to.weight(packed);
    void *arguments[] = {&user_context, from.get(), out.get()};
    return pack(arguments) == 0;
}

void pack_bias(const void *bias, DType dtype, const ConvPass &pass, const Panels &to,
               float *packed) {
    const int64_t row = to.panel * to.panels;
    std::fill_n(packed, row * to.groups, 0.0f);
    if (bias == nullptr) return;
    for (int64_t g = 0; g < pass.groups; g++) {
        float *panel = packed + g * row;
        if (dtype == DType::kBf16) {
            const auto *first = static_cast<const uint16_t *>(bias) + g * pass.co;
            std::transform(first, first + pass.co, panel, to_float);
        } else {
            std::copy_n(static_cast<const float *>(bias) + g * pass.co, pass.co, panel);
        }
    }
}

}  // namespace convwright
