// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/buffers.h"
#include "runtime/call_context.h"
#include "runtime/conv2d.h"
#include "schedules/conv2d_params.h"

namespace convwright {

/// Where and how large the packed weight and bias of one pass are, for one schedule. Packing is a
/// step of its own in every call, and counted in every timing.
struct Panels {
    int64_t panel, panels, groups;  ///< Groups in whole vectors for depthwise.
    int64_t ci, co, kx, ky;
    bool grouped;   ///< Groups side by side, the channels of a group innermost (lane 2).
    bool summed;    ///< Rows of taps and input channels, each filled up to whole vectors (lane 3).
    bool winograd;  ///< Elements of a tile in the place of taps (stage 5).
    int64_t row;    ///< Floats of such a row.
    int64_t lanes;
    bool depthwise() const { return grouped && panel == 1; }

    Panels(const Conv2dCpuParams &params, Isa isa, const ConvPass &pass);
    int64_t weight_floats() const {
        return summed ? row * co * ky : panel * panels * groups * ci * kx * ky;
    }
    int64_t bias_floats() const { return panel * panels * groups; }
    int64_t floats() const { return weight_floats() + bias_floats(); }

    /// As the engine takes them: (co % panel, ci, kx, ky, co / panel, g) and without ci, kx, ky.
    BufferView<6> weight(const float *packed) const;
    /// The same floats for a pass that is folded(): (co % panel, 1, kx * ci + ci, ky, ...) or, summed,
    /// (tap % lanes, co, tap / lanes, ky, tap, 1), which only counts along the fifth.
    BufferView<6> folded_weight(const float *packed) const;
    /// Summed, as packing writes them: (ci, co, kx, ky, 1, 1).
    BufferView<6> rows(const float *packed) const;
    BufferView<3> bias(const float *packed) const;
};

/// Packs the weight as a pass reads it, taps in the pass's order and for dgrad the channel axes
/// swapped. False if the kernel failed: the text is in `context`.
bool pack_weight(CallContext &context, Isa isa, DType dtype, const ConvPass &pass,
                 const Weight &weight, const Panels &to, float *packed);

/// The bias, [Co] of `dtype`, or zeros where it is null.
void pack_bias(const void *bias, DType dtype, const ConvPass &pass, const Panels &to,
               float *packed);

/// `data` and some elements more.
inline const void *advanced(const void *data, int64_t elements, DType dtype) {
    return static_cast<const char *>(data) + elements * bytes_of(dtype);
}

}  // namespace convwright
