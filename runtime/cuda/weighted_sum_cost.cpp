// SPDX-License-Identifier: Apache-2.0
#include "runtime/cuda/weighted_sum_cost.h"

namespace convwright::cuda {

using P = WeightedSumCudaParams;

double predicted_cycles(const P &params, const ConvPass &mix, const ConvPass &window,
                        int multiprocessors) {
    constexpr double kLanes = 128;  // that multiply and add in a cycle, of a multiprocessor
    const double tiles = 1.0 * P::blocks_of(window.x.out, params.columns) *
                         P::blocks_of(window.y.out, params.rows) * window.n *
                         P::blocks_of(mix.co, P::kChannels);
    const double chunks = P::blocks_of(mix.ci, params.chunk);
    const double mixed = 1.0 * P::kChannels * params.z_pixels() * params.chunk * chunks;
    const double copied = (params.z_pixels() * 8.0 / params.vec + P::kChannels) * params.chunk;
    const double taps = 1.0 * params.columns * params.rows * P::kChannels * params.taps;
    const double work = tiles * (mixed + copied * chunks + taps * params.taps);
    return work / (kLanes * multiprocessors);
}

}  // namespace convwright::cuda
