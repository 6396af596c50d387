// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "runtime/isa.h"
#include "runtime/tuned_choices.h"

namespace convwright {

/// What stands behind the schedule of a step or a plan: who named its kernel, or that what was named does not accept it.
template<typename Chosen>
const char *tuning_mark(const Chosen &chosen) {
    if (chosen.tuned) return tuned_mark(chosen.shipped);
    return chosen.refused ? kRefusedMark : "";
}

/// What `text` says of each kernel, by its first step, joined by '+'.
template<typename Step, typename Text>
std::string joined_texts(const std::vector<Step> &steps, Text text) {
    std::string result;
    for (auto step = steps.begin(); step != steps.end(); ++step) {
        const auto same = [&](const Step &other) { return other.kernel == step->kernel; };
        if (step->kernel == nullptr || std::any_of(steps.begin(), step, same)) continue;
        result += (result.empty() ? "" : "+") + text(*step);
    }
    return result;
}

/// The highest of the steps' kernels.
template<typename Step>
Isa highest_isa(const std::vector<Step> &steps) {
    Isa isa = Isa::kNone;
    for (const Step &step : steps)
        if (step.kernel != nullptr) isa = std::max(isa, step.kernel->isa);
    return isa;
}

}  // namespace convwright
