// SPDX-License-Identifier: Apache-2.0
#include "autotune/verify/weighted_sum_values.h"

#include "runtime/weighted_sum_passes.h"

namespace convwright {
namespace {

/// What the depthwise step reads.
ConvValues of_window(const ConvValues &values) {
    ConvValues window = values;
    window.weight = values.depthwise;
    window.depthwise.clear();
    return window;
}

void append(Values &to, const Values &more) { to.insert(to.end(), more.begin(), more.end()); }

}  // namespace

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

Values sum_gradients(const ConvProblem &p, const ConvValues &values) {
    Values all = naive_conv2d(p, composed(p, values));
    append(all, naive_conv2d(depthwise_problem(p), of_window(values)));
    return all;
}

Values some_sum_gradients(const ConvProblem &p, const ConvValues &values,
                          const std::vector<int64_t> &numbers) {
    std::vector<int64_t> of_input, of_z;
    const int64_t first_of_z = input_gradients(p);
    for (const int64_t number : numbers)
        number < first_of_z ? of_input.push_back(number) : of_z.push_back(number - first_of_z);
    Values some = naive_results(p, composed(p, values), of_input);
    append(some, naive_results(depthwise_problem(p), of_window(values), of_z));
    return some;
}

int64_t input_gradients(const ConvProblem &p) { return p.n * p.ci * p.ih * p.iw; }

}  // namespace convwright
