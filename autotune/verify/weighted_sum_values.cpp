// SPDX-License-Identifier: Apache-2.0
#include "autotune/verify/weighted_sum_values.h"

namespace convwright {

ConvValues weighted_sum_values(const ConvProblem &p, uint32_t seed) {
    // Its weight has at least as many values as either of the two.
    ConvValues values = integer_values(p, seed);
    values.depthwise.assign(values.weight.end() - p.co * p.kh * p.kw, values.weight.end());
    values.weight.resize(p.co * p.ci);
    return values;
}

ConvValues composed(const ConvProblem &p, const ConvValues &values) {
    ConvValues dense = values;
    dense.depthwise.clear();
    dense.weight.clear();
    const int64_t taps = p.kh * p.kw;
    for (int64_t co = 0; co < p.co; co++)
        for (int64_t ci = 0; ci < p.ci; ci++)
            for (int64_t tap = 0; tap < taps; tap++)
                dense.weight.push_back(values.weight[co * p.ci + ci] *
                                       values.depthwise[co * taps + tap]);
    return dense;
}

}  // namespace convwright
