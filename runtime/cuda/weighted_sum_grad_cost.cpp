// SPDX-License-Identifier: Apache-2.0
#include "runtime/cuda/weighted_sum_grad_cost.h"

#include <algorithm>
#include <cmath>

#include "runtime/cuda/cost_constants.h"
#include "runtime/cuda/placed.h"
#include "runtime/weighted_sum_passes.h"

namespace convwright::cuda {
namespace {

using P = WeightedSumGradCudaParams;

// 2 to 8 on sm_90, 1 to 3 on sm_75, by shared memory.
constexpr double kResidentBlocks = 4;
// Part of the shorter one of arithmetic and traffic that shows: a guess, which tells kernels with equal traffic apart.
constexpr double kNotHidden = 0.1;

double z_elements(const ConvProblem &p) { return 1.0 * p.n * p.co * p.ih * p.iw; }

}  // namespace

const char *why_no_fused_gradients(const ConvProblem &p) {
    if (p.dtype != DType::kF32) return "fused CUDA kernels are float32";
    if (p.format != Format::kNhwc) return "only channels_last is fused";
    if (z_elements(p) > kMostElements) return "a tensor has 2^31 elements or more";
    ConvProblem forward = p;
    forward.direction = Direction::kFprop;
    return why_not_mixed(forward);
}

double predicted_cycles(const P &params, const ConvProblem &p, int multiprocessors, bool keeps_z) {
    const double pixels = 1.0 * params.columns * params.rows, vector = P::kVector;
    const double chunks = 1.0 * params.middle / params.channels;
    // Instructions of a thread times threads: products, and what is read of shared memory for them.
    const double copies = 8.0 * chunks * params.channels * params.grad_pixels() / params.vec;
    const double window =
        chunks * params.channels * pixels * params.met() * params.met() * (1 + 2 / vector);
    const double turns = std::ceil(1.0 * p.co / params.chunk);
    const double mixed =
        turns * params.chunk * params.channels * pixels * (1 + 1 / vector + 1.0 / params.strip);
    const double stores = kStoreInstructions * pixels / vector *
                          (params.channels + (keeps_z ? 1.0 * params.middle : 0));
    const double work = (copies + window + mixed + stores) / (kInstructionsPerCycle * kWarp);
    const double most = std::ceil(params.blocks(p) / multiprocessors);  // of the busiest
    // For each chunk and for the pointwise weight; blocks that share a multiprocessor hide each other's waits.
    const double waits = (chunks + 1) * kTurnLatency + kBlockCycles;
    const double cycles = most * (work + waits / std::min(most, kResidentBlocks));
    const double bytes =
        4.0 * (p.n * (p.co * p.oh() * p.ow() + p.ci * p.ih * p.iw) + (keeps_z ? z_elements(p) : 0));
    const double memory = bytes / (kBytesPerCycle * multiprocessors);
    return kLaunchCycles + std::max(cycles, memory) + kNotHidden * std::min(cycles, memory);
}

}  // namespace convwright::cuda
