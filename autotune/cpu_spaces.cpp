// SPDX-License-Identifier: Apache-2.0
#include "autotune/cpu_spaces.h"

#include <stdexcept>

#include "runtime/cost_model.h"
#include "runtime/weighted_sum_passes.h"

namespace convwright {
namespace {

std::string kind_name(const char *generator, Isa isa) {
    return std::string(generator) + "." + isa_name(isa);
}

/// Bias and ReLU are arguments of every kernel: they change neither space nor ranking, but PyTorch's time.
SpaceKind conv_kind(const ConvProblem &problem, const ConvPass &pass, Isa isa) {
    return params_kind<Conv2dCpuParams>(
        kind_name("conv2d", isa),
        [=](const Conv2dCpuParams &p) {
            const char *why = p.why_illegal(pass, problem.format, isa);
            return why != nullptr ? why : p.why_not_stored(problem.dtype);
        },
        [=](const Conv2dCpuParams &p) { return predicted_cycles(p, pass, problem.format, isa); });
}

SpaceKind wgrad_kind(const ConvProblem &problem, Isa isa) {
    return params_kind<Conv2dWgradCpuParams>(
        kind_name("conv2d_wgrad", isa),
        [=](const Conv2dWgradCpuParams &p) { return p.why_illegal(problem, isa); },
        [=](const Conv2dWgradCpuParams &p) { return predicted_cycles(p, problem, isa); });
}

[[noreturn]] void refuse(const ConvProblem &problem, const std::string &why) {
    throw std::invalid_argument("problem '" + format_problem(problem) + "': " + why + ".");
}

}  // namespace

Space conv_cpu_space(const ConvProblem &problem, int phase, const std::vector<Isa> &isas) {
    if (const char *why = why_too_large(problem)) refuse(problem, why);
    const std::vector<ConvPass> passes = conv_passes(problem);
    const bool wgrad = problem.direction == Direction::kWgrad;
    const int count = wgrad ? 1 : static_cast<int>(passes.size());
    if (phase < 0 || phase >= count) {
        refuse(problem, "there is no pass " + std::to_string(phase) + ", the last one is " +
                            std::to_string(count - 1));
    }
    if (!wgrad && passes[phase].taps() == 0) refuse(problem, "no tap reaches this pass");
    std::vector<SpaceKind> kinds;
    if (count == 1) kinds.push_back(plain_kind(kPytorchKind));
    for (const Isa isa : isas) {
        kinds.push_back(wgrad ? wgrad_kind(problem, isa) : conv_kind(problem, passes[phase], isa));
    }
    return Space({format_problem(problem), phase}, std::move(kinds));
}

Space weighted_sum_cpu_space(const ConvProblem &problem, const std::vector<Isa> &isas) {
    if (problem.direction != Direction::kFprop || problem.groups != 1) {
        refuse(problem, "a weighted sum is fprop with one group");
    }
    if (const char *why = why_not_mixed(problem)) refuse(problem, why);
    const WeightedSumPasses passes = weighted_sum_passes(problem);
    std::vector<SpaceKind> kinds = {plain_kind(kPytorchKind), plain_kind("unfused"),
                                    plain_kind("composed")};
    for (const Isa isa : isas) {
        kinds.push_back(params_kind<WeightedSumCpuParams>(
            kind_name("weighted_sum", isa),
            [=](const WeightedSumCpuParams &p) {
                if (const char *why = why_not_fused(problem, passes)) return why;
                return p.why_illegal(passes.mix, passes.window, isa);
            },
            [=](const WeightedSumCpuParams &p) { return predicted_cycles(p, passes, isa); }));
    }
    return Space({kWeightedSumPrefix + format_problem(problem), 0}, std::move(kinds));
}

std::optional<std::string> why_no_subject(const std::string &text) {
    const std::string prefix = kWeightedSumPrefix;
    try {
        const std::string problem = text.starts_with(prefix) ? text.substr(prefix.size()) : text;
        const std::string usual = format_problem(parse_problem(problem));
        if (usual == problem) return std::nullopt;
        return "problem '" + text + "': its usual form is '" + usual + "'; write it so.";
    } catch (const std::invalid_argument &error) {
        return error.what();
    }
}

}  // namespace convwright
