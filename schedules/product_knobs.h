// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include "schedules/conv2d_params.h"

namespace convwright {

/// Knobs of Conv2dCpuParams as kernels of approximate products have them: lanes are output channels, pixels are
/// staged in frames, word by word, and nothing is compiled in. What is left to choose is the register tile.
inline const std::vector<Knob<Conv2dCpuParams>> &product_knobs() {
    using P = Conv2dCpuParams;
    static const std::vector<Knob<P>> table = [] {
        std::vector<Knob<P>> knobs = P::knobs();
        for (Knob<P> &knob : knobs)
            if (knob.member != &P::vec && knob.member != &P::tile) knob.values = {P{}.*knob.member};
        return knobs;
    }();
    return table;
}

/// Null if kernels of a product whose weights are `weight_words` words each have this schedule, else why not. Such a
/// kernel takes every pass.
inline const char *why_no_product_schedule(const Conv2dCpuParams &p, int weight_words, Isa isa) {
    for (const Knob<Conv2dCpuParams> &knob : product_knobs())
        if (std::count(knob.values.begin(), knob.values.end(), p.*knob.member) == 0)
            return "approximate products have frames and lanes of channels, and nothing compiled "
                   "in";
    // Accumulators, the words of a row of weights, a word of a pixel and one sum of bits.
    return p.vec * p.tile + p.vec * weight_words + 2 > vector_registers(isa)
               ? "the register tile would spill"
               : nullptr;
}

}  // namespace convwright
