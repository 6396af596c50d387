// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

namespace convwright {

/// A choice of a table that the library was built with (CONVWRIGHT_TUNED, schedules/tuned).
struct ShippedChoice {
    std::string_view
        identity;  ///< cpu_identity() or gpu_identity() of the device that it was measured on.
    std::string_view problem;    ///< Of tuned_subject().
    int phase;                   ///< A pass, or kWholeProblem.
    std::string_view candidate;  ///< "conv2d.avx512/lane:0,vec:2", "pytorch".
};

/// All of them, ascending by identity, problem and phase. Their spaces are those of this build: a table of other ones
/// fails the build (autotune/choice_table.h).
const std::vector<ShippedChoice> &shipped_choices();

/// The one for a pass on a device of this identity; null if there is none. Thread-safe.
const ShippedChoice *find_shipped_choice(std::string_view identity, std::string_view problem,
                                         int phase);

}  // namespace convwright
