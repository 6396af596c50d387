// SPDX-License-Identifier: Apache-2.0
#include "runtime/shipped_choices.h"

#include <algorithm>
#include <tuple>

namespace convwright {

const std::vector<ShippedChoice> &shipped_choices() {
    // choices.inc is generated: CONVWRIGHT_CHOICE(identity, problem, phase, candidate) once per choice.
#define CONVWRIGHT_CHOICE(...) {__VA_ARGS__},
    static const std::vector<ShippedChoice> choices = {
#include "shipped/choices.inc"
    };
#undef CONVWRIGHT_CHOICE
    return choices;
}

const ShippedChoice *find_shipped_choice(std::string_view identity, std::string_view problem,
                                         int phase) {
    const std::vector<ShippedChoice> &choices = shipped_choices();
    const auto wanted = std::tie(identity, problem, phase);
    const auto key = [](const ShippedChoice &c) {
        return std::tie(c.identity, c.problem, c.phase);
    };
    const auto at =
        std::lower_bound(choices.begin(), choices.end(), wanted,
                         [&](const ShippedChoice &c, const auto &k) { return key(c) < k; });
    return at != choices.end() && key(*at) == wanted ? &*at : nullptr;
}

}  // namespace convwright
