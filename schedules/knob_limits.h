// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "schedules/knobs.h"

namespace convwright {

/// The knobs without values that `never` says of when the others are those of `usual`: a smaller space.
template<typename Params, typename Never>
std::vector<Knob<Params>> knobs_without(const Params &usual, Never never) {
    std::vector<Knob<Params>> table = Params::knobs();
    for (Knob<Params> &knob : table)
        std::erase_if(knob.values, [&](int value) {
            Params params = usual;
            params.*knob.member = value;
            return never(params);
        });
    return table;
}

}  // namespace convwright
