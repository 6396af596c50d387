// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>
#include <vector>

#include "schedules/knobs.h"

namespace convwright {

/// A table of knobs without the values of some of them that are beyond a most: a smaller space.
template<typename Params>
std::vector<Knob<Params>> limited(std::vector<Knob<Params>> table,
                                  const std::vector<std::pair<int Params::*, int>> &most) {
    for (Knob<Params> &knob : table) {
        for (const auto &[member, limit] : most) {
            if (knob.member != member) continue;
            std::erase_if(knob.values, [limit = limit](int value) { return value > limit; });
        }
    }
    return table;
}

}  // namespace convwright
